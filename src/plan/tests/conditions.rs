//! Faults that wait for a measured condition.

use super::fixture::{Case, cowin, minutes, seconds, service};
use crate::{
    plan::{Trigger, describe},
    scenario::model::*,
    time::{Offset, Story},
};

fn slow(case: &mut Case) -> When {
    let text = "portal p99 > 1s for 10s";
    let condition = StopCondition {
        condition: Condition {
            subject: case.spanned("portal", service("portal")),
            measure: Measure::Latency(9_900),
            comparison: Comparison::Above,
            limit: Limit::Time(seconds(1)),
        },
        lasting: seconds(10),
    };
    When {
        text: text.into(),
        condition: case.spanned(text, condition),
        before: None,
        plus: Story::default(),
    }
}

fn hang() -> Effect {
    Effect::Http(HttpEffect {
        matching: HttpMatch::default(),
        action: HttpAction::Hang,
    })
}

/// `more: {at: service portal, from: {when: portal p99 > 1s for 10s}, for: 5m}`.
fn waiting() -> Case {
    let mut case = cowin();
    let when = slow(&mut case);
    let portal = FaultPlace::Service("portal".into());
    let fault = case.add_fault("more", portal, "calm", Some(Until::For(minutes(5))), hang());
    fault.from.value.edge = Edge::End;
    fault.when = Some(when);
    case
}

#[test]
fn a_start_is_watched_as_long_as_the_fault_fits_and_ends_by_its_own_clock() {
    let plan = waiting().plan();
    let fault = &plan.faults[1];
    let Trigger::When {
        condition,
        after,
        before,
        expected,
        ..
    } = &fault.start
    else {
        panic!("{:?}", fault.start);
    };
    assert_eq!(condition.text, "portal p99 > 1s for 10s");
    assert_eq!(**after, Trigger::At(Offset(seconds(20))));
    assert_eq!(**before, Trigger::At(Offset(seconds(175))));
    assert_eq!(*expected, Offset(seconds(30)), "held for 10s at least");
    let Some(Trigger::After {
        fault: 1,
        edge: Edge::Start,
        plus,
        expected,
        ..
    }) = &fault.end
    else {
        panic!("{:?}", fault.end);
    };
    assert_eq!((*plus, *expected), (seconds(5), Offset(seconds(35))));
    let text = describe(&plan).to_text(false);
    let row = "more: never answered, when portal p99 > 1s for 10s (earliest; watched until 2m 55s)";
    assert!(text.contains(row), "{text}");
    assert!(
        text.contains("more ends, 5s real after more is in force"),
        "{text}"
    );
}

#[test]
fn an_end_may_wait_and_comes_at_the_latest_when_it_is_given_up() {
    let mut case = cowin();
    let mut when = slow(&mut case);
    when.before = Some(case.anchor("evening", Edge::Start, Story::default()));
    let portal = FaultPlace::Service("portal".into());
    case.add_fault("more", portal, "opening", Some(Until::When(when)), hang());
    let plan = case.plan();
    let Some(Trigger::When {
        after, expected, ..
    }) = &plan.faults[1].end
    else {
        panic!("{:?}", plan.faults[1].end);
    };
    assert!(
        matches!(**after, Trigger::After { fault: 1, .. }),
        "{after:?}"
    );
    assert_eq!(*expected, Offset(seconds(80)));
    let text = describe(&plan).to_text(false);
    let row = "more ends when portal p99 > 1s for 10s (latest)";
    assert!(text.contains(row), "{text}");
}

#[test]
fn what_needs_an_instant_refuses_one_that_nobody_knows() {
    let mut case = waiting();
    let end = case.anchor("more", Edge::End, Story::default());
    let until = Some(Until::For(minutes(5)));
    let portal = FaultPlace::Service("portal".into());
    let late = case.add_fault("late", portal, "more", until, hang());
    late.from.value = end;
    // that a fault follows it is told at run time
    assert!(matches!(
        case.plan().faults[2].start,
        Trigger::After { fault: 1, .. }
    ));
    let at = case.anchor("late", Edge::Start, Story::default());
    let herd = Herd {
        count: 500,
        at: case.spanned("500 at late", at),
        over: seconds(1),
    };
    case.scenario.load[0].herds.push(herd);
    assert_eq!(
        case.mistakes(),
        [
            "error: arrivals are planned before the run, but `late` waits for a condition @ 500 at late \
          (let the herd come at a phase, or at a fault that waits for nothing)"
        ]
    );
}

#[test]
fn conditions_that_cannot_be_judged_are_refused() {
    let mut case = waiting();
    let when = case.scenario.faults[1].when.as_mut().expect("a condition");
    when.condition.value.condition.limit = Limit::OfBaseline(2.0);
    let said = case.mistakes();
    assert!(
        said[0].starts_with(
            "error: what is judged while the run goes on is compared with a number @ portal p99"
        ),
        "{said:?}"
    );

    let mut case = waiting();
    let unknown = case.spanned("portals", service("portals"));
    let when = case.scenario.faults[1].when.as_mut().expect("a condition");
    when.condition.value.condition.subject = unknown;
    let said = case.mistakes();
    assert!(said[0].contains("`portals`"), "{said:?}");

    let mut case = waiting();
    let before = case.anchor("opening", Edge::Start, minutes(5));
    let when = case.scenario.faults[1].when.as_mut().expect("a condition");
    when.before = Some(before);
    assert_eq!(
        case.mistakes(),
        [
            "error: fault `more` never comes: its condition is watched for 5s of real time @ portal p99 \
          > 1s for 10s (let it be watched from an earlier instant, or let the fault be shorter)"
        ]
    );
}
