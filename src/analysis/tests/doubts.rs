//! The harness doubts itself only where it bears on a gate.

use std::time::Duration;

use super::script::{
    END, LOGIN, RATE, Script, T0, T1, at, claim, during, feature, portal, success_at_least, times,
};
use crate::{
    analysis::{Verdict, analyse, judge_baseline},
    event::{BaselineVerdict, HarnessTick, WorkerTick},
    measure::Outcome,
    plan::Rule,
    scenario::model::{Comparison, Happening, Limit, Measure},
};

fn kinds(warnings: &[crate::analysis::Warning]) -> Vec<&str> {
    warnings.iter().map(|w| w.kind.as_str()).collect()
}

#[test]
fn unsent_load_makes_a_gate_inconclusive_where_it_could_turn_it() {
    let mut script = Script::calm();
    for second in 40..50 {
        script.add(second, LOGIN, Outcome::NotSentLag, RATE);
    }
    let never = claim(Rule::Never {
        subject: portal(),
        what: Happening::Crash,
        window: during(0, END),
    });
    let script = script
        .gate(success_at_least(portal(), 0.99, during(T0, T1)))
        .gate(success_at_least(portal(), 0.5, during(T0, T1)))
        .gate(success_at_least(portal(), 0.99, during(T1, END)))
        .gate(never);
    let analysis = analyse(&script.record);
    let verdicts: Vec<Verdict> = analysis.gates.iter().map(|g| g.verdict).collect();
    use Verdict::{Inconclusive, Pass};
    assert_eq!(verdicts, [Inconclusive, Pass, Pass, Inconclusive]);
    assert_eq!(analysis.exit_code, 4);
    assert!(!analysis.summary[0].contains("gates failed"));
    assert_eq!(analysis.load.not_sent["lag"], 10 * RATE);
    // it left O
    assert_eq!(analysis.load.offered, RATE * END);
    assert!(kinds(&analysis.warnings).contains(&"not_sent"));
    // a limit full of unanswered requests is the target's doing, and no doubt
    let mut script = Script::calm();
    for second in 40..50 {
        script.add(second, LOGIN, Outcome::NotSentLimit, RATE);
    }
    let script = script.gate(success_at_least(portal(), 0.99, during(T0, T1)));
    let analysis = analyse(&script.record);
    assert_eq!(analysis.gates[0].verdict, Verdict::Fail);
    assert_eq!(analysis.load.offered, RATE * END + 10 * RATE);
}

#[test]
fn what_failed_in_spite_of_a_doubt_is_named() {
    let mut script = Script::calm();
    for second in T0..T1 {
        script.add(second, LOGIN, Outcome::NotSentLag, RATE);
    }
    script.fail(T1 + 5..T1 + 10, Outcome::Http5xx, 0.9);
    let script = script
        .gate(success_at_least(portal(), 0.99, during(T0, T1)))
        .gate(success_at_least(portal(), 0.99, during(T1, END)));
    let analysis = analyse(&script.record);
    assert_eq!(analysis.exit_code, 4);
    let told = &analysis.summary[0];
    assert!(told.contains(". 1 of 2 gates failed: `"), "{told}");
}

#[test]
fn a_failure_stands_only_if_the_unsent_could_not_have_turned_it() {
    let verdict = |unsent_a_second: u64| {
        let mut script = Script::calm();
        // 98.3% of what was sent in the window is good
        script.fail(40..50, Outcome::Http5xx, 0.05);
        for second in 40..50 {
            script.add(second, LOGIN, Outcome::NotSentLag, unsent_a_second);
        }
        let script = script.gate(success_at_least(portal(), 0.99, during(T0, T1)));
        analyse(&script.record).gates[0].verdict
    };
    assert_eq!(verdict(0), Verdict::Fail);
    // had all of them been good, it would be 98.75%
    assert_eq!(verdict(RATE), Verdict::Fail);
    // and now 99.2%
    assert_eq!(verdict(3 * RATE), Verdict::Inconclusive);
}

#[test]
fn arrivals_that_never_began_leave_no_pass() {
    let mut script = Script::calm().gate(success_at_least(portal(), 0.9, during(T0, T1)));
    script.plan().populations[0].arrivals *= 2;
    let analysis = analyse(&script.record);
    assert_eq!(analysis.exit_code, 4);
    assert_eq!(kinds(&analysis.warnings), ["not_sent"]);
}

fn late(script: &mut Script, lag: Duration) {
    for second in 0..END {
        let slow = (40..50).contains(&second);
        let tick = HarnessTick {
            lag_p99: if slow { lag } else { Duration::ZERO },
            lag_max: if slow { lag } else { Duration::ZERO },
            processors: 2,
            ..HarnessTick::default()
        };
        script.record.harness.push((at(second as f64 + 1.0), tick));
    }
}

#[test]
fn lateness_makes_a_gate_inconclusive_where_service_time_disagrees() {
    let gate = || {
        claim(Rule::Measured {
            subject: feature("login"),
            measure: Measure::Latency(9_900),
            comparison: Comparison::AtMost,
            limit: Limit::Time(Duration::from_millis(500)),
            window: during(T0, T1),
        })
    };
    let slow_response = || {
        let mut script = Script::calm().gate(gate());
        for second in 40..50 {
            let cell = script.record.cells.get_mut(&(second as u32, LOGIN));
            let cell = cell.expect("scripted");
            cell.response.merge(&times(Duration::from_secs(2), 20));
        }
        script
    };
    // the harness was on time: the response time stands
    let mut on_time = slow_response();
    late(&mut on_time, Duration::from_millis(2));
    assert_eq!(analyse(&on_time.record).gates[0].verdict, Verdict::Fail);
    // it was late, and by service time all was well
    let mut behind = slow_response();
    late(&mut behind, Duration::from_secs(2));
    let analysis = analyse(&behind.record);
    assert_eq!(analysis.gates[0].verdict, Verdict::Inconclusive);
    assert!(kinds(&analysis.warnings).contains(&"lag"));
    // one of its workers was late with most of its own arrivals, which all together hide
    let mut one = slow_response();
    late(&mut one, Duration::ZERO);
    for (_, tick) in &mut one.record.harness[40..50] {
        tick.workers = vec![
            WorkerTick::default(),
            WorkerTick {
                lag_p50: Duration::from_secs(2),
                ..WorkerTick::default()
            },
        ];
    }
    let analysis = analyse(&one.record);
    assert_eq!(analysis.gates[0].verdict, Verdict::Inconclusive);
    let lag = analysis.warnings.iter().find(|w| w.kind == "lag");
    let told = &lag.expect("it is told").message;
    assert!(
        told.contains("in 10 s it was one of the 2 workers alone"),
        "{told}"
    );
    // it was late, and that made no difference
    let mut harmless = Script::calm().gate(gate());
    late(&mut harmless, Duration::from_secs(2));
    assert_eq!(analyse(&harmless.record).gates[0].verdict, Verdict::Pass);
}

#[test]
fn a_steady_baseline_is_good() {
    let script = Script::calm();
    let plan = &script.record.header.plan;
    let (verdict, result) = judge_baseline(plan, &script.record.cells);
    assert_eq!(verdict, BaselineVerdict::Good, "{}", result.detail);
    assert_eq!((result.from_s, result.to_s), (3.0, 30.0));
    assert_eq!(result.requests, 27 * RATE);
    assert_eq!(result.goodput, Some(RATE as f64));
}

#[test]
fn a_baseline_may_be_thin_moving_or_bad() {
    let judge = |script: &Script| judge_baseline(&script.record.header.plan, &script.record.cells);
    let thin = Script::at_rate(10);
    assert_eq!(judge(&thin).0, BaselineVerdict::Unsteady);
    assert!(judge(&thin).1.detail.contains("270 requests"));

    let mut moving = Script::calm();
    moving.fail(20..30, Outcome::Http5xx, 0.2);
    let (verdict, result) = judge(&moving);
    assert_eq!(verdict, BaselineVerdict::Unsteady);
    assert!(
        result.detail.starts_with("success moved"),
        "{}",
        result.detail
    );

    let mut slowing = Script::calm();
    for second in 16..30 {
        slowing.clear(second, LOGIN);
        let slow = Duration::from_millis(60);
        slowing.add_slow(second, LOGIN, Outcome::Ok, 2 * RATE, slow);
    }
    let (verdict, result) = judge(&slowing);
    assert_eq!(verdict, BaselineVerdict::Unsteady);
    assert!(
        result.detail.starts_with("the median moved"),
        "{}",
        result.detail
    );

    let mut below = Script::calm();
    below.fail(0..30, Outcome::Http5xx, 0.05);
    let (verdict, result) = judge(&below);
    assert_eq!(verdict, BaselineVerdict::BelowSteadyState);
    assert_eq!(result.detail, "`the gate` does not hold: 95.0%");

    below.plan().measure.baseline_optional = true;
    assert_eq!(judge(&below).0, BaselineVerdict::Waived);
}
