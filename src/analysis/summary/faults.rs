//! What each of several faults did, and how the target came back from it.

use std::collections::BTreeMap;

use super::{
    groups::{self, Group},
    service::{self, crashed, own_crashes},
    untold::{Return, untold},
    words,
};
use crate::{
    analysis::{
        Incident, ServiceEvent, ServiceResult, State, SubjectResult, effects,
        hysteresis::Condition, subjects::Judged, text, world::World,
    },
    time::Offset,
};

/// At most so many faults get a sentence.
const FAULTS: usize = 4;

/// A sentence on each fault in order, and one on each service that had trouble of its own.
pub(super) fn stories(
    world: &World<'_>,
    services: &BTreeMap<String, ServiceResult>,
) -> Vec<String> {
    let groups = groups::groups(world);
    let mut out: Vec<String> = services
        .iter()
        .filter_map(|(name, service)| {
            let of_load = |at_s: f64| groups::owner(world, &groups, name, at_s).is_none();
            let incidents = service.whole.incidents.iter();
            let incidents: Vec<_> = incidents.filter(|i| of_load(i.onset_s)).collect();
            let crashes = own_crashes(service).filter(|e| of_load(e.at_s));
            let crashes: Vec<_> = crashes
                .filter(|e| incident_at(&service.whole, e.at_s).is_none_or(of_load))
                .collect();
            if incidents.is_empty() && crashes.is_empty() {
                return None;
            }
            let (_, text) = service::story(world, name, service, &incidents, &crashes)?;
            Some(text)
        })
        .collect();
    let tell = |i| {
        Teller {
            world,
            services,
            groups: &groups,
            own: i,
        }
        .sentence()
    };
    out.extend((0..groups.len().min(FAULTS)).map(tell));
    match groups.len().saturating_sub(FAULTS) {
        0 => {}
        1 => out.push("One more fault followed.".to_owned()),
        more => out.push(format!("{more} more faults followed.")),
    }
    out
}

/// The onset of the incident in which something happened.
fn incident_at(subject: &SubjectResult, at_s: f64) -> Option<f64> {
    let holds = |i: &&Incident| i.onset_s <= at_s && i.end_s.is_none_or(|end| at_s < end);
    subject.incidents.iter().find(holds).map(|i| i.onset_s)
}

/// Tells of one group of faults.
struct Teller<'t, 'w> {
    world: &'t World<'w>,
    services: &'t BTreeMap<String, ServiceResult>,
    groups: &'t [Group],
    own: usize,
}

impl Teller<'_, '_> {
    fn group(&self) -> &Group {
        &self.groups[self.own]
    }

    /// `lost_name (dns servfail on portal.test): portal failed 2.0 s after it went in and was
    /// back as soon as it was removed.`
    fn sentence(&self) -> String {
        let plan = self.world.plan;
        let names: Vec<String> = self
            .group()
            .faults
            .iter()
            .map(|i| {
                let fault = &plan.faults[*i];
                let effect = effects::describe(fault).replacen(": ", " ", 1);
                // `dns portal.test`, `process portal`: the effect says that it is one
                let at = ["dns ", "process ", "feature "]
                    .iter()
                    .find_map(|kind| fault.at.strip_prefix(kind))
                    .unwrap_or(&fault.at);
                format!("{} ({effect} on {at})", fault.name)
            })
            .collect();
        format!("{}: {}.", text::list(&names), self.deeds())
    }

    fn deeds(&self) -> String {
        let Some(t0) = self.group().from else {
            let faults = || self.group().faults.iter();
            let timeline = &self.world.timeline;
            if let Some(why) = faults().find_map(|i| timeline.faults[*i].failed.as_ref()) {
                return format!("could not be put in ({why})");
            }
            let why = faults().find_map(|i| timeline.why_never(self.world.plan, *i));
            return match why.as_deref() {
                None => "never went in".to_owned(),
                Some(why) => match why.strip_prefix(": ") {
                    Some(condition) => format!("never went in, since {condition}"),
                    None => format!("never went in{why}"),
                },
            };
        };
        let told: Vec<String> = self
            .services
            .iter()
            .filter_map(|(name, service)| self.of_service(name, service))
            .collect();
        if told.is_empty() {
            self.harmless(t0)
        } else {
            told.join("; ")
        }
    }

    /// What befell a service; `None` when nothing did.
    fn of_service(&self, name: &str, service: &ServiceResult) -> Option<String> {
        let fallen: Vec<(&String, &SubjectResult, Vec<&Incident>)> = service
            .features
            .iter()
            .map(|(feature, result)| (feature, result, self.incidents(name, result)))
            .filter(|(.., incidents)| !incidents.is_empty())
            .collect();
        let well: Vec<String> = service
            .features
            .keys()
            .filter(|feature| self.stayed_well(&format!("{name}/{feature}")))
            .cloned()
            .collect();
        let own = self.incidents(name, &service.whole);
        let crashes: Vec<&ServiceEvent> = own_crashes(service)
            .filter(|e| self.owns(name, incident_at(&service.whole, e.at_s).unwrap_or(e.at_s)))
            .collect();
        // where some features were spared, or the service as a whole did not feel it, the
        // features that fell are the news
        let apart = !fallen.is_empty() && (!well.is_empty() || own.is_empty());
        let mut whole = self.kills(name, service);
        let mut returned = None;
        let mut aside = None;
        if !apart && !own.is_empty() {
            let places = [name.to_owned()];
            let (fell, back) = self.fall(&[(&service.whole, own.as_slice())], &places);
            whole.push(fell);
            match back {
                Return::Was(back) => returned = Some(format!("was {back}")),
                Return::Untold(clause) => aside = Some(clause),
            }
        }
        whole.extend(crashed(&crashes));
        whole.extend(returned);
        let mut told = Vec::new();
        if !whole.is_empty() {
            let calm = own.is_empty() && fallen.is_empty();
            let calm = if calm { ", without an incident" } else { "" };
            told.push(format!("{name} {}{calm}", words::clauses(&whole)));
        }
        told.extend(aside);
        if apart {
            let names: Vec<String> = fallen.iter().map(|(f, ..)| (*f).clone()).collect();
            let only = if well.is_empty() { "" } else { "only " };
            let subjects: Vec<_> = fallen.iter().map(|(_, r, i)| (*r, i.as_slice())).collect();
            let places: Vec<String> = names.iter().map(|f| format!("{name}/{f}")).collect();
            let (fell, back) = self.fall(&subjects, &places);
            let (names, whose) = (text::list(&names), self.whose(name));
            let fell = format!("{only}{names}{whose} {fell}");
            match back {
                Return::Was(back) => {
                    let verb = if back.starts_with("back") {
                        "came"
                    } else {
                        words::was(fallen.len() > 1)
                    };
                    told.push(format!("{fell} and {verb} {back}"));
                }
                Return::Untold(clause) => told.extend([fell, clause]),
            }
        }
        if !fallen.is_empty() && !well.is_empty() {
            told.push(format!("{} stayed healthy", text::list(&well)));
        }
        (!told.is_empty()).then(|| told.join("; "))
    }

    /// Says whose features are meant where other services have some as well.
    fn whose(&self, name: &str) -> String {
        let with_features = self.services.values().filter(|s| !s.features.is_empty());
        if with_features.count() > 1 {
            format!(" of {name}")
        } else {
            String::new()
        }
    }

    /// `failed 2.0 s after it went in` and `back 1.0 s after it was removed`: of some subjects that
    /// fell together the worst, the first and the last.
    fn fall(
        &self,
        subjects: &[(&SubjectResult, &[&Incident])],
        places: &[String],
    ) -> (String, Return) {
        let each = |(subject, list): &(&'_ SubjectResult, &'_ [&'_ Incident])| {
            let states = &subject.states;
            let begin = |i: &&Incident| {
                let end = words::over(self.world, states, i);
                (i.worst, words::worst_from(states, i), end)
            };
            list.iter().map(begin).collect::<Vec<_>>()
        };
        let all: Vec<(State, f64, Option<f64>)> = subjects.iter().flat_map(each).collect();
        let worst = all.iter().map(|(worst, ..)| *worst).min();
        let worst = worst.unwrap_or(State::Unknown);
        let begins = all.iter().filter(|(state, ..)| *state == worst);
        let begin = begins.map(|(_, at, _)| *at).fold(f64::INFINITY, f64::min);
        let (world, start) = (self.world, self.start());
        let fell = format!(
            "{} {}",
            words::fell(worst),
            words::after(world, begin - start, &self.went_in())
        );
        let ends: Option<Vec<f64>> = all.iter().map(|(.., end)| *end).collect();
        let end = ends.map(|ends| ends.into_iter().fold(0.0, f64::max));
        let removed = self.group().to.filter(|_| self.group().lasts(world));
        let back = match (end, removed.map(Offset::as_secs_f64)) {
            (Some(end), Some(t1)) => Return::Was(words::back(world, end - t1, &self.removed())),
            (Some(end), None) => Return::Was(words::back(world, end - start, &self.went_in())),
            (None, t1) => {
                let (t1, what) = match t1 {
                    Some(t1) => (t1, self.removed()),
                    None => (start, self.went_in()),
                };
                untold(world, places, t1, &what)
                    .unwrap_or_else(|| Return::Was("not back by the end of the run".to_owned()))
            }
        };
        (fell, back)
    }

    /// `was killed by us`, `was restarted after 0.5 s`.
    fn kills(&self, name: &str, service: &ServiceResult) -> Vec<String> {
        let mut events = service.events.iter();
        let ours = |e: &&ServiceEvent| e.kind == "killed_by_us" && self.owns(name, e.at_s);
        let Some(kill) = events.by_ref().find(ours) else {
            return Vec::new();
        };
        let mut parts = vec![if kill.detail.starts_with("killed by a fault") {
            "was killed by us".to_owned()
        } else {
            "was killed by its supervisor while we held it".to_owned()
        }];
        if let Some(restart) = events.find(|e| e.kind == "restart") {
            let took = text::seconds(restart.at_s - kill.at_s);
            parts.push(format!("was started again after {took}"));
        }
        parts
    }

    fn incidents<'r>(&self, service: &str, subject: &'r SubjectResult) -> Vec<&'r Incident> {
        let incidents = subject.incidents.iter();
        incidents
            .filter(|i| self.owns(service, i.onset_s))
            .collect()
    }

    fn owns(&self, service: &str, at_s: f64) -> bool {
        groups::owner(self.world, self.groups, service, at_s) == Some(self.own)
    }

    /// The time in which its harm is looked for: while it was in force, and for an instant as long
    /// as a recovery has to hold.
    fn window(&self) -> (Offset, Offset) {
        let group = self.group();
        let from = group.from.unwrap_or_default();
        let end = self.world.timeline.end;
        let to = if group.lasts(self.world) {
            group.to.unwrap_or(end)
        } else {
            from.plus(self.world.plan.measure.hold)
        };
        (from, to.min(end).max(from))
    }

    /// Whether a subject was watched for most of the time and never ill.
    fn stayed_well(&self, place: &str) -> bool {
        let (from, to) = self.window();
        let bins = self.world.grid.range(from, to);
        self.world.places.get(place).is_some_and(|judged| {
            let conditions = &judged.conditions[bins.clone()];
            let states = &judged.states[bins.clone()];
            let known = states.iter().filter(|s| **s != State::Unknown).count();
            !conditions.contains(&Condition::Unwell)
                && !states.contains(&State::Shedding)
                && known * 2 > bins.len()
        })
    }

    /// It did no harm that lasted: says how well that is known.
    fn harmless(&self, t0: Offset) -> String {
        let (from, to) = self.window();
        let bins = self.world.grid.range(from, to);
        let before = t0.as_secs_f64();
        let reached = |name: &str| self.group().reaches(self.world, name);
        let services = || self.services.iter().filter(|(name, _)| reached(name));
        let mut down = services().filter(|(_, s)| incident_at(&s.whole, before).is_some());
        if let Some((name, _)) = down.next() {
            return format!(
                "went in while {name} was unhealthy already, and no new harm can be told apart"
            );
        }
        let of = |place: &Judged<'_>| {
            let service = place.name.split_once('/').map(|(service, _)| service);
            reached(service.unwrap_or(&place.name))
        };
        let places = || self.world.places.values().filter(|place| of(place));
        if !places().any(|p| p.states[bins.clone()].iter().any(|s| *s != State::Unknown)) {
            return "nothing was measured while it was in force".to_owned();
        }
        if let Some(judged) = places().find(|p| p.states[bins.clone()].contains(&State::Shedding)) {
            return format!("no incident; {} shed load honestly", judged.name);
        }
        let flaps = places().filter_map(|p| {
            let success = p.samples.sum(bins.clone()).success()?;
            (success < p.criteria.slo).then_some((success, &p.name))
        });
        if let Some((success, name)) = flaps.min_by(|a, b| a.0.total_cmp(&b.0)) {
            let success = text::percent(success);
            return format!("no incident, yet only {success} of the requests to {name} succeeded");
        }
        let faults = self.group().faults.iter();
        match faults.map(|i| self.world.timeline.faults[*i].hits).sum() {
            0 => "no harm was seen, but nothing is known to have met it".to_owned(),
            1 => "tolerated (1 hit)".to_owned(),
            hits => format!("tolerated ({} hits)", text::count(hits)),
        }
    }

    fn start(&self) -> f64 {
        self.group().from.unwrap_or_default().as_secs_f64()
    }

    fn went_in(&self) -> String {
        match (self.group().lasts(self.world), self.group().faults.len()) {
            (false, _) => "that".to_owned(),
            (true, 1) => "it went in".to_owned(),
            (true, _) => "they went in".to_owned(),
        }
    }

    fn removed(&self) -> String {
        let many = self.group().faults.len() > 1;
        let who = if many { "they" } else { "it" };
        format!("{who} {} removed", words::was(many))
    }
}
