//! Faults that come and go, on the clock of the run.

use super::fixture::{Case, cowin, minutes, seconds};
use crate::{
    plan::{FlapPlan, Rule, Trigger, describe},
    scenario::model::*,
    time::{Offset, Story},
    units::Ratio,
};

fn hang() -> Effect {
    Effect::Http(HttpEffect {
        matching: HttpMatch::default(),
        action: HttpAction::Hang,
    })
}

/// A fault at the portal that is in for 6 minutes and out for 4, from the opening on.
fn flapping(until: Until) -> Case {
    let mut case = cowin();
    let portal = FaultPlace::Service("portal".into());
    let fault = case.add_fault("flap", portal, "opening", Some(until), hang());
    fault.shape.flap = Some(Flap {
        within: minutes(6),
        out: minutes(4),
    });
    case
}

#[test]
fn one_that_flaps_ends_when_it_goes_for_the_last_time() {
    // an hour is a minute
    let plan = flapping(Until::For(minutes(30))).plan();
    let fault = &plan.faults[1];
    let flap = FlapPlan {
        within: seconds(6),
        out: seconds(4),
    };
    assert_eq!(fault.shape.flap, Some(flap));
    assert_eq!(fault.start, Trigger::At(Offset(seconds(20))));
    assert_eq!(fault.end, Some(Trigger::At(Offset(seconds(46)))));

    let mut case = cowin();
    let evening = Until::At(case.anchor("evening", Edge::Start, Story::default()));
    let plan = flapping(evening).plan();
    assert_eq!(plan.faults[1].end, Some(Trigger::At(Offset(seconds(76)))));
}

#[test]
fn the_end_of_one_that_waits_for_another_is_the_others() {
    let case = flapping(Until::For(minutes(30)));
    let mut open = cowin();
    let end = open.anchor("sms_late", Edge::End, Story::default());
    let portal = FaultPlace::Service("portal".into());
    let fault = open.add_fault("flap", portal, "opening", Some(Until::At(end)), hang());
    fault.shape = case.scenario.faults[1].shape.clone();
    let end = open.plan().faults[1].end.clone();
    assert!(
        matches!(&end, Some(Trigger::After { expected, .. }) if *expected == Offset(seconds(55))),
        "{end:?}"
    );
}

#[test]
fn the_plan_says_how_often_it_comes() {
    let told = describe(&flapping(Until::For(minutes(30))).plan());
    let does = "never answered, in for 6s and out for 4s, 3 times";
    assert_eq!(told.faults[1].does, does);
}

#[test]
fn one_that_comes_once_or_all_the_time_is_noticed() {
    let said = flapping(Until::For(minutes(9))).mistakes();
    assert!(
        said.iter()
            .any(|s| s.starts_with("warning: fault `flap` flaps, but comes only once")),
        "{said:?}"
    );
    let mut case = flapping(Until::For(minutes(30)));
    let short = Story(std::time::Duration::from_millis(500));
    case.scenario.faults[1].shape.flap = Some(Flap {
        within: short,
        out: short,
    });
    let said = case.mistakes();
    assert!(
        said.iter()
            .any(|s| s.contains("comes and goes more than 1000 times")),
        "{said:?}"
    );
}

#[test]
fn steps_are_told_in_real_time() {
    let mut case = cowin();
    let share = |part| Ratio::new(part).expect("a ratio");
    let portal = FaultPlace::Service("portal".into());
    let half_an_hour = Some(Until::For(minutes(30)));
    let fault = case.add_fault("fades", portal, "opening", half_an_hour, hang());
    fault.shape.steps = vec![(Story::default(), share(0.9)), (minutes(15), share(0.1))];
    let plan = case.plan();
    assert_eq!(
        plan.faults[1].shape.steps,
        [(seconds(0), share(0.9)), (seconds(15), share(0.1))]
    );
    let does = &describe(&plan).faults[1].does;
    assert_eq!(does, "never answered, 90% of it, 10% after 15s");
}

#[test]
fn a_list_is_several_faults_and_its_name_means_all_of_them() {
    let mut case = cowin();
    for (name, minutes_long) in [("apps.portal", 20), ("apps.sms", 30)] {
        let place = FaultPlace::Service(name.split_once('.').expect("a list").1.into());
        let until = Some(Until::For(minutes(minutes_long)));
        case.add_fault(name, place, "opening", until, hang());
    }
    let portal = || FaultPlace::Service("portal".into());
    let late = case.add_fault(
        "late",
        portal(),
        "apps",
        Some(Until::For(minutes(5))),
        hang(),
    );
    late.from.value.edge = Edge::End;
    let one = Some(Until::For(minutes(5)));
    case.add_fault("one", portal(), "apps.sms", one, hang());
    let tolerates = Claim::Tolerates {
        subject: case.spanned("portal", super::fixture::service("portal")),
        fault: case.word("apps"),
    };
    case.add_gate("portal tolerates apps", tolerates);
    let plan = case.plan();
    let after = |index: usize| match &plan.faults[index].start {
        Trigger::After {
            fault,
            others,
            expected,
            ..
        } => (*fault, others.clone(), *expected),
        other => panic!("{other:?}"),
    };
    assert_eq!(after(3), (1, vec![2], Offset(seconds(50))));
    assert_eq!(after(4), (2, Vec::new(), Offset(seconds(20))));
    assert!(matches!(
        &plan.gates.last().expect("a gate").rule,
        Rule::Tolerates { fault: 1, others, .. } if *others == [2]
    ));
    let told = describe(&plan).timeline;
    assert!(
        told.iter()
            .any(|m| m.what.contains("0s real after apps is out everywhere")),
        "{told:#?}"
    );
}
