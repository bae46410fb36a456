//! Faults that come and go, on real planes: what is told, and in which order.

use std::{io::ErrorKind, net::SocketAddr};

use tokio::net::TcpStream;

use super::*;
use crate::{
    client::testing::closed_port,
    plan::{FaultPlan, LinkPlan, PlacePlan, ServiceId, ShapePlan, Trigger, fixture::empty_plan},
    scenario::model::{Effect, Provenance, TcpEffect},
};

/// A link that a fault takes down, and the desk that drives it.
fn desk(lasting: bool) -> (FaultDesk, SocketAddr) {
    // nobody listens there: only the link itself matters
    let addr = closed_port().1;
    let mut plan = empty_plan();
    plan.links = vec![LinkPlan {
        name: "a -> b".into(),
        visitors: false,
        to: ServiceId(0),
        http: false,
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        upstream: addr,
        tls: None,
        via: None,
    }];
    plan.faults = vec![FaultPlan {
        name: "f".into(),
        at: "a -> b".into(),
        place: PlacePlan::Link {
            link: 0,
            feature: None,
        },
        start: Trigger::At(Offset::ZERO),
        end: lasting.then_some(Trigger::At(Offset::ZERO)),
        ramp: std::time::Duration::ZERO,
        ramp_out: std::time::Duration::ZERO,
        share: Ratio::ONE,
        turns: crate::scenario::model::Turns::default(),
        loses: None,
        drawn_by: None,
        shape: ShapePlan::default(),
        effect: Effect::Tcp(TcpEffect::Down),
        provenance: Provenance::default(),
    }];
    let (plan, clock) = (Arc::new(plan), Clock::start());
    let planes = Arc::new(Planes::bind(Arc::clone(&plan), clock).expect("it binds"));
    let addr = planes.links()[0];
    (FaultDesk::new(plan, planes, clock), addr)
}

/// What was told, in short; edges stand in brackets.
fn short(told: impl IntoIterator<Item = Told>) -> Vec<String> {
    let mut out = Vec::new();
    for (_, event, edge) in told {
        match event {
            Some(RunEvent::FaultArming { .. }) => out.push("arming".to_owned()),
            Some(RunEvent::FaultInjected { .. }) => out.push("in".to_owned()),
            Some(RunEvent::FaultRemoving { .. }) => out.push("removing".to_owned()),
            Some(RunEvent::FaultRemoved { verified: true, .. }) => out.push("out".to_owned()),
            Some(RunEvent::FaultTally { .. }) | None => {}
            Some(other) => out.push(format!("{other:?}")),
        }
        match edge {
            Some((0, Edge::Start)) => out.push("[start]".to_owned()),
            Some((0, Edge::End)) => out.push("[end]".to_owned()),
            Some(other) => out.push(format!("{other:?}")),
            None => {}
        }
    }
    out
}

/// Whether nobody listens there. Who listens may still reset at once: nothing is behind the link.
async fn refuses(addr: SocketAddr) -> bool {
    TcpStream::connect(addr)
        .await
        .is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

#[tokio::test]
async fn each_coming_and_going_is_real_and_the_last_going_is_the_end() {
    let (mut desk, addr) = desk(true);
    for (n, leave) in [Leave::ForNow, Leave::ForNow, Leave::ForGood]
        .into_iter()
        .enumerate()
    {
        assert_eq!(short(desk.inject(0, Ratio::ONE)), ["arming"]);
        let begun = if n == 0 {
            vec!["in", "[start]"]
        } else {
            vec!["in"]
        };
        assert_eq!(short(desk.next().await), begun);
        assert!(refuses(addr).await);
        assert_eq!(desk.not_yet_out(), [0]);
        assert_eq!(short(desk.remove(0, leave)), ["removing"]);
        let ended = if n == 2 {
            vec!["out", "[end]"]
        } else {
            vec!["out"]
        };
        assert_eq!(short(desk.next().await), ended);
        assert!(!refuses(addr).await);
        assert!(desk.not_yet_out().is_empty());
    }
    assert!(desk.inject(0, Ratio::ONE).is_none(), "it has ended");
}

#[tokio::test]
async fn the_end_of_one_that_is_away_was_its_last_removal() {
    let (mut desk, _) = desk(true);
    desk.inject(0, Ratio::ONE);
    desk.next().await;
    desk.remove(0, Leave::ForNow);
    let out = desk.next().await.last().map(|(at, ..)| *at);
    let told = desk.remove(0, Leave::ForGood);
    assert_eq!(told.as_ref().map(|(at, ..)| *at), out);
    assert_eq!(short(told), ["[end]"]);
}

#[tokio::test]
async fn steps_that_come_too_soon_wait_for_the_one_before() {
    let (mut desk, addr) = desk(true);
    desk.inject(0, Ratio::ONE);
    assert!(short(desk.remove(0, Leave::ForNow)).is_empty());
    assert_eq!(short(desk.next().await), ["in", "[start]", "removing"]);
    assert!(short(desk.inject(0, Ratio::ONE)).is_empty());
    assert_eq!(short(desk.next().await), ["out", "arming"]);
    assert_eq!(short(desk.next().await), ["in"]);
    assert!(refuses(addr).await);

    // wanted again while it goes, but then its end comes
    assert_eq!(short(desk.remove(0, Leave::ForNow)), ["removing"]);
    assert!(desk.inject(0, Ratio::ONE).is_none());
    assert!(desk.remove(0, Leave::ForGood).is_none());
    assert_eq!(short(desk.next().await), ["out", "[end]"]);
    assert!(desk.not_yet_out().is_empty());
}

#[tokio::test]
async fn an_instant_is_over_at_once() {
    let (mut desk, _) = desk(false);
    desk.inject(0, Ratio::ONE);
    assert_eq!(short(desk.next().await), ["in", "[start]", "out", "[end]"]);
    assert!(desk.remove(0, Leave::ForGood).is_none());
}
