//! HTTP/2, against a server of frames that does what it is told.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use h2::{Reason, RecvStream, server::SendResponse};
use hyper::{Request, Response};
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::Barrier};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::plan::Protocol;

/// What the server does with a request.
#[derive(Debug, Clone)]
enum Say {
    Answer(u16),
    /// Head and half a body, then as it is told.
    Half(Box<Say>),
    /// An answer, once so many requests wait for one.
    Together(Arc<Barrier>),
    Reset(Reason),
    /// GOAWAY, of a kind, and the end of the connection.
    GoAway(Reason),
    Close,
    CloseHard,
    Hang,
}

struct Frames {
    addr: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Request<()>>>>,
    /// The most requests that were under way on one connection.
    most: Arc<AtomicUsize>,
}

impl Frames {
    /// `say` is asked with the number of the connection and the path.
    async fn serve(say: impl Fn(usize, &str) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let server = Self {
            addr: listener.local_addr().expect("bound"),
            connections: Arc::default(),
            requests: Arc::default(),
            most: Arc::default(),
        };
        let (connections, requests) = (server.connections.clone(), server.requests.clone());
        let most = server.most.clone();
        let say = Arc::new(say);
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let (say, requests, most) = (say.clone(), requests.clone(), most.clone());
                tokio::spawn(async move {
                    let say = |path: &str| say(number, path);
                    connection(tcp, &say, &requests, &most).await;
                });
            }
        });
        server
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    fn network(&self, streams: u32) -> Arc<Network> {
        let mut service = service_at(self.addr);
        service.protocol = Protocol::Http2 { streams };
        service.headers = vec![
            ("connection".into(), "close".into()),
            ("x-a".into(), "b".into()),
        ];
        network(service, Wiring::default())
    }
}

async fn connection(
    tcp: TcpStream,
    say: &(dyn Fn(&str) -> Say + Send + Sync),
    requests: &Mutex<Vec<Request<()>>>,
    most: &AtomicUsize,
) {
    let hard = socket2::SockRef::from(&tcp).try_clone();
    let hard = hard.expect("a descriptor to spare");
    let (closing, leaving) = (CancellationToken::new(), CancellationToken::new());
    let under_way = Arc::new(AtomicUsize::new(0));
    let Ok(mut frames) = h2::server::handshake(tcp).await else {
        return;
    };
    loop {
        let request = tokio::select! {
            request = frames.accept() => request,
            () = closing.cancelled() => {
                // what is closed with something left to be read is reset
                hard.shutdown(std::net::Shutdown::Write).expect("a socket");
                while let Some(Ok(_)) = frames.accept().await {}
                return;
            }
            () = leaving.cancelled() => {
                frames.graceful_shutdown();
                while frames.accept().await.is_some() {}
                return;
            }
        };
        let Some(Ok((request, respond))) = request else {
            return;
        };
        let now = under_way.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(now, Ordering::SeqCst);
        let say = say(request.uri().path());
        let (parts, body) = request.into_parts();
        requests
            .lock()
            .expect("no panic")
            .push(Request::from_parts(parts, ()));
        match say {
            Say::GoAway(Reason::NO_ERROR) => {
                answer(respond, body, Say::Answer(200), &closing).await;
                leaving.cancel();
            }
            Say::GoAway(reason) => {
                frames.abrupt_shutdown(reason);
            }
            Say::CloseHard => {
                hard.set_linger(Some(Duration::ZERO)).expect("a socket");
                drop(hard);
                return;
            }
            say => {
                let (closing, under_way) = (closing.clone(), under_way.clone());
                tokio::spawn(async move {
                    answer(respond, body, say, &closing).await;
                    under_way.fetch_sub(1, Ordering::SeqCst);
                });
            }
        }
    }
}

/// Answers a request, or asks for the connection's end. A stream that is dropped is reset, so those
/// that are to be left open are held.
async fn answer(
    mut respond: SendResponse<Bytes>,
    body: RecvStream,
    say: Say,
    closing: &CancellationToken,
) {
    let head = |status| {
        let head = Response::builder().status(status).header("x-a", "b");
        head.body(()).expect("a head")
    };
    let sent = "nobody has gone yet";
    match say {
        Say::Answer(status) => {
            let mut stream = respond.send_response(head(status), false).expect(sent);
            stream.send_data("answer".into(), true).expect(sent);
        }
        Say::Together(barrier) => {
            barrier.wait().await;
            respond.send_response(head(200), true).expect(sent);
        }
        Say::Half(then) => {
            let mut stream = respond.send_response(head(200), false).expect(sent);
            stream.send_data("half".into(), false).expect(sent);
            // so that it is on its way
            tokio::time::sleep(Duration::from_millis(50)).await;
            match *then {
                Say::Reset(reason) => stream.send_reset(reason),
                Say::Close => closing.cancel(),
                other => assert!(matches!(other, Say::Hang), "{other:?}"),
            }
            tokio::time::sleep(LONG).await;
        }
        Say::Reset(reason) => respond.send_reset(reason),
        Say::Close => {
            closing.cancel();
            tokio::time::sleep(LONG).await;
        }
        Say::Hang => tokio::time::sleep(LONG).await,
        Say::GoAway(_) | Say::CloseHard => unreachable!("the connection does it"),
    }
    drop(body);
}

#[tokio::test]
async fn each_behaviour_of_a_server_has_its_outcome() {
    let half = |then| Say::Half(Box::new(then));
    for (say, timeout, expected) in [
        (Say::Answer(200), LONG, Outcome::Ok),
        (Say::Answer(404), LONG, Outcome::Http4xx),
        (Say::Answer(503), LONG, Outcome::Http5xx),
        (Say::Reset(Reason::INTERNAL_ERROR), LONG, Outcome::Reset),
        (Say::Reset(Reason::REFUSED_STREAM), LONG, Outcome::Reset),
        (half(Say::Reset(Reason::CANCEL)), LONG, Outcome::Reset),
        (
            Say::GoAway(Reason::ENHANCE_YOUR_CALM),
            LONG,
            Outcome::ClosedEarly,
        ),
        (Say::GoAway(Reason::NO_ERROR), LONG, Outcome::Ok),
        (Say::Close, LONG, Outcome::ClosedEarly),
        (half(Say::Close), LONG, Outcome::ClosedEarly),
        (Say::Hang, SHORT, Outcome::TimeoutFirstByte),
        (half(Say::Hang), SHORT * 2, Outcome::TimeoutBody),
    ] {
        let told = say.clone();
        let server = Frames::serve(move |_, _| told.clone()).await;
        let exchange = once(&server.network(100), timeout).await;
        assert_eq!(outcome(&exchange), expected, "{say:?}");
        assert!(exchange.sent.is_some());
        assert_eq!(
            server.requests.lock().expect("no panic").len(),
            1,
            "{say:?}"
        );
    }
}

#[tokio::test]
async fn a_reset_of_the_connection_is_a_reset_or_an_end() {
    let server = Frames::serve(|_, _| Say::CloseHard).await;
    let exchange = once(&server.network(100), LONG).await;
    // if a write meets it before a read does, h2 tells it no better than an end without farewell
    let outcome = outcome(&exchange);
    assert!(
        matches!(outcome, Outcome::Reset | Outcome::ClosedEarly),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_is_not_http2_is_told() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
    let listener = listener.expect("a free port");
    let mut service = service_at(listener.local_addr().expect("bound"));
    service.protocol = Protocol::Http2 { streams: 1 };
    tokio::spawn(async move {
        while let Ok((mut tcp, _)) = listener.accept().await {
            let text = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
            let _ = tcp.write_all(text).await;
            tokio::time::sleep(LONG).await;
        }
    });
    let plain = network(service, Wiring::default());
    assert_eq!(outcome(&once(&plain, LONG).await), Outcome::Protocol);

    // a TLS server that agrees on nothing
    let mut service = super::service("secure.test", 443);
    service.https = true;
    service.at = Some(tls_server().await);
    service.tls.ca = Some(certs("ca.pem"));
    service.protocol = Protocol::Http2 { streams: 1 };
    let encrypted = network(service, Wiring::default());
    assert_eq!(outcome(&once(&encrypted, LONG).await), Outcome::Protocol);
}

#[tokio::test]
async fn requests_say_who_they_are() {
    let server = Frames::serve(|_, _| Say::Answer(200)).await;
    let exchange = once(&server.network(100), LONG).await;
    let answer = exchange.result.expect("good");
    assert_eq!(
        (&*answer.body, &answer.headers["x-a"]),
        (&b"answer"[..], &"b".parse().expect("a value"))
    );
    let requests = server.requests.lock().expect("no panic");
    let uri = format!("http://{}/x", server.addr);
    assert_eq!(requests[0].uri().to_string(), uri);
    let headers = requests[0].headers();
    assert_eq!(headers["brownout-request"], "probe.7");
    assert_eq!(headers["x-a"], "b");
    for absent in ["host", "connection"] {
        assert!(!headers.contains_key(absent), "{absent}");
    }
}

/// Sends a request for each of the timeouts at once, from a session of its own.
async fn at_once(
    client: &PooledClient,
    timeouts: impl IntoIterator<Item = Duration>,
) -> Vec<Exchange> {
    let send = |(visitor, timeout)| async move {
        let mut session = client.session(0, visitor);
        client.send(&mut session, call(timeout)).await
    };
    all((0..).zip(timeouts).map(send)).await
}

/// Polls all of them until each is done.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut waiting: Vec<_> = futures.map(|f| (Box::pin(f), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, done) in &mut waiting {
            if done.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(cx)
            {
                *done = Some(output);
            }
        }
        if waiting.iter().all(|(_, done)| done.is_some()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    waiting.into_iter().filter_map(|(_, done)| done).collect()
}

#[tokio::test]
async fn streams_run_side_by_side_up_to_their_limit() {
    // none is answered before all have come, so none can have waited for another
    let barrier = Arc::new(Barrier::new(10));
    let server = Frames::serve(move |_, _| Say::Together(barrier.clone())).await;
    let shared = client(&server.network(4), Reuse::Shared, 10);
    for exchange in at_once(&shared, [LONG; 10]).await {
        assert_eq!(outcome(&exchange), Outcome::Ok);
    }
    assert_eq!(server.connections(), 3, "4 + 4 + 2");
    assert_eq!(server.most.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn who_finds_no_free_stream_waits_for_one() {
    let server = Frames::serve(|_, _| Say::Answer(200)).await;
    let shared = client(&server.network(2), Reuse::Shared, 1);
    for exchange in at_once(&shared, [LONG; 50]).await {
        assert_eq!(outcome(&exchange), Outcome::Ok);
    }
    assert_eq!(server.connections(), 1);
    assert!(server.most.load(Ordering::SeqCst) <= 2);

    let server = Frames::serve(|_, _| Say::Hang).await;
    let shared = client(&server.network(2), Reuse::Shared, 1);
    let exchanges = at_once(&shared, [SHORT * 3, SHORT * 3, SHORT]).await;
    let outcomes: Vec<_> = exchanges.iter().map(outcome).collect();
    assert_eq!(
        outcomes,
        [
            Outcome::TimeoutFirstByte,
            Outcome::TimeoutFirstByte,
            Outcome::NotSentLimit
        ]
    );
}

#[tokio::test]
async fn a_stream_that_fails_leaves_the_connection_to_the_others() {
    for (say, timeout, expected) in [
        (Say::Hang, SHORT, Outcome::TimeoutFirstByte),
        (Say::Reset(Reason::INTERNAL_ERROR), LONG, Outcome::Reset),
    ] {
        let first = AtomicUsize::new(0);
        let told = say.clone();
        let server = Frames::serve(move |_, _| match first.fetch_add(1, Ordering::SeqCst) {
            0 => told.clone(),
            _ => Say::Answer(200),
        });
        let server = server.await;
        let shared = client(&server.network(100), Reuse::Shared, 10);
        let mut session = shared.session(0, 0);
        let failed = shared.send(&mut session, call(timeout)).await;
        assert_eq!(outcome(&failed), expected);
        let good = shared.send(&mut session, call(LONG)).await;
        assert_eq!(outcome(&good), Outcome::Ok);
        assert_eq!(server.connections(), 1, "{say:?}");
    }
}

#[tokio::test]
async fn a_connection_that_the_server_leaves_is_no_failure() {
    for reuse in [Reuse::Shared, Reuse::Journey] {
        let server = Frames::serve(|_, _| Say::GoAway(Reason::NO_ERROR)).await;
        let client = client(&server.network(100), reuse, 10);
        let mut session = client.session(0, 0);
        for sent in 1..=3 {
            let exchange = client.send(&mut session, call(LONG)).await;
            assert_eq!(outcome(&exchange), Outcome::Ok, "{reuse:?}");
            assert_eq!(server.connections(), sent, "{reuse:?}");
            // time for the farewell to arrive
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test]
async fn all_who_wait_for_a_connection_share_its_failure() {
    let (_held, addr) = closed_port();
    let mut service = service_at(addr);
    service.protocol = Protocol::Http2 { streams: 100 };
    let shared = client(&network(service, Wiring::default()), Reuse::Shared, 10);
    for exchange in at_once(&shared, [LONG; 5]).await {
        assert_eq!(outcome(&exchange), Outcome::Refused);
    }
}

#[tokio::test]
async fn policies_other_than_shared_keep_connections_apart() {
    for (reuse, expected) in [(Reuse::None, 4), (Reuse::Journey, 2)] {
        let server = Frames::serve(|_, _| Say::Answer(200)).await;
        let client = client(&server.network(100), reuse, 10);
        for visitor in 0..2 {
            let mut session = client.session(0, visitor);
            for _ in 0..2 {
                let exchange = client.send(&mut session, call(LONG)).await;
                assert_eq!(outcome(&exchange), Outcome::Ok);
            }
        }
        assert_eq!(server.connections(), expected, "{reuse:?}");
    }
}
