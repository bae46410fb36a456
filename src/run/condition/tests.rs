//! Conditions, fed second by second.

use super::*;
use crate::{
    client::testing::{plan, service},
    measure::{Outcome, Recorder, Sample},
    plan::{Series, SeriesId, ServiceId},
};

const SECOND: Duration = Duration::from_secs(1);

fn at(second: u64) -> Offset {
    Offset(Duration::from_secs(second))
}

/// A plan whose population asks one service.
pub(crate) fn watched() -> Plan {
    let mut plan = plan(vec![service("127.0.0.1", 80)]);
    plan.services[0].name = "portal".into();
    plan.series = vec![Series {
        origin: Origin::Population(0),
        name: "look".into(),
        service: ServiceId(0),
        feature: None,
    }];
    plan
}

/// `portal p99 > 1s for 3s`.
pub(crate) fn slow() -> ConditionPlan {
    ConditionPlan {
        text: "portal p99 > 1s for 3s".into(),
        subject: Subject::Service("portal".into()),
        measure: Measure::Latency(9_900),
        comparison: Comparison::Above,
        limit: Limit::Time(SECOND),
        lasting: Duration::from_secs(3),
    }
}

/// What ten answers after so many milliseconds in that second are measured as; none of `None`.
pub(crate) fn answers(second: u64, millis: Option<u64>) -> BinDelta {
    let mut recorder = Recorder::new(SECOND, 1);
    for _ in 0..millis.map_or(0, |_| 10) {
        let took = Duration::from_millis(millis.unwrap_or_default());
        recorder.record(&Sample {
            series: SeriesId(0),
            intended: at(second),
            outcome: Outcome::Ok,
            first: true,
            injected: crate::measure::Injected::No,
            response: took,
            service: Some(took),
        });
    }
    recorder.take()
}

/// Feeds seconds from 10 s on; when it came true, and what is said of it then.
fn fed(condition: &ConditionPlan, millis: &[Option<u64>]) -> (Option<u64>, String) {
    let mut condition = Condition::new(&watched(), condition);
    for (second, millis) in (10..).zip(millis) {
        let delta = answers(second, *millis);
        if let Some(value) = condition.take(at(second + 1), SECOND, at(10), &delta) {
            return (Some(second + 1), condition.came(value));
        }
    }
    (None, condition.never())
}

#[test]
fn it_must_hold_without_a_break() {
    let (slow_s, fast) = (Some(1_500), Some(40));
    let (came, said) = fed(&slow(), &[slow_s, slow_s, slow_s]);
    assert_eq!(came, Some(13), "the first second counts");
    assert_eq!(
        said,
        "portal p99 > 1s for 3s came true: 1.5s in the last second"
    );
    let (came, _) = fed(&slow(), &[slow_s, slow_s, fast, slow_s, slow_s, slow_s]);
    assert_eq!(came, Some(16));
    let (came, _) = fed(&slow(), &[slow_s, None, slow_s]);
    assert_eq!(came, Some(13), "silence breaks nothing");
}

#[test]
fn one_that_never_comes_true_says_how_near_it_came() {
    for (millis, said) in [
        (vec![], "nothing was measured"),
        (vec![Some(40), Some(480)], "at most 480ms in any second"),
        (
            vec![Some(1_500), Some(2_000), Some(40)],
            "it held for 2s at most, up to 2s",
        ),
    ] {
        let expected = format!("portal p99 > 1s for 3s never came true: {said}");
        assert_eq!(fed(&slow(), &millis), (None, expected));
    }
    let failing = ConditionPlan {
        text: "portal success < 90% for 3s".into(),
        measure: Measure::Success,
        comparison: Comparison::Below,
        limit: Limit::Ratio(0.9),
        ..slow()
    };
    let expected = "portal success < 90% for 3s never came true: at least 100% in any second";
    assert_eq!(fed(&failing, &[Some(40)]).1, expected);
}

#[test]
fn what_was_before_the_watch_does_not_count() {
    let mut condition = Condition::new(&watched(), &slow());
    let from = at(11);
    let mut came = Vec::new();
    for second in 10..15 {
        let delta = answers(second, Some(1_500));
        let held = condition.take(at(second + 1), SECOND, from, &delta);
        came.push(held.is_some());
    }
    assert_eq!(came, [false, false, false, true, true]);
}
