//! Definition 7: whether there is something to compare with.

use std::{collections::BTreeMap, time::Duration};

use super::{
    BaselineResult,
    grid::Grid,
    measured,
    samples::{JudgedBy, Reading, Samples},
    stats::{summarise, wilson},
    text,
};
use crate::{
    event::BaselineVerdict,
    measure::{Latencies, PackedCell},
    plan::{Origin, Plan, Rule, SeriesId},
    scenario::model::Subject,
    units::Span,
};

/// The medians of the halves may differ by this part of the smaller one,
const MEDIAN_SHARE: f64 = 0.25;
/// or by this much.
const MEDIAN_SLACK: f64 = 0.005;

/// A kind of request is compared by itself from so many in each half on.
const MEDIAN_SAMPLES: u64 = 50;

/// The name of a verdict in reports.
pub(crate) const fn name(verdict: BaselineVerdict) -> &'static str {
    match verdict {
        BaselineVerdict::Good => "good",
        BaselineVerdict::BelowSteadyState => "below_steady_state",
        BaselineVerdict::Unsteady => "unsteady",
        BaselineVerdict::Waived => "waived",
    }
}

/// Judges the baseline from what was measured so far: thick enough, stationary, and within the
/// steady state. A scenario that can do without gets *waived* in place of a bad verdict.
#[must_use]
pub fn judge_baseline(
    plan: &Plan,
    cells: &BTreeMap<(u32, SeriesId), PackedCell>,
) -> (BaselineVerdict, BaselineResult) {
    let (from, to) = plan.baseline_window();
    let grid = Grid::new(plan.measure.bin, to.0, Duration::MAX);
    let bins = grid.range(from, to);
    let load = |id: SeriesId| {
        let series = plan.series.get(usize::from(id.0));
        series.is_some_and(|s| s.origin != Origin::Probe)
    };
    let all = Samples::gather(cells, JudgedBy::Requests, load, grid, Reading::Measured);
    let sum = all.sum(bins.clone());
    let seconds = grid.seconds(bins.len());
    let latencies = all.latencies(bins.clone());

    let middle = bins.start + bins.len() / 2;
    // a target that fails its first steps never sees the others: that is why it is thin, so tell it
    let thin = thin(plan, sum.offered, to.since(from)).map(|thin| {
        below(plan, cells, grid, &bins).map_or(thin.clone(), |miss| format!("{thin}; {miss}"))
    });
    let doubts = thin.or_else(|| {
        let halves = [bins.start..middle, middle..bins.end].map(|half| Half::of(&all, half));
        let kinds: Vec<[Half; 2]> = (0..plan.series.len())
            .filter_map(|index| u16::try_from(index).ok().map(SeriesId))
            .filter(|id| load(*id))
            .map(|id| {
                let kind = |other| other == id;
                let kind =
                    Samples::gather(cells, JudgedBy::Requests, kind, grid, Reading::Measured);
                [bins.start..middle, middle..bins.end].map(|half| Half::of(&kind, half))
            })
            .collect();
        unsteady(&halves).or_else(|| moved(&halves, &kinds))
    });
    let (verdict, detail) = if let Some(doubt) = doubts {
        (BaselineVerdict::Unsteady, doubt)
    } else if let Some(miss) = below(plan, cells, grid, &bins) {
        (BaselineVerdict::BelowSteadyState, miss)
    } else {
        let success = sum.success().map_or_else(String::new, text::percent);
        let requests = text::count(sum.offered);
        (
            BaselineVerdict::Good,
            format!("{success} of {requests} requests succeeded"),
        )
    };
    let waive = plan.measure.baseline_optional && verdict != BaselineVerdict::Good;
    let verdict = if waive {
        BaselineVerdict::Waived
    } else {
        verdict
    };
    let result = BaselineResult {
        verdict: name(verdict).to_owned(),
        detail,
        from_s: from.as_secs_f64(),
        to_s: to.as_secs_f64(),
        requests: sum.offered,
        success: sum.success(),
        goodput: (seconds > 0.0).then(|| sum.good as f64 / seconds),
        latency: summarise(&latencies),
    };
    (verdict, result)
}

/// Too little to compare with.
fn thin(plan: &Plan, requests: u64, span: Duration) -> Option<String> {
    let (least, shortest) = (plan.measure.baseline_requests, plan.measure.baseline_span);
    if span < shortest {
        return Some(format!(
            "the baseline lasts {}, it needs {}",
            Span(span),
            Span(shortest)
        ));
    }
    (requests < u64::from(least)).then(|| {
        format!(
            "the baseline holds {} requests, it needs {}",
            text::count(requests),
            text::count(u64::from(least))
        )
    })
}

struct Half {
    good: u64,
    offered: u64,
    latencies: Latencies,
}

impl Half {
    fn of(samples: &Samples<'_>, bins: std::ops::Range<usize>) -> Self {
        let sum = samples.sum(bins.clone());
        Self {
            good: sum.good,
            offered: sum.offered,
            latencies: samples.latencies(bins),
        }
    }

    fn median(&self) -> Option<f64> {
        self.latencies.quantile(0.5).map(|d| d.as_secs_f64())
    }
}

/// Not stationary: its halves differ in success.
fn unsteady([early, late]: &[Half; 2]) -> Option<String> {
    let (Some(a), Some(b)) = (
        wilson(early.good, early.offered),
        wilson(late.good, late.offered),
    ) else {
        return Some("half of the baseline holds no request".to_owned());
    };
    if a.1 < b.0 || b.1 < a.0 {
        let share = |h: &Half| text::percent(h.good as f64 / h.offered as f64);
        return Some(format!(
            "success moved from {} to {} within the baseline",
            share(early),
            share(late)
        ));
    }
    None
}

/// Not stationary: its halves differ in their medians. The kinds of request are compared each by
/// itself where there are enough of them: the median of a mix of fast and slow ones lies in the gap
/// between them, and leaps with the mix.
fn moved(all: &[Half; 2], kinds: &[[Half; 2]]) -> Option<String> {
    let thick = |[early, late]: &&[Half; 2]| early.offered.min(late.offered) >= MEDIAN_SAMPLES;
    let mut compared = kinds.iter().filter(thick).peekable();
    if compared.peek().is_none() {
        return leap(all);
    }
    compared.find_map(leap)
}

fn leap([early, late]: &[Half; 2]) -> Option<String> {
    let (a, b) = (early.median()?, late.median()?);
    let slack = (a.min(b) * MEDIAN_SHARE).max(MEDIAN_SLACK);
    ((a - b).abs() > slack).then(|| {
        format!(
            "the median moved from {} to {} within the baseline",
            text::latency(a),
            text::latency(b)
        )
    })
}

/// The first claim of the steady state that the baseline misses. Populations are judged by their
/// requests here: journeys may take longer than a baseline.
fn below(
    plan: &Plan,
    cells: &BTreeMap<(u32, SeriesId), PackedCell>,
    grid: Grid,
    bins: &std::ops::Range<usize>,
) -> Option<String> {
    plan.steady_state.iter().find_map(|claim| {
        let Rule::Measured {
            subject,
            measure,
            comparison,
            limit,
            ..
        } = &claim.rule
        else {
            return None;
        };
        let samples = of_subject(plan, cells, subject, grid)?;
        let seconds = grid.seconds(bins.len());
        let seen = measured::measure(&samples, *measure, bins.clone(), seconds)?;
        let limit = measured::resolve(*limit, Some(seen.value), capacity(plan, subject))?;
        (!comparison.holds(seen.value, limit)).then(|| {
            let seen = measured::show(*measure, seen.value);
            format!("`{}` does not hold: {seen}", claim.text)
        })
    })
}

/// K of the subject's service.
pub(crate) fn capacity(plan: &Plan, subject: &Subject) -> Option<f64> {
    let (Subject::Service(name) | Subject::Feature { service: name, .. }) = subject else {
        return None;
    };
    let service = plan.services.iter().find(|s| s.name == *name)?;
    service.capacity.map(|rate| rate.get())
}

fn of_subject<'a>(
    plan: &Plan,
    cells: &'a BTreeMap<(u32, SeriesId), PackedCell>,
    subject: &Subject,
    grid: Grid,
) -> Option<Samples<'a>> {
    let id = |name: &str| plan.services.iter().position(|s| s.name == name);
    let how = (
        grid,
        Reading::Measured,
        plan.measure.bad_bins.max(1) as usize,
    );
    match subject {
        Subject::Service(name) => {
            let id = id(name)?;
            let here = |s: u16, _: Option<&str>| usize::from(s) == id;
            Some(Samples::of_place(cells, plan, here, how))
        }
        Subject::Feature { service, feature } => {
            let id = id(service)?;
            let here = |s: u16, f: Option<&str>| usize::from(s) == id && f == Some(feature);
            Some(Samples::of_place(cells, plan, here, how))
        }
        Subject::Population(name) => {
            let id = plan.populations.iter().position(|p| p.name == *name)?;
            let wanted = |series: SeriesId| {
                plan.series.get(usize::from(series.0)).is_some_and(
                    |s| matches!(s.origin, Origin::Population(p) if usize::from(p) == id),
                )
            };
            let by = JudgedBy::Requests;
            Some(Samples::gather(cells, by, wanted, grid, Reading::Measured))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half(millis: &[(u64, u64)]) -> Half {
        let mut latencies = Latencies::default();
        for (ms, count) in millis {
            (0..*count).for_each(|_| latencies.record(Duration::from_millis(*ms)));
        }
        let offered = latencies.len();
        Half {
            good: offered,
            offered,
            latencies,
        }
    }

    #[test]
    fn a_shifting_mix_of_fast_and_slow_requests_is_steady() {
        // just more fast ones in one half, just more slow ones in the other
        let all = [half(&[(5, 110), (50, 100)]), half(&[(5, 100), (50, 110)])];
        let kinds = [
            [half(&[(5, 110)]), half(&[(5, 100)])],
            [half(&[(50, 100)]), half(&[(50, 110)])],
        ];
        assert!(leap(&all).is_some(), "the pooled median leaps");
        assert_eq!(moved(&all, &kinds), None);
    }

    #[test]
    fn one_kind_that_slows_down_is_not_steady() {
        let all = [half(&[(5, 200), (20, 60)]), half(&[(5, 200), (90, 60)])];
        let kinds = [
            [half(&[(5, 200)]), half(&[(5, 200)])],
            [half(&[(20, 60)]), half(&[(90, 60)])],
        ];
        assert_eq!(leap(&all), None, "the pooled median hides it");
        assert!(moved(&all, &kinds).is_some());
    }

    #[test]
    fn kinds_that_are_too_thin_are_judged_together() {
        let all = [half(&[(5, 40), (6, 40)]), half(&[(50, 40), (60, 40)])];
        let kinds = [
            [half(&[(5, 40)]), half(&[(50, 40)])],
            [half(&[(6, 40)]), half(&[(60, 40)])],
        ];
        assert!(moved(&all, &kinds).is_some());
    }
}
