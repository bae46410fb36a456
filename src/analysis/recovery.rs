//! Definitions 11 to 14: whether and when a subject came back, and what the hangover cost.

use std::{ops::Range, time::Duration};

use super::{
    Recovery, health::Sign, hysteresis::Condition, incidents, subjects::Judged, world::World,
};
use crate::{plan::Plan, time::Offset};

/// Load is back at the baseline's when it is at most this many times that.
const BACK_AT: f64 = 1.1;

/// How a subject came back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Back {
    /// Well for long enough, from this instant (seconds) on.
    At(f64),
    /// Not in so many seconds after the removal.
    Not {
        /// How long it was watched.
        watched: f64,
        /// Since when it was well at the end, though not for long enough to say so.
        tentative: Option<f64>,
    },
}

/// Looks for the first run of well bins that lasts the hold time, from `t1` on and beginning not
/// later than `within` after it.
pub(crate) fn back(world: &World<'_>, judged: &Judged<'_>, t1: Offset, within: Duration) -> Back {
    let grid = world.grid;
    let hold = world.plan.measure.hold.as_secs_f64();
    let (from, known) = (t1.as_secs_f64(), world.known_to().as_secs_f64());
    let horizon = from + within.as_secs_f64();
    let mut bin = t1.bin(grid.width) as usize;
    while bin < judged.conditions.len() {
        if judged.conditions[bin] != Condition::Well {
            bin += 1;
            continue;
        }
        let rest = &judged.conditions[bin..];
        let bins = rest.iter().take_while(|c| **c == Condition::Well).count();
        let start = grid.start(bin).max(from);
        let end = grid.start(bin + bins).min(known);
        if start > horizon {
            break;
        }
        // a bin's start is known no better than to a bin, so neither is the length of the run
        if end - start >= hold - grid.width.as_secs_f64() / 2.0 {
            return Back::At(start);
        }
        bin += bins;
    }
    Back::Not {
        watched: (known - from).clamp(0.0, within.as_secs_f64()),
        tentative: last_good(world, judged).map(|at| at.max(from)),
    }
}

/// Since when every bin was good at the end of what is known; `None` when the last was not.
fn last_good(world: &World<'_>, judged: &Judged<'_>) -> Option<f64> {
    let known = world.grid.known.min(judged.signs.len());
    let signs = judged.signs[..known].iter().rev();
    let good = signs.take_while(|sign| **sign == Sign::Good).count();
    (good > 0).then(|| world.grid.start(known - good))
}

/// What a recovery is counted from.
struct Trigger {
    gone: Offset,
    what: String,
    since: Offset,
}

/// The last verified removal among the faults in force in the incident; else the load's return to
/// the baseline's; else the onset itself.
fn trigger(world: &World<'_>, bins: &Range<usize>) -> Trigger {
    let faults = incidents::faults_in(world, bins);
    let times = |i: &usize| &world.timeline.faults[*i];
    let since = faults.iter().filter_map(|i| times(i).injected).min();
    let last = faults
        .iter()
        .filter(|i| times(i).verified)
        .filter_map(|i| times(i).removed.map(|at| (at, *i)))
        // what was undone when the run had been stopped ended nothing that was observed
        .filter(|(at, _)| *at < world.timeline.end)
        .max();
    let onset = world.grid.offset(bins.start);
    if let Some((gone, fault)) = last {
        return Trigger {
            gone,
            what: format!("{} removed", world.plan.faults[fault].name),
            since: since.unwrap_or(onset),
        };
    }
    match elevated(world) {
        Some((from, to)) if from < world.grid.offset(bins.end) && onset < to => Trigger {
            gone: to,
            what: "load back at the baseline's".to_owned(),
            since: from.min(onset),
        },
        _ => Trigger {
            gone: onset,
            what: "its onset".to_owned(),
            since: onset,
        },
    }
}

/// The last stretch of the plan whose arrivals, or whose users, stand above the baseline's.
fn elevated(world: &World<'_>) -> Option<(Offset, Offset)> {
    let grid = world.grid;
    let half = grid.width / 2;
    let load = |bin: usize| {
        let at = grid.offset(bin).plus(half);
        [planned_rate(world.plan, at), world.plan.users_at(at).get()]
    };
    let base = world.baseline.clone();
    if base.is_empty() {
        return None;
    }
    let usual =
        |kind: usize| base.clone().map(|bin| load(bin)[kind]).sum::<f64>() / base.len() as f64;
    let usual = [usual(0), usual(1)];
    let above = |bin: &usize| {
        let [rate, users] = load(*bin);
        rate > usual[0] * BACK_AT || users > usual[1] * BACK_AT
    };
    let last = (base.end..grid.bins).rev().find(above)?;
    let first = (base.end..=last).rev().take_while(above).last()?;
    Some((grid.offset(first), grid.offset(last + 1)))
}

/// Planned arrivals a second of all populations at an instant.
fn planned_rate(plan: &Plan, at: Offset) -> f64 {
    let rates = plan.populations.iter().map(|p| p.curve.rate_at(at).get());
    rates.sum()
}

/// How a subject came back from its last incident; `None` when it had none.
pub(crate) fn recovery(world: &World<'_>, judged: &Judged<'_>) -> Option<Recovery> {
    let bins = incidents::stretches(judged).pop()?;
    let grid = world.grid;
    let trigger = trigger(world, &bins);
    let t1 = trigger.gone;
    let onset = grid.start(bins.start);
    let rest = world.timeline.end.since(t1);
    let ended_before = incidents::ended(judged, &bins) && grid.offset(bins.end) <= t1;
    let back = if ended_before {
        Back::At(grid.start(bins.end))
    } else {
        back(world, judged, t1.max(grid.offset(bins.start)), rest)
    };
    let (recovered_s, more_than_s) = match back {
        Back::At(at) => (Some(at), None),
        Back::Not { .. } => {
            let known = world.known_to().since(t1);
            (None, Some(known.as_secs_f64()))
        }
    };
    let until = recovered_s.map_or(grid.bins, |at| grid.edge(Offset::from_secs_f64(at)));
    let removal = grid.edge(t1);
    let lost_during = judged.lost(grid.edge(trigger.since)..removal);
    let lost_after = judged.lost(removal..until.max(removal));
    let lost = lost_during + lost_after;
    Some(Recovery {
        from_s: t1.as_secs_f64(),
        of: trigger.what,
        recovered_s,
        time_to_recover_s: recovered_s.map(|at| (at - t1.as_secs_f64()).max(0.0)),
        more_than_s,
        outage_s: recovered_s.map(|at| at - onset),
        lost_during,
        lost_after,
        hangover_share: (lost > 0.0).then(|| lost_after / lost),
        surge: surge(judged, removal..until),
        metastable_suspected: recovered_s.is_none() && metastable(world, judged, t1),
    })
}

/// The highest attempts a second in (t1, t_r] over the baseline's.
fn surge(judged: &Judged<'_>, bins: Range<usize>) -> Option<f64> {
    let usual = judged.usual.attempt_rate().filter(|rate| *rate > 0.0)?;
    let most = bins
        .map(|bin| judged.samples.sum(bin..bin + 1).attempts)
        .max()?;
    Some(most as f64 / judged.width / usual)
}

/// Trigger gone, load back at the baseline's, watched for all of X, and not recovered.
fn metastable(world: &World<'_>, judged: &Judged<'_>, t1: Offset) -> bool {
    let quiet = elevated(world).map_or(t1, |(_, to)| to.max(t1));
    let observe = world.plan.measure.observe;
    let watched_enough = quiet.plus(observe) <= world.known_to();
    watched_enough && matches!(back(world, judged, quiet, observe), Back::Not { .. })
}
