//! What each effect looks like on a real socket.

use std::{io, sync::Arc, time::Duration};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{delay, status};
use crate::{
    fault::{
        Planes,
        fixtures::{Caller, PATIENCE, any_port, eventually, http_fault, planes, read_out},
    },
    marks::Touch,
    plan::FaultPlan,
    scenario::model::{
        Cut, Effect, HttpAction, HttpClose, HttpEffect, JsonEdit, JsonMatch, Method, Person,
    },
    units::{Rate, Ratio},
};

/// A server that answers each request on a connection with the bytes that it has for its path.
async fn scripted(answers: &'static [(&'static str, &'static str)]) -> std::net::SocketAddr {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut heard = Vec::new();
                let mut buffer = [0; 4096];
                loop {
                    while !heard.windows(4).any(|w| w == b"\r\n\r\n") {
                        match stream.read(&mut buffer).await {
                            Ok(n) if n > 0 => heard.extend_from_slice(&buffer[..n]),
                            _ => return,
                        }
                    }
                    let text = String::from_utf8_lossy(&heard).into_owned();
                    let path = text.split(' ').nth(1).unwrap_or_default().to_owned();
                    heard.clear();
                    let answer = answers.iter().find(|(for_path, _)| *for_path == path);
                    let answer =
                        answer.map_or("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", |a| a.1);
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    addr
}

const ANSWERS: &[(&str, &str)] = &[
    (
        "/json",
        "HTTP/1.1 203 Yes\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\r\n\
         {\"name\": \"x\", \"price\": 100}",
    ),
    (
        "/chunked",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n[1, 2\r\n4\r\n, 3]\r\n0\r\n\r\n",
    ),
    (
        "/text",
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123456789",
    ),
    ("/empty", "HTTP/1.1 204 No Content\r\n\r\n"),
    (
        "/coded",
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
    ),
];

async fn with(faults: Vec<FaultPlan>) -> (Planes, std::net::SocketAddr) {
    let count = faults.len();
    let (planes, addr) = planes(scripted(ANSWERS).await, true, faults);
    for fault in 0..count {
        planes.inject(fault, Ratio::ONE).await.expect("injected");
    }
    (planes, addr)
}

/// All bytes of an answer, or how the connection ended.
async fn raw(addr: std::net::SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(addr).await?;
    let ask = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(ask.as_bytes()).await?;
    let bytes = read_out(&mut stream).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[tokio::test]
async fn connections_end_with_a_reset_or_a_close() {
    let reset = http_fault("gone", &["/json"], HttpAction::Reset);
    let close = HttpAction::Close(HttpClose::BeforeHeaders);
    let (planes, addr) = with(vec![reset, http_fault("shut", &["/text"], close)]).await;
    let mut stream = TcpStream::connect(addr).await.expect("it accepts");
    stream
        .write_all(b"GET /json HTTP/1.1\r\nhost: x\r\nbrownout-request: 0.1.2.3\r\n\r\n")
        .await
        .expect("written");
    let error = read_out(&mut stream).await.expect_err("a reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(planes.marks().take("0.1.2.3"), Some(Touch::Ended));

    let mut stream = TcpStream::connect(addr).await.expect("it accepts");
    stream
        .write_all(b"GET /text HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .expect("written");
    assert_eq!(read_out(&mut stream).await.expect("closed"), b"");
    // the next connection is none the worse for it
    let mut caller = Caller::dial(addr).await;
    assert_eq!(caller.get("/chunked", "x").await.expect("fine").status, 200);
    planes.shutdown().await;
}

#[tokio::test]
async fn bodies_are_cut_off_where_the_fault_says() {
    let cut = |name, path: &'static str, cut| http_fault(name, &[path], HttpAction::Truncate(cut));
    let half = Cut::Share(Ratio::new(0.5).expect("a ratio"));
    let bare = HttpAction::Close(HttpClose::AfterHeaders);
    let (planes, addr) = with(vec![
        cut("three", "/text", Cut::Bytes(3)),
        cut("half", "/chunked", half),
        http_fault("bare", &["/json"], bare),
        cut("nothing", "/empty", Cut::Bytes(0)),
    ])
    .await;
    let ends = async |path: &str| {
        let mut stream = TcpStream::connect(addr).await.expect("it accepts");
        let ask = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
        stream.write_all(ask.as_bytes()).await.expect("written");
        let all = read_out(&mut stream).await.expect("closed, not reset");
        String::from_utf8(all).expect("text")
    };
    let text = ends("/text").await;
    assert!(
        text.contains("content-length: 10") && text.ends_with("\r\n\r\n012"),
        "{text}"
    );
    assert!(
        text.contains("brownout-fault: three\r\n") && text.contains("brownout-made: three\r\n")
    );
    let chunked = ends("/chunked").await;
    assert!(
        chunked.contains("[1, ") && !chunked.contains('3'),
        "{chunked}"
    );
    assert!(
        !chunked.contains("0\r\n\r\n"),
        "it must not look complete: {chunked}"
    );
    let json = ends("/json").await;
    assert!(
        json.starts_with("HTTP/1.1 203") && json.ends_with("\r\n\r\n"),
        "{json}"
    );
    // there is nothing to cut off: the connection stays
    let mut caller = Caller::dial(addr).await;
    for _ in 0..2 {
        let heard = caller.get("/empty", "x").await.expect("an answer");
        assert_eq!((heard.status, heard.header("brownout-fault")), (204, None));
    }
    assert_eq!(planes.spared(3), 2);
    planes.shutdown().await;
}

#[tokio::test]
async fn json_is_edited_and_broken() {
    let edits = vec![
        JsonEdit::Set {
            parent: "$".into(),
            name: "price".into(),
            value: json!(null),
        },
        JsonEdit::Remove {
            path: "$.name".into(),
        },
    ];
    let (planes, addr) = with(vec![
        http_fault(
            "edit",
            &["/json", "/coded", "/text"],
            HttpAction::Json(edits),
        ),
        http_fault("broken", &["/chunked"], HttpAction::Malformed),
        http_fault(
            "typed",
            &["/chunked"],
            HttpAction::ContentType("text/html".into()),
        ),
    ])
    .await;
    let mut caller = Caller::dial(addr).await;
    let heard = caller.get("/json", "x").await.expect("an answer");
    assert_eq!(
        (heard.status, &*heard.body),
        (203, &br#"{"price":null}"#[..])
    );
    assert_eq!(heard.header("content-length"), Some("14"));
    for path in ["/coded", "/text"] {
        let heard = caller.get(path, "x").await.expect("an answer");
        assert_eq!(
            heard.header("brownout-fault"),
            None,
            "{path} passes as it is"
        );
    }
    assert_eq!(planes.spared(0), 2);
    let heard = caller.get("/chunked", "x").await.expect("an answer");
    assert_eq!((heard.status, &*heard.body), (200, &b"[1, "[..]));
    assert_eq!(heard.header("content-type"), Some("text/html"));
    let marks: Vec<_> = heard.headers.get_all("brownout-made").iter().collect();
    assert_eq!(marks, ["broken", "typed"]);
    planes.shutdown().await;
}

#[tokio::test]
async fn a_slow_body_comes_at_once_when_the_fault_is_gone() {
    // ten bytes would take ten seconds
    let slow = HttpAction::Slow(Rate::per_second(1.0).expect("a rate"));
    let (planes, addr) = with(vec![http_fault("slow", &[], slow)]).await;
    let asked = tokio::spawn(raw(addr, "/text"));
    eventually("it is met", || planes.hits(0) == 1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!asked.is_finished());
    let removal = planes.remove(0).await.expect("removed");
    assert!(removal.verified, "{}", removal.detail);
    let text = timeout(PATIENCE, asked)
        .await
        .expect("released")
        .expect("no panic");
    assert!(text.expect("an answer").ends_with("0123456789"));
    planes.shutdown().await;
}

#[tokio::test]
async fn slowness_is_right_on_average() {
    let slow = HttpAction::Slow(Rate::per_second(40.0).expect("a rate"));
    let (planes, addr) = with(vec![http_fault("slow", &[], slow)]).await;
    let asked = tokio::time::Instant::now();
    let text = raw(addr, "/text").await.expect("an answer");
    assert!(text.ends_with("0123456789"), "{text}");
    assert!(
        asked.elapsed() >= Duration::from_millis(245),
        "{:?}",
        asked.elapsed()
    );
    planes.shutdown().await;
}

#[tokio::test]
async fn a_stale_answer_is_one_from_before() {
    let upstream = crate::fault::fixtures::origin().await;
    let stale = http_fault("stale", &["GET /slots/:pin"], HttpAction::Stale);
    let (planes, addr) = planes(upstream, true, vec![stale]);
    let mut caller = Caller::dial(addr).await;
    for path in ["/slots/1", "/other"] {
        let before = caller.get(path, "before").await.expect("an answer");
        assert_eq!(before.header("age"), None);
    }
    planes.inject(0, Ratio::ONE).await.expect("injected");
    let copied = caller.get("/slots/1", "during").await.expect("an answer");
    assert_eq!(
        copied.header("brownout-request"),
        Some("before"),
        "the echo is old"
    );
    assert_eq!(copied.header("age"), Some("0"));
    assert_eq!(copied.header("brownout-made"), Some("stale"));
    for path in ["/slots/2", "/other"] {
        let fresh = caller.get(path, "during").await.expect("an answer");
        assert_eq!(fresh.header("brownout-request"), Some("during"), "{path}");
    }
    assert_eq!((planes.hits(0), planes.spared(0)), (1, 1));
    planes.remove(0).await.expect("removed");
    let fresh = caller.get("/slots/1", "after").await.expect("an answer");
    assert_eq!(fresh.header("brownout-request"), Some("after"));
    planes.shutdown().await;
}

#[tokio::test]
async fn bodies_and_addresses_of_requests_are_seen() {
    let refine = |mut fault: FaultPlan, change: &dyn Fn(&mut HttpEffect)| {
        let Effect::Http(effect) = &mut fault.effect else {
            panic!("an http fault");
        };
        change(effect);
        fault
    };
    let adults = refine(http_fault("adults", &[], status(503)), &|effect| {
        effect.matching.methods = vec![Method::Post];
        effect.matching.json = vec![JsonMatch {
            path: "$.kind".into(),
            equals: Some("adult".into()),
        }];
    });
    // counted from the arrival: one that is over when the body has been read holds nobody up
    let here = refine(http_fault("here", &[], delay(400)), &|effect| {
        effect.matching.sticky = Some(Person::Address);
    });
    let (planes, addr) = planes(
        crate::fault::fixtures::origin().await,
        true,
        vec![adults, here],
    );
    for fault in 0..2 {
        planes.inject(fault, Ratio::ONE).await.expect("injected");
    }
    let long = format!(
        "{{\"kind\": \"adult\", \"pad\": \"{}\"}}",
        "x".repeat(2 << 20)
    );
    for (body, code) in [
        (r#"{"kind": "adult"}"#, 503),
        (r#"{"kind": "child"}"#, 200),
        ("not JSON at all", 200),
        ("", 200),
        (long.as_str(), 200),
    ] {
        let request = hyper::Request::post("/exact")
            .header("host", "portal.test")
            .body(http_body_util::BodyExt::boxed(http_body_util::Full::from(
                body.to_owned(),
            )))
            .expect("a request");
        let mut caller = Caller::dial(addr).await;
        let heard = caller.send(request).await.expect("an answer");
        assert_eq!(heard.status, code, "{:.20}", body);
        if code == 200 {
            assert_eq!(
                heard.body.len(),
                body.len(),
                "whole, also when it was looked into"
            );
        }
        assert!(
            heard
                .headers
                .get_all("brownout-fault")
                .iter()
                .any(|f| f == "here")
        );
    }
    planes.shutdown().await;
}

#[tokio::test]
async fn who_gives_up_waiting_can_ask_whose_doing_it_was() {
    let (planes, addr) = with(vec![
        http_fault("hung", &["/json"], HttpAction::Hang),
        http_fault("late", &["/text"], delay(5)),
    ])
    .await;
    let planes = Arc::new(planes);
    let mut stream = TcpStream::connect(addr).await.expect("it accepts");
    stream
        .write_all(b"GET /json HTTP/1.1\r\nhost: x\r\nbrownout-request: 0.9.9.9\r\n\r\n")
        .await
        .expect("written");
    eventually("it is met", || planes.hits(0) == 1).await;
    eventually("it is marked", || {
        planes.marks().take("0.9.9.9") == Some(Touch::Held)
    })
    .await;
    drop(stream);
    // an answer tells by itself
    let mut caller = Caller::dial(addr).await;
    let heard = caller.get("/text", "0.8.8.8").await.expect("an answer");
    assert_eq!(heard.header("brownout-fault"), Some("late"));
    assert_eq!(heard.header("brownout-made"), None, "the target made it");
    assert_eq!(planes.marks().take("0.8.8.8"), None);
    planes.shutdown().await;
}
