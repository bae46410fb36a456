//! What becomes of the conditions that faults wait for.

use super::*;
use crate::{
    plan::{FaultPlan, PlacePlan, ShapePlan},
    run::condition::tests::{answers, slow, watched},
    scenario::model::{DnsAnswer, Effect, Provenance},
    units::Ratio,
};

const SECOND: Duration = Duration::from_secs(1);

fn at(second: u64) -> Offset {
    Offset(Duration::from_secs(second))
}

fn when() -> Trigger {
    Trigger::When {
        condition: slow(),
        after: Box::new(Trigger::At(at(20))),
        before: Box::new(Trigger::At(at(40))),
        plus: Duration::ZERO,
        expected: at(23),
    }
}

fn waits() -> Waits {
    let mut plan = watched();
    plan.faults = vec![FaultPlan {
        name: "f".into(),
        at: "dns x".into(),
        loses: None,
        drawn_by: None,
        place: PlacePlan::Dns {
            name: "x".into(),
            zone: true,
        },
        start: when(),
        end: Some(when()),
        ramp: Duration::ZERO,
        ramp_out: Duration::ZERO,
        share: Ratio::ONE,
        turns: crate::scenario::model::Turns::default(),
        shape: ShapePlan::default(),
        effect: Effect::Dns(DnsAnswer::Servfail.into()),
        provenance: Provenance::default(),
    }];
    Waits::new(&plan)
}

/// Slow seconds; which edges come in which.
fn slow_seconds(waits: &mut Waits, seconds: std::ops::Range<u64>) -> Vec<(u64, Edge)> {
    seconds
        .flat_map(|second| {
            let came = waits.take(at(second + 1), SECOND, &answers(second, Some(2_000)));
            let edges = came.into_iter().map(move |(_, edge, event)| {
                assert!(matches!(
                    event,
                    RunEvent::FaultCondition {
                        came: true,
                        value: Some(_),
                        ..
                    }
                ));
                (second + 1, edge)
            });
            edges.collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn each_edge_comes_once_and_only_while_it_is_watched() {
    let mut waits = waits();
    assert_eq!(slow_seconds(&mut waits, 10..20), []);
    waits.watch(0, Edge::Start, at(20));
    assert_eq!(slow_seconds(&mut waits, 20..30), [(23, Edge::Start)]);
    waits.watch(0, Edge::End, at(30));
    assert_eq!(slow_seconds(&mut waits, 30..40), [(33, Edge::End)]);
    assert!(waits.give_up(0, Edge::Start).is_none(), "it has come");
    assert!(waits.is_over(0, Edge::End));
}

#[test]
fn one_that_is_given_up_says_so_once_and_never_comes() {
    let mut waits = waits();
    waits.watch(0, Edge::Start, at(20));
    assert_eq!(slow_seconds(&mut waits, 20..22), []);
    let Some(RunEvent::FaultCondition {
        came: false,
        edge: Edge::Start,
        detail,
        ..
    }) = waits.give_up(0, Edge::Start)
    else {
        panic!("an event");
    };
    assert!(
        detail.ends_with("it held for 2s at most, up to 2s"),
        "{detail}"
    );
    assert!(waits.give_up(0, Edge::Start).is_none());
    waits.watch(0, Edge::Start, at(30));
    assert_eq!(slow_seconds(&mut waits, 30..40), []);
    // of an end whose fault never was in force nobody needs to hear
    assert!(!waits.is_over(0, Edge::End));
    assert!(waits.give_up(0, Edge::End).is_none());
}
