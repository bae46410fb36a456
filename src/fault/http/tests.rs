//! The HTTP plane on real sockets.

mod effects;
mod passing;
mod tls;

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{Request, body::Frame};
use proptest::prelude::*;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};

use crate::{
    fault::{
        dose::Dose,
        fixtures::{
            Caller, PATIENCE, any_port, eventually, http_fault, nowhere, on_link, origin, planes,
            read_out, sharing,
        },
    },
    scenario::model::{Effect, HttpAction, HttpDelay, TcpEffect, TcpStream as TcpStreamDirection},
    seed::Seed,
    units::Ratio,
};

fn status(code: u16) -> HttpAction {
    HttpAction::Status {
        code,
        headers: vec![("retry-after".into(), "3".into())],
        body: "gone for now".into(),
    }
}

const fn delay(millis: u64) -> HttpAction {
    HttpAction::Delay(HttpDelay::constant(Duration::from_millis(millis)))
}

/// A body of unknown length, sent in these pieces.
fn pieces(pieces: Vec<Vec<u8>>) -> BoxBody<Bytes, Infallible> {
    struct Pieces(std::vec::IntoIter<Vec<u8>>);
    impl hyper::body::Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(piece.into()))))
        }
    }
    Pieces(pieces.into_iter()).boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Bodies pass byte by byte, with a length or in chunks, one after the other on a connection.
    #[test]
    fn bodies_pass_unchanged(
        bodies in prop::collection::vec(
            (any::<bool>(), any::<bool>(), prop::collection::vec(
                prop::collection::vec(any::<u8>(), 1..3000), 0..12)),
            1..5,
        )
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let (planes, addr) = planes(origin().await, true, Vec::new());
            let mut caller = Caller::dial(addr).await;
            for (chunked, exact, parts) in bodies {
                let whole = parts.concat();
                let body = if chunked { pieces(parts) } else { Full::from(whole.clone()).boxed() };
                let request = Request::post(if exact { "/exact" } else { "/chunks" })
                    .header("host", "portal.test")
                    .body(body)
                    .expect("a request");
                let heard = timeout(PATIENCE, caller.send(request))
                    .await
                    .expect("in time")
                    .expect("an answer");
                assert_eq!(heard.status, 200);
                assert!(heard.body == whole, "{} of {} bytes", heard.body.len(), whole.len());
                if exact {
                    assert_eq!(heard.header("content-length"), Some(&*whole.len().to_string()));
                }
            }
            planes.shutdown().await;
        });
    }
}

#[tokio::test]
async fn only_the_routes_of_a_rule_are_met() {
    let routes = ["GET /certificate/:id", "/old/*"];
    let faults = vec![http_fault("no_certs", &routes, status(503))];
    let (planes, addr) = planes(origin().await, true, faults);
    planes.inject(0, Ratio::ONE).await.expect("injected");
    let mut caller = Caller::dial(addr).await;
    for (path, expected) in [
        ("/certificate/1", 503),
        ("/certificate/1?x=1", 503),
        ("/slots/110001", 200),
        ("/old/a/b", 503),
        ("/certificate/1/more", 200),
    ] {
        let heard = caller.get(path, "citizens.1.0.0").await.expect("an answer");
        assert_eq!(heard.status, expected, "{path}");
        let mark = (expected == 503).then_some("no_certs");
        assert_eq!(heard.header("brownout-fault"), mark, "{path}");
        if expected == 503 {
            assert_eq!(heard.header("retry-after"), Some("3"));
            assert_eq!(heard.body, "gone for now");
        } else {
            assert_eq!(heard.header("x-path"), Some(path));
            assert_eq!(heard.header("brownout-request"), Some("citizens.1.0.0"));
        }
    }
    assert_eq!(planes.hits(0), 3);
    assert!(planes.remove(0).await.expect("removed").verified);
    let heard = caller.get("/certificate/1", "x").await.expect("an answer");
    assert_eq!(heard.status, 200);
    planes.shutdown().await;
}

#[tokio::test]
async fn a_share_is_chosen_by_the_id_and_grows_with_the_level() {
    let fault = sharing(http_fault("some", &[], status(500)), 0.5);
    let seed = Dose::new(&fault, Seed(7)).seed();
    let (planes, addr) = planes(origin().await, true, vec![fault]);
    let mut caller = Caller::dial(addr).await;
    let mut met_before = Vec::new();
    for level in [0.0, 0.4, 1.0] {
        let level = Ratio::new(level).expect("a ratio");
        planes.inject(0, level).await.expect("injected or levelled");
        let share = Ratio::new(0.5).expect("a ratio").of(level);
        let mut met = Vec::new();
        for n in 0..100 {
            let id = format!("citizens.{n}.0.0");
            let heard = caller.get("/", &id).await.expect("an answer");
            let expected = seed.named(&id).falls_in(share);
            assert_eq!(heard.status == 500, expected, "{id} at {level}");
            if expected {
                met.push(n);
            }
        }
        assert!(
            met_before.iter().all(|n| met.contains(n)),
            "they stay in it"
        );
        met_before = met;
    }
    assert!((25..75).contains(&met_before.len()));
    planes.shutdown().await;
}

#[tokio::test]
async fn removal_releases_what_hangs() {
    let faults = vec![
        http_fault("hung", &[], HttpAction::Hang),
        http_fault("hung_too", &[], HttpAction::Hang),
        http_fault("late", &[], delay(3_600_000)),
    ];
    let (planes, addr) = planes(origin().await, true, faults);
    for fault in 0..3 {
        planes.inject(fault, Ratio::ONE).await.expect("injected");
    }
    let request = Request::post("/exact")
        .header("host", "portal.test")
        .body(Full::from("kept").boxed())
        .expect("a request");
    let held = tokio::spawn(async move { Caller::dial(addr).await.send(request).await });
    eventually("it is met", || planes.hits(2) == 1).await;
    for fault in [1, 0] {
        assert!(planes.remove(fault).await.expect("removed").verified);
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!held.is_finished(), "the others still hold it");
    }
    assert!(planes.remove(2).await.expect("removed").verified);
    let heard = timeout(PATIENCE, held).await.expect("released");
    let heard = heard.expect("no panic").expect("an answer");
    assert_eq!((heard.status, &*heard.body), (200, &b"kept"[..]));
    let marks: Vec<_> = heard.headers.get_all("brownout-fault").iter().collect();
    assert_eq!(marks, ["hung", "hung_too", "late"]);
    planes.shutdown().await;
}

#[tokio::test]
async fn delays_add_up_and_an_answer_waits_for_them() {
    let faults = vec![
        http_fault("one", &[], delay(150)),
        http_fault("two", &["/both"], delay(100)),
        http_fault("no", &["/no"], status(500)),
        http_fault("never", &["/no"], status(404)),
    ];
    let (planes, addr) = planes(origin().await, true, faults);
    for fault in 0..4 {
        planes.inject(fault, Ratio::ONE).await.expect("injected");
    }
    let mut caller = Caller::dial(addr).await;
    for (path, millis, code, marks) in [
        ("/", 150, 200, &["one"][..]),
        ("/both", 250, 200, &["one", "two"]),
        ("/no", 150, 500, &["one", "no"]),
    ] {
        let asked = Instant::now();
        let heard = caller.get(path, "x").await.expect("an answer");
        assert!(asked.elapsed() >= Duration::from_millis(millis), "{path}");
        assert_eq!(heard.status, code, "{path}");
        let seen: Vec<_> = heard.headers.get_all("brownout-fault").iter().collect();
        assert_eq!(seen, marks, "{path}");
    }
    let results = planes.remove_all().await;
    let order: Vec<usize> = results.iter().map(|(fault, _)| *fault).collect();
    assert_eq!(order, [3, 2, 1, 0]);
    for (_, removal) in results {
        assert!(removal.expect("removed").verified);
    }
    planes.shutdown().await;
}

#[tokio::test]
async fn a_client_that_goes_away_is_no_longer_held() {
    let fault = http_fault("hung", &[], HttpAction::Hang);
    let (planes, addr) = planes(origin().await, true, vec![fault]);
    planes.inject(0, Ratio::ONE).await.expect("injected");
    let mut stream = TcpStream::connect(addr).await.expect("it accepts");
    // its body is never read while it hangs
    stream
        .write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello")
        .await
        .expect("written");
    eventually("it is met", || planes.hits(0) == 1).await;
    stream.shutdown().await.expect("closed");
    // the proxy hangs up in turn: it holds nothing for us any more
    assert_eq!(read_out(&mut stream).await.unwrap_or_default(), b"");
    planes.shutdown().await;
}

#[tokio::test]
async fn an_upstream_that_refuses_closes_or_resets_shows_as_such() {
    let (gone, addr) = planes(nowhere().await, true, Vec::new());
    let ask = async |addr| {
        let mut stream = TcpStream::connect(addr).await?;
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await?;
        read_out(&mut stream).await
    };
    let error = ask(addr).await.expect_err("no answer of ours");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    gone.shutdown().await;

    for (linger, partial) in [(false, false), (true, false), (false, true), (true, true)] {
        let listener = TcpListener::bind(any_port()).await.expect("a port");
        let upstream = listener.local_addr().expect("an address");
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a call");
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await.expect("a request");
            if partial {
                let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
                stream.write_all(head).await.expect("written");
                // let it pass before the reset overtakes it
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            if linger {
                stream.set_zero_linger().expect("set");
            }
        });
        let (planes, addr) = planes(upstream, true, Vec::new());
        let seen = ask(addr).await;
        server.await.expect("served");
        match seen {
            Ok(bytes) => {
                assert!(!linger, "a reset came as a close");
                assert_eq!(bytes.is_empty(), !partial, "{bytes:?}");
                assert!(!bytes.ends_with(b"\r\n"), "it must not look complete");
            }
            Err(error) => {
                assert!(linger, "a close came as {error}");
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            }
        }
        planes.shutdown().await;
    }
}

#[tokio::test]
async fn a_kept_connection_that_closed_is_replaced() {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let upstream = listener.local_addr().expect("an address");
    // answers one request a connection, then closes without saying so beforehand
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 1024];
            let _ = stream.read(&mut buffer).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await;
        }
    });
    let (planes, addr) = planes(upstream, true, Vec::new());
    let mut caller = Caller::dial(addr).await;
    for _ in 0..5 {
        let heard = timeout(PATIENCE, caller.get("/", "x"))
            .await
            .expect("in time");
        assert_eq!(heard.expect("an answer").body, "ok");
    }
    planes.shutdown().await;
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_request_upstream() {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let upstream = listener.local_addr().expect("an address");
    let (planes, addr) = planes(upstream, true, Vec::new());
    let mut client = TcpStream::connect(addr).await.expect("it accepts");
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("written");
    let (mut server, _) = listener.accept().await.expect("a call");
    let mut buffer = [0; 1024];
    assert!(server.read(&mut buffer).await.expect("a request") > 0);
    drop(client);
    let end = timeout(PATIENCE, server.read(&mut buffer)).await;
    assert!(matches!(end.expect("cancelled"), Ok(0) | Err(_)));
    planes.shutdown().await;
}

#[tokio::test]
async fn without_an_id_the_order_of_arrival_decides() {
    let fault = sharing(http_fault("some", &[], status(500)), 0.5);
    let seed = Dose::new(&fault, Seed(7)).seed();
    let (planes, addr) = planes(origin().await, true, vec![fault]);
    planes.inject(0, Ratio::ONE).await.expect("injected");
    let mut caller = Caller::dial(addr).await;
    for n in 0..30 {
        let request = Request::get("/")
            .header("host", "portal.test")
            .body(Full::default().boxed())
            .expect("a request");
        let heard = caller.send(request).await.expect("an answer");
        let expected = seed.indexed(n).falls_in(Ratio::new(0.5).expect("a ratio"));
        assert_eq!(heard.status == 500, expected, "request {n}");
    }
    planes.shutdown().await;
}

#[tokio::test]
async fn the_upstream_gets_what_the_client_sent_but_for_the_hop() {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let upstream = listener.local_addr().expect("an address");
    let (planes, addr) = planes(upstream, true, Vec::new());
    let mut client = TcpStream::connect(addr).await.expect("it accepts");
    client
        .write_all(
            b"GET http://portal.test/slots/1?x=%20y HTTP/1.1\r\nHost: portal.test\r\n\
              X-CaSe: Kept\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\n\
              Upgrade: websocket\r\nBrownout-Request: citizens.1.0.0\r\n\r\n",
        )
        .await
        .expect("written");
    let (mut server, _) = listener.accept().await.expect("a call");
    let mut heard = Vec::new();
    while !heard.ends_with(b"\r\n\r\n") {
        heard.push(server.read_u8().await.expect("a request"));
    }
    assert_eq!(
        String::from_utf8_lossy(&heard),
        "GET /slots/1?x=%20y HTTP/1.1\r\nHost: portal.test\r\nX-CaSe: Kept\r\n\
         Brownout-Request: citizens.1.0.0\r\n\r\n"
    );
    // a body that ends with its connection arrives whole
    server
        .write_all(b"HTTP/1.1 200 OK\r\nX-Mine: Yes\r\nKeep-Alive: timeout=5\r\n\r\nto the end")
        .await
        .expect("written");
    drop(server);
    let answer = read_out(&mut client).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("X-Mine: Yes"), "{head}");
    let lower = head.to_ascii_lowercase();
    assert!(
        !lower.contains("timeout=5") && !lower.contains("date"),
        "{head}"
    );
    assert!(body.contains("to the end"), "{body}");
    planes.shutdown().await;
}

#[tokio::test]
async fn nonsense_stops_nothing() {
    let fault = http_fault("no_certs", &["GET /certificate/:id"], status(503));
    let (planes, addr) = planes(origin().await, true, vec![fault]);
    planes.inject(0, Ratio::ONE).await.expect("injected");
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let large = [&b"GET / HTTP/1.1\r\nx: "[..], &[b'y'; 600_000], b"\r\n\r\n"].concat();
    let many = [b"GET / HTTP/1.1\r\n".to_vec(), b"x: y\r\n".repeat(10_000)].concat();
    for nonsense in [
        &b"\r\n\r\n"[..],
        &[0xff; 300],
        &large,
        &many,
        b"GET / HT",
        b"GET /\0 HTTP/1.1\r\nhost: x\r\n\r\n",
        &preface[..20],
        &[&preface[..], &[0xff; 300]].concat(),
        &[&preface[..], &[0; 9], &preface[..]].concat(),
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: \xff, close\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(addr).await.expect("it accepts");
        // it may hang up before all of it is said; whatever comes, it ends
        let _ = stream.write_all(nonsense).await;
        let _ = stream.shutdown().await;
        if let Err(error) = read_out(&mut stream).await {
            assert_ne!(error.kind(), io::ErrorKind::TimedOut, "{nonsense:?}");
        }
    }
    let mut caller = Caller::dial(addr).await;
    assert_eq!(
        caller.get("/slots/1", "x").await.expect("an answer").status,
        200
    );
    planes.shutdown().await;
}

/// Everything at once, coming and going under load: each request is answered in the end, by the
/// upstream or by a fault, and nothing stays behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn faults_that_come_and_go_leave_nothing_behind() {
    let late = TcpEffect::Latency {
        latency: Duration::from_millis(4),
        jitter: Duration::from_millis(4),
        stream: TcpStreamDirection::Downstream,
    };
    let faults = vec![
        http_fault("hung", &["/a/*"], HttpAction::Hang),
        sharing(http_fault("late", &[], delay(3)), 0.5),
        http_fault("gone", &["/b/*"], status(503)),
        on_link("slow", Effect::Tcp(late)),
    ];
    let (planes, addr) = planes(origin().await, true, faults);
    let planes = Arc::new(planes);
    let clients: Vec<_> = (0..20)
        .map(|client| {
            tokio::spawn(async move {
                let mut caller = Caller::dial(addr).await;
                for n in 0..30 {
                    let path = ["/a/x", "/b/x", "/c/x"][n % 3];
                    let heard = caller.get(path, &format!("c.{client}.{n}.0")).await;
                    let heard = heard.expect("an answer");
                    let gone = heard.status == 503 && path == "/b/x";
                    assert!(gone || heard.header("x-path") == Some(path), "{heard:?}");
                    assert_eq!(gone, heard.header("retry-after").is_some());
                }
            })
        })
        .collect();
    let flapping = Arc::clone(&planes);
    let flaps = tokio::spawn(async move {
        for round in 0..10 {
            for fault in 0..4 {
                flapping.inject(fault, Ratio::ONE).await.expect("injected");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            for fault in [round % 4, 0, 1, 2, 3] {
                let removal = flapping.remove(fault).await.expect("removed");
                assert!(removal.verified, "{}", removal.detail);
            }
        }
    });
    flaps.await.expect("no panic");
    for client in clients {
        timeout(PATIENCE, client)
            .await
            .expect("in time")
            .expect("no panic");
    }
    assert_eq!(planes.in_force(), []);
    let heard = Caller::dial(addr).await.get("/a/x", "x").await;
    assert_eq!(heard.expect("an answer").header("brownout-fault"), None);
    planes.shutdown().await;
}
