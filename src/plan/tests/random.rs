//! Schedules in a plan: each coming is a fault of its own.

use super::fixture::{Case, cowin, minutes, seconds, service};
use crate::{
    plan::{Rule, describe},
    scenario::model::*,
    seed::Seed,
    time::{Offset, Story},
};

/// `chaos` draws a hanging portal and a kill of it in the opening.
fn drawn() -> Case {
    let mut case = cowin();
    let hang = Effect::Http(HttpEffect {
        matching: HttpMatch::default(),
        action: HttpAction::Hang,
    });
    let kill = Effect::Process(ProcessEffect::Kill);
    for (name, at, effect) in [
        ("slow", FaultPlace::Service("portal".into()), hang),
        ("died", FaultPlace::Process("portal".into()), kill),
    ] {
        case.add_fault(name, at, "calm", None, effect).drawn_by = Some("chaos".into());
    }
    let (from, until) = (
        case.anchor("opening", Edge::Start, minutes(10)),
        case.anchor("opening", Edge::End, Story::default()),
    );
    let schedule = Random {
        name: case.word("chaos"),
        of: vec![case.word("slow"), case.word("died")],
        from: case.spanned("chaos from", from),
        until: case.spanned("chaos until", until),
        every: (minutes(5), minutes(8)),
        lasting: case.spanned("2m..4m", (minutes(2), minutes(4))),
        at_most: 1,
        seed: Some(Seed(7)),
    };
    case.scenario.random.push(schedule);
    case
}

#[test]
fn each_coming_is_a_fault_of_its_own_in_the_schedules_time() {
    let plan = drawn().plan();
    let comings = &plan.faults[1..];
    let numbered = |name: &str| {
        let own = comings.iter().filter(|f| f.name.starts_with(name));
        own.map(|f| f.name.as_str()).collect::<Vec<_>>()
    };
    assert_eq!(numbered("slow")[..2], ["slow.1", "slow.2"]);
    assert_eq!(numbered("died")[..2], ["died.1", "died.2"]);
    // an hour is a minute: 10 min after the opening's start to its end
    let (from, until) = (Offset(seconds(30)), Offset(seconds(80)));
    let mut before = from;
    for coming in comings {
        let start = coming.start.expected();
        assert!(start >= before.plus(seconds(5)), "{coming:?}");
        before = start;
        assert_eq!(coming.end.is_none(), coming.name.starts_with("died"));
        let lasts = coming.end.as_ref().map(|end| end.expected().since(start));
        assert!(lasts.is_none_or(|lasts| (seconds(2)..=seconds(4)).contains(&lasts)));
        assert!(start.plus(lasts.unwrap_or_default()) <= until, "{coming:?}");
    }
    let note = &plan.assumptions.last().expect("what was drawn").note;
    let expected = format!("{} comings, drawn by seed 7: slow ", comings.len());
    assert!(note.starts_with(&expected), "{note}");
    let text = describe(&plan).to_text(false);
    assert!(text.contains("slow.2: never answered"), "{text}");
}

#[test]
fn its_name_and_those_of_its_faults_mean_all_that_was_drawn() {
    let mut case = drawn();
    for name in ["slow", "chaos"] {
        let tolerates = Claim::Measured {
            subject: case.spanned("portal", service("portal")),
            measure: Measure::Success,
            comparison: Comparison::AtLeast,
            limit: Limit::Ratio(0.9),
            window: Some(Window::Within {
                span: seconds(5),
                of: case.anchor(name, Edge::Start, Story::default()),
            }),
        };
        case.add_gate(name, tolerates);
    }
    let plan = case.plan();
    let meant = |gate: usize| match &plan.gates[gate].rule {
        Rule::Measured { window, .. } => match &window.from {
            crate::plan::Point::Fault { fault, others, .. } => {
                (plan.fault_name(*fault, others), others.len() + 1)
            }
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    let slow = plan.faults.iter().filter(|f| f.name.starts_with("slow."));
    assert_eq!(meant(2), ("slow", slow.count()));
    assert_eq!(meant(3), ("chaos", plan.faults.len() - 1));
}

#[test]
fn schedules_that_cannot_be_drawn_are_refused() {
    let mut case = drawn();
    let fault = case.anchor("sms_late", Edge::Start, Story::default());
    case.scenario.random[0].from.value = fault;
    assert_eq!(
        case.mistakes(),
        [
            "error: `chaos` is drawn before the run, so it begins and ends at phases @ chaos from \
          (write a phase, such as `opening + 2m`)"
        ]
    );
    // however often it is drawn
    let mut case = drawn();
    case.scenario.faults[1].at.value = FaultPlace::Service("portl".into());
    let said = case.mistakes();
    let errors: Vec<_> = said.iter().filter(|s| s.starts_with("error")).collect();
    assert!(
        matches!(&errors[..], [one] if one.contains("unknown service `portl`")),
        "{said:?}"
    );
    let mut case = drawn();
    case.scenario.random[0].every = (Story(seconds(1)), Story(seconds(1)));
    case.scenario.random[0].lasting.value = (Story(seconds(1)), Story(seconds(1)));
    let said = case.mistakes();
    assert!(
        said[0].starts_with("error: `chaos` draws more than 100 comings"),
        "{said:?}"
    );
    let mut case = drawn();
    case.scenario.faults[1].ramp = minutes(3);
    let said = case.mistakes();
    assert!(
        said[0].starts_with("error: `slow` takes longer to change its share"),
        "{said:?}"
    );
    let mut case = drawn();
    case.scenario.random[0].every = (minutes(30), minutes(40));
    let said = case.mistakes();
    assert!(
        said.iter()
            .any(|s| s.starts_with("warning: `chaos` never draws ")),
        "{said:?}"
    );
}
