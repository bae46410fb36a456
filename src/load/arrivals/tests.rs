use proptest::prelude::*;

use super::Schedule;
use crate::{plan::RateCurve, scenario::model::Spacing, seed::Seed, time::Offset, units::Rate};

fn curve(knots: &[(f64, f64)]) -> RateCurve {
    RateCurve {
        knots: knots
            .iter()
            .map(|&(at, rate)| {
                (
                    Offset::from_secs_f64(at),
                    Rate::per_second(rate).expect("a rate"),
                )
            })
            .collect(),
    }
}

fn schedule(curve: &RateCurve, spacing: Spacing) -> Schedule {
    Schedule::new(curve, curve.count(), spacing, Seed(7))
}

/// Steps, ramps and gaps: each piece is (seconds, rate at its start, rate at its end).
fn curves() -> impl Strategy<Value = RateCurve> {
    let rate = prop_oneof![Just(0.0), 0.1f64..2000.0];
    prop::collection::vec((0.001f64..20.0, rate.clone(), rate), 1..8).prop_map(|pieces| {
        let mut at = 0.0;
        let mut knots = Vec::new();
        for (seconds, start, end) in pieces {
            knots.push((at, start));
            at += seconds;
            knots.push((at, end));
        }
        curve(&knots)
    })
}

fn spacings() -> impl Strategy<Value = Spacing> {
    prop_oneof![Just(Spacing::Uniform), Just(Spacing::Poisson)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn exactly_the_planned_count_in_order_and_inside(curve in curves(), spacing in spacings()) {
        let all: Vec<_> = schedule(&curve, spacing).iter().collect();
        prop_assert_eq!(all.len() as u64, curve.count());
        prop_assert_eq!(curve.count(), curve.integral().round() as u64);
        prop_assert!(all.iter().enumerate().all(|(i, (index, _))| i as u64 == *index));
        prop_assert!(all.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        let end = curve.knots.last().expect("knots").0;
        prop_assert!(all.iter().all(|(_, at)| *at <= end.plus(std::time::Duration::from_nanos(1))));
    }

    #[test]
    fn shards_partition_the_schedule(
        curve in curves(), spacing in spacings(), workers in 1u64..9,
    ) {
        let schedule = schedule(&curve, spacing);
        let whole: Vec<_> = schedule.iter().collect();
        let mut parts: Vec<_> = (0..workers).flat_map(|w| schedule.shard(w, workers)).collect();
        parts.sort_unstable();
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn any_arrival_can_be_asked_for_by_itself(curve in curves(), spacing in spacings()) {
        let schedule = schedule(&curve, spacing);
        for (index, at) in schedule.iter().step_by(97) {
            prop_assert_eq!(schedule.at(index), Some(at));
        }
        prop_assert_eq!(schedule.at(schedule.len()), None);
    }

    #[test]
    fn uniform_counts_are_the_integral_of_every_stretch(curve in curves(), cut in 0.0f64..1.0) {
        let end = curve.knots.last().expect("knots").0;
        let cut = Offset::from_secs_f64(end.as_secs_f64() * cut);
        let before = schedule(&curve, Spacing::Uniform).iter().filter(|(_, at)| *at < cut).count();
        let wanted = curve.integral_between(Offset::ZERO, cut);
        prop_assert!((before as f64 - wanted).abs() <= 0.5 + 1e-3, "{} {}", before, wanted);
    }

    #[test]
    fn nobody_comes_where_the_rate_is_zero(
        spacing in spacings(), rate in 1.0f64..500.0, gap in 0.5f64..30.0,
    ) {
        let knots = [(0.0, rate), (5.0, rate), (5.0, 0.0), (5.0 + gap, 0.0), (5.0 + gap, rate),
                     (10.0 + gap, rate)];
        let nanos = 1e-8;
        for (_, at) in &schedule(&curve(&knots), spacing) {
            let at = at.as_secs_f64();
            prop_assert!(at <= 5.0 + nanos || at >= 5.0 + gap - nanos, "{}", at);
        }
    }
}

#[test]
fn poisson_counts_follow_the_curve() {
    // 0 -> 1000/s in 100 s: 50_000 in all, a quarter of them in the first half
    let ramp = curve(&[(0.0, 0.0), (100.0, 1000.0)]);
    let schedule = schedule(&ramp, Spacing::Poisson);
    let half = Offset::from_secs_f64(50.0);
    let early = schedule.iter().filter(|(_, at)| *at < half).count() as f64;
    // binomial with a standard deviation of 97: six of them
    assert!((early - 12_500.0).abs() < 581.0, "{early}");
}

#[test]
fn poisson_gaps_are_exponential_and_uniform_gaps_are_not() {
    let flat = curve(&[(0.0, 100.0), (500.0, 100.0)]);
    let spread = |spacing| {
        let at: Vec<_> = schedule(&flat, spacing)
            .iter()
            .map(|(_, at)| at.as_secs_f64())
            .collect();
        let gaps: Vec<_> = at.windows(2).map(|w| w[1] - w[0]).collect();
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        variance.sqrt() / mean
    };
    assert!((spread(Spacing::Poisson) - 1.0).abs() < 0.05);
    assert!(spread(Spacing::Uniform) < 1e-6);
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let flat = curve(&[(0.0, 100.0), (10.0, 100.0)]);
    let first = |seed| Schedule::new(&flat, flat.count(), Spacing::Poisson, Seed(seed)).at(0);
    assert_eq!(first(1), first(1));
    assert_ne!(first(1), first(2));
}

#[test]
fn a_step_is_sharp() {
    let step = curve(&[(0.0, 10.0), (10.0, 10.0), (10.0, 1000.0), (11.0, 1000.0)]);
    let schedule = schedule(&step, Spacing::Uniform);
    assert_eq!(schedule.len(), 1100);
    assert_eq!(schedule.at(99), Some(Offset::from_secs_f64(9.95)));
    assert_eq!(schedule.at(100), Some(Offset::from_secs_f64(10.0005)));
}

#[test]
fn a_count_that_is_not_the_curves_still_fills_the_run() {
    let flat = curve(&[(0.0, 10.0), (10.0, 10.0)]);
    let twice = Schedule::new(&flat, 200, Spacing::Uniform, Seed(1));
    assert_eq!(twice.len(), 200);
    assert_eq!(twice.at(199), Some(Offset::from_secs_f64(9.975)));
    let none = Schedule::new(
        &curve(&[(0.0, 0.0), (5.0, 0.0)]),
        3,
        Spacing::Poisson,
        Seed(1),
    );
    assert!(none.is_empty());
    assert_eq!(none.iter().next(), None);
}

#[test]
fn a_shard_may_move_to_its_workers_thread() {
    fn owned(_: impl Iterator<Item = (u64, Offset)> + Send + 'static) {}
    let flat = curve(&[(0.0, 10.0), (1.0, 10.0)]);
    owned(schedule(&flat, Spacing::Poisson).shard(0, 2));
}
