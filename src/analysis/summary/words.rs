//! Words that several sentences share.

use crate::analysis::{Incident, State, StateSpan, text, world::World};

/// What befell whoever was in this state.
pub(super) const fn fell(state: State) -> &'static str {
    match state {
        State::Collapse => "collapsed",
        State::Outage => "failed",
        State::Brownout | State::Shedding | State::Graceful => "browned out",
        State::Healthy | State::Unknown => "was unwell",
    }
}

/// When an incident was first as bad as it became.
pub(super) fn worst_from(states: &[StateSpan], incident: &Incident) -> f64 {
    states
        .iter()
        .find(|s| s.state == incident.worst && s.to_s > incident.onset_s)
        .map_or(incident.onset_s, |s| s.from_s.max(incident.onset_s))
}

/// When an incident was over: where silence followed it, the begin of the next stretch of health
/// that lasted. `None` = not within the run.
pub(super) fn over(world: &World<'_>, states: &[StateSpan], incident: &Incident) -> Option<f64> {
    let hold = world.plan.measure.hold.as_secs_f64();
    let later = states.iter().filter(|s| s.from_s > incident.onset_s);
    let well = |s: &&StateSpan| {
        matches!(s.state, State::Healthy | State::Graceful) && s.to_s - s.from_s >= hold
    };
    let next = || later.clone().find(well).map(|s| s.from_s);
    incident.end_s.or_else(next)
}

/// `2.0 s after it went in`, `as soon as it went in`: a bin may begin just before the instant that
/// made it bad.
pub(super) fn after(world: &World<'_>, seconds: f64, what: &str) -> String {
    let slack = world.grid.seconds(1) / 2.0;
    if seconds < slack.min(0.05) {
        format!("as soon as {what}")
    } else {
        format!("{} after {what}", text::seconds(seconds))
    }
}

/// `was back 87.0 s after it was removed`, and how that reads when it was back before.
pub(super) fn back(world: &World<'_>, seconds: f64, what: &str) -> String {
    if seconds <= -world.grid.seconds(1) {
        format!("back {} before {what}", text::seconds(-seconds))
    } else {
        format!("back {}", after(world, seconds, what))
    }
}

/// `a`, `a and b`, `a, b, and c`: of clauses.
pub(super) fn clauses(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [most @ .., last] => format!("{}, and {last}", most.join(", ")),
    }
}

/// `was` or `were`.
pub(super) const fn was(many: bool) -> &'static str {
    if many { "were" } else { "was" }
}
