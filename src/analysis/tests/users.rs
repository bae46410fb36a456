//! Closed populations: nobody plans their journeys, and their number is load, too.

use std::time::Duration;

use super::script::{END, RATE, Script, at, during, portal, success_at_least};
use crate::{
    analysis::{Verdict, analyse},
    measure::{JourneyCell, Outcome},
    plan::{UserCurve, UsersPlan},
    units::Users,
};

/// A calm run with clerks beside the citizens: so many until 30 s, more until 60 s, then as before.
/// They began a journey a second each.
fn with_clerks(calm: u32, more: u32) -> Script {
    let mut script = Script::calm();
    let users = |n| Users::new(f64::from(n)).expect("a number");
    let knots = [
        (0, calm),
        (30, calm),
        (30, more),
        (60, more),
        (60, calm),
        (END, calm),
    ];
    let mut clerks = script.plan().populations[0].clone();
    clerks.name = "clerks".into();
    clerks.arrivals = 0;
    clerks.curve.knots.clear();
    clerks.users = Some(UsersPlan {
        curve: UserCurve {
            knots: knots
                .map(|(second, n)| (at(second as f64), users(n)))
                .into(),
        },
        most: calm.max(more),
        pause_min: Duration::from_secs(1),
        pause_max: Duration::from_secs(1),
    });
    script.plan().populations.push(clerks);
    for bin in 0..END as u32 {
        let began = u64::from(if (30..60).contains(&bin) { more } else { calm });
        let cell = JourneyCell {
            bin,
            population: 1,
            began,
            good: began,
            failed: 0,
        };
        script.record.journeys.insert((bin, 1), cell);
    }
    script
}

#[test]
fn journeys_of_users_are_counted_apart_and_none_is_missed() {
    let script = with_clerks(3, 7).gate(success_at_least(portal(), 0.9, during(0, END)));
    let analysis = analyse(&script.record);
    let load = &analysis.load;
    assert_eq!((load.planned, load.began), (RATE * END, RATE * END));
    assert_eq!(load.begun_by_users, 120 * 3 + 30 * 7);
    let (open, closed) = (
        &analysis.populations["citizens"],
        &analysis.populations["clerks"],
    );
    assert_eq!((open.planned, open.users), (Some(RATE * END), None));
    assert_eq!((closed.planned, closed.users), (None, Some(7)));
    assert_eq!((closed.began, closed.good), (570, 570));
    assert_eq!(analysis.gates[0].verdict, Verdict::Pass);
    // what users begin does not stand in for arrivals that never came
    let mut short = script;
    short.plan().populations[0].arrivals += 500;
    assert_eq!(
        analyse(&short.record).gates[0].verdict,
        Verdict::Inconclusive
    );
}

#[test]
fn a_recovery_is_counted_from_when_the_users_had_gone() {
    for (more, of) in [(20, "load back at the baseline's"), (10, "its onset")] {
        let mut script = with_clerks(10, more);
        script.record.events.retain(|(_, e)| {
            !matches!(
                e,
                crate::event::RunEvent::FaultInjected { .. }
                    | crate::event::RunEvent::FaultRemoved { .. }
            )
        });
        script.fail(40..70, Outcome::Http5xx, 1.0);
        let analysis = analyse(&script.record);
        let recovery = analysis.services["portal"].whole.recovery.as_ref();
        let recovery = recovery.expect("it had an incident");
        assert_eq!(recovery.of, of);
        let from = if more == 20 { 60.0 } else { 40.0 };
        assert_eq!(recovery.from_s, from);
    }
}
