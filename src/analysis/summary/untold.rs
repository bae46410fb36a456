//! How a subject stood where the run ended before its return could be seen.

use crate::analysis::{health::Sign, text, timeline::Ending, world::World};

/// How an incident that was not over is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Return {
    /// Follows *was*: `back 2.0 s after it was removed`.
    Was(String),
    /// A clause of its own: `whether it came back could not be told: the record ends 4.0 s after it
    /// was removed`.
    Untold(String),
}

/// How some subjects stood when a run that ended early did so, counted from `t1` (seconds), which
/// `what` names. `None` in a whole run: there the end says enough.
pub(super) fn untold(world: &World<'_>, places: &[String], t1: f64, what: &str) -> Option<Return> {
    let (when, ends) = match world.timeline.ending {
        Ending::Complete => return None,
        Ending::Stopped { .. } => ("the run was stopped", "the run was stopped"),
        Ending::CutOff { .. } => ("the record broke off", "the record ends"),
    };
    let end = world.timeline.end.as_secs_f64();
    let known = world.known_to().as_secs_f64();
    // what followed the trigger is told only if something of it is known
    let blind = known <= t1 && t1 < end;
    let down = places
        .iter()
        .filter(|place| still_bad(world, place))
        .count();
    if down > 0 && !blind {
        return Some(Return::Was(if down == places.len() {
            format!("still down when {when}")
        } else {
            format!("not all back when {when}")
        }));
    }
    let who = if places.len() > 1 { "they" } else { "it" };
    let long = if t1 < end {
        format!("{} after {what}", text::seconds(end - t1))
    } else {
        "too early".to_owned()
    };
    Some(Return::Untold(format!(
        "whether {who} came back could not be told: {ends} {long}"
    )))
}

/// Whether the last that is known of a subject is bad.
fn still_bad(world: &World<'_>, place: &str) -> bool {
    world.places.get(place).is_some_and(|judged| {
        let known = world.grid.known.min(judged.signs.len());
        let last = judged.signs[..known].last();
        matches!(last, Some(Sign::Bad | Sign::Quiet))
    })
}
