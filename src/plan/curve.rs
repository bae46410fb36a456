//! Rates over real time: what a curve is at an instant, and how much comes in all.

use std::time::Duration;

use super::model::RateCurve;
use crate::{time::Offset, units::Rate};

/// A stretch of a curve on which the rate is a straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Its begin.
    pub from: Offset,
    /// Its end, after its begin.
    pub to: Offset,
    /// The rate at its begin.
    pub start: Rate,
    /// The rate at its end.
    pub end: Rate,
}

impl Segment {
    /// Its length in seconds.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.to.since(self.from).as_secs_f64()
    }

    /// How much comes on it (the trapezoid's area).
    #[must_use]
    pub fn mass(&self) -> f64 {
        (self.start.get() + self.end.get()) / 2.0 * self.seconds()
    }

    /// The rate at `at`, which lies on it.
    fn rate_at(&self, at: Offset) -> f64 {
        let part = at.since(self.from).as_secs_f64() / self.seconds();
        self.start.get() + (self.end.get() - self.start.get()) * part.clamp(0.0, 1.0)
    }

    /// The part of it that lies in `from..to`, if any.
    fn clipped(&self, from: Offset, to: Offset) -> Option<Self> {
        let (low, high) = (self.from.max(from), self.to.min(to));
        (low < high).then(|| Self {
            from: low,
            to: high,
            start: Rate::per_second(self.rate_at(low)).unwrap_or_default(),
            end: Rate::per_second(self.rate_at(high)).unwrap_or_default(),
        })
    }
}

impl RateCurve {
    /// Its straight stretches, in order; steps have no length and are left out.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        straight(&self.knots)
    }

    /// Those that `from..to` touches. Curves of recorded traffic have thousands.
    fn segments_in(&self, from: Offset, to: Offset) -> impl Iterator<Item = Segment> + '_ {
        let first = self.knots.partition_point(|(at, _)| *at <= from);
        let after = self.knots.partition_point(|(at, _)| *at < to);
        let end = (after + 1).min(self.knots.len());
        straight(&self.knots[first.saturating_sub(1).min(end)..end])
    }

    /// The rate at `at`; at a step, the rate after it. At the last knot, the last rate.
    #[must_use]
    pub fn rate_at(&self, at: Offset) -> Rate {
        let after = self.knots.partition_point(|(knot, _)| *knot <= at);
        match (after.checked_sub(1), self.knots.get(after)) {
            (None, _) => Rate::ZERO,
            (Some(last), None) if self.knots[last].0 < at => Rate::ZERO,
            (Some(last), None) => self.knots[last].1,
            (Some(before), Some(&(to, end))) => {
                let (from, start) = self.knots[before];
                let segment = Segment {
                    from,
                    to,
                    start,
                    end,
                };
                Rate::per_second(segment.rate_at(at)).unwrap_or_default()
            }
        }
    }

    /// The rate that `at` is reached with; at a step, the rate before it.
    #[must_use]
    pub fn rate_before(&self, at: Offset) -> Rate {
        let after = self.knots.partition_point(|(knot, _)| *knot < at);
        let end = (after + 1).min(self.knots.len());
        straight(&self.knots[after.saturating_sub(1)..end])
            .find(|s| s.from < at && at <= s.to)
            .map_or(Rate::ZERO, |s| {
                Rate::per_second(s.rate_at(at)).unwrap_or_default()
            })
    }

    /// How much comes in all.
    #[must_use]
    pub fn integral(&self) -> f64 {
        self.segments().map(|s| s.mass()).sum()
    }

    /// How much comes in `from..to`.
    #[must_use]
    pub fn integral_between(&self, from: Offset, to: Offset) -> f64 {
        self.segments_in(from, to)
            .filter_map(|s| s.clipped(from, to))
            .map(|s| s.mass())
            .sum()
    }

    /// The same curve with `by` more in `from..to`, which lies inside of it.
    #[must_use]
    pub(super) fn raised(&self, from: Offset, to: Offset, by: Rate) -> Self {
        let more = |rate: Rate| Rate::per_second(rate.get() + by.get()).unwrap_or(rate);
        let part = |inside: &dyn Fn(Offset) -> bool| -> Vec<(Offset, Rate)> {
            let knots = self.knots.iter().copied();
            knots.filter(|(at, _)| inside(*at)).collect()
        };
        let mut knots = part(&|at| at < from);
        knots.push((from, self.rate_before(from)));
        knots.push((from, more(self.rate_at(from))));
        let between = part(&|at| from < at && at < to).into_iter();
        knots.extend(between.map(|(at, rate)| (at, more(rate))));
        knots.push((to, more(self.rate_before(to))));
        knots.push((to, self.rate_at(to)));
        knots.extend(part(&|at| to < at));
        Self { knots }
    }

    /// How many arrivals that makes: the integral, rounded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.integral().round() as u64
    }

    /// The highest rate.
    #[must_use]
    pub fn max(&self) -> Rate {
        self.knots
            .iter()
            .map(|(_, rate)| *rate)
            .fold(Rate::ZERO, |a, b| if b > a { b } else { a })
    }

    /// The most that comes in any stretch as long as `window`. Each begin or end of the stretch at
    /// a knot is tried; between knots the true maximum may lie a little higher, by at most the
    /// curvature of one ramp.
    #[must_use]
    pub fn most_within(&self, window: Duration) -> f64 {
        let begins = self.knots.iter().map(|(at, _)| *at);
        let ends = self
            .knots
            .iter()
            .map(|(at, _)| Offset(at.0.saturating_sub(window)));
        begins
            .chain(ends)
            .map(|from| self.integral_between(from, from.plus(window)))
            .fold(0.0, f64::max)
    }
}

/// The straight stretches between knots.
fn straight(knots: &[(Offset, Rate)]) -> impl Iterator<Item = Segment> + '_ {
    knots.windows(2).filter_map(|pair| match *pair {
        [(from, start), (to, end)] if from < to => Some(Segment {
            from,
            to,
            start,
            end,
        }),
        _ => None,
    })
}

/// The sum of some curves, each times a weight: the rates on both sides of an instant.
#[derive(Debug, Clone)]
pub(super) struct Sum<'a>(pub(super) Vec<(&'a RateCurve, f64)>);

impl Sum<'_> {
    /// The sum at `at`, after any step.
    pub(super) fn rate_at(&self, at: Offset) -> f64 {
        self.0.iter().map(|(c, w)| c.rate_at(at).get() * w).sum()
    }

    /// The sum just before `at`.
    fn rate_before(&self, at: Offset) -> f64 {
        self.0
            .iter()
            .map(|(c, w)| c.rate_before(at).get() * w)
            .sum()
    }

    /// How much comes in `from..to`.
    pub(super) fn integral_between(&self, from: Offset, to: Offset) -> f64 {
        self.0
            .iter()
            .map(|(c, w)| c.integral_between(from, to) * w)
            .sum()
    }

    /// Lowest and highest sum in `from..to`: of a piecewise linear sum both lie at knots.
    pub(super) fn range_between(&self, from: Offset, to: Offset) -> (f64, f64) {
        let knots = self
            .0
            .iter()
            .flat_map(|(c, _)| c.knots.iter().map(|(at, _)| *at))
            .filter(|at| from < *at && *at < to)
            .flat_map(|at| [self.rate_before(at), self.rate_at(at)]);
        [self.rate_at(from), self.rate_before(to)]
            .into_iter()
            .chain(knots)
            .fold((f64::INFINITY, 0.0), |(low, high), rate| {
                (low.min(rate), high.max(rate))
            })
    }

    /// The instant and height of the highest sum.
    pub(super) fn peak(&self) -> (Offset, f64) {
        let mut peak = (Offset::ZERO, 0.0);
        for (curve, _) in &self.0 {
            for (at, _) in &curve.knots {
                for rate in [self.rate_before(*at), self.rate_at(*at)] {
                    if rate > peak.1 {
                        peak = (*at, rate);
                    }
                }
            }
        }
        peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Offset {
        Offset::from_secs_f64(seconds)
    }

    /// 10/s for 10 s, a step to 100/s, down to 0/s in 10 s.
    fn saw() -> RateCurve {
        let knot = |seconds, rate| (at(seconds), Rate::per_second(rate).expect("a rate"));
        RateCurve {
            knots: vec![
                knot(0.0, 10.0),
                knot(10.0, 10.0),
                knot(10.0, 100.0),
                knot(20.0, 0.0),
            ],
        }
    }

    #[test]
    fn a_step_belongs_to_what_comes_after() {
        let saw = saw();
        for (seconds, before, after) in [
            (0.0, 0.0, 10.0),
            (5.0, 10.0, 10.0),
            (10.0, 10.0, 100.0),
            (15.0, 50.0, 50.0),
            (20.0, 0.0, 0.0),
            (25.0, 0.0, 0.0),
        ] {
            assert_eq!(
                saw.rate_before(at(seconds)).get(),
                before,
                "before {seconds}"
            );
            assert_eq!(saw.rate_at(at(seconds)).get(), after, "at {seconds}");
        }
        assert_eq!(RateCurve::default().rate_at(at(1.0)), Rate::ZERO);
    }

    proptest::proptest! {
        #[test]
        fn looking_close_by_finds_what_looking_everywhere_does(
            knots in proptest::collection::vec((0u32..20, 0u32..5), 0..12),
            from in 0u32..22,
            to in 0u32..22,
        ) {
            let mut knots: Vec<_> = knots
                .into_iter()
                .map(|(t, r)| (at(f64::from(t)), Rate::per_second(f64::from(r)).expect("a rate")))
                .collect();
            knots.sort_by_key(|(at, _)| *at);
            let curve = RateCurve { knots };
            let (from, to) = (at(f64::from(from)), at(f64::from(to)));
            let everywhere: f64 = curve
                .segments()
                .filter_map(|s| s.clipped(from, to))
                .map(|s| s.mass())
                .sum();
            proptest::prop_assert_eq!(curve.integral_between(from, to), everywhere);
            let before = curve.segments().find(|s| s.from < to && to <= s.to);
            let before = before.map_or(0.0, |s| s.rate_at(to));
            proptest::prop_assert_eq!(curve.rate_before(to).get(), before);
        }
    }

    #[test]
    fn areas() {
        let saw = saw();
        assert_eq!(saw.count(), 600);
        assert_eq!(saw.integral_between(at(5.0), at(15.0)), 50.0 + 375.0);
        assert_eq!(saw.most_within(Duration::from_secs(10)), 500.0);
        assert_eq!(saw.most_within(Duration::from_secs(60)), 600.0);
        assert_eq!(saw.max().get(), 100.0);
    }

    #[test]
    fn a_raised_curve_has_just_so_much_more() {
        let saw = saw();
        for (from, to) in [(0.0, 1.0), (9.5, 10.5), (10.0, 12.0), (12.0, 20.0)] {
            let raised = saw.raised(at(from), at(to), Rate::per_second(50.0).expect("a rate"));
            let more = 50.0 * (to - from);
            assert!(
                (raised.integral() - 600.0 - more).abs() < 1e-6,
                "{from} {to}"
            );
            let inside = raised.integral_between(at(from), at(to));
            let before = saw.integral_between(at(from), at(to));
            assert!((inside - before - more).abs() < 1e-6, "{from} {to}");
            assert!(raised.knots.is_sorted_by_key(|(at, _)| *at));
        }
    }

    #[test]
    fn sums_are_looked_at_from_both_sides_of_a_step() {
        let saw = saw();
        let sum = Sum(vec![(&saw, 1.0), (&saw, 2.0)]);
        assert_eq!(sum.peak(), (at(10.0), 300.0));
        assert_eq!(sum.range_between(at(0.0), at(10.0)), (30.0, 30.0));
        assert_eq!(sum.range_between(at(5.0), at(20.0)), (0.0, 300.0));
    }
}
