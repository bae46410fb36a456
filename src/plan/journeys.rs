//! Journeys resolved for each population, and the series that their requests are counted under.

use super::{
    mistakes::{File, Mistakes},
    model::{
        JourneyPlan, Origin, RequestPlan, Series, SeriesId, ServiceId, ServicePlan, StepPlan,
        WaitPlan,
    },
    services,
};
use crate::{
    diagnostic::Spanned,
    scenario::model::{
        Check, Journey, Method, RequestStep, RoutePattern, ScenarioPopulation, Step, Template,
    },
    target::model::{Feature, Target},
};

/// Gives out series.
#[derive(Debug, Default)]
pub(super) struct Allocation {
    pub(super) series: Vec<Series>,
}

impl Allocation {
    fn add(&mut self, series: Series) -> SeriesId {
        let id = SeriesId(u16::try_from(self.series.len()).unwrap_or(u16::MAX));
        self.series.push(series);
        id
    }

    /// One series for each feature that has a probe.
    pub(super) fn add_probes(&mut self, services: &[ServicePlan]) {
        for (index, service) in services.iter().enumerate() {
            for feature in service.features.iter().filter(|f| f.probe.is_some()) {
                self.add(Series {
                    origin: Origin::Probe,
                    name: format!("probe {}/{}", service.name, feature.name),
                    service: ServiceId(u16::try_from(index).unwrap_or(u16::MAX)),
                    feature: Some(feature.name.clone()),
                });
            }
        }
    }
}

/// How many requests a journey makes when all goes well.
pub(super) fn requests(journey: &Journey) -> usize {
    journey
        .steps
        .iter()
        .filter(|step| matches!(step, Step::Request(_)))
        .count()
}

/// The journey that a population walks, if the scenario has it.
pub(super) fn find<'s>(
    journeys: &'s [Journey],
    population: &ScenarioPopulation,
    out: &mut Mistakes<'_>,
) -> Option<&'s Journey> {
    let wanted = &population.journey;
    let found = journeys.iter().find(|j| j.name.value == wanted.value);
    if found.is_none() {
        let known = journeys.iter().map(|j| j.name.value.as_str());
        out.unknown(
            File::Scenario,
            wanted.place,
            "journey",
            &wanted.value,
            known,
        );
    }
    found
}

/// Resolves the steps of a journey for the population numbered `population`.
pub(super) fn resolve(
    journey: &Journey,
    population: u16,
    target: &Target,
    services: &[ServicePlan],
    series: &mut Allocation,
    out: &mut Mistakes<'_>,
) -> JourneyPlan {
    let mut steps = Vec::new();
    for step in &journey.steps {
        match step {
            Step::Request(request) => {
                let Some(service) = service_of(&request.service, services, out) else {
                    continue;
                };
                let plan = request_plan(request, service, population, target, series, out);
                steps.push(StepPlan::Request(plan));
            }
            Step::WaitFor(wait) => {
                let Some(service) = service_of(&wait.service, services, out) else {
                    continue;
                };
                steps.push(StepPlan::WaitFor(WaitPlan {
                    name: wait.name.value.clone(),
                    service,
                    path: wait.path.clone(),
                    take: wait.take.clone(),
                    within: wait.within,
                    every: wait.every,
                }));
            }
            Step::Think { min, max } => steps.push(StepPlan::Think {
                min: *min,
                max: *max,
            }),
        }
    }
    JourneyPlan {
        name: journey.name.value.clone(),
        steps,
    }
}

fn service_of(
    name: &Spanned<String>,
    services: &[ServicePlan],
    out: &mut Mistakes<'_>,
) -> Option<ServiceId> {
    let found = services::find(services, &name.value);
    if found.is_none() {
        let known = services.iter().map(|s| s.name.as_str());
        out.unknown(File::Scenario, name.place, "service", &name.value, known);
    }
    found
}

fn request_plan(
    request: &RequestStep,
    service: ServiceId,
    population: u16,
    target: &Target,
    series: &mut Allocation,
    out: &mut Mistakes<'_>,
) -> RequestPlan {
    let features = &target.services[usize::from(service.0)].features;
    let feature = attribute(request.method, &request.path, features, out);
    let mut fallback: Vec<Check> = request.fallback.clone();
    fallback.extend(feature.iter().flat_map(|f| f.fallback.iter().cloned()));
    let id = series.add(Series {
        origin: Origin::Population(population),
        name: request.name.value.clone(),
        service,
        feature: feature.map(|f| f.name.value.clone()),
    });
    RequestPlan {
        name: request.name.value.clone(),
        series: id,
        service,
        method: request.method,
        path: request.path.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
        take: request.take.clone(),
        check: request.check.clone(),
        fallback,
    }
}

/// The feature that a request belongs to: that of the most specific route which matches it. A hole
/// stands for text that no literal segment equals; the query does not count.
fn attribute<'t>(
    method: Method,
    path: &Template,
    features: &'t [Feature],
    out: &mut Mistakes<'_>,
) -> Option<&'t Feature> {
    /// No path that people write has it.
    const OPAQUE: char = '\u{1}';
    let mut shape = String::new();
    path.render_with(&mut shape, |_, text| text.push(OPAQUE));
    let mut best: Option<(&Feature, &Spanned<RoutePattern>)> = None;
    let mut tie = None;
    for feature in features {
        for route in &feature.routes {
            if !route.value.matches(method.as_str(), &shape) {
                continue;
            }
            let rank = route.value.specificity();
            match best.map(|(_, other)| other.value.specificity()) {
                Some(other) if rank < other => {}
                Some(other) if rank == other => {
                    if best.is_some_and(|(f, _)| f.name.value != feature.name.value) {
                        tie = Some((feature, route));
                    }
                }
                _ => {
                    best = Some((feature, route));
                    tie = None;
                }
            }
        }
    }
    if let (Some((first, one)), Some((second, other))) = (best, tie) {
        out.error(
            File::Target,
            other.place,
            format!("feature `{}`", second.name.value),
            format!(
                "{method} {path} belongs to two features, `{}` and `{}`",
                first.name.value, second.name.value
            ),
        )
        .also(one.place, format!("feature `{}`", first.name.value))
        .hint("make one of the routes more specific; the most specific wins");
    }
    best.map(|(feature, _)| feature)
}
