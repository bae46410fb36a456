//! Links that speak TLS, on either side, and the certificates that they show.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{CertificateError, ClientConfig, Error};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    client::testing::service,
    fault::{
        Planes,
        fixtures::{PATIENCE, eventually, http_fault, link, on_link, origin, sharing},
    },
    marks::{Touch, handshake_from},
    plan::{FaultPlan, LinkTls, Plan, Protocol, ServicePlan, fixture::empty_plan},
    scenario::model::{Effect, HttpAction, TlsEffect},
    time::Clock,
    tls::{Trust, client, name},
    units::Ratio,
};

const HOST: &str = "secure.test";

fn certs(file: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/certs");
    folder.join(file)
}

/// A service that bears this name, and speaks TLS or not.
fn called(https: bool, protocol: Protocol) -> ServicePlan {
    ServicePlan {
        https,
        protocol,
        ..service(HOST, 443)
    }
}

/// A link to a service at `upstream`; `tls` is what it shows.
fn bound(
    upstream: SocketAddr,
    service: ServicePlan,
    tls: Option<LinkTls>,
    faults: Vec<FaultPlan>,
) -> Planes {
    let mut link = link(upstream, true);
    link.tls = tls;
    let plan = Plan {
        links: vec![link],
        services: vec![service],
        faults,
        ..empty_plan()
    };
    Planes::bind(Arc::new(plan), Clock::start()).expect("it binds")
}

/// One with a certificate made for it, in front of a plain origin.
async fn generated(faults: Vec<FaultPlan>) -> Planes {
    let service = called(false, Protocol::Http1);
    bound(origin().await, service, Some(LinkTls::Generated), faults)
}

/// What a client goes by that trusts the planes' authority and nobody else.
fn trusting(planes: &Planes, protocols: &[&[u8]]) -> Arc<ClientConfig> {
    let authority = planes.authority().expect("one was made");
    let trust = Trust::Only(authority.certificate());
    client(&called(true, Protocol::Http1), trust, protocols).expect("usable")
}

async fn shake(config: &Arc<ClientConfig>, addr: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(addr).await?;
    let name = name(&called(true, Protocol::Http1)).expect("a name");
    let shaking = TlsConnector::from(Arc::clone(config)).connect(name, stream);
    timeout(PATIENCE, shaking).await.expect("in time")
}

/// Posts a body to `/exact`, which comes back.
async fn echo(stream: TlsStream<TcpStream>, body: &[u8]) -> Vec<u8> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("a handshake");
    tokio::spawn(connection);
    let request = Request::post("/exact")
        .header("host", HOST)
        .body(Full::<Bytes>::from(body.to_vec()))
        .expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let body = answer.into_body().collect().await.expect("all of it");
    body.to_bytes().to_vec()
}

fn refusal(shaken: io::Result<TlsStream<TcpStream>>) -> Error {
    let error = shaken.expect_err("it was refused");
    let inner = error.into_inner().expect("TLS says why");
    *inner.downcast::<Error>().expect("TLS says why")
}

fn certificate(name: &str, flaw: TlsEffect) -> FaultPlan {
    on_link(name, Effect::Tls(flaw))
}

#[tokio::test]
async fn tls_ends_at_the_link_and_bodies_pass_unchanged() {
    let status = http_fault("gone", &["GET /gone"], super::status(503));
    let planes = generated(vec![status]).await;
    let config = trusting(&planes, &[]);
    let body: Vec<u8> = (0..300_000u32).map(|n| n.to_be_bytes()[2] ^ 0x5a).collect();
    for body in [&body[..], b"", b"x"] {
        let stream = shake(&config, planes.links()[0]).await.expect("trusted");
        assert!(echo(stream, body).await == body, "{} bytes", body.len());
    }
    // and rules see what is in it
    planes.inject(0, Ratio::ONE).await.expect("in force");
    let mut stream = shake(&config, planes.links()[0]).await.expect("trusted");
    let ask = b"GET /gone HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(ask).await.expect("written");
    let mut said = String::new();
    stream
        .read_to_string(&mut said)
        .await
        .expect("an orderly end");
    assert!(said.starts_with("HTTP/1.1 503"), "{said}");
    let removal = planes.remove(0).await.expect("gone");
    assert!(removal.verified, "{removal:?}");
    assert!(
        removal.detail.ends_with("its own certificate"),
        "{removal:?}"
    );
}

#[tokio::test]
async fn who_speaks_plainly_to_a_link_of_tls_is_not_answered() {
    let planes = generated(Vec::new()).await;
    let mut stream = TcpStream::connect(planes.links()[0])
        .await
        .expect("it accepts");
    stream
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .await
        .expect("written");
    let mut said = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut said))
        .await
        .expect("it ends");
    // an alert at most (RFC 8446 section 6)
    assert!(said.is_empty() || said[0] == 21, "{said:?}");
}

#[tokio::test]
async fn each_flaw_is_seen_by_those_who_verify_and_is_gone_afterwards() {
    for flaw in TlsEffect::ALL {
        let planes = generated(vec![certificate("bad", flaw)]).await;
        let addr = planes.links()[0];
        // it keeps sessions: none must lead past the fault
        let config = trusting(&planes, &[]);
        for _ in 0..3 {
            let stream = shake(&config, addr).await.expect("good before");
            assert_eq!(echo(stream, b"before").await, b"before");
        }
        planes.inject(0, Ratio::ONE).await.expect("in force");
        let refused = refusal(shake(&config, addr).await);
        let Error::InvalidCertificate(refused) = refused else {
            panic!("{flaw}: {refused:?}");
        };
        let expected = match flaw {
            TlsEffect::Expired => matches!(
                refused,
                CertificateError::Expired | CertificateError::ExpiredContext { .. }
            ),
            TlsEffect::NotYetValid => matches!(
                refused,
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }
            ),
            TlsEffect::WrongName => matches!(
                refused,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
            ),
            TlsEffect::Untrusted => refused == CertificateError::UnknownIssuer,
        };
        assert!(expected, "{flaw}: {refused:?}");
        assert_eq!(planes.hits(0), 1);
        let removal = planes.remove(0).await.expect("gone");
        assert!(removal.verified, "{removal:?}");
        assert!(
            removal.detail.ends_with("its own certificate"),
            "{removal:?}"
        );
        let stream = shake(&config, addr).await.expect("good again");
        assert_eq!(echo(stream, b"after").await, b"after");
        assert_eq!(planes.hits(0), 1, "looking is no visit");
    }
}

#[tokio::test]
async fn who_was_met_is_told_by_where_it_dialled_from() {
    let planes = generated(vec![certificate("bad", TlsEffect::Expired)]).await;
    let config = trusting(&planes, &[]);
    planes.inject(0, Ratio::ONE).await.expect("in force");
    let stream = TcpStream::connect(planes.links()[0])
        .await
        .expect("it accepts");
    let own = stream.local_addr().expect("an address");
    let name = name(&called(true, Protocol::Http1)).expect("a name");
    let shaken = TlsConnector::from(config).connect(name, stream).await;
    assert!(shaken.is_err());
    let marks = planes.marks();
    assert_eq!(marks.take(&handshake_from(own)), Some(Touch::Ended));
}

#[tokio::test]
async fn connections_that_stand_are_left_alone() {
    let planes = generated(vec![certificate("bad", TlsEffect::Expired)]).await;
    let stream = shake(&trusting(&planes, &[]), planes.links()[0]).await;
    planes.inject(0, Ratio::ONE).await.expect("in force");
    assert_eq!(echo(stream.expect("good"), b"still").await, b"still");
    assert_eq!(planes.hits(0), 0);
}

#[tokio::test]
async fn a_share_is_one_of_handshakes() {
    let half = sharing(certificate("bad", TlsEffect::WrongName), 0.5);
    let planes = generated(vec![half]).await;
    let config = trusting(&planes, &[]);
    planes.inject(0, Ratio::ONE).await.expect("in force");
    let mut refused = 0;
    for _ in 0..40 {
        refused += u64::from(shake(&config, planes.links()[0]).await.is_err());
    }
    assert!((8..=32).contains(&refused), "{refused} of 40");
    assert_eq!(planes.hits(0), refused);
}

#[tokio::test]
async fn of_two_faults_the_first_decides_and_the_other_still_shows() {
    let planes = generated(vec![
        certificate("old", TlsEffect::Expired),
        certificate("other", TlsEffect::Untrusted),
    ])
    .await;
    let config = trusting(&planes, &[]);
    planes.inject(1, Ratio::ONE).await.expect("in force");
    planes.inject(0, Ratio::ONE).await.expect("in force");
    let refused = refusal(shake(&config, planes.links()[0]).await);
    let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
    assert_eq!(refused, unknown);
    let removal = planes.remove(1).await.expect("gone");
    assert!(removal.verified, "{removal:?}");
    assert!(removal.detail.ends_with("of fault `old`"), "{removal:?}");
    assert_ne!(refusal(shake(&config, planes.links()[0]).await), unknown);
}

#[tokio::test]
async fn a_handshake_that_a_fault_met_ends_with_it() {
    let planes = generated(vec![certificate("bad", TlsEffect::Expired)]).await;
    planes.inject(0, Ratio::ONE).await.expect("in force");
    let name = name(&called(true, Protocol::Http1)).expect("a name");
    let mut client = rustls::ClientConnection::new(trusting(&planes, &[]), name).expect("usable");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("written");
    // says hello, and nothing more
    let mut stream = TcpStream::connect(planes.links()[0])
        .await
        .expect("it accepts");
    stream.write_all(&hello).await.expect("written");
    eventually("it was met", || planes.hits(0) == 1).await;
    let removal = planes.remove(0).await.expect("gone");
    assert!(removal.verified, "{removal:?}");
    let mut said = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut said))
        .await
        .expect("it ends")
        .expect("closed");
    assert!(!said.is_empty(), "the certificate came before");
}

#[tokio::test]
async fn a_certificate_of_ones_own_can_only_be_untrusted() {
    let own = LinkTls::Files {
        cert: certs("server.pem"),
        key: certs("server.key"),
    };
    let service = called(false, Protocol::Http1);
    let fault = certificate("bad", TlsEffect::Untrusted);
    let planes = bound(
        origin().await,
        service.clone(),
        Some(own.clone()),
        vec![fault],
    );
    assert!(planes.authority().is_none());
    let mut verifier = called(true, Protocol::Http1);
    verifier.tls.ca = Some(certs("ca.pem"));
    let config = client(&verifier, Trust::AsSet, &[]).expect("usable");
    let stream = shake(&config, planes.links()[0]).await.expect("trusted");
    assert_eq!(echo(stream, b"mine").await, b"mine");
    planes.inject(0, Ratio::ONE).await.expect("in force");
    let unknown = Error::InvalidCertificate(CertificateError::UnknownIssuer);
    assert_eq!(refusal(shake(&config, planes.links()[0]).await), unknown);
    assert!(planes.remove(0).await.expect("gone").verified);
    shake(&config, planes.links()[0])
        .await
        .expect("trusted again");

    for (tls, flaw) in [
        (Some(own), TlsEffect::Expired),
        (None, TlsEffect::Untrusted),
    ] {
        let mut link = link(planes.links()[0], true);
        link.tls = tls;
        let plan = Plan {
            links: vec![link],
            services: vec![service.clone()],
            faults: vec![certificate("bad", flaw)],
            ..empty_plan()
        };
        let error = Planes::bind(Arc::new(plan), Clock::start()).err();
        let error = error.expect("nobody can sign it").to_string();
        assert!(
            error.contains("bad") && error.contains("certificate"),
            "{error}"
        );
    }
}

/// A link to a service behind TLS: that of `behind`, which another link ends with a certificate that a
/// service of the test knows.
fn before(behind: &Planes, protocol: Protocol, tls: Option<LinkTls>, knows: bool) -> Planes {
    let mut service = called(true, protocol);
    // its authority is not the one that signed what is shown there
    service.tls.ca = Some(certs("ca.pem"));
    if !knows {
        service.tls.server_name = "other.test".into();
    }
    bound(behind.links()[0], service, tls, Vec::new())
}

async fn behind(protocol: Protocol, upstream: SocketAddr) -> Planes {
    let own = LinkTls::Files {
        cert: certs("server.pem"),
        key: certs("server.key"),
    };
    bound(upstream, called(false, protocol), Some(own), Vec::new())
}

#[tokio::test]
async fn tls_may_begin_at_a_link_and_may_end_at_it() {
    let behind = behind(Protocol::Http1, origin().await).await;
    let plain = before(&behind, Protocol::Http1, None, true);
    let mut caller = crate::fault::fixtures::Caller::dial(plain.links()[0]).await;
    let heard = caller.get("/exact", "a.1").await.expect("an answer");
    assert_eq!(heard.header("x-path"), Some("/exact"));

    let both = before(&behind, Protocol::Http1, Some(LinkTls::Generated), true);
    let stream = shake(&trusting(&both, &[]), both.links()[0])
        .await
        .expect("trusted");
    assert_eq!(echo(stream, b"twice").await, b"twice");
}

#[tokio::test]
async fn an_upstream_that_is_not_trusted_is_a_reset() {
    let behind = behind(Protocol::Http1, origin().await).await;
    let strangers = before(&behind, Protocol::Http1, None, false);
    let mut stream = TcpStream::connect(strangers.links()[0])
        .await
        .expect("it accepts");
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("written");
    let mut said = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut said))
        .await
        .expect("it ends");
    assert_eq!(
        ended.expect_err("a reset").kind(),
        io::ErrorKind::ConnectionReset
    );
}

#[tokio::test]
async fn http2_is_agreed_on_only_where_the_upstream_agrees() {
    let http2 = Protocol::Http2 { streams: 10 };
    for (spoken, agreed) in [(Protocol::Http1, &b"http/1.1"[..]), (http2, b"h2")] {
        let behind = behind(spoken, super::passing::origin2().await).await;
        // the link's own file says nothing of HTTP/2: it asks
        let both = before(&behind, Protocol::Http1, Some(LinkTls::Generated), true);
        let config = trusting(&both, &[b"h2", b"http/1.1"]);
        let stream = shake(&config, both.links()[0]).await.expect("trusted");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(agreed));
        if spoken == Protocol::Http1 {
            continue;
        }
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .expect("a handshake");
        tokio::spawn(connection);
        let body: Vec<u8> = (0..200_000u32).map(|n| n.to_be_bytes()[2] ^ 0x33).collect();
        for _ in 0..3 {
            let request = Request::post(format!("https://{HOST}/exact"))
                .body(Full::<Bytes>::from(body.clone()))
                .expect("a request");
            let answer = sender.send_request(request).await.expect("an answer");
            assert_eq!(answer.version(), Version::HTTP_2);
            let echoed = answer.into_body().collect().await.expect("all of it");
            assert!(echoed.to_bytes() == body);
        }
    }
}

#[tokio::test]
async fn an_upstream_that_cannot_be_asked_leaves_it_to_the_file() {
    let nowhere = crate::fault::fixtures::nowhere().await;
    for (says, agreed) in [
        (Protocol::Http1, &b"http/1.1"[..]),
        (Protocol::Http2 { streams: 10 }, b"h2"),
    ] {
        let planes = bound(
            nowhere,
            called(true, says),
            Some(LinkTls::Generated),
            Vec::new(),
        );
        let config = trusting(&planes, &[b"h2", b"http/1.1"]);
        let stream = shake(&config, planes.links()[0]).await.expect("trusted");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(agreed));
    }
}

#[tokio::test]
async fn a_reset_by_a_fault_is_one_under_tls_too() {
    let planes = generated(vec![http_fault("cut", &[], HttpAction::Reset)]).await;
    planes.inject(0, Ratio::ONE).await.expect("in force");
    let config = trusting(&planes, &[]);
    let mut stream = shake(&config, planes.links()[0]).await.expect("trusted");
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("written");
    let mut said = Vec::new();
    let ended = timeout(PATIENCE, stream.read_to_end(&mut said))
        .await
        .expect("it ends");
    assert_eq!(
        ended.expect_err("a reset").kind(),
        io::ErrorKind::ConnectionReset
    );
}
