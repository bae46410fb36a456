//! Doubts about the schedule: what was sent late, and what was not sent at all.

use std::time::Duration;

use super::{
    readings::{UNSENT_SHARE, is_late, lag_limit, late_seconds, missing_arrivals},
    warnings::warning,
};
use crate::{
    analysis::{Warning, load, text, world::World},
    event::HarnessTick,
    units::Span,
};

/// One late second in so many is nothing unusual.
const LATE_ONE_IN: usize = 100;

pub(super) fn warnings(world: &World<'_>) -> Vec<Warning> {
    [lag(world), unsent(world)].into_iter().flatten().collect()
}

fn lag(world: &World<'_>) -> Option<Warning> {
    let ticks = &world.record.harness;
    let limit = lag_limit(world.plan);
    let late = late_seconds(world, limit, None);
    if late == 0 || late * LATE_ONE_IN <= ticks.len() {
        return None;
    }
    let worst = ticks.iter().map(|(_, t)| t.lag_max).max()?;
    let alone = ticks
        .iter()
        .filter(|(_, t)| is_one_worker(t, limit))
        .count();
    let workers = ticks.iter().map(|(_, t)| t.workers.len()).max()?;
    let alone = if alone * 2 > late {
        format!("; in {alone} s it was one of the {workers} workers alone")
    } else {
        String::new()
    };
    Some(warning(
        "lag",
        format!(
            "requests started late (above {}) in {late} of {} s, at most {}{alone}",
            Span(limit),
            ticks.len(),
            text::latency(worst.as_secs_f64())
        ),
        "give brownout a machine or processors of its own, or lower --load-scale",
    ))
}

/// Whether one of several workers was behind, and the others were not.
fn is_one_worker(tick: &HarnessTick, limit: Duration) -> bool {
    let behind = tick
        .workers
        .iter()
        .filter(|w| w.silent || w.lag_p50 > limit);
    is_late(tick, limit) && tick.workers.len() > 1 && behind.count() == 1
}

fn unsent(world: &World<'_>) -> Option<Warning> {
    let share = world.all.total.unsent_share();
    let missing = missing_arrivals(world);
    let mut parts = Vec::new();
    if share > 0.0 {
        let reasons = load::totals(world).not_sent;
        let of = |reason: &str| {
            reasons
                .get(reason)
                .map(|n| format!("{}: {}", reason, text::count(*n)))
        };
        let reasons: Vec<_> = ["lag", "descriptors", "ports"]
            .into_iter()
            .filter_map(of)
            .collect();
        parts.push(format!(
            "the harness failed to send {} requests ({}; {})",
            text::count(world.all.total.unsent),
            text::percent(share),
            reasons.join(", ")
        ));
    }
    if missing > 0.0 {
        parts.push(format!(
            "{} of the planned arrivals never began",
            text::percent(missing)
        ));
    }
    if parts.is_empty() {
        return None;
    }
    if share.max(missing) > UNSENT_SHARE {
        parts.push("gates that this could turn are inconclusive".to_owned());
    }
    Some(warning(
        "not_sent",
        parts.join("; "),
        "lower --load-scale, or give brownout more processors, descriptors or ports",
    ))
}
