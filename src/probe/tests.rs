use std::{sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    client::{
        Network, Wiring,
        testing::{Act, Server, answer, closed_port, plan, service, service_at},
    },
    measure::{BinDelta, Outcome},
    plan::{FeaturePlan, Origin, Plan, ProbePlan, Series, ServiceId},
    scenario::model::{Check, Method},
    time::Clock,
};

fn probe(path: &str) -> ProbePlan {
    ProbePlan {
        method: Method::Get,
        path: path.into(),
    }
}

fn feature(name: &str) -> FeaturePlan {
    FeaturePlan {
        name: name.into(),
        routes: Vec::new(),
        probe: Some(probe(&format!("/{name}"))),
        fallback: vec![Check::Header {
            name: "x-degraded".into(),
            equals: None,
        }],
    }
}

fn probed(server: &Server, features: &[&str]) -> Plan {
    let mut service = service_at(server.addr);
    service.features = features.iter().map(|name| feature(name)).collect();
    let mut plan = plan(vec![service]);
    plan.series = features
        .iter()
        .map(|name| Series {
            origin: Origin::Probe,
            name: (*name).to_owned(),
            service: ServiceId(0),
            feature: Some((*name).to_owned()),
        })
        .collect();
    plan
}

#[tokio::test]
async fn each_feature_is_probed_under_its_own_series() {
    let server = Server::start(|seen| match seen.path() {
        "/slots" => answer(200, "", ""),
        "/certificates" => answer(200, "x-degraded: 1\r\n", ""),
        _ => vec![Act::Close],
    });
    let mut plan = probed(&server, &["slots", "certificates", "login"]);
    plan.length = Duration::from_millis(1900);
    let network = Network::new(&plan, Wiring::default()).expect("usable");
    // two seconds ago: both rounds are due at once, and what was due is asked all the same
    let clock = Clock::starting_at(Instant::now() - Duration::from_millis(1900));
    let probing = spawn(&plan, network, clock, CancellationToken::new()).expect("a thread");
    let mut deltas = Vec::new();
    while !probing.is_ended() {
        tokio::time::sleep(Duration::from_millis(10)).await;
        deltas.push(probing.drain());
    }
    deltas.push(probing.drain());
    let all = BinDelta::merged(deltas);
    let found: Vec<_> = all
        .cells
        .iter()
        .flat_map(|c| c.counts.iter().map(|(o, n)| (c.bin, c.series.0, o, n)))
        .collect();
    let expected = [Outcome::Ok, Outcome::Fallback, Outcome::ClosedEarly];
    let expected: Vec<_> = [0, 1]
        .into_iter()
        .flat_map(|bin| (0u16..).zip(expected).map(move |(s, o)| (bin, s, o, 1)))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(server.connections(), 6, "a connection for each");
    let ids: Vec<_> = server.seen();
    assert!(ids.iter().all(|s| {
        s.header("brownout-request")
            .is_some_and(|id| id.starts_with("probe."))
    }));
}

#[tokio::test]
async fn readiness_is_asked_directly() {
    let server = Server::start(|seen| match seen.path() {
        "/healthz" => answer(204, "", ""),
        _ => answer(503, "", ""),
    });
    let link = Server::start(|_| answer(200, "", ""));
    let mut portal = service("portal.test", 80);
    portal.at = Some(server.addr);
    let wiring = Wiring {
        visitors: vec![Some(link.addr)],
        ..Wiring::default()
    };
    let network = Network::new(&plan(vec![portal]), wiring).expect("usable");
    let timeout = Duration::from_secs(20);
    let ask = async |addr, probe: Option<ProbePlan>| {
        ready(&network, ServiceId(0), addr, probe.as_ref(), timeout).await
    };
    assert_eq!(ask(None, Some(probe("/healthz"))).await, Ok(()));
    assert_eq!(
        ask(None, Some(probe("/other"))).await,
        Err(NotReady::Status(503))
    );
    assert_eq!(ask(Some(server.addr), None).await, Ok(()));
    assert_eq!(link.connections(), 0);

    let (_held, addr) = closed_port();
    let refused = ask(Some(addr), None).await;
    assert_eq!(refused, Err(NotReady::Failed(Outcome::Refused)));
    assert_eq!(refused.expect_err("closed").to_string(), "refused");
    let outside = ask(Some(([192, 0, 2, 1], 80).into()), None).await;
    assert_eq!(outside, Err(NotReady::Failed(Outcome::Blocked)));
}

#[test]
fn readiness_may_be_asked_from_any_runtime() {
    fn is_send<T: Send>(_: &T) {}
    let network = Network::new(&plan(vec![service("x", 80)]), Wiring::default()).expect("usable");
    let network = Arc::clone(&network);
    is_send(&ready(&network, ServiceId(0), None, None, Duration::ZERO));
}
