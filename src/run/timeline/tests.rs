//! The agenda is told the time and does what the plan says.

use super::*;
use crate::{plan::Phase, scenario::model::*, time::Story};

fn secs(s: u64) -> Offset {
    Offset(Duration::from_secs(s))
}

fn fault(start: Trigger, end: Option<Trigger>, ramp: u64) -> FaultPlan {
    FaultPlan {
        name: "f".into(),
        at: "dns x".into(),
        place: crate::plan::PlacePlan::Dns {
            name: "x".into(),
            zone: true,
        },
        start,
        end,
        ramp: Duration::from_secs(ramp),
        ramp_out: Duration::ZERO,
        share: Ratio::ONE,
        turns: crate::scenario::model::Turns::default(),
        loses: None,
        drawn_by: None,
        shape: crate::plan::ShapePlan::default(),
        effect: Effect::Dns(DnsAnswer::Servfail.into()),
        provenance: Provenance::default(),
    }
}

fn plan(faults: Vec<FaultPlan>) -> Plan {
    let phase = |name: &str, from, to| Phase {
        name: name.into(),
        story_from: Story::default(),
        story_to: Story::default(),
        from: secs(from),
        to: secs(to),
    };
    let mut plan = crate::plan::fixture::empty_plan();
    plan.phases = vec![phase("calm", 0, 20), phase("storm", 20, 60)];
    plan.length = Duration::from_secs(60);
    plan.faults = faults;
    plan
}

fn drain(timeline: &mut Timeline, until: Offset) -> Vec<Action> {
    std::iter::from_fn(|| timeline.pop_due(until)).collect()
}

#[test]
fn the_baseline_is_judged_before_the_first_fault_of_the_same_instant() {
    let faults = vec![fault(Trigger::At(secs(20)), Some(Trigger::At(secs(30))), 0)];
    let mut timeline = Timeline::new(&plan(faults));
    assert_eq!(drain(&mut timeline, secs(19)), [Action::Phase(0)]);
    let due = drain(&mut timeline, secs(20));
    let judged = due
        .iter()
        .position(|a| *a == Action::JudgeBaseline)
        .expect("judged");
    let injected = due
        .iter()
        .position(|a| *a == Action::Inject(0, Ratio::ONE))
        .expect("injected");
    assert!(judged < injected, "{due:?}");
    assert_eq!(
        drain(&mut timeline, secs(60)),
        [Action::Remove(0), Action::End]
    );
}

#[test]
fn a_ramp_grows_in_small_steps_to_the_whole() {
    let faults = vec![fault(
        Trigger::At(secs(20)),
        Some(Trigger::At(secs(50))),
        10,
    )];
    let mut timeline = Timeline::new(&plan(faults));
    drain(&mut timeline, Offset(Duration::from_millis(19_999)));
    let levels: Vec<f64> = drain(&mut timeline, secs(30))
        .into_iter()
        .filter_map(|action| match action {
            Action::Inject(0, level) | Action::Level(0, level) => Some(level.get()),
            _ => None,
        })
        .collect();
    assert_eq!((levels.first(), levels.last()), (Some(&0.0), Some(&1.0)));
    assert!(
        levels
            .windows(2)
            .all(|w| w[0] < w[1] && w[1] - w[0] <= 0.051),
        "{levels:?}"
    );
}

#[test]
fn a_fault_that_follows_another_waits_for_its_verified_removal() {
    let after = |edge, plus| Trigger::After {
        fault: 0,
        others: Vec::new(),
        edge,
        plus: Duration::from_secs(plus),
        expected: secs(0),
    };
    let faults = vec![
        fault(Trigger::At(secs(20)), Some(Trigger::At(secs(30))), 0),
        fault(after(Edge::End, 5), Some(after(Edge::End, 8)), 0),
    ];
    let mut timeline = Timeline::new(&plan(faults));
    drain(&mut timeline, secs(31));
    assert_eq!(
        timeline.next(),
        Some(secs(60)),
        "nothing is known about the second fault yet"
    );
    timeline.reached(0, Edge::End, secs(32));
    assert_eq!(
        drain(&mut timeline, secs(37)),
        [Action::Inject(1, Ratio::ONE)]
    );
    assert_eq!(drain(&mut timeline, secs(40)), [Action::Remove(1)]);
}

/// A fault that is in for 3 s and out for 2 s.
fn flapping(start: Trigger, end: Trigger) -> FaultPlan {
    let mut fault = fault(start, Some(end), 0);
    fault.shape.flap = Some(crate::plan::FlapPlan {
        within: Duration::from_secs(3),
        out: Duration::from_secs(2),
    });
    fault
}

/// Everything that is done to the first fault, and when.
fn deeds(timeline: &mut Timeline, until: u64) -> Vec<(u64, Action)> {
    let mut deeds = Vec::new();
    while let Some(at) = timeline.next().filter(|at| *at <= secs(until)) {
        if let Some(action) = timeline.pop_due(at) {
            deeds.push((at.0.as_secs(), action));
        }
    }
    deeds.retain(|(_, action)| {
        matches!(
            action,
            Action::Inject(0, _) | Action::Level(0, _) | Action::Lift(0) | Action::Remove(0)
        )
    });
    deeds
}

#[test]
fn one_that_flaps_comes_and_goes_until_its_end() {
    let comes = Action::Inject(0, Ratio::ONE);
    let faults = vec![flapping(Trigger::At(secs(20)), Trigger::At(secs(33)))];
    let mut timeline = Timeline::new(&plan(faults));
    assert_eq!(
        deeds(&mut timeline, 60),
        [
            (20, comes),
            (23, Action::Lift(0)),
            (25, comes),
            (28, Action::Lift(0)),
            (30, comes),
            (33, Action::Remove(0)),
        ]
    );
}

#[test]
fn one_that_flaps_until_something_happens_stops_then() {
    let comes = Action::Inject(0, Ratio::ONE);
    let after_other = Trigger::After {
        fault: 1,
        others: Vec::new(),
        edge: Edge::End,
        plus: Duration::ZERO,
        expected: secs(40),
    };
    let faults = vec![
        flapping(Trigger::At(secs(20)), after_other),
        fault(Trigger::At(secs(20)), Some(Trigger::At(secs(26))), 0),
    ];
    let mut timeline = Timeline::new(&plan(faults));
    let before = deeds(&mut timeline, 26);
    assert_eq!(before.last(), Some(&(25, comes)));
    // the removal of the other is seen in the middle of a stay
    timeline.reached(1, Edge::End, secs(27));
    assert_eq!(deeds(&mut timeline, 60), [(27, Action::Remove(0))]);
}

#[test]
fn a_share_in_steps_is_a_level_at_each() {
    let share = |part| Ratio::new(part).expect("a ratio");
    let mut stepped = fault(Trigger::At(secs(20)), Some(Trigger::At(secs(50))), 0);
    let step = |after, part| (Duration::from_secs(after), share(part));
    stepped.shape.steps = vec![step(0, 0.9), step(5, 0.4), step(20, 0.1)];
    let mut timeline = Timeline::new(&plan(vec![stepped]));
    assert_eq!(
        deeds(&mut timeline, 60),
        [
            (20, Action::Inject(0, share(0.9))),
            (25, Action::Level(0, share(0.4))),
            (40, Action::Level(0, share(0.1))),
            (50, Action::Remove(0)),
        ]
    );
}

#[test]
fn a_list_begins_with_its_first_and_ends_with_its_last() {
    let after = |edge| Trigger::After {
        fault: 0,
        others: vec![1],
        edge,
        plus: Duration::from_secs(1),
        expected: secs(0),
    };
    let waits = fault(after(Edge::Start), Some(after(Edge::End)), 0);
    let one = || fault(Trigger::At(secs(20)), Some(Trigger::At(secs(30))), 0);
    let mut timeline = Timeline::new(&plan(vec![one(), one(), waits]));
    drain(&mut timeline, secs(30));
    timeline.reached(1, Edge::Start, secs(20));
    timeline.reached(0, Edge::Start, secs(22));
    assert_eq!(
        drain(&mut timeline, secs(31)),
        [Action::Inject(2, Ratio::ONE)],
        "once, by the first"
    );
    timeline.reached(0, Edge::End, secs(32));
    assert_eq!(timeline.next(), Some(secs(60)), "one is still in");
    timeline.reached(1, Edge::End, secs(35));
    assert_eq!(drain(&mut timeline, secs(36)), [Action::Remove(2)]);
}

/// A start that waits for a condition that is watched from 20 s to 40 s, and comes 2 s later.
fn when(plus: u64) -> Trigger {
    Trigger::When {
        condition: super::super::condition::tests::slow(),
        after: Box::new(Trigger::At(secs(20))),
        before: Box::new(Trigger::At(secs(40))),
        plus: Duration::from_secs(plus),
        expected: secs(23),
    }
}

fn after_own_start(plus: u64) -> Trigger {
    Trigger::After {
        fault: 0,
        others: Vec::new(),
        edge: Edge::Start,
        plus: Duration::from_secs(plus),
        expected: secs(23),
    }
}

#[test]
fn one_that_waits_for_a_condition_comes_when_that_is_told() {
    let faults = vec![fault(when(2), Some(after_own_start(5)), 0)];
    let mut timeline = Timeline::new(&plan(faults));
    let before = drain(&mut timeline, secs(30));
    assert!(
        before.contains(&Action::Watch(0, Edge::Start)),
        "{before:?}"
    );
    assert_eq!(deeds(&mut timeline, 30), []);
    timeline.came(0, Edge::Start, secs(30));
    assert_eq!(
        deeds(&mut timeline, 32),
        [(32, Action::Inject(0, Ratio::ONE))]
    );
    timeline.reached(0, Edge::Start, secs(33));
    assert_eq!(deeds(&mut timeline, 60), [(38, Action::Remove(0))]);
}

#[test]
fn one_whose_condition_never_comes_is_given_up_and_never_put_in() {
    let faults = vec![fault(when(0), Some(after_own_start(5)), 0)];
    let mut timeline = Timeline::new(&plan(faults));
    let all = drain(&mut timeline, secs(60));
    assert!(all.contains(&Action::GiveUp(0, Edge::Start)), "{all:?}");
    assert!(
        !all.iter().any(|a| matches!(a, Action::Inject(..))),
        "{all:?}"
    );
}

#[test]
fn the_condition_of_an_end_is_watched_from_its_start_on() {
    let end = Trigger::When {
        condition: super::super::condition::tests::slow(),
        after: Box::new(after_own_start(0)),
        before: Box::new(Trigger::At(secs(50))),
        plus: Duration::ZERO,
        expected: secs(50),
    };
    let faults = vec![flapping(Trigger::At(secs(20)), end)];
    let mut timeline = Timeline::new(&plan(faults));
    let first = drain(&mut timeline, secs(22));
    assert!(!first.contains(&Action::Watch(0, Edge::End)), "{first:?}");
    timeline.reached(0, Edge::Start, secs(22));
    assert_eq!(
        drain(&mut timeline, secs(22)),
        [Action::Watch(0, Edge::End)]
    );
    timeline.came(0, Edge::End, secs(26));
    // in from 20 to 23 and from 25 on: the end comes in the middle of a stay
    let deeds = deeds(&mut timeline, 60);
    assert_eq!(deeds.last(), Some(&(26, Action::Remove(0))), "{deeds:?}");
}
