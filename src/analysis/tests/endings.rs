//! Runs that did not end as intended.

use std::time::Duration;

use super::script::{END, Script, claim, during, portal, removal, success_at_least};
use crate::{
    analysis::{State, Verdict, analyse},
    event::{BaselineVerdict, ExitCause, RunEvent, StopReason},
    measure::Outcome,
    plan::Rule,
    record::CutOff,
    scenario::model::Happening,
};

fn never_crashes() -> crate::plan::ClaimPlan {
    claim(Rule::Never {
        subject: portal(),
        what: Happening::Crash,
        window: during(0, END),
    })
}

fn recovers() -> crate::plan::ClaimPlan {
    claim(Rule::Recovers {
        subject: portal(),
        within: Duration::from_secs(20),
        of: removal(),
    })
}

#[test]
fn young_bins_of_a_stopped_run_are_unknown() {
    let script = Script::calm().stop(80, StopReason::Operator);
    let analysis = analyse(&script.record);
    let states = &analysis.services["portal"].whole.states;
    let last = states.last().expect("it has states");
    // the longest client timeout is 5 s
    assert_eq!(
        (last.state, last.from_s, last.to_s),
        (State::Unknown, 75.0, 80.0)
    );
    let curve = &analysis.curves.subjects["portal"];
    for rates in [&curve.offered, &curve.good, &curve.shed, &curve.errors] {
        let known: Vec<bool> = rates.iter().map(Option::is_some).collect();
        assert_eq!(known, [[true; 75].as_slice(), &[false; 5]].concat());
    }
    assert_eq!(
        (analysis.verdict, analysis.exit_code),
        (Verdict::Stopped, 3)
    );
    assert_eq!(analysis.run.stopped.as_deref(), Some("stopped"));
    assert!(!analysis.run.complete);
}

#[test]
fn a_stop_condition_keeps_what_was_decided() {
    let early = success_at_least(portal(), 0.99, during(30, 50));
    let script = Script::calm()
        .gate(early)
        .gate(never_crashes())
        .gate(recovers())
        .stop(70, StopReason::Condition);
    let analysis = analyse(&script.record);
    let verdicts: Vec<Verdict> = analysis.gates.iter().map(|g| g.verdict).collect();
    assert_eq!(
        verdicts,
        [Verdict::Pass, Verdict::Stopped, Verdict::Stopped]
    );
    assert_eq!(analysis.exit_code, 3);
}

#[test]
fn a_gate_that_failed_before_the_stop_has_failed() {
    let mut script = Script::calm().gate(never_crashes());
    script.exit(40.0, ExitCause::Own);
    let analysis = analyse(&script.stop(70, StopReason::Condition).record);
    assert_eq!(analysis.gates[0].verdict, Verdict::Fail);
    assert_eq!((analysis.verdict, analysis.exit_code), (Verdict::Fail, 1));
}

#[test]
fn a_cut_off_record_is_inconclusive_and_says_where() {
    let mut script = Script::calm().gate(never_crashes());
    script.exit(40.0, ExitCause::Own);
    script = script.gate(recovers());
    script
        .record
        .events
        .retain(|(at, _)| at.0 < Duration::from_secs(70));
    script.record.cells.retain(|(bin, _), _| *bin < 70);
    script.record.cut_off = Some(CutOff {
        at: super::script::at(70.0),
        detail: "half a line".into(),
        running: false,
    });
    let analysis = analyse(&script.record);
    let verdicts: Vec<Verdict> = analysis.gates.iter().map(|g| g.verdict).collect();
    assert_eq!(verdicts, [Verdict::Fail, Verdict::Inconclusive]);
    assert_eq!(
        (analysis.verdict, analysis.exit_code),
        (Verdict::Inconclusive, 4)
    );
    assert_eq!(analysis.run.cut_off.as_deref(), Some("1m 10s: half a line"));
    assert_eq!(analysis.warnings[0].kind, "cut_off");
}

#[test]
fn a_bad_baseline_decides() {
    for (verdict, exit) in [
        (BaselineVerdict::BelowSteadyState, 1),
        (BaselineVerdict::Unsteady, 4),
    ] {
        let mut script = Script::calm()
            .gate(never_crashes())
            .stop(30, StopReason::Baseline);
        let detail = "the reason".to_owned();
        script.event(29.9, RunEvent::Baseline { verdict, detail });
        let analysis = analyse(&script.record);
        assert_eq!(analysis.exit_code, exit);
        assert_eq!(analysis.baseline.detail, "the reason");
    }
}

#[test]
fn nothing_at_all_is_still_a_report() {
    let mut script = Script::calm().gate(never_crashes()).gate(recovers());
    script.record.events.clear();
    script.record.cells.clear();
    script.record.journeys.clear();
    let detail = "connection refused".to_owned();
    let reason = StopReason::TargetUnreachable;
    script.event(0.0, RunEvent::Stopping { reason, detail });
    let analysis = analyse(&script.record);
    assert_eq!(analysis.exit_code, 4);
    assert_eq!(analysis.services["portal"].whole.judged_by, "nothing");
    assert!(analysis.summary[0].contains("connection refused"));
}

#[test]
fn a_run_of_failures_at_its_very_end_is_not_lost() {
    let mut script = Script::calm();
    script.fail(145..END, Outcome::Http5xx, 1.0);
    let incident = &analyse(&script.record).services["portal"].whole.incidents[0];
    assert_eq!((incident.onset_s, incident.end_s), (145.0, None));
}

/// What is told of the portal, which fails from 32 s on and whose fault is removed at 60 s, when the
/// run is stopped.
fn told_of_a_stop(script: Script, second: u64) -> Vec<String> {
    let mut script = script.stop(second, StopReason::Operator);
    script.plan().symptoms = vec![recovers()];
    let mut summary = analyse(&script.record).summary;
    summary.remove(0);
    summary
}

#[test]
fn a_stop_does_not_say_how_it_would_have_ended() {
    let failing = |to| {
        let mut script = Script::calm();
        script.fail(32..to, Outcome::Http5xx, 1.0);
        script
    };
    let unsaid = "Whether history repeated itself cannot be said.";
    let cases = [
        (
            failing(END),
            80,
            "portal collapsed 2.0 s after opening began and was still down when the run \
             was stopped.",
        ),
        (
            failing(64),
            72,
            "portal collapsed 2.0 s after opening began; whether it came back could not \
             be told: the run was stopped 12.0 s after sms_late was removed.",
        ),
        (
            failing(END),
            62,
            "portal collapsed 2.0 s after opening began; whether it came back could not \
             be told: the run was stopped 2.0 s after sms_late was removed.",
        ),
    ];
    for (script, second, story) in cases {
        assert_eq!(told_of_a_stop(script, second), [story, unsaid]);
    }
}

#[test]
fn nothing_lost_is_zero_without_a_sign() {
    let mut script = Script::calm();
    script.fail(32..END, Outcome::Http5xx, 1.0);
    let analysis = analyse(&script.stop(62, StopReason::Operator).record);
    let recovery = analysis.services["portal"].whole.recovery.as_ref();
    let recovery = recovery.expect("it had an incident");
    assert_eq!(recovery.lost_after.to_bits(), 0.0_f64.to_bits());
    let share = recovery.hangover_share.expect("something was lost");
    assert_eq!(share.to_bits(), 0.0_f64.to_bits());
}
