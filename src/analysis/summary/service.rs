//! What became of a service, in a sentence.

use std::collections::BTreeMap;

use super::{
    spread::spread,
    untold::{Return, untold},
    words,
};
use crate::analysis::{Incident, ServiceEvent, ServiceResult, State, text, world::World};

/// At most so many services get a sentence.
const SERVICES: usize = 3;

/// A sentence on each service with something to tell, the worst first, and one on how its features
/// differ.
pub(super) fn stories(
    world: &World<'_>,
    services: &BTreeMap<String, ServiceResult>,
) -> Vec<String> {
    let mut told: Vec<(State, Vec<String>)> = services
        .iter()
        .filter_map(|(name, service)| {
            let incidents: Vec<&Incident> = service.whole.incidents.iter().collect();
            let crashes: Vec<&ServiceEvent> = own_crashes(service).collect();
            let told = story(world, name, service, &incidents, &crashes);
            let worst = told.as_ref().map_or(State::Healthy, |(worst, _)| *worst);
            let told = told.map(|(_, text)| text);
            let told: Vec<String> = told
                .into_iter()
                .chain(spread(world, name, service))
                .collect();
            (!told.is_empty()).then_some((worst, told))
        })
        .collect();
    told.sort_by_key(|(worst, _)| *worst);
    let told = told.into_iter().take(SERVICES);
    told.flat_map(|(_, texts)| texts).collect()
}

/// Crashes that no fault of ours explains.
pub(super) fn own_crashes(service: &ServiceResult) -> impl Iterator<Item = &ServiceEvent> {
    let events = service.events.iter();
    events.filter(|e| e.kind == "crash" && !e.injected)
}

/// `crashed 3 times (liveness)`.
pub(super) fn crashed(crashes: &[&ServiceEvent]) -> Option<String> {
    let first = crashes.first()?;
    let why = first.detail.split(" (").next().unwrap_or_default();
    Some(format!("crashed {} ({why})", text::times(crashes.len())))
}

/// `portal collapsed 6.0 s after opening began, crashed 3 times (liveness), and was back
/// 41.0 s after sms_late was removed.`
pub(super) fn story(
    world: &World<'_>,
    name: &str,
    service: &ServiceResult,
    incidents: &[&Incident],
    crashes: &[&ServiceEvent],
) -> Option<(State, String)> {
    let worst_state = service.whole.states.iter().map(|s| s.state).min();
    let mut parts = Vec::new();
    // the first of the worst
    let deepest = incidents.iter().min_by_key(|i| i.worst);
    if let Some(incident) = deepest {
        let begin = words::worst_from(&service.whole.states, incident);
        let verb = words::fell(incident.worst);
        parts.push(format!("{verb} {}", since(world, begin)));
    } else if let Some(shed) = first_of(service, State::Shedding) {
        parts.push(format!("turned to honest shedding {}", since(world, shed)));
        parts.push("delivered what it could".to_owned());
    }
    parts.extend(crashed(crashes));
    if incidents.len() > 1 {
        let times = text::times(incidents.len());
        parts.push(format!("was unhealthy {times} in all"));
    }
    let mut aside = String::new();
    if let Some(last) = incidents.last() {
        match came_back(world, name, service, last, incidents.len() > 1) {
            Some(Return::Was(back)) => parts.push(format!("was {back}")),
            Some(Return::Untold(clause)) => aside = format!("; {clause}"),
            None => {}
        }
    }
    if parts.is_empty() {
        return None;
    }
    let worst = worst_state.unwrap_or(State::Unknown);
    Some((worst, format!("{name} {}{aside}.", words::clauses(&parts))))
}

fn first_of(service: &ServiceResult, state: State) -> Option<f64> {
    let span = service.whole.states.iter().find(|s| s.state == state)?;
    Some(span.from_s)
}

fn came_back(
    world: &World<'_>,
    name: &str,
    service: &ServiceResult,
    incident: &Incident,
    again: bool,
) -> Option<Return> {
    let recovery = service.whole.recovery.as_ref()?;
    let very_last = service.whole.incidents.last()?.onset_s;
    let good = if again { " for good" } else { "" };
    if incident.onset_s < very_last {
        // the recovery is told of a later one
        let end = incident.end_s?;
        let took = text::seconds(end - incident.onset_s);
        return Some(Return::Was(format!("back{good} after {took}")));
    }
    let of = match recovery.of.strip_suffix(" removed") {
        Some(fault) => format!("{fault} was removed"),
        None if recovery.of.starts_with("load") => "the load was back to normal".to_owned(),
        None if again => "its last onset".to_owned(),
        None => "its onset".to_owned(),
    };
    let back = |seconds: f64| words::back(world, seconds, &of).replacen("back", "", 1);
    if recovery.recovered_s.is_none()
        && let Some(told) = untold(world, &[name.to_owned()], recovery.from_s, &of)
    {
        return Some(told);
    }
    Some(Return::Was(
        match (recovery.recovered_s, recovery.more_than_s) {
            (Some(at), _) => format!("back{good}{}", back(at - recovery.from_s)),
            (None, Some(watched)) if watched < world.grid.seconds(1) => {
                "not back when the run ended".to_owned()
            }
            (None, Some(watched)) => {
                format!("not back {} after {of}", text::seconds(watched))
            }
            (None, None) => "not back".to_owned(),
        },
    ))
}

/// `6.0 s after opening began`: the last thing that changed before.
fn since(world: &World<'_>, at_s: f64) -> String {
    let phases = world
        .plan
        .phases
        .iter()
        .map(|p| (p.from.as_secs_f64(), format!("{} began", p.name)));
    let faults = world.plan.faults.iter().zip(&world.timeline.faults);
    let faults = faults.filter_map(|(fault, times)| {
        let at = times.injected?.as_secs_f64();
        Some((at, format!("{} was put in", fault.name)))
    });
    // on a tie the phase is named: it is what everybody saw. A bin may begin just before the
    // instant that made it bad.
    let slack = world.grid.seconds(1) / 2.0;
    let last = phases
        .chain(faults)
        .filter(|(at, _)| *at <= at_s + slack)
        .fold(None::<(f64, String)>, |best, next| match best {
            Some(best) if next.0 <= best.0 + slack => Some(best),
            Some(_) | None => Some(next),
        });
    last.map_or_else(
        || format!("at {}", text::seconds(at_s)),
        |(at, what)| words::after(world, at_s - at, &what),
    )
}
