//! What no rule meets passes as it came.

use std::{
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{
    HeaderMap, Request, Response, StatusCode,
    body::{Body, Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{delay, status};
use crate::{
    fault::fixtures::{PATIENCE, any_port, eventually, http_fault, nowhere, planes, read_out},
    scenario::model::{Cut, HttpAction},
    units::Ratio,
};

/// A proxy in front of one scripted connection: the client's side and the upstream's, once the
/// client has said `first`.
async fn between(first: &[u8]) -> (crate::fault::Planes, TcpStream, TcpStream) {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let upstream = listener.local_addr().expect("an address");
    let (planes, addr) = planes(upstream, true, Vec::new());
    let mut client = TcpStream::connect(addr).await.expect("it accepts");
    client.write_all(first).await.expect("written");
    let (server, _) = listener.accept().await.expect("a call");
    (planes, client, server)
}

/// Reads until this was said; all of it.
async fn until(stream: &mut TcpStream, end: &[u8]) -> String {
    let mut heard = Vec::new();
    let reading = async {
        while !heard.ends_with(end) {
            heard.push(stream.read_u8().await.expect("more to come"));
        }
    };
    timeout(PATIENCE, reading).await.expect("in time");
    String::from_utf8_lossy(&heard).to_ascii_lowercase()
}

#[tokio::test]
async fn a_websocket_is_bytes_both_ways() {
    let ask = b"GET /live HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\n\
        Upgrade: websocket\r\nSec-WebSocket-Key: abc\r\n\r\n";
    let (planes, mut client, mut server) = between(ask).await;
    let asked = until(&mut server, b"\r\n\r\n").await;
    assert!(asked.contains("upgrade: websocket") && asked.contains("connection: upgrade"));
    assert!(asked.contains("sec-websocket-key: abc") && !asked.contains("keep-alive"));
    server
        .write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
              Sec-WebSocket-Accept: xyz\r\n\r\nfirst frame",
        )
        .await
        .expect("written");
    let agreed = until(&mut client, b"first frame").await;
    assert!(agreed.starts_with("http/1.1 101") && agreed.contains("upgrade: websocket"));
    assert!(agreed.contains("sec-websocket-accept: xyz"), "{agreed}");
    for n in 0..100u32 {
        client.write_all(&n.to_be_bytes()).await.expect("written");
        assert_eq!(server.read_u32().await.expect("passed"), n);
        server.write_all(&[0xff; 10]).await.expect("written");
        let mut heard = [0; 10];
        client.read_exact(&mut heard).await.expect("passed");
        assert_eq!(heard, [0xff; 10], "bytes that are no HTTP");
    }
    // a half-close passes too
    client.shutdown().await.expect("closed");
    assert_eq!(server.read(&mut [0; 1]).await.expect("the end"), 0);
    server.write_all(b"last words").await.expect("written");
    drop(server);
    assert_eq!(read_out(&mut client).await.expect("the end"), b"last words");
    planes.shutdown().await;
}

#[tokio::test]
async fn an_upgrade_that_is_refused_leaves_http() {
    let ask = b"GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let (planes, mut client, mut server) = between(ask).await;
    until(&mut server, b"\r\n\r\n").await;
    let no =
        b"HTTP/1.1 426 No\r\nConnection: Upgrade\r\nUpgrade: other\r\nContent-Length: 2\r\n\r\nno";
    server.write_all(no).await.expect("written");
    let said = until(&mut client, b"no").await;
    assert!(said.contains("upgrade: other"), "{said}");
    client
        .write_all(b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .expect("written");
    assert!(
        until(&mut server, b"\r\n\r\n")
            .await
            .starts_with("get /next")
    );
    planes.shutdown().await;
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let ask = b"POST / HTTP/1.1\r\nHost: x\r\nTE: trailers\r\nConnection: TE\r\nTrailer: x-sum\r\n\
        Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nx-sum: 7\r\n\r\n";
    let (planes, mut client, mut server) = between(ask).await;
    let asked = until(&mut server, b"x-sum: 7\r\n\r\n").await;
    assert!(
        asked.contains("te: trailers") && asked.contains("connection: te"),
        "{asked}"
    );
    assert!(asked.contains("\r\nbody\r\n"), "{asked}");
    let answer = b"HTTP/1.1 200 OK\r\nTrailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n\
        6\r\nanswer\r\n0\r\nX-Sum: 9\r\n\r\n";
    server.write_all(answer).await.expect("written");
    let said = until(&mut client, b"x-sum: 9\r\n\r\n").await;
    assert!(said.contains("answer"), "{said}");
    planes.shutdown().await;
}

#[tokio::test]
async fn answers_without_a_body_keep_their_length_and_the_connection() {
    let head = b"HEAD /file HTTP/1.1\r\nHost: x\r\n\r\n";
    let (planes, mut client, mut server) = between(head).await;
    for (ask, answer, expected) in [
        (
            &b""[..],
            &b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n"[..],
            "content-length: 1234",
        ),
        (
            b"GET /same HTTP/1.1\r\nHost: x\r\nIf-None-Match: 1\r\n\r\n",
            b"HTTP/1.1 304 Not Modified\r\nETag: 1\r\n\r\n",
            "etag: 1",
        ),
        (
            b"DELETE /it HTTP/1.1\r\nHost: x\r\n\r\n",
            b"HTTP/1.1 204 No Content\r\n\r\n",
            "http/1.1 204",
        ),
    ] {
        client.write_all(ask).await.expect("written");
        until(&mut server, b"\r\n\r\n").await;
        server.write_all(answer).await.expect("written");
        let said = until(&mut client, b"\r\n\r\n").await;
        assert!(said.contains(expected), "{said}");
    }
    planes.shutdown().await;
}

#[tokio::test]
async fn who_expects_100_is_told_to_go_on() {
    let ask = b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    let (planes, mut client, mut server) = between(ask).await;
    let go_on = until(&mut client, b"\r\n\r\n").await;
    assert!(go_on.starts_with("http/1.1 100"), "{go_on}");
    client.write_all(b"body").await.expect("written");
    until(&mut server, b"\r\n\r\nbody").await;
    server
        .write_all(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Made\r\nContent-Length: 0\r\n\r\n")
        .await
        .expect("written");
    let said = until(&mut client, b"\r\n\r\n").await;
    assert!(said.starts_with("http/1.1 201"), "one final answer: {said}");
    planes.shutdown().await;
}

#[tokio::test]
async fn interim_answers_pass_as_they_come() {
    let ask = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let (planes, mut client, mut server) = between(ask).await;
    let hints =
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: x-mine\r\nX-Mine: 1\r\n\r\n";
    for round in 0..2 {
        until(&mut server, b"\r\n\r\n").await;
        // before the answer is there
        server.write_all(hints).await.expect("written");
        let said = until(&mut client, b"\r\n\r\n").await;
        assert_eq!(said, "http/1.1 103 early hints\r\nlink: </a.css>\r\n\r\n");
        // and two more in one go with it
        let mut rest = b"HTTP/1.1 102 Processing\r\n\r\n".to_vec();
        rest.extend_from_slice(hints);
        rest.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes");
        server.write_all(&rest).await.expect("written");
        let said = until(&mut client, b"yes").await;
        let starts: Vec<&str> = said.lines().filter(|l| l.starts_with("http/")).collect();
        let expected = [
            "http/1.1 102 processing",
            "http/1.1 103 early hints",
            "http/1.1 200 ok",
        ];
        assert_eq!(starts, expected, "round {round}: {said}");
        client.write_all(ask).await.expect("written");
    }
    planes.shutdown().await;
}

#[tokio::test]
async fn an_old_client_gets_no_interim_answers() {
    let (planes, mut client, mut server) = between(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n").await;
    until(&mut server, b"\r\n\r\n").await;
    let both = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n\
        HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes";
    server.write_all(both).await.expect("written");
    let said = until(&mut client, b"yes").await;
    assert!(
        said.starts_with("http/1.0 200") || said.starts_with("http/1.1 200"),
        "{said}"
    );
    assert!(!said.contains("a.css"), "{said}");
    planes.shutdown().await;
}

#[tokio::test]
async fn a_proxy_behind_a_link_may_connect_or_refuse() {
    let ask = b"CONNECT shop.test:443 HTTP/1.1\r\nHost: shop.test:443\r\n\r\n";
    let (planes, mut client, mut server) = between(ask).await;
    let asked = until(&mut server, b"\r\n\r\n").await;
    assert!(
        asked.starts_with("connect shop.test:443 http/1.1"),
        "{asked}"
    );
    let no = b"HTTP/1.1 405 No\r\nAllow: GET\r\nContent-Length: 2\r\n\r\nno";
    server.write_all(no).await.expect("written");
    let said = until(&mut client, b"no").await;
    assert!(
        said.starts_with("http/1.1 405") && said.contains("allow: get"),
        "{said}"
    );
    // still HTTP: another try
    client.write_all(ask).await.expect("written");
    until(&mut server, b"\r\n\r\n").await;
    server
        .write_all(b"HTTP/1.1 200 Connected\r\n\r\nhello")
        .await
        .expect("written");
    let said = until(&mut client, b"hello").await;
    assert!(said.starts_with("http/1.1 200"), "{said}");
    for n in 0..100u32 {
        client.write_all(&n.to_be_bytes()).await.expect("written");
        assert_eq!(server.read_u32().await.expect("passed"), n);
        server.write_all(&[0xfe; 10]).await.expect("written");
        let mut heard = [0; 10];
        client.read_exact(&mut heard).await.expect("passed");
        assert_eq!(heard, [0xfe; 10], "bytes that are no HTTP");
    }
    planes.shutdown().await;
}

#[tokio::test]
async fn bodies_pass_while_they_come() {
    let ask = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na";
    let (planes, mut client, mut server) = between(ask).await;
    // each side hears the first byte before the second is said
    until(&mut server, b"\r\n\r\na").await;
    client.write_all(b"b").await.expect("written");
    until(&mut server, b"b").await;
    server
        .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nc")
        .await
        .expect("written");
    until(&mut client, b"\r\n\r\nc").await;
    server.write_all(b"d").await.expect("written");
    until(&mut client, b"d").await;
    planes.shutdown().await;
}

type Said = BoxBody<Bytes, Infallible>;

/// An HTTP/2 server by prior knowledge that sends bodies back, with a trailer.
pub(super) async fn origin2() -> SocketAddr {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service_fn(echo2)),
            );
        }
    });
    addr
}

async fn echo2(request: Request<Incoming>) -> Result<Response<Said>, hyper::Error> {
    let response = Response::builder()
        .header(
            "x-authority",
            request.uri().authority().map_or("", |a| a.as_str()),
        )
        .header(
            "x-te",
            request
                .headers()
                .get("te")
                .cloned()
                .unwrap_or_else(|| "none".parse().expect("a value")),
        );
    let whole = request.into_body().collect().await?.to_bytes();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().expect("a value"));
    let frames = Frames(vec![Frame::trailers(trailers), Frame::data(whole)]);
    Ok(response.body(frames.boxed()).expect("a response"))
}

/// Frames that are there, the last one first.
struct Frames(Vec<Frame<Bytes>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop().map(Ok))
    }
}

type Caller2 = hyper::client::conn::http2::SendRequest<Full<Bytes>>;

async fn dial2(addr: SocketAddr) -> Caller2 {
    let stream = TokioIo::new(TcpStream::connect(addr).await.expect("it accepts"));
    let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
        .await
        .expect("a handshake");
    tokio::spawn(connection);
    sender
}

/// Status, headers, body and trailers of an answer.
async fn ask2(
    caller: &Caller2,
    path: &str,
    body: &[u8],
) -> Result<(StatusCode, HeaderMap, Bytes, HeaderMap), hyper::Error> {
    let request = Request::post(format!("http://portal.test{path}"))
        .header("te", "trailers")
        .header("brownout-request", path)
        .body(Full::new(Bytes::copy_from_slice(body)))
        .expect("a request");
    let response = caller.clone().send_request(request).await?;
    let (head, body) = response.into_parts();
    let whole = body.collect().await?;
    let trailers = whole.trailers().cloned().unwrap_or_default();
    Ok((head.status, head.headers, whole.to_bytes(), trailers))
}

#[tokio::test]
async fn http2_passes_with_trailers_and_many_streams() {
    let (planes, addr) = planes(origin2().await, true, Vec::new());
    let caller = dial2(addr).await;
    let bodies: Vec<Vec<u8>> = (0..40u8).map(|n| vec![n; usize::from(n) * 5_000]).collect();
    let asked: Vec<_> = bodies
        .iter()
        .map(|body| {
            let (caller, body) = (caller.clone(), body.clone());
            tokio::spawn(async move { ask2(&caller, "/grpc", &body).await })
        })
        .collect();
    for (asked, body) in asked.into_iter().zip(bodies) {
        let heard = timeout(PATIENCE, asked).await.expect("in time");
        let (status, headers, back, trailers) = heard.expect("no panic").expect("an answer");
        assert_eq!(status, 200);
        assert_eq!(headers["x-authority"], "portal.test");
        assert_eq!(headers["x-te"], "trailers", "gRPC needs it");
        assert_eq!(trailers["grpc-status"], "0");
        assert!(back == body, "{} bytes of {}", back.len(), body.len());
    }
    planes.shutdown().await;
}

#[tokio::test]
async fn faults_meet_one_stream_of_http2() {
    let faults = vec![
        http_fault("no", &["/no"], status(503)),
        http_fault("gone", &["/gone"], HttpAction::Reset),
        http_fault("late", &["/late"], delay(5)),
        http_fault("cut", &["/cut"], HttpAction::Truncate(Cut::Bytes(3))),
        http_fault("hung", &["/hung"], HttpAction::Hang),
    ];
    let (planes, addr) = planes(origin2().await, true, faults);
    for fault in 0..5 {
        planes.inject(fault, Ratio::ONE).await.expect("injected");
    }
    let caller = dial2(addr).await;
    let other = caller.clone();
    let held = tokio::spawn(async move { ask2(&other, "/hung", b"held").await });
    eventually("it is met", || planes.hits(4) == 1).await;
    let (status, headers, ..) = ask2(&caller, "/no", b"").await.expect("an answer");
    assert_eq!(
        (status.as_u16(), &headers["brownout-made"] == "no"),
        (503, true)
    );
    assert!(ask2(&caller, "/gone", b"").await.is_err());
    let (_, headers, back, _) = ask2(&caller, "/late", b"x").await.expect("an answer");
    assert_eq!(
        (&headers["brownout-fault"] == "late", &back[..]),
        (true, &b"x"[..])
    );
    assert!(
        ask2(&caller, "/cut", b"0123456").await.is_err(),
        "its stream ends early"
    );
    assert!(!held.is_finished(), "the others did not touch it");
    assert!(planes.remove(4).await.expect("removed").verified);
    let released = timeout(PATIENCE, held).await.expect("released");
    let (.., back, _) = released.expect("no panic").expect("an answer");
    assert_eq!(back, "held");
    planes.shutdown().await;
}

#[tokio::test]
async fn an_upstream_that_refuses_resets_http2_as_a_whole() {
    let (planes, addr) = planes(nowhere().await, true, Vec::new());
    let mut stream = TcpStream::connect(addr).await.expect("it accepts");
    // a preface, settings, and HEADERS for GET / of x (RFC 7541: 0x82 GET, 0x84 /, 0x86 http)
    let mut said = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    said.extend_from_slice(&[0, 0, 0, 4, 0, 0, 0, 0, 0]);
    let block = [0x82, 0x84, 0x86, 0x41, 0x01, b'x'];
    said.extend_from_slice(&[0, 0, 6, 1, 5, 0, 0, 0, 1]);
    said.extend_from_slice(&block);
    stream.write_all(&said).await.expect("written");
    let error = read_out(&mut stream)
        .await
        .expect_err("as a refusal looks behind a link");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    planes.shutdown().await;
}
