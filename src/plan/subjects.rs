//! Who claims are about: whether they exist, and whether the run will see enough of them.

use super::{
    mistakes::{File, Mistakes},
    model::{Series, ServicePlan},
    services,
};
use crate::{
    diagnostic::{Place, Spanned},
    scenario::model::{Limit, Measure, ScenarioPopulation, Subject},
    target::model::Launch,
};

/// What a claim needs of its subject.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Need {
    /// That it can be measured, against a limit.
    Measure(Measure, Limit),
    /// That it has a state.
    State,
    /// That it is a process.
    Process,
}

/// What there is to make claims about.
pub(super) struct Subjects<'a> {
    pub(super) services: &'a [ServicePlan],
    pub(super) populations: &'a [ScenarioPopulation],
    pub(super) series: &'a [Series],
    pub(super) launch: &'a [Launch],
}

impl Subjects<'_> {
    /// The subject, if it exists and the run will see it.
    pub(super) fn resolve(
        &self,
        subject: &Spanned<Subject>,
        need: Need,
        out: &mut Mistakes<'_>,
    ) -> Option<Subject> {
        let place = subject.place;
        match &subject.value {
            Subject::Service(name) => match self.service(name) {
                Some(_) => self.seen_service(name, need, place, out)?,
                // a population named where the grammar expects either
                None if self.is_population(name) => {
                    let subject = Subject::Population(name.clone());
                    return self.resolve(&Spanned::new(subject, place), need, out);
                }
                None => {
                    let populations = self.populations.iter().map(|p| p.name.value.as_str());
                    let known = self.services.iter().map(|s| s.name.as_str());
                    let known = known.chain(populations);
                    out.unknown(File::Scenario, place, "service or population", name, known);
                    return None;
                }
            },
            Subject::Feature { service, feature } => {
                self.seen_feature(service, feature, need, place, out)?;
            }
            Subject::Population(name) => {
                if !self.is_population(name) {
                    let known = self.populations.iter().map(|p| p.name.value.as_str());
                    out.unknown(File::Scenario, place, "population", name, known);
                    return None;
                }
                self.measured_population(name, need, place, out)?;
            }
        }
        Some(subject.value.clone())
    }

    fn is_population(&self, name: &str) -> bool {
        self.populations.iter().any(|p| p.name.value == name)
    }

    fn service(&self, name: &str) -> Option<&ServicePlan> {
        self.services.iter().find(|s| s.name == name)
    }

    fn seen_service(
        &self,
        name: &str,
        need: Need,
        place: Place,
        out: &mut Mistakes<'_>,
    ) -> Option<()> {
        let id = services::find(self.services, name)?;
        match need {
            Need::Process => {
                if !self.launch.iter().any(|l| l.service.value == name) {
                    out.warning(
                        File::Scenario,
                        place,
                        "not launched by brownout",
                        format!("a crash of `{name}` would only be seen as lost connections"),
                    )
                    .hint("add it to `launch:` in the target, and its exits are seen");
                }
            }
            Need::Measure(..) | Need::State => {
                if !self.series.iter().any(|s| s.service == id) {
                    out.error(
                        File::Scenario,
                        place,
                        "never visited",
                        format!("no journey and no probe visits `{name}`"),
                    )
                    .hint("let a journey visit it, or give one of its features a `probe:`");
                    return None;
                }
            }
        }
        self.capacity_known(name, need, place, out)
    }

    fn seen_feature(
        &self,
        service: &str,
        feature: &str,
        need: Need,
        place: Place,
        out: &mut Mistakes<'_>,
    ) -> Option<()> {
        let Some(plan) = self.service(service) else {
            let known = self.services.iter().map(|s| s.name.as_str());
            out.unknown(File::Scenario, place, "service", service, known);
            return None;
        };
        if !plan.features.iter().any(|f| f.name == feature) {
            let known = plan.features.iter().map(|f| f.name.as_str());
            let kind = format!("feature of `{service}`");
            out.unknown(File::Scenario, place, &kind, feature, known);
            return None;
        }
        if need == Need::Process {
            out.error(
                File::Scenario,
                place,
                "a feature",
                "features do not crash, processes do",
            )
            .hint(format!("write `{service}` alone, or `never fails`"));
            return None;
        }
        let id = services::find(self.services, service)?;
        let visited = |s: &Series| s.service == id && s.feature.as_deref() == Some(feature);
        if !self.series.iter().any(visited) {
            out.error(
                File::Scenario,
                place,
                "never visited",
                format!("no journey and no probe visits `{service}/{feature}`"),
            )
            .hint(format!(
                "give `{feature}` a `probe:` in the target, or let a journey request one of its routes"
            ));
            return None;
        }
        self.capacity_known(service, need, place, out)
    }

    fn measured_population(
        &self,
        name: &str,
        need: Need,
        place: Place,
        out: &mut Mistakes<'_>,
    ) -> Option<()> {
        match need {
            Need::Measure(_, Limit::OfCapacity(_)) => {
                out.error(
                    File::Scenario,
                    place,
                    "a population",
                    format!("`{name}` are visitors: they have no capacity"),
                )
                .hint("name a service");
                None
            }
            Need::Measure(..) => Some(()),
            Need::State | Need::Process => {
                out.error(
                    File::Scenario,
                    place,
                    "a population",
                    format!("`{name}` are visitors: they have measures, but no states"),
                )
                .hint(format!(
                    "name a service or feature, or write `{name} success >= 95%`"
                ));
                None
            }
        }
    }

    fn capacity_known(
        &self,
        service: &str,
        need: Need,
        place: Place,
        out: &mut Mistakes<'_>,
    ) -> Option<()> {
        let unknown = matches!(need, Need::Measure(_, Limit::OfCapacity(_)))
            && self.service(service)?.capacity.is_none();
        if unknown {
            out.error(
                File::Scenario,
                place,
                "capacity unknown",
                format!("the limit is a part of the capacity of `{service}`, which is not given"),
            )
            .hint("give the service a `capacity:` in the target, or write `of baseline`");
            return None;
        }
        Some(())
    }
}
