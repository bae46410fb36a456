//! How the features of a service fared differently.

use super::words;
use crate::analysis::{ServiceResult, State, SubjectResult, text, world::World};

/// Features that fell within so many bins of each other fell together.
const TOGETHER: usize = 3;

/// `Of its features, login and slots collapsed and registration stayed healthy.`, or, when all
/// fell alike, from where it spread. `None` where there is nothing to tell apart.
pub(super) fn spread(world: &World<'_>, name: &str, service: &ServiceResult) -> Option<String> {
    let fates: Vec<(&String, State)> = service
        .features
        .iter()
        .filter_map(|(feature, result)| Some((feature, fate(result)?)))
        .collect();
    let mut kinds: Vec<State> = fates.iter().map(|(_, state)| *state).collect();
    kinds.sort_unstable();
    kinds.dedup();
    match kinds.as_slice() {
        [] | [State::Healthy | State::Shedding] => None,
        [_] => order(world, service),
        [..] => {
            let parts: Vec<String> = kinds
                .iter()
                .map(|kind| {
                    let of_kind = fates.iter().filter(|(_, state)| state == kind);
                    let names: Vec<String> = of_kind.map(|(name, _)| (*name).clone()).collect();
                    format!("{} {}", text::list(&names), verb(*kind))
                })
                .collect();
            let parts = words::clauses(&parts);
            Some(format!("Of the features of {name}, {parts}."))
        }
    }
}

/// The worst that befell a feature; `None` when too little is known of it.
fn fate(result: &SubjectResult) -> Option<State> {
    if let Some(worst) = result.incidents.iter().map(|i| i.worst).min() {
        return Some(worst);
    }
    let shown = |state| result.states.iter().any(|s| s.state == state);
    if shown(State::Shedding) {
        return Some(State::Shedding);
    }
    let known = result.states.iter().filter(|s| s.state != State::Unknown);
    let known: f64 = known.map(|s| s.to_s - s.from_s).sum();
    let all: f64 = result.states.iter().map(|s| s.to_s - s.from_s).sum();
    (known > all / 2.0).then_some(State::Healthy)
}

const fn verb(state: State) -> &'static str {
    match state {
        State::Shedding => "shed load",
        State::Healthy => "stayed healthy",
        other => words::fell(other),
    }
}

/// Which feature fell first, and which last.
fn order(world: &World<'_>, service: &ServiceResult) -> Option<String> {
    let mut onsets: Vec<(f64, &String)> = service
        .features
        .iter()
        .filter_map(|(feature, result)| Some((result.incidents.first()?.onset_s, feature)))
        .collect();
    onsets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ((first, _), (last, late)) = (onsets.first()?, onsets.last()?);
    let later = last - first;
    if later < world.grid.seconds(TOGETHER) {
        return None;
    }
    let together = onsets.iter().take_while(|(at, _)| *at <= *first);
    let early: Vec<String> = together.map(|(_, name)| (*name).clone()).collect();
    let (early, later) = (text::list(&early), text::seconds(later));
    Some(format!(
        "It was seen first in {early}, and last in {late} {later} later."
    ))
}
