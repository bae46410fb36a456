//! What was sent, and what came of it: totals, populations, phases.

use std::collections::BTreeMap;

use super::{
    LoadTotals, PhaseResult, PopulationResult, samples::Samples, stats::summarise, world::World,
};
use crate::{
    measure::{Outcome, OutcomeCounts},
    plan::Origin,
    units::Span,
};

/// Peaks of amplification are looked for in windows of this many seconds.
const PEAK_SECONDS: u64 = 10;
/// A ratio of fewer attempts than this is noise.
const LEAST_ATTEMPTS: u64 = 20;
/// A retry storm is amplification above so many times the baseline's,
const STORM: f64 = 2.0;
/// for so many bins in a row.
const STORM_BINS: usize = 3;

/// Totals over everything that was sent, also retries after the intended end.
pub(crate) fn totals(world: &World<'_>) -> LoadTotals {
    let mut counts = OutcomeCounts::default();
    let (mut injected, mut injected_failures) = (0, 0);
    for ((_, id), cell) in &world.record.cells {
        let series = world.plan.series.get(usize::from(id.0));
        if series.is_some_and(|s| s.origin != Origin::Probe) {
            counts.merge(&cell.counts);
            injected += cell.injected;
            injected_failures += cell.injected_bad;
        }
    }
    let mut not_sent = BTreeMap::new();
    let mut errors = BTreeMap::new();
    for (outcome, n) in counts.iter() {
        match reason_not_sent(outcome) {
            Some(reason) => {
                not_sent.insert(reason.to_owned(), n);
            }
            None if outcome.is_good() || outcome == Outcome::Shed => {}
            None => {
                errors.insert(outcome.name().to_owned(), n);
            }
        }
    }
    LoadTotals {
        planned: world.plan.populations.iter().map(|p| p.arrivals).sum(),
        began: begun(world, false),
        begun_by_users: begun(world, true),
        offered: counts.offered(),
        sent: counts.sum(Outcome::is_sent),
        good: counts.good(),
        fallback: counts.get(Outcome::Fallback),
        shed: counts.shed(),
        not_sent,
        errors,
        injected,
        injected_failures,
    }
}

/// Journeys begun in the open populations, or in the closed ones.
pub(crate) fn begun(world: &World<'_>, closed: bool) -> u64 {
    let populations = &world.plan.populations;
    let wanted = |id: u16| {
        let population = populations.get(usize::from(id));
        population.is_some_and(|p| p.users.is_some()) == closed
    };
    let journeys = world.record.journeys.iter();
    let counted = journeys.filter(|((_, id), _)| wanted(*id));
    counted.map(|(_, journeys)| journeys.began).sum()
}

fn reason_not_sent(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Blocked => Some("blocked"),
        sent if sent.is_sent() => None,
        unsent => unsent.name().strip_prefix("not_sent_"),
    }
}

/// Each population's journeys and requests.
pub(crate) fn populations(world: &World<'_>) -> BTreeMap<String, PopulationResult> {
    let mut out = BTreeMap::new();
    for (id, population) in world.plan.populations.iter().enumerate() {
        let Some(requests) = world.requests.get(&population.name) else {
            continue;
        };
        let mut result = PopulationResult {
            planned: population.users.is_none().then_some(population.arrivals),
            users: population.users.as_ref().map(|users| users.most),
            first_attempts: requests.total.first,
            attempts: requests.total.attempts,
            amplification: requests.total.amplification().unwrap_or(1.0),
            peak_amplification: peak(world, requests),
            retry_storm: storm(world, requests),
            latency: summarise(&requests.all_latencies()),
            ..PopulationResult::default()
        };
        for ((_, who), cell) in &world.record.journeys {
            if usize::from(*who) == id {
                result.began += cell.began;
                result.good += cell.good;
                result.failed += cell.failed;
            }
        }
        out.insert(population.name.clone(), result);
    }
    out
}

fn peak(world: &World<'_>, requests: &Samples<'_>) -> f64 {
    let width = world
        .grid
        .spanning(std::time::Duration::from_secs(PEAK_SECONDS));
    let last = requests.bins.len().saturating_sub(width);
    (0..=last)
        .map(|from| requests.sum(from..from + width))
        .filter(|sum| sum.attempts >= LEAST_ATTEMPTS)
        .filter_map(|sum| sum.amplification())
        .fold(requests.total.amplification().unwrap_or(1.0), f64::max)
}

fn storm(world: &World<'_>, requests: &Samples<'_>) -> bool {
    let usual = requests.sum(world.baseline.clone()).amplification();
    let limit = usual.unwrap_or(1.0) * STORM;
    let mut run = 0;
    requests.bins.iter().any(|bin| {
        let counts = &bin.counts;
        // compared as a product: a bin may hold nothing but retries
        let above = counts.attempts as f64 > limit * counts.first as f64;
        let enough = counts.attempts * 2 >= LEAST_ATTEMPTS;
        run = if above && enough { run + 1 } else { 0 };
        run >= STORM_BINS
    })
}

/// Each phase that was reached, as it went.
pub(crate) fn phases(world: &World<'_>) -> Vec<PhaseResult> {
    let known = world.known_to();
    world
        .plan
        .phases
        .iter()
        .map(|phase| {
            let to = phase.to.min(known).max(phase.from);
            let bins = world.grid.range(phase.from, to);
            let counts = world.all.sum(bins.clone());
            let seconds = to.since(phase.from).as_secs_f64();
            let rate = |n: u64| {
                if seconds > 0.0 {
                    n as f64 / seconds
                } else {
                    0.0
                }
            };
            PhaseResult {
                name: phase.name.clone(),
                from_s: phase.from.as_secs_f64(),
                to_s: phase.to.as_secs_f64(),
                story_from: Span(phase.story_from.0).to_string(),
                story_to: Span(phase.story_to.0).to_string(),
                offered_rate: rate(counts.offered),
                good_rate: rate(counts.good),
                success: counts.success(),
                latency: summarise(&world.all.latencies(bins)),
            }
        })
        .collect()
}
