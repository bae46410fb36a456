//! Every outcome that a socket can bring about, brought about by a socket.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use tokio::{net::TcpListener, time::Instant};

use super::testing::{Act, Server, answer, closed_port, plan, service, service_at};
use super::*;
use crate::{
    measure::{Injected, Outcome},
    plan::{ServiceId, ServicePlan},
    scenario::model::{Method, Reuse},
};

mod http2;
mod names;

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(20);

fn network(service: ServicePlan, wiring: Wiring) -> Arc<Network> {
    Network::new(&plan(vec![service]), wiring).expect("usable services")
}

fn client(network: &Arc<Network>, reuse: Reuse, connections: usize) -> PooledClient {
    let setup = ClientSetup {
        members: vec![MemberSetup {
            reuse,
            resolvers: 1,
            ..MemberSetup::default()
        }],
        connections,
        worker: 0,
        workers: 1,
    };
    PooledClient::new(Arc::clone(network), &setup)
}

/// A population that may have so many connections on all workers, of which this is one.
fn frugal(network: &Arc<Network>, most: u32, worker: usize, workers: usize) -> PooledClient {
    let setup = ClientSetup {
        members: vec![MemberSetup {
            reuse: Reuse::Shared,
            connections: Some(most),
            resolvers: 1,
            ..MemberSetup::default()
        }],
        connections: 100,
        worker,
        workers,
    };
    PooledClient::new(Arc::clone(network), &setup)
}

fn call(timeout: Duration) -> Call<'static> {
    Call {
        id: RequestId::Probe(7),
        service: ServiceId(0),
        method: Method::Get,
        path: "/x",
        headers: &[],
        body: None,
        deadline: Instant::now() + timeout,
        connect_timeout: timeout,
        first_byte_timeout: None,
        keep_body: true,
        keep_headers: true,
    }
}

async fn once(network: &Arc<Network>, timeout: Duration) -> Exchange {
    let client = client(network, Reuse::None, 10);
    let mut session = client.session(0, 0);
    client.send(&mut session, call(timeout)).await
}

fn outcome(exchange: &Exchange) -> Outcome {
    let judge = Judge::new(&[], &[], &[]).expect("nothing to compile");
    match &exchange.result {
        Ok(answer) => judge.judge(answer, Duration::ZERO).0,
        Err(outcome) => *outcome,
    }
}

#[tokio::test]
async fn each_behaviour_of_a_server_has_its_outcome() {
    let write = |text: &str| Act::Write(text.to_owned());
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let cases: Vec<(&str, Vec<Act>, Duration, Outcome)> = vec![
        ("good", answer(200, "", "ok"), LONG, Outcome::Ok),
        (
            "until close",
            vec![write("HTTP/1.0 200 OK\r\n\r\nall"), Act::Close],
            LONG,
            Outcome::Ok,
        ),
        ("missing", answer(404, "", ""), LONG, Outcome::Http4xx),
        ("broken", answer(500, "", ""), LONG, Outcome::Http5xx),
        ("shed", answer(429, "", ""), LONG, Outcome::Shed),
        ("closed", vec![Act::Close], LONG, Outcome::ClosedEarly),
        ("reset", vec![Act::Reset], LONG, Outcome::Reset),
        (
            "reset in the body",
            vec![write(half), Act::Sleep(SHORT), Act::Reset],
            LONG,
            Outcome::Reset,
        ),
        (
            "head cut",
            vec![write("HTTP/1.1 200 OK\r\nserver: x"), Act::Close],
            LONG,
            Outcome::ClosedEarly,
        ),
        (
            "body cut",
            vec![write(half), Act::Close],
            LONG,
            Outcome::ClosedEarly,
        ),
        (
            "chunk cut",
            vec![write(chunked), write("a\r\nhalf"), Act::Close],
            LONG,
            Outcome::ClosedEarly,
        ),
        (
            "no chunk",
            vec![write(chunked), write("zzz\r\n"), Act::Close],
            LONG,
            Outcome::Protocol,
        ),
        (
            "garbage",
            vec![write("SSH-2.0-OpenSSH_9.2\r\n\r\n"), Act::Close],
            LONG,
            Outcome::Protocol,
        ),
        ("no head", vec![Act::Hang], SHORT, Outcome::TimeoutFirstByte),
        (
            "no body",
            vec![write(half), Act::Hang],
            SHORT,
            Outcome::TimeoutBody,
        ),
    ];
    for (name, acts, timeout, expected) in cases {
        let server = Server::start(move |_| acts.clone());
        let network = network(service_at(server.addr), Wiring::default());
        let begun = Instant::now();
        let exchange = once(&network, timeout).await;
        assert_eq!(outcome(&exchange), expected, "{name}");
        assert!(exchange.sent.is_some(), "{name}");
        if expected.is_timeout() {
            assert!(exchange.ended - begun >= SHORT, "{name}: the full wait");
        }
    }
}

#[tokio::test]
async fn nobody_listens() {
    let (_held, addr) = closed_port();
    let network = network(service_at(addr), Wiring::default());
    assert_eq!(outcome(&once(&network, LONG).await), Outcome::Refused);
}

#[tokio::test]
async fn the_guard_is_asked_before_the_connect_and_remembers() {
    let mut service = service("192.0.2.1", 80);
    let network = network(service.clone(), Wiring::default());
    let exchange = once(&network, LONG).await;
    assert_eq!(outcome(&exchange), Outcome::Blocked);
    assert!(exchange.sent.is_none());
    let blocked = network.blocked().expect("remembered");
    assert!(blocked.contains("192.0.2.1"), "{blocked}");

    // also where a link of ours would hide it
    let server = Server::start(|_| answer(200, "", ""));
    service.at = Some(([192, 0, 2, 1], 80).into());
    let wiring = Wiring {
        visitors: vec![Some(server.addr)],
        ..Wiring::default()
    };
    let network = Network::new(&plan(vec![service]), wiring).expect("usable");
    assert_eq!(outcome(&once(&network, LONG).await), Outcome::Blocked);
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn requests_say_who_they_are() {
    let server = Server::start(|_| answer(200, "brownout-fault: slow\r\n", "body"));
    let mut service = service_at(server.addr);
    service.headers = vec![("authorization".into(), "Bearer s3cret".into())];
    let network = network(service, Wiring::default());
    let exchange = once(&network, LONG).await;
    assert_eq!(
        exchange.injected,
        Injected::Met,
        "marked by a proxy of ours"
    );
    assert_eq!(exchange.result.expect("good").body, "body");
    let seen = &server.seen()[0];
    assert_eq!(seen.line, "GET /x HTTP/1.1");
    assert_eq!(seen.header("host"), Some(&*server.addr.to_string()));
    assert_eq!(seen.header("brownout-request"), Some("probe.7"));
    assert_eq!(seen.header("authorization"), Some("Bearer s3cret"));
    assert_eq!(
        seen.header("user-agent"),
        Some(concat!("brownout/", env!("CARGO_PKG_VERSION")))
    );
}

#[tokio::test]
async fn connections_are_used_again_as_the_policy_says() {
    for (reuse, within, among) in [
        (Reuse::None, 3, 6),
        (Reuse::Journey, 1, 2),
        (Reuse::Shared, 1, 1),
    ] {
        let server = Server::start(|_| answer(200, "", "ok"));
        let network = network(service_at(server.addr), Wiring::default());
        let client = client(&network, reuse, 10);
        for (visitor, expected) in [(0, within), (1, among)] {
            let mut session = client.session(0, visitor);
            for _ in 0..3 {
                let exchange = client.send(&mut session, call(LONG)).await;
                assert_eq!(outcome(&exchange), Outcome::Ok);
            }
            assert_eq!(server.connections(), expected, "{reuse:?}");
        }
    }
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_meanwhile_is_no_failure() {
    let server = Server::start(|_| {
        let mut acts = answer(200, "", "ok");
        acts.push(Act::Close);
        acts
    });
    let network = network(service_at(server.addr), Wiring::default());
    let client = client(&network, Reuse::Journey, 10);
    let mut session = client.session(0, 0);
    for sent in 1..=3 {
        let exchange = client.send(&mut session, call(LONG)).await;
        assert_eq!(outcome(&exchange), Outcome::Ok);
        assert_eq!(server.connections(), sent);
        // time for the close to arrive
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_request_without_a_free_connection_waits_and_is_then_not_sent() {
    let server = Server::start(|seen| match seen.connection {
        0 => vec![Act::Hang],
        _ => answer(200, "", ""),
    });
    let network = network(service_at(server.addr), Wiring::default());
    let client = client(&network, Reuse::None, 1);
    let send = async |timeout| {
        let mut session = client.session(0, 0);
        client.send(&mut session, call(timeout)).await
    };
    // the first holds the only connection until its own timeout; the third outlasts it
    let (first, second, third) = tokio::join!(send(SHORT * 2), send(SHORT), send(LONG));
    assert_eq!(outcome(&first), Outcome::TimeoutFirstByte);
    assert_eq!(outcome(&second), Outcome::NotSentLimit);
    assert!(second.sent.is_none());
    assert_eq!(outcome(&third), Outcome::Ok);
}

fn certs(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/certs")
        .join(file)
}

/// A TLS server that answers each connection once.
async fn tls_server() -> SocketAddr {
    let chain = CertificateDer::pem_file_iter(certs("server.pem"))
        .expect("readable")
        .collect::<Result<Vec<_>, _>>()
        .expect("certificates");
    let key = PrivateKeyDer::from_pem_file(certs("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a matching key");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((tcp, _)) = listener.accept().await {
            let Ok(mut tls) = acceptor.accept(tcp).await else {
                continue;
            };
            let _ = tls.read(&mut [0; 1000]).await;
            let text = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            let _ = tls.write_all(text).await;
            let _ = tls.shutdown().await;
        }
    });
    addr
}

#[tokio::test]
async fn tls_trusts_whom_it_is_told_to_trust() {
    let addr = tls_server().await;
    let with = |change: &dyn Fn(&mut ServicePlan)| {
        let mut service = service("secure.test", 443);
        service.https = true;
        service.at = Some(addr);
        service.tls.ca = Some(certs("ca.pem"));
        change(&mut service);
        network(service, Wiring::default())
    };
    let name = |s: &mut ServicePlan| s.tls.server_name = "elsewhere.test".into();
    let other = |s: &mut ServicePlan| s.tls.ca = Some(certs("other-ca.pem"));
    let insecure = |s: &mut ServicePlan| {
        s.tls.ca = Some(certs("other-ca.pem"));
        s.tls.insecure = true;
    };
    for (what, network, expected) in [
        ("its authority", with(&|_| {}), Outcome::Ok),
        ("another name", with(&name), Outcome::Tls),
        ("another authority", with(&other), Outcome::Tls),
        ("anyone", with(&insecure), Outcome::Ok),
    ] {
        assert_eq!(outcome(&once(&network, LONG).await), expected, "{what}");
    }
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_a_connect_timeout() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a free port");
    let mut service = service_at(listener.local_addr().expect("bound"));
    service.https = true;
    service.tls.ca = Some(certs("ca.pem"));
    let network = network(service, Wiring::default());
    let exchange = once(&network, SHORT).await;
    assert_eq!(outcome(&exchange), Outcome::TimeoutConnect);
}

#[test]
fn an_unusable_file_is_told() {
    let mut service = service("secure.test", 443);
    service.https = true;
    service.tls.ca = Some(certs("server.key"));
    let error = Network::new(&plan(vec![service]), Wiring::default()).expect_err("no certificate");
    let text = error.to_string();
    assert!(
        text.contains("portal") && text.contains("server.key"),
        "{text}"
    );
}

#[tokio::test]
async fn a_population_keeps_to_its_connections_and_waits_in_line() {
    let server = Server::start(|_| answer(200, "", "ok"));
    let network = network(service_at(server.addr), Wiring::default());
    // three for two workers: two here
    let client = frugal(&network, 3, 0, 2);
    let send = async || {
        let mut session = client.session(0, 0);
        outcome(&client.send(&mut session, call(LONG)).await)
    };
    let all = tokio::join!(send(), send(), send(), send(), send(), send());
    let (a, b, c, d, e, f) = all;
    assert_eq!([a, b, c, d, e, f], [Outcome::Ok; 6]);
    assert_eq!(server.connections(), 2);
    assert_eq!(client.connections().waiting, 0);
}

#[tokio::test]
async fn who_waits_in_line_until_its_deadline_was_never_sent() {
    let server = Server::start(|_| vec![Act::Hang]);
    let network = network(service_at(server.addr), Wiring::default());
    let client = frugal(&network, 1, 0, 1);
    let send = async |timeout| {
        let mut session = client.session(0, 0);
        client.send(&mut session, call(timeout)).await
    };
    let (first, second) = tokio::join!(send(SHORT * 4), send(SHORT));
    assert_eq!(outcome(&first), Outcome::TimeoutFirstByte);
    assert_eq!(outcome(&second), Outcome::NotSentLimit);
    assert!(second.sent.is_none());
    assert_eq!(server.seen().len(), 1);
}
