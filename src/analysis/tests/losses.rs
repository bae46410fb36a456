//! A feature that is lost on purpose, the other, and the fallback.

use super::script::{LOGIN, RATE, SLOTS, Script, T0, T1};
use crate::{
    analysis::{LossResult, Meanwhile, analyse},
    event::RunEvent,
    measure::Outcome,
    scenario::model::FeatureName,
};

/// The script's fault loses `portal/login`.
fn losing() -> Script {
    let mut script = Script::calm();
    script.record.header.plan.faults[0].loses = Some(FeatureName {
        service: "portal".into(),
        feature: "login".into(),
    });
    script
}

fn loss(script: &Script) -> LossResult {
    let losses = analyse(&script.record).losses;
    let [loss] = &losses[..] else {
        panic!("{losses:?}");
    };
    loss.clone()
}

fn each(loss: &LossResult) -> [&Meanwhile; 2] {
    let [lost, other] = &loss.features[..] else {
        panic!("{loss:?}");
    };
    assert!(lost.lost && !other.lost, "{loss:?}");
    [lost, other]
}

#[test]
fn the_lost_one_and_the_others_are_told_apart() {
    let mut script = losing();
    for second in T0..T1 + 5 {
        script.clear(second, LOGIN);
        script.add(second, LOGIN, Outcome::Http5xx, RATE / 2);
    }
    let loss = loss(&script);
    assert_eq!(
        (loss.feature.as_str(), loss.fault.as_str()),
        ("portal/login", "sms_late")
    );
    assert_eq!((loss.from_s, loss.to_s), (Some(T0 as f64), Some(T1 as f64)));
    let [lost, slots] = each(&loss);
    assert_eq!(lost.success, Some(0.0));
    assert_eq!(lost.baseline_success, Some(1.0));
    assert_eq!(lost.offered, (T1 - T0) * RATE / 2);
    assert!(lost.unwell);
    assert_eq!(lost.back_after_s, Some(5.0));
    assert_eq!(
        (slots.feature.as_str(), slots.success),
        ("portal/slots", Some(1.0))
    );
    assert_eq!((slots.unwell, slots.back_after_s), (false, None));
}

#[test]
fn fallbacks_are_a_share_of_the_good() {
    let mut script = losing();
    for second in T0..T1 {
        script.clear(second, LOGIN);
        script.add(second, LOGIN, Outcome::Fallback, RATE / 4);
        script.add(second, LOGIN, Outcome::Ok, RATE / 4);
    }
    let loss = loss(&script);
    let [lost, slots] = each(&loss);
    assert_eq!((lost.success, lost.fallback), (Some(1.0), Some(0.5)));
    assert_eq!(slots.fallback, Some(0.0));
}

#[test]
fn what_does_not_come_back_is_not_back() {
    let mut script = losing();
    for second in T0..150 {
        script.clear(second, SLOTS);
        script.add(second, SLOTS, Outcome::TimeoutBody, RATE / 2);
    }
    let told = loss(&script);
    let [_, slots] = each(&told);
    assert_eq!((slots.unwell, slots.back_after_s), (true, None));

    let never = losing().without(|e| matches!(e, RunEvent::FaultInjected { .. }));
    let told = loss(&never);
    assert_eq!((told.from_s, told.to_s), (None, None));
    assert!(told.features.is_empty());
}

#[test]
fn places_of_one_list_are_one_loss() {
    let mut script = losing();
    let plan = &mut script.record.header.plan;
    let mut second = plan.faults[0].clone();
    plan.faults[0].name = "gone.docs".into();
    second.name = "gone.sms".into();
    plan.faults.push(second);
    script.event(T0 as f64 + 5.0, RunEvent::FaultInjected { fault: 1 });
    let gone = RunEvent::FaultRemoved {
        fault: 1,
        verified: true,
        detail: "looked".into(),
    };
    script.event(T1 as f64 + 9.0, gone);
    script.record.events.sort_by_key(|(at, _)| *at);
    let loss = loss(&script);
    assert_eq!(loss.fault, "gone");
    assert_eq!(
        (loss.from_s, loss.to_s),
        (Some(T0 as f64), Some(T1 as f64 + 9.0))
    );
    // the bins that both were in force in count once
    assert_eq!(loss.features[0].offered, (T1 + 9 - T0) * RATE / 2);
}
