//! Other readings of the same run, and the verdicts that they would turn.

use std::time::Duration;

use crate::{
    analysis::{
        ClaimResult, Verdict, claims, load, samples::Reading, stats::ratio, text, world::World,
    },
    event::{HarnessTick, WorkerTick},
    plan::{ClaimPlan, Plan, Rule},
    scenario::model::{Limit, Measure},
    time::Offset,
};

/// More than this of a window not sent by the harness makes its gate doubtful.
pub(super) const UNSENT_SHARE: f64 = 0.001;
/// Lag below this is never worth a word.
const LEAST_LAG: Duration = Duration::from_millis(5);
/// Lag may be this part of the tightest latency limit.
const LAG_SHARE: f64 = 0.1;

/// A run and its other readings, made only if there is a reason to ask them.
pub(crate) struct Readings<'w, 'a> {
    measured: &'w World<'a>,
    /// What was not sent counts as bad, and as good: the truth lies between them.
    unsent: Option<[World<'a>; 2]>,
    served: Option<World<'a>>,
    lag_limit: Duration,
    missing: f64,
}

impl<'w, 'a> Readings<'w, 'a> {
    /// Prepares the readings that a doubt calls for.
    pub(crate) fn new(measured: &'w World<'a>) -> Self {
        let lag_limit = lag_limit(measured.plan);
        let late = late_seconds(measured, lag_limit, None) > 0;
        let read = |reading| World::new(measured.record, reading);
        Self {
            unsent: (measured.all.total.unsent > 0)
                .then(|| [Reading::UnsentCounted, Reading::UnsentGood].map(read)),
            served: late.then(|| read(Reading::ServiceTime)),
            lag_limit,
            missing: missing_arrivals(measured),
            measured,
        }
    }

    /// Judges a claim, and doubts the verdict where another reading gives another.
    pub(crate) fn judge(&self, claim: &ClaimPlan) -> ClaimResult {
        let mut result = claims::judge(self.measured, claim);
        let decided = matches!(result.verdict, Verdict::Pass | Verdict::Fail);
        if !decided {
            return result;
        }
        if let Some(doubt) = self.doubt(claim, &result) {
            let seen = verdict_name(result.verdict);
            result.detail = Some(format!("would be {seen}, but {doubt}"));
            result.verdict = Verdict::Inconclusive;
        }
        result
    }

    fn doubt(&self, claim: &ClaimPlan, seen: &ClaimResult) -> Option<String> {
        let (from, to) = claims::bounds(self.measured, &claim.rule)?;
        let grid = self.measured.grid;
        let unsent = self.measured.all.sum(grid.range(from, to)).unsent_share();
        if self.missing > UNSENT_SHARE && seen.verdict == Verdict::Pass {
            let missing = text::percent(self.missing);
            return Some(format!("{missing} of the planned arrivals never began"));
        }
        if unsent > UNSENT_SHARE {
            let mut others = self.unsent.iter().flatten();
            let differs = others.any(|w| claims::judge(w, claim).verdict != seen.verdict);
            if differs || (seen.verdict == Verdict::Pass && rests_on_load(&claim.rule, unsent)) {
                let share = text::percent(unsent);
                return Some(format!(
                    "the harness failed to send {share} of the window's load"
                ));
            }
        }
        if late_seconds(self.measured, self.lag_limit, Some((from, to))) > 0
            && let Some(served) = &self.served
        {
            let other = claims::judge(served, claim);
            if other.verdict != seen.verdict {
                return Some(format!(
                    "the harness was late, and by service time it is {} ({})",
                    verdict_name(other.verdict),
                    other.observed
                ));
            }
        }
        None
    }
}

/// Whether a claim that holds might not have held under the load that is missing, in a way that
/// counting cannot show: what never happened might have, and the slowest are not among the sent.
const fn rests_on_load(rule: &Rule, unsent: f64) -> bool {
    match rule {
        Rule::Never { .. } => true,
        Rule::Measured {
            measure: Measure::Latency(quantile),
            ..
        } => unsent > 1.0 - *quantile as f64 / 10_000.0,
        Rule::Measured { .. }
        | Rule::Happens { .. }
        | Rule::Recovers { .. }
        | Rule::Tolerates { .. }
        | Rule::ReturnsBefore { .. } => false,
    }
}

const fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Stopped => "stopped",
    }
}

/// The lag that is worth a word: 5 ms, or 10% of the tightest latency limit if that is more.
pub(crate) fn lag_limit(plan: &Plan) -> Duration {
    let tightest = plan
        .gates
        .iter()
        .chain(&plan.steady_state)
        .filter_map(|claim| match &claim.rule {
            Rule::Measured {
                limit: Limit::Time(limit),
                ..
            } => Some(*limit),
            _ => None,
        })
        .min();
    tightest.map_or(LEAST_LAG, |t| t.mul_f64(LAG_SHARE).max(LEAST_LAG))
}

/// Whether the harness was late in a second: by the 99th percentile over all arrivals, or since
/// one worker was behind with most of its own or too busy to say. (One late arrival of a worker
/// that had few says nothing, so each worker is taken at its median.)
pub(crate) fn is_late(tick: &HarnessTick, limit: Duration) -> bool {
    let behind = |w: &WorkerTick| w.silent || w.lag_p50 > limit;
    tick.lag_p99 > limit || tick.workers.iter().any(behind)
}

/// How many seconds of a window were late. (Percentiles of seconds are compared, never averaged.)
pub(super) fn late_seconds(
    world: &World<'_>,
    limit: Duration,
    window: Option<(Offset, Offset)>,
) -> usize {
    let second = Duration::from_secs(1);
    world
        .record
        .harness
        .iter()
        // a tick tells of the second before it
        .filter(|(at, _)| window.is_none_or(|(from, to)| from < *at && *at <= to.plus(second)))
        .filter(|(_, tick)| is_late(tick, limit))
        .count()
}

/// The part of the planned arrivals that never began, in a run that reached its end.
pub(super) fn missing_arrivals(world: &World<'_>) -> f64 {
    if !world.complete() {
        return 0.0;
    }
    let planned: u64 = world.plan.populations.iter().map(|p| p.arrivals).sum();
    let began = load::begun(world, false);
    ratio(planned.saturating_sub(began), planned).unwrap_or(0.0)
}
