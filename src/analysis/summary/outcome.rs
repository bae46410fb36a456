//! The first sentence, which says how it ended, and the last, which compares it with history.

use super::Matter;
use crate::analysis::{
    ClaimResult, ServiceResult, State, Verdict,
    text::{self, sentence},
    timeline::Ending,
    world::World,
};

/// At most so many gates are named.
const GATES: usize = 3;

/// The verdict and what it rests upon.
pub(super) fn outcome(world: &World<'_>, matter: &Matter<'_>) -> String {
    let end = text::seconds(world.timeline.end.as_secs_f64());
    match &world.timeline.ending {
        Ending::Stopped { detail, .. } => {
            let failed = named(matter.gates, Verdict::Fail);
            let failed = failed.map_or(String::new(), |f| format!(" By then {f} failed."));
            return format!("The run was stopped at {end}: {detail}.{failed}");
        }
        Ending::CutOff { .. } => {
            return format!("The record breaks off at {end}; what followed is not known.");
        }
        Ending::Complete => {}
    }
    let gates = matter.gates.len();
    match matter.verdict {
        Verdict::Pass if gates == 0 => "The run is complete; it had no gates.".to_owned(),
        Verdict::Pass if gates == 1 => "The only gate held.".to_owned(),
        Verdict::Pass => format!("All {gates} gates held."),
        Verdict::Fail => named(matter.gates, Verdict::Fail).map_or_else(
            || {
                format!(
                    "The baseline missed the steady state: {}.",
                    matter.baseline.detail
                )
            },
            |which| {
                format!(
                    "{} of {gates} gates failed: {which}.",
                    tally(matter, Verdict::Fail)
                )
            },
        ),
        Verdict::Inconclusive | Verdict::Stopped => {
            let doubtful = matter
                .gates
                .iter()
                .find(|g| g.verdict == Verdict::Inconclusive);
            let doubt = doubtful.map_or_else(
                || format!("Inconclusive: {}.", matter.baseline.detail),
                |gate| {
                    let why = gate.detail.as_deref().unwrap_or("it cannot be said");
                    format!("Inconclusive: of `{}`, {why}.", gate.text)
                },
            );
            // doubt decides the exit code, but what failed in spite of it has failed
            let failed = tally(matter, Verdict::Fail);
            named(matter.gates, Verdict::Fail).map_or(doubt.clone(), |which| {
                format!("{doubt} {failed} of {gates} gates failed: {which}.")
            })
        }
    }
}

fn tally(matter: &Matter<'_>, verdict: Verdict) -> usize {
    matter.gates.iter().filter(|g| g.verdict == verdict).count()
}

fn named(gates: &[ClaimResult], verdict: Verdict) -> Option<String> {
    let all: Vec<&ClaimResult> = gates.iter().filter(|g| g.verdict == verdict).collect();
    let mut names: Vec<String> = all
        .iter()
        .take(GATES)
        .map(|g| format!("`{}`", g.text))
        .collect();
    if all.len() > GATES {
        names.push(format!("{} more", all.len() - GATES));
    }
    (!names.is_empty()).then(|| text::list(&names))
}

/// Nothing went wrong, and by what that is known.
pub(super) fn calm(world: &World<'_>, matter: &Matter<'_>) -> String {
    let unknown = |s: &ServiceResult| s.whole.states.iter().all(|s| s.state == State::Unknown);
    if matter.services.values().all(unknown) {
        return "Nothing was measured of any service.".to_owned();
    }
    let success = world.all.total.success().map(text::percent);
    success.map_or_else(
        || "No service was ever unhealthy.".to_owned(),
        |success| format!("No service was ever unhealthy; {success} of all requests succeeded."),
    )
}

/// Whether history repeated itself.
pub(super) fn history(symptoms: &[ClaimResult]) -> Option<String> {
    let all = symptoms.len();
    let seen = symptoms
        .iter()
        .filter(|s| s.verdict == Verdict::Pass)
        .count();
    let unsaid = symptoms
        .iter()
        .filter(|s| matches!(s.verdict, Verdict::Inconclusive | Verdict::Stopped))
        .count();
    match (seen, all) {
        (_, 0) => None,
        (0, all) if unsaid == all => {
            Some("Whether history repeated itself cannot be said.".to_owned())
        }
        (0, all) if unsaid > 0 => Some(format!(
            "Whether history repeated itself cannot be said: {unsaid} of {all} symptoms could not \
             be judged."
        )),
        (0, 1) => Some("History did not repeat itself: its symptom was not seen.".to_owned()),
        (0, all) => Some(sentence(&format!(
            "history did not repeat itself: none of {all} symptoms."
        ))),
        (seen, all) if seen == all && all > 1 => {
            Some(format!("History repeated itself: all {all} symptoms."))
        }
        (1, 1) => Some("History repeated itself: its symptom was seen.".to_owned()),
        (seen, all) => Some(format!(
            "History repeated itself: {seen} of {all} symptoms."
        )),
    }
}
