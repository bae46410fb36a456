//! Definition 9: the state of a subject in each bin, the worst that applies.

use std::ops::Range;

use super::{
    State,
    grid::Grid,
    health::{Criteria, Group, Sign},
    hysteresis::Condition,
    samples::Samples,
    stats::ratio,
    subjects::Usual,
};
use crate::{
    plan::FaultPlan,
    scenario::model::{Effect, MeasureSettings, TcpEffect},
};

/// Good answers at or below this part of what could be delivered are a collapse.
const COLLAPSED: f64 = 0.1;
/// One who sheds must still deliver this part of K.
const SHEDDING_CAPACITY: f64 = 0.8;
/// The best goodput so far is that of this many bins.
const BEST_BINS: usize = 5;

/// What a state depends on besides the group itself.
pub(crate) struct Surroundings<'s> {
    /// Thresholds.
    pub(crate) measure: &'s MeasureSettings,
    /// What healthy means.
    pub(crate) criteria: &'s Criteria,
    /// K.
    pub(crate) capacity: Option<f64>,
    /// The baseline.
    pub(crate) usual: &'s Usual,
    /// The run's bins.
    pub(crate) grid: Grid,
    /// Bins in which its process was gone or held, or the way to it was cut.
    pub(crate) absent: Vec<Range<usize>>,
    /// A population: people do not collapse.
    pub(crate) journeys: bool,
}

/// The state of each group by itself.
pub(crate) fn of_groups(
    groups: &[Group],
    samples: &Samples<'_>,
    around: &Surroundings<'_>,
) -> Vec<State> {
    let best = best_so_far(samples, around.grid);
    groups
        .iter()
        .map(|group| of_group(group, best[group.from], around))
        .collect()
}

/// For each bin, the highest mean goodput of any 5 bins in a row that end before it; `None` until
/// there were 5.
fn best_so_far(samples: &Samples<'_>, grid: Grid) -> Vec<Option<f64>> {
    let good: Vec<u64> = samples
        .bins
        .iter()
        .map(|b| if b.probe { 0 } else { b.counts.good })
        .collect();
    let mut best: Option<f64> = None;
    (0..good.len())
        .map(|i| {
            if let Some(from) = i.checked_sub(BEST_BINS) {
                let sum: u64 = good[from..i].iter().sum();
                let rate = sum as f64 / grid.seconds(BEST_BINS);
                best = Some(best.map_or(rate, |b| b.max(rate)));
            }
            best
        })
        .collect()
}

fn of_group(group: &Group, best: Option<f64>, around: &Surroundings<'_>) -> State {
    let counts = &group.tally.counts;
    let (Some(success), true) = (counts.success(), group.sign != Sign::Unknown) else {
        return State::Unknown;
    };
    if group.sign == Sign::Good {
        let fallbacks = ratio(counts.fallback, counts.good).unwrap_or(0.0);
        return if fallbacks > around.measure.fallback_above.get() {
            State::Graceful
        } else {
            State::Healthy
        };
    }
    if collapsed(group, best, around) {
        State::Collapse
    } else if success <= around.measure.outage_below.get() {
        State::Outage
    } else if sheds(group, around) {
        State::Shedding
    } else {
        State::Brownout
    }
}

/// Alive and listening, offered what it could deliver, delivering next to nothing. Whose failures
/// never reached it, or are known to be a fault's doing, has not collapsed.
fn collapsed(group: &Group, best: Option<f64>, around: &Surroundings<'_>) -> bool {
    let counts = &group.tally.counts;
    let seconds = around.grid.seconds(group.to - group.from);
    let (offered, good) = (counts.offered as f64, counts.good as f64);
    // what it is known to bear, and what it has borne in this run: either will do
    let overwhelmed = [around.capacity, best]
        .into_iter()
        .flatten()
        .filter(|able| *able > 0.0)
        .any(|able| offered >= able * seconds && good <= COLLAPSED * able * seconds);
    let absent = around
        .absent
        .iter()
        .any(|gone| gone.start < group.to && group.from < gone.end);
    !group.probe
        && !around.journeys
        && !absent
        && counts.unreached * 2 <= counts.bad()
        && counts.injected * 2 <= counts.bad()
        && overwhelmed
}

/// Whether a fault leaves so few connections whole that it could look like a collapse. Clients
/// cannot tell such a fault from the target's own doing: what was cut bears no mark.
pub(crate) fn cuts(fault: &FaultPlan) -> bool {
    let cut = match &fault.effect {
        Effect::Tcp(tcp) => match tcp {
            TcpEffect::Timeout { .. }
            | TcpEffect::Down
            | TcpEffect::Reset { .. }
            | TcpEffect::LimitData { .. } => true,
            TcpEffect::Bandwidth { rate, .. } => rate.0 == 0,
            // a flipped bit ends an exchange as often as not, and clients cannot tell whose it was
            TcpEffect::Corrupt { share, .. } => share.get() >= 1.0 - COLLAPSED,
            TcpEffect::Latency { .. } | TcpEffect::SlowClose { .. } | TcpEffect::Slicer { .. } => {
                false
            }
        },
        Effect::Http(_)
        | Effect::Tls(_)
        | Effect::Dns(_)
        | Effect::Process(_)
        | Effect::Exec(_) => false,
    };
    cut && fault.share.get() >= 1.0 - COLLAPSED
}

/// Everything not good is honest shed: the admitted get what was promised, and there are as many
/// of them as ever.
fn sheds(group: &Group, around: &Surroundings<'_>) -> bool {
    let counts = &group.tally.counts;
    let seconds = around.grid.seconds(group.to - group.from);
    let of_capacity = around.capacity.map_or(0.0, |k| k * SHEDDING_CAPACITY);
    let enough = around.usual.good_rate().unwrap_or(0.0).max(of_capacity);
    counts.shed > 0
        && !group.tally.too_slow(around.criteria.min_samples)
        && counts
            .admitted_success()
            .is_some_and(|s| s >= around.criteria.slo)
        && counts.good as f64 >= enough * seconds
}

/// The state that is shown for each bin: what contradicts the condition, and is too short to turn
/// it, keeps the state before it.
pub(crate) fn shown(
    groups: &[Group],
    raw: &[State],
    conditions: &[Condition],
    bins: usize,
) -> Vec<State> {
    let mut out = vec![State::Unknown; bins];
    let mut before = State::Unknown;
    for (group, state) in groups.iter().zip(raw) {
        for bin in group.from..group.to {
            let shown = match (conditions[bin], *state) {
                (_, State::Unknown) | (Condition::Unknown, _) => *state,
                (Condition::Well, s) if s >= State::Shedding => s,
                (Condition::Well, _) if unwell(before) => State::Healthy,
                (Condition::Unwell, s) if unwell(s) || s == State::Shedding => s,
                (Condition::Unwell, _) if !unwell(before) => State::Brownout,
                (Condition::Well | Condition::Unwell, _) => before,
            };
            out[bin] = shown;
            before = shown;
        }
    }
    out
}

/// Collapse, outage or brownout.
const fn unwell(state: State) -> bool {
    match state {
        State::Collapse | State::Outage | State::Brownout => true,
        State::Shedding | State::Graceful | State::Healthy | State::Unknown => false,
    }
}
