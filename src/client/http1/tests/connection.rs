//! A connection in memory, on a clock that stands still until everybody waits.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::HeaderValue;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    time::{Instant, sleep},
};

use super::{super::Conn, *};
use crate::{
    client::{
        Answer, Call, RequestId,
        conn::{Done, Limits, Sent},
    },
    plan::ServiceId,
    scenario::model::Method,
};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody";
const TIMEOUT: Duration = Duration::from_secs(10);

fn call(timeout: Duration) -> Call<'static> {
    Call {
        id: RequestId::Probe(1),
        service: ServiceId(0),
        method: Method::Get,
        path: "/",
        headers: &[],
        body: None,
        deadline: Instant::now() + timeout,
        connect_timeout: timeout,
        first_byte_timeout: None,
        keep_body: true,
        keep_headers: false,
    }
}

fn connected(room: usize) -> (Conn<DuplexStream>, DuplexStream) {
    let (ours, theirs) = duplex(room);
    (Conn::over(ours), theirs)
}

async fn send(conn: &mut Conn<DuplexStream>, call: Call<'_>) -> Sent {
    let constant = Constant::new(&HeaderValue::from_static("x"), &[]);
    conn.exchange(&constant, &call, Limits::of(&call), false)
        .await
}

fn done(sent: Sent) -> Result<Answer, Outcome> {
    match sent {
        Sent::Done(Done { result, .. }) => result,
        Sent::Unsent(outcome) => panic!("unsent: {outcome:?}"),
    }
}

/// Reads a request without a body.
async fn request(theirs: &mut DuplexStream) -> Vec<u8> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(theirs.read_u8().await.expect("a request"));
    }
    request
}

/// One request; the server says `bytes` with a pause before each, and closes if it is to.
async fn slowly(bytes: &[u8], pause: Duration, close: bool) -> (Result<Answer, Outcome>, bool) {
    let (mut conn, mut theirs) = connected(1 << 16);
    let server = async {
        request(&mut theirs).await;
        for byte in bytes {
            sleep(pause).await;
            if theirs.write_u8(*byte).await.is_err() {
                return;
            }
        }
        if close {
            drop(theirs);
        } else {
            std::future::pending::<()>().await;
        }
    };
    let client = async {
        let sent = send(&mut conn, call(TIMEOUT)).await;
        (done(sent), conn.is_open())
    };
    tokio::select! {
        biased;
        got = client => got,
        () = async { server.await; std::future::pending().await } => unreachable!("it waits"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_slowly_comes_in_time_or_not() {
    let begun = Instant::now();
    let (answer, open) = slowly(ANSWER, Duration::from_millis(100), false).await;
    assert_eq!(answer.expect("in time").body, "body");
    assert!(open);
    assert!(begun.elapsed() >= Duration::from_millis(100) * 42);

    let head = ANSWER.len() - 4;
    for (pause, expected) in [
        (TIMEOUT, Outcome::TimeoutFirstByte),
        (TIMEOUT / 20, Outcome::TimeoutFirstByte),
        // the head is complete, and a byte of the body is missing
        (TIMEOUT / (head as u32 + 2), Outcome::TimeoutBody),
    ] {
        let begun = Instant::now();
        let (answer, open) = slowly(ANSWER, pause, false).await;
        assert_eq!(answer.expect_err("late"), expected, "{pause:?}");
        assert!(!open, "nobody knows what comes next on it");
        assert_eq!(begun.elapsed().as_secs(), TIMEOUT.as_secs(), "{pause:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_head_may_have_a_limit_of_its_own() {
    let head = ANSWER.len() - 4;
    let pause = Duration::from_millis(100);
    for (within, expected) in [
        // the head is there, and the body takes longer than the head might
        (pause * (head as u32 + 1), None),
        (pause * (head as u32 - 1), Some(Outcome::TimeoutFirstByte)),
        (TIMEOUT * 2, None),
    ] {
        let (mut conn, mut theirs) = connected(1 << 16);
        let server = async {
            request(&mut theirs).await;
            for byte in ANSWER {
                sleep(pause).await;
                let _ = theirs.write_u8(*byte).await;
            }
        };
        let begun = Instant::now();
        let call = call(TIMEOUT);
        let limits = Limits {
            head: Some(begun + within),
            ..Limits::of(&call)
        };
        let constant = Constant::new(&HeaderValue::from_static("x"), &[]);
        let client = async {
            let sent = conn.exchange(&constant, &call, limits, false).await;
            (sent, begun.elapsed())
        };
        let ((sent, took), ()) = tokio::join!(client, server);
        assert_eq!(done(sent).err(), expected, "{within:?}");
        if expected.is_some() {
            assert!(took < within + pause, "{took:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_at_any_point_is_told() {
    for cut in 0..ANSWER.len() {
        let (answer, open) = slowly(&ANSWER[..cut], Duration::ZERO, true).await;
        assert_eq!(
            answer.expect_err("cut"),
            Outcome::ClosedEarly,
            "after {cut}"
        );
        assert!(!open);
    }
    let (answer, _) = slowly(ANSWER, Duration::ZERO, true).await;
    assert_eq!(answer.expect("complete").body, "body");
}

#[tokio::test(start_paused = true)]
async fn a_connection_bears_many_requests_until_something_is_amiss() {
    let (mut conn, mut theirs) = connected(1 << 16);
    for _ in 0..3 {
        let server = async {
            request(&mut theirs).await;
            theirs.write_all(ANSWER).await.expect("room");
        };
        let (sent, ()) = tokio::join!(send(&mut conn, call(TIMEOUT)), server);
        assert_eq!(done(sent).expect("good").status, 200);
        assert!(conn.is_open());
    }
    // bytes that nobody asked for, while it is idle
    theirs.write_all(ANSWER).await.expect("room");
    let sent = send(&mut conn, call(TIMEOUT)).await;
    assert!(
        matches!(sent, Sent::Unsent(Outcome::ClosedEarly)),
        "{sent:?}"
    );
    assert!(!conn.is_open());
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_was_closed_takes_no_request() {
    let (mut conn, mut theirs) = connected(1 << 16);
    let server = async {
        request(&mut theirs).await;
        theirs.write_all(ANSWER).await.expect("room");
        drop(theirs);
    };
    let (sent, ()) = tokio::join!(send(&mut conn, call(TIMEOUT)), server);
    assert!(done(sent).is_ok());
    assert!(conn.is_open(), "the end has not been seen yet");
    let sent = send(&mut conn, call(TIMEOUT)).await;
    assert!(
        matches!(sent, Sent::Unsent(Outcome::ClosedEarly)),
        "{sent:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn junk_behind_an_answer_ends_the_connection_but_not_the_answer() {
    let junk = [ANSWER, b"\r\n"].concat();
    let (mut conn, mut theirs) = connected(1 << 16);
    let server = async {
        request(&mut theirs).await;
        theirs.write_all(&junk).await.expect("room");
    };
    let (sent, ()) = tokio::join!(send(&mut conn, call(TIMEOUT)), server);
    assert_eq!(done(sent).expect("good").body, "body");
    assert!(!conn.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_body_of_any_size_is_sent_whole_through_any_gap() {
    for size in [0, 1, 16 << 10, (16 << 10) + 1, 1 << 20] {
        for room in [1 << 10, 1 << 16] {
            let body: Bytes = (0..size).map(|n| (n % 251) as u8).collect();
            let (mut conn, mut theirs) = connected(room);
            let server = async {
                let head = String::from_utf8(request(&mut theirs).await).expect("text");
                assert!(
                    head.contains(&format!("content-length: {size}\r\n")),
                    "{head}"
                );
                let mut got = vec![0; size];
                theirs.read_exact(&mut got).await.expect("all of it");
                theirs.write_all(ANSWER).await.expect("room");
                got
            };
            let call = Call {
                method: Method::Post,
                body: Some(body.clone()),
                ..call(TIMEOUT)
            };
            let (sent, got) = tokio::join!(send(&mut conn, call), server);
            assert_eq!(done(sent).expect("good").status, 200);
            assert!(got == body, "{size} bytes came otherwise");
            assert!(conn.is_open());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_come_before_the_request_is_whole() {
    for close in [false, true] {
        let (mut conn, mut theirs) = connected(1 << 10);
        let server = async {
            request(&mut theirs).await;
            theirs.write_all(ANSWER).await.expect("room");
            (!close).then_some(theirs)
        };
        let call = Call {
            method: Method::Post,
            body: Some(vec![0; 1 << 20].into()),
            ..call(TIMEOUT)
        };
        let (sent, _theirs) = tokio::join!(send(&mut conn, call), server);
        assert_eq!(done(sent).expect("it came").body, "body");
        assert!(!conn.is_open(), "the rest of the body is still owed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_megabytes_pass_through() {
    const PIECE: usize = 1 << 16;
    const PIECES: usize = 1600;
    let (mut conn, mut theirs) = connected(PIECE);
    let server = async {
        request(&mut theirs).await;
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            PIECE * PIECES
        );
        theirs.write_all(head.as_bytes()).await.expect("room");
        let piece = vec![b'x'; PIECE];
        for _ in 0..PIECES {
            theirs.write_all(&piece).await.expect("room");
        }
    };
    let unwanted = Call {
        keep_body: false,
        ..call(TIMEOUT)
    };
    let (sent, ()) = tokio::join!(send(&mut conn, unwanted), server);
    let answer = done(sent).expect("good");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert!(conn.is_open());
}
