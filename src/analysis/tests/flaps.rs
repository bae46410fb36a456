//! A fault that comes and goes: when it was in force, and what is judged by that.

use super::{
    claims::judge,
    script::{Script, T0, T1, claim, portal, removal},
};
use crate::{
    analysis::{Verdict, analyse},
    event::RunEvent,
    measure::Outcome,
    plan::Rule,
};

/// In force from 30 to 33 s, from 40 to 43 s, and from 57 to 60 s.
fn flapping() -> Script {
    let mut script = Script::calm();
    for (out, back) in [(33.0, 40.0), (43.0, 57.0)] {
        let gone = RunEvent::FaultRemoved {
            fault: 0,
            verified: true,
            detail: "looked".into(),
        };
        script.event(out, gone);
        script.event(back, RunEvent::FaultInjected { fault: 0 });
    }
    script.record.events.sort_by_key(|(at, _)| *at);
    script
}

#[test]
fn each_stay_is_told_and_the_last_removal_is_the_end() {
    let analysis = analyse(&flapping().record);
    let fault = &analysis.faults[0];
    let stays: Vec<_> = fault.stays();
    assert_eq!(
        stays,
        [(30.0, Some(33.0)), (40.0, Some(43.0)), (57.0, Some(60.0))]
    );
    assert_eq!(
        (fault.injected_s, fault.removed_s, fault.verified),
        (Some(T0 as f64), Some(T1 as f64), true)
    );
}

#[test]
fn one_that_is_in_again_when_the_record_ends_was_not_removed() {
    let mut script = flapping();
    let late = |e: &RunEvent| matches!(e, RunEvent::FaultRemoved { .. });
    let last = script.record.events.iter().rposition(|(_, e)| late(e));
    script.record.events.remove(last.expect("a removal"));
    let analysis = analyse(&script.record);
    let fault = &analysis.faults[0];
    assert_eq!((fault.removed_s, fault.verified), (None, false));
    assert_eq!(fault.stays().last(), Some(&(57.0, None)));
    let kinds: Vec<_> = analysis.warnings.iter().map(|w| w.kind.as_str()).collect();
    assert!(kinds.contains(&"fault_not_removed"), "{kinds:?}");
}

#[test]
fn recovery_counts_from_the_last_removal() {
    let mut script = flapping();
    for stay in [30..33, 40..43, 57..62] {
        script.fail(stay, Outcome::Http5xx, 1.0);
    }
    let recovers = claim(Rule::Recovers {
        subject: portal(),
        within: std::time::Duration::from_secs(5),
        of: removal(),
    });
    let result = judge(script, recovers);
    assert_eq!(result.observed, "recovered after 2.0 s");
    assert_eq!(result.verdict, Verdict::Pass);
}

#[test]
fn what_is_well_between_the_stays_does_not_make_up_for_them() {
    let mut script = flapping();
    // short enough for the hysteresis, 3 s of 30 s failed: 90% over all, 33% of 9 s in force
    for second in [31, 41, 58] {
        script.fail(second..second + 1, Outcome::Http5xx, 1.0);
    }
    let tolerates = claim(Rule::Tolerates {
        subject: portal(),
        fault: 0,
        others: Vec::new(),
    });
    let result = judge(script, tolerates);
    assert_eq!(result.observed, "success 66.7%");
    assert_eq!(result.verdict, Verdict::Fail);
}
