//! What a good scenario becomes.

use super::fixture::{cowin, minutes, seconds};
use crate::{
    plan::{Needs, Origin, Point, Rule, StepPlan, Trigger},
    scenario::model::{
        Branch, BranchOn, DemandKind, Edge, Effect, FaultPlace, Goto, Herd, JourneyShare,
        RetryBudget, RetryWait, Reuse, Step, TcpEffect, Until,
    },
    seed::Seed,
    time::{Compression, Offset, Story},
    units::{Rate, Ratio},
};

fn at(seconds: f64) -> Offset {
    Offset::from_secs_f64(seconds)
}

#[test]
fn phases_stand_on_both_clocks_without_gaps() {
    let plan = cowin().plan();
    assert_eq!(plan.length, seconds(180));
    let ends: Vec<_> = plan.phases.iter().map(|p| (p.story_to, p.to)).collect();
    assert_eq!(
        ends,
        [
            (minutes(20), at(20.0)),
            (minutes(80), at(80.0)),
            (minutes(140), at(140.0)),
            (minutes(180), at(180.0)),
        ]
    );
    assert!(plan.phases.windows(2).all(|p| p[0].to == p[1].from));
}

#[test]
fn a_request_budget_is_divided_by_the_journeys_length() {
    let plan = cowin().plan();
    let citizens = &plan.populations[0];
    // 5_000/s * 1% / 3 requests
    assert!((citizens.curve.rate_at(at(10.0)).get() - 50.0 / 3.0).abs() < 1e-9);
    assert!((citizens.curve.max().get() - 150.0).abs() < 1e-9);
    // calm 20 s * 50 + ramp 1 s * 250 + 59 s * 450 + 60 s * 150 + 40 s * 50, a third of it
    let requests: f64 = 1000.0 + 250.0 + 26_550.0 + 9000.0 + 2000.0;
    assert_eq!(citizens.arrivals, (requests / 3.0).round() as u64);

    let mut case = cowin();
    case.demand().kind = DemandKind::Arrivals;
    case.here.local_ports = 60_000;
    let plan = case.plan();
    assert_eq!(plan.populations[0].arrivals, requests as u64);
}

#[test]
fn flags_override_the_scenario() {
    let mut case = cowin();
    case.overrides.load_scale = Some(0.02);
    case.overrides.time_scale = Compression::new(30.0);
    case.overrides.seed = Some(Seed(1));
    let plan = case.plan();
    assert_eq!(plan.length, seconds(360));
    assert!((plan.populations[0].curve.max().get() - 300.0).abs() < 1e-9);
    assert_eq!(plan.seed, Seed(1));
}

#[test]
fn requests_are_counted_under_the_feature_of_their_route() {
    let plan = cowin().plan();
    let series: Vec<_> = plan
        .series
        .iter()
        .map(|s| (s.origin, s.name.as_str(), s.feature.as_deref()))
        .collect();
    let citizens = Origin::Population(0);
    assert_eq!(
        series,
        [
            (citizens, "generate_otp", Some("login")),
            (citizens, "confirm_otp", Some("login")),
            (citizens, "find_slot", Some("slots")),
            (Origin::Probe, "probe portal/slots", Some("slots")),
            (
                Origin::Probe,
                "probe portal/certificates",
                Some("certificates")
            ),
        ]
    );
}

#[test]
fn launches_stand_in_the_order_of_their_needs() {
    let plan = cowin().plan();
    let names: Vec<_> = plan
        .launch
        .iter()
        .map(|l| plan.services[usize::from(l.service.0)].name.as_str())
        .collect();
    assert_eq!(names, ["sms", "portal"]);
    assert_eq!(plan.launch[0].command[0], "/opt/brownout");
    assert_eq!(plan.launch[0].listens.port(), 8200);
    assert_eq!(plan.launch[0].directory, std::path::Path::new("targets"));
}

#[test]
fn windows_and_claims_are_in_real_time() {
    let plan = cowin().plan();
    assert_eq!(plan.faults[0].start, Trigger::At(at(20.0)));
    assert_eq!(plan.faults[0].end, Some(Trigger::At(at(55.0))));
    // a symptom's five minutes are story, a gate's twenty seconds are not
    let Rule::Happens { window, .. } = &plan.symptoms[0].rule else {
        panic!("{:?}", plan.symptoms[0]);
    };
    assert_eq!(window.to, Point::At(at(25.0)));
    assert_eq!(
        plan.symptoms[0].text,
        "portal collapses within 5m of opening"
    );
    let Rule::Recovers { within, of, .. } = &plan.gates[1].rule else {
        panic!("{:?}", plan.gates[1]);
    };
    assert_eq!(*within, seconds(20));
    assert!(matches!(
        of,
        Point::Fault {
            fault: 0,
            edge: Edge::End,
            ..
        }
    ));
    let Rule::Never { window, .. } = &plan.gates[0].rule else {
        panic!("{:?}", plan.gates[0]);
    };
    assert_eq!(
        (&window.from, &window.to),
        (&Point::At(at(3.0)), &Point::At(at(180.0)))
    );
}

#[test]
fn the_baseline_ends_at_the_first_fault_if_that_comes_before_its_phase_does() {
    let mut case = cowin();
    assert_eq!(case.plan().baseline_window(), (at(3.0), at(20.0)));
    let early = case.anchor("calm", Edge::Start, minutes(19));
    case.scenario.faults[0].from.value = early;
    assert_eq!(case.plan().baseline_window(), (at(3.0), at(19.0)));
}

#[test]
fn sources_and_assumptions_are_listed() {
    let plan = cowin().plan();
    let listed: Vec<_> = plan
        .assumptions
        .iter()
        .map(|a| (a.about.as_str(), a.note.as_str(), a.assumed))
        .collect();
    assert_eq!(
        listed,
        [
            ("load citizens", "ministry release", false),
            ("fault sms_late", "history: minutes", true),
        ]
    );
}

#[test]
fn needs_follow_littles_law() {
    let mut case = cowin();
    let client = &mut case.scenario.load[0].client;
    client.retry.outcomes.clear();
    let needs = Needs::of(&case.plan());
    assert!((needs.requests.get() - 450.0).abs() < 1e-9);
    assert_eq!(needs.requests, needs.attempts);
    // three requests of five seconds each, 150 arrivals a second
    assert_eq!(needs.in_flight, 150 * 15);
    // a life: 3 * 5 s + 20 s for the message + 3 s of thought; the message comes after the first
    assert_eq!(needs.populations[0].connections, 150 * (38 + 33));
    assert_eq!(needs.ports, 150 * 38);
    assert_eq!(needs.descriptors, 150 * (38 + 33) + 256 + 128);

    // tried again for a minute: 7 attempts of 5 s each, with nothing held between them
    let retried = Needs::of(&cowin().plan());
    assert_eq!(retried.in_flight, 150 * 35);
    assert_eq!(retried.ports, needs.ports);
    assert!(retried.attempts > needs.attempts);
}

#[test]
fn attempts_and_budgets_bound_the_retries() {
    let mut case = cowin();
    let retry = &mut case.scenario.load[0].client.retry;
    retry.attempts = Some(3);
    retry.wait = RetryWait::Exponential {
        base: seconds(1),
        cap: seconds(30),
    };
    // two retries for each of 150 arrivals a second
    assert!((Needs::of(&case.plan()).attempts.get() - 750.0).abs() < 1e-6);
    case.scenario.load[0].client.retry.budget = Some(RetryBudget {
        share: Ratio::new(0.1).expect("a share"),
        least: Rate::per_second(5.0).expect("a rate"),
    });
    // a tenth of 450 first attempts, and five
    assert!((Needs::of(&case.plan()).attempts.get() - 500.0).abs() < 1e-6);
}

#[test]
fn a_fault_may_wait_for_the_end_of_another() {
    let mut case = cowin();
    let effect = case.scenario.faults[0].effect.value.clone();
    let place = case.scenario.faults[0].at.value.clone();
    case.add_fault(
        "second",
        place,
        "evening",
        Some(Until::For(minutes(5))),
        effect,
    );
    let after = case.anchor("sms_late", Edge::End, minutes(2));
    case.scenario.faults[1].from.value = after;
    let plan = case.plan();
    let trigger = |plus, expected| Trigger::After {
        fault: 0,
        others: Vec::new(),
        edge: Edge::End,
        plus: seconds(plus),
        expected: at(expected),
    };
    assert_eq!(plan.faults[1].start, trigger(2, 57.0));
    assert_eq!(plan.faults[1].end, Some(trigger(7, 62.0)));
}

#[test]
fn the_same_input_makes_the_same_plan() {
    let case = cowin();
    let json = |plan| serde_json::to_string(&plan).expect("a plan is plain data");
    assert_eq!(json(case.plan()), json(case.plan()));
    let _: crate::plan::Plan = serde_json::from_str(&json(case.plan())).expect("and reads back");
}

#[test]
fn a_ramp_inside_a_phase_keeps_its_story_length() {
    let mut case = cowin();
    case.scenario.faults[0].ramp = Story(seconds(600));
    assert_eq!(case.plan().faults[0].ramp, seconds(10));
}

#[test]
fn a_way_of_the_visitors_takes_three_descriptors_a_connection() {
    let mut case = cowin();
    let free = Needs::of(&case.plan()).descriptors;
    let place = FaultPlace::Service("portal".into());
    let until = Some(Until::For(minutes(5)));
    case.add_fault(
        "down",
        place,
        "evening",
        until,
        Effect::Tcp(TcpEffect::Down),
    );
    assert_eq!(Needs::of(&case.plan()).descriptors, free + 2 * 150 * 38);
}

#[test]
fn connections_that_are_not_kept_are_open_while_a_request_is() {
    let mut case = cowin();
    case.scenario.load[0].client.reuse = Reuse::None;
    case.scenario.load[0].client.retry.outcomes.clear();
    let needs = Needs::of(&case.plan());
    // to the portal for three timeouts, to the inbox for its wait
    assert_eq!(needs.ports, 150 * 20);
    assert_eq!(needs.populations[0].connections, 150 * 35);
}

#[test]
fn several_journeys_share_a_budget_by_their_weights() {
    let mut case = cowin();
    let mut look = case.scenario.journeys[0].clone();
    look.name = case.word("look");
    look.steps.truncate(1);
    case.scenario.journeys.push(look);
    let name = case.word("look");
    case.scenario.load[0]
        .journeys
        .push(JourneyShare { name, weight: 1 });
    let Step::Request(first) = &mut case.scenario.journeys[0].steps[0] else {
        panic!("a request");
    };
    first.then = vec![Branch {
        on: BranchOn::Fallback,
        to: Goto::Step("find_slot".into()),
    }];
    let plan = case.plan();
    let citizens = &plan.populations[0];
    // three requests and one, evenly: two each
    assert!((citizens.curve.max().get() - 450.0 / 2.0).abs() < 1e-9);
    assert!((Needs::of(&plan).requests.get() - 450.0).abs() < 1e-9);
    assert_eq!(citizens.journey.name, "register or look");
    let ways = citizens.journey.ways();
    let steps = case.scenario.journeys[0].steps.len();
    assert_eq!(ways[0].steps, 0..steps);
    assert_eq!(ways[1].steps, steps..steps + 1);
    let StepPlan::Request(first) = &citizens.journey.steps[0] else {
        panic!("a request");
    };
    let StepPlan::Request(turned) = &citizens.journey.steps[first.then[0].to.expect("a step")]
    else {
        panic!("a request");
    };
    assert_eq!(turned.name, "find_slot");
}

#[test]
fn a_herd_comes_at_once_on_top_of_the_curve() {
    let mut case = cowin();
    let before = case.plan().populations[0].arrivals;
    let at = case.anchor("sms_late", Edge::End, minutes(0));
    let herd = Herd {
        count: 20_000,
        at: case.spanned("sms_late.end", at),
        over: seconds(2),
    };
    case.scenario.load[0].herds = vec![herd];
    let plan = case.plan();
    let citizens = &plan.populations[0];
    // the load is scaled to 1%; the fault is planned to end at 55 s
    assert_eq!(citizens.arrivals, before + 200);
    let rate = |seconds| citizens.curve.rate_at(Offset::from_secs_f64(seconds)).get();
    assert!((rate(55.0) - rate(54.9) - 100.0).abs() < 1e-9);
    assert!((rate(57.0) - rate(54.9)).abs() < 1e-9);
    let told = crate::plan::describe(&plan).timeline;
    let herd = told.iter().find(|moment| moment.what.contains("herd"));
    let herd = herd.expect("it is told");
    assert_eq!(herd.what, "a herd of 200 citizens");
    assert_eq!(
        (herd.place.as_str(), herd.real),
        ("within 2s", Offset::from_secs_f64(55.0))
    );

    case.scenario.load[0].herds[0].over = seconds(600);
    let said = case.mistakes();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("the run ends at"), "{said:?}");
}
