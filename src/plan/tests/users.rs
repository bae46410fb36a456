//! Closed populations in a plan.

use super::fixture::{Case, cowin, minutes, seconds};
use crate::{
    plan::{Needs, Plan, describe},
    scenario::model::*,
    time::Offset,
    units::Users,
};

/// Adds clerks, who walk what citizens walk: their numbers in calm, opening and evening; after is
/// as calm.
fn clerks(case: &mut Case, calm: f64, opening: Curve<Users>, evening: f64) {
    let constant = |n| Curve {
        start: users(n),
        pieces: Vec::new(),
    };
    let curves = [
        ("calm", constant(calm)),
        ("opening", opening),
        ("evening", constant(evening)),
        ("after", constant(calm)),
    ];
    let phases = curves.map(|(phase, curve)| PhaseCurve {
        phase: case.word(phase),
        curve: case.spanned("curve of clerks", curve),
    });
    let citizens = case.scenario.load[0].clone();
    let clerks = ScenarioPopulation {
        traffic: Traffic::Closed(Crowd {
            phases: phases.into(),
            pause_min: seconds(1),
            pause_max: seconds(3),
        }),
        name: case.word("clerks"),
        ..citizens
    };
    case.scenario.load.push(clerks);
}

fn users(n: f64) -> Users {
    Users::new(n).expect("a number")
}

/// Up to 20,000 in 10 m, then 5,000; scaled to 1%.
fn flood() -> Curve<Users> {
    Curve {
        start: users(1_000.0),
        pieces: vec![
            Piece::Ramp {
                to: users(20_000.0),
                over: minutes(10),
            },
            Piece::Step { to: users(5_000.0) },
        ],
    }
}

fn day() -> Case {
    let mut case = cowin();
    clerks(&mut case, 1_000.0, flood(), 150.0);
    case
}

fn there(plan: &Plan, seconds: f64) -> u32 {
    plan.users_at(Offset::from_secs_f64(seconds)).whole()
}

fn crowd(case: &mut Case) -> &mut Crowd {
    match &mut case.scenario.load[1].traffic {
        Traffic::Closed(crowd) => crowd,
        Traffic::Open(_) => panic!("a closed population"),
    }
}

#[test]
fn users_are_scaled_compressed_and_rounded() {
    let plan = day().plan();
    let clerks = &plan.populations[1];
    assert_eq!((clerks.arrivals, clerks.curve.count()), (0, 0));
    let users = clerks.users.as_ref().expect("closed");
    assert_eq!(users.most, 200);
    assert_eq!((users.pause_min, users.pause_max), (seconds(1), seconds(3)));
    // the opening begins at 20 s of real time; the ramp takes 10 s of it
    for (at, n) in [
        (0.0, 10),
        (25.0, 105),
        (30.0, 50),
        (90.0, 2),
        (150.0, 10),
        (180.0, 0),
    ] {
        assert_eq!(there(&plan, at), n, "at {at}");
    }
    assert!(plan.populations[0].users.is_none());
}

#[test]
fn users_are_in_flight_one_by_one() {
    let alone = Needs::of(&cowin().plan());
    let both = Needs::of(&day().plan());
    let clerks = &both.populations[1];
    assert_eq!((clerks.users, clerks.in_flight), (Some(200), 200));
    assert_eq!(both.in_flight, alone.in_flight + 200);
    // a connection to the portal and one to the inbox each
    assert_eq!(clerks.connections, 400);
    assert_eq!(
        both.requests, alone.requests,
        "rates of users are not known"
    );
}

#[test]
fn the_description_has_users_for_each_phase_and_the_peak() {
    let described = describe(&day().plan());
    let calm = &described.timeline[0];
    assert_eq!(calm.place, "50.0 requests/s, 10 users");
    let [crowd] = &described.users[..] else {
        panic!("one closed population");
    };
    let phases = crowd
        .phases
        .iter()
        .map(|(p, few, many)| (p.as_str(), *few, *many));
    let phases: Vec<_> = phases.collect();
    assert_eq!(
        phases,
        [
            ("calm", 10, 10),
            ("opening", 10, 200),
            ("evening", 2, 2),
            ("after", 10, 10)
        ]
    );
    assert_eq!(crowd.most, 200);
    let text = described.to_text(false);
    for line in [
        "  clerks             -",
        "  clerks      opening  10 to 200  1s to 3s",
        "  clerks      at most  200",
    ] {
        assert!(text.contains(line), "no `{line}` in\n{text}");
    }
    assert!(!describe(&cowin().plan()).to_text(false).contains("users"));
}

#[track_caller]
fn only(spoil: impl FnOnce(&mut Case), expected: &str, hint: &str) {
    let mut case = day();
    spoil(&mut case);
    let found = case.mistakes();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with(expected), "{found:#?}");
    assert!(found[0].contains(hint), "{found:#?}");
}

#[test]
fn what_is_wrong_with_users_is_said() {
    assert_eq!(day().mistakes(), Vec::<String>::new());
    only(
        |case| crowd(case).phases[3].curve.value.start = users(1_200.0),
        "error: the run does not end at baseline load for 40s",
        "at the load of `calm` (50/s and 10 users in all)",
    );
    only(
        |case| {
            for phase in &mut crowd(case).phases {
                phase.curve.value = Curve {
                    start: users(40.0),
                    pieces: Vec::new(),
                };
            }
        },
        "warning: no one of `clerks` ever comes @ clerks",
        "load scale",
    );
}

#[test]
fn the_guard_bounds_what_users_could_send_if_they_were_answered_at_once() {
    let limit = |case: &mut Case, text: &str| {
        let rate = text.parse().expect("a rate");
        case.target.max_rate = Some(case.target_spanned(text, rate));
    };
    // 450/s of citizens; 200 clerks, whose second request fails once a second at worst
    only(
        |case| limit(case, "800/s"),
        "error: the load may reach 850/s, and the guard of `cowin` allows 800/s @ clerks",
        "lengthen the `pause`",
    );
    only(
        |case| {
            limit(case, "60_000/s");
            crowd(case).pause_min = seconds(0);
            // the fixture's journey has a pause of its own
            case.scenario.journeys[0]
                .steps
                .retain(|s| !matches!(s, Step::Think { .. }));
        },
        "error: `clerks` may send at any rate, and the guard of `cowin` allows 60000/s @ clerks",
        "give its users a `pause`",
    );
    let mut enough = day();
    limit(&mut enough, "900/s");
    assert_eq!(enough.mistakes(), Vec::<String>::new());
}

#[test]
fn a_baseline_of_users_alone_is_judged_when_it_is_measured() {
    let mut case = day();
    case.demand().phases.remove(0);
    case.demand().phases.pop();
    assert_eq!(case.mistakes(), Vec::<String>::new());
    // but its length is known
    case.scenario.measure.baseline_span = seconds(60);
    let found = case.mistakes();
    assert!(
        found[0].starts_with("error: the baseline lasts 17s"),
        "{found:#?}"
    );
}
