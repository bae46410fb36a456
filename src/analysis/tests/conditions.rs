//! Faults that waited for a condition: one that came, one that never did, and what followed it.

use std::time::Duration;

use super::{
    claims::judge,
    script::{Script, T0, claim, portal, removal},
};
use crate::{
    analysis::{Verdict, analyse},
    event::RunEvent,
    plan::{ConditionPlan, Point, Rule, Trigger},
    scenario::model::{Comparison, Edge, Limit, Measure},
    time::Offset,
};

const NEVER: &str = "portal p99 > 1s for 10s never came true: at most 40ms in any second";

fn condition(came: bool, detail: &str) -> RunEvent {
    RunEvent::FaultCondition {
        fault: 0,
        edge: Edge::Start,
        came,
        value: came.then_some(1.5),
        detail: detail.into(),
    }
}

/// The script's fault waits for a condition; a second one for the first one's end.
fn waiting() -> Script {
    let mut script = Script::calm();
    let faults = &mut script.record.header.plan.faults;
    let mut second = faults[0].clone();
    faults[0].start = Trigger::When {
        condition: ConditionPlan {
            text: "portal p99 > 1s for 10s".into(),
            subject: portal(),
            measure: Measure::Latency(9_900),
            comparison: Comparison::Above,
            limit: Limit::Time(Duration::from_secs(1)),
            lasting: Duration::from_secs(10),
        },
        after: Box::new(Trigger::At(Offset::ZERO)),
        before: Box::new(Trigger::At(Offset(Duration::from_secs(T0)))),
        plus: Duration::ZERO,
        expected: Offset(Duration::from_secs(10)),
    };
    second.name = "follows".into();
    second.start = Trigger::After {
        fault: 0,
        others: Vec::new(),
        edge: Edge::End,
        plus: Duration::ZERO,
        expected: Offset::ZERO,
    };
    faults.push(second);
    script
}

/// Neither was put in.
fn never() -> Script {
    let mut script = waiting();
    let of_faults = |event: &RunEvent| {
        matches!(
            event,
            RunEvent::FaultArming { .. }
                | RunEvent::FaultInjected { .. }
                | RunEvent::FaultRemoving { .. }
                | RunEvent::FaultRemoved { .. }
                | RunEvent::FaultTally { .. }
        )
    };
    script.record.events.retain(|(_, event)| !of_faults(event));
    script.event(T0 as f64, condition(false, NEVER));
    script.record.events.sort_by_key(|(at, _)| *at);
    script
}

#[test]
fn one_that_never_came_is_said_with_how_near_it_came() {
    let analysis = analyse(&never().record);
    let fault = &analysis.faults[0];
    assert_eq!((fault.injected_s, fault.removed_s), (None, None));
    assert_eq!(fault.condition.as_deref(), Some(NEVER));
    let told = analysis.summary.join(" ");
    assert!(
        told.contains(&format!("never went in, since {NEVER}.")),
        "{told}"
    );
}

#[test]
fn claims_about_one_that_never_came_cannot_be_judged_and_say_why() {
    let recovers = |of| {
        claim(Rule::Recovers {
            subject: portal(),
            within: Duration::from_secs(5),
            of,
        })
    };
    let result = judge(never(), recovers(removal()));
    assert_eq!(result.verdict, Verdict::Inconclusive);
    let why = result.detail.expect("a reason");
    assert_eq!(why, format!("sms_late was never put in: {NEVER}"));
    let tolerates = claim(Rule::Tolerates {
        subject: portal(),
        fault: 0,
        others: Vec::new(),
    });
    assert_eq!(judge(never(), tolerates).detail, Some(why));
    let follows = Point::Fault {
        fault: 1,
        others: Vec::new(),
        edge: Edge::End,
        plus: Duration::ZERO,
    };
    let result = judge(never(), recovers(follows));
    assert_eq!(result.verdict, Verdict::Inconclusive);
    let why = "follows was never put in, as sms_late was not";
    assert_eq!(result.detail.as_deref(), Some(why));
}

#[test]
fn one_that_came_is_told_with_what_was_measured() {
    let mut script = waiting();
    let came = "portal p99 > 1s for 10s came true: 1.5s in the last second";
    script.event(T0 as f64 - 0.1, condition(true, came));
    script.record.events.sort_by_key(|(at, _)| *at);
    let analysis = analyse(&script.record);
    let fault = &analysis.faults[0];
    assert_eq!(fault.condition.as_deref(), Some(came));
    assert_eq!(fault.injected_s, Some(T0 as f64));
    let recovers = Rule::Recovers {
        subject: portal(),
        within: Duration::from_secs(5),
        of: removal(),
    };
    assert_eq!(judge(script, claim(recovers)).verdict, Verdict::Pass);
}
