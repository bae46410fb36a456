//! What the planes' tests share: plans, an origin server that echoes, a client that sees sockets.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::Planes;
use crate::{
    plan::{
        FaultPlan, LinkPlan, PlacePlan, Plan, ServiceId, Trigger, ZonePlan, fixture::empty_plan,
    },
    scenario::model::{Effect, HttpAction, HttpEffect, HttpMatch, Provenance},
    time::{Clock, Offset},
    units::Ratio,
};

/// Long enough for anything on a busy machine; only a failing test waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub(crate) fn plan(links: Vec<LinkPlan>, zones: Vec<ZonePlan>, faults: Vec<FaultPlan>) -> Plan {
    Plan {
        links,
        zones,
        faults,
        ..empty_plan()
    }
}

pub(crate) fn link(upstream: SocketAddr, http: bool) -> LinkPlan {
    LinkPlan {
        name: "a -> b".into(),
        visitors: false,
        to: ServiceId(0),
        http,
        listen: any_port(),
        upstream,
        tls: None,
        via: None,
    }
}

pub(crate) fn fault(name: &str, place: PlacePlan, effect: Effect) -> FaultPlan {
    FaultPlan {
        name: name.into(),
        at: "a -> b".into(),
        place,
        start: Trigger::At(Offset::ZERO),
        end: None,
        ramp: Duration::ZERO,
        ramp_out: Duration::ZERO,
        share: Ratio::ONE,
        turns: crate::scenario::model::Turns::default(),
        loses: None,
        drawn_by: None,
        shape: crate::plan::ShapePlan::default(),
        effect,
        provenance: Provenance::default(),
    }
}

pub(crate) fn on_link(name: &str, effect: Effect) -> FaultPlan {
    let place = PlacePlan::Link {
        link: 0,
        feature: None,
    };
    fault(name, place, effect)
}

pub(crate) fn http_fault(name: &str, routes: &[&str], action: HttpAction) -> FaultPlan {
    let matching = HttpMatch {
        routes: routes.iter().map(|r| r.parse().expect(r)).collect(),
        ..HttpMatch::default()
    };
    on_link(name, Effect::Http(HttpEffect { matching, action }))
}

pub(crate) fn sharing(mut fault: FaultPlan, share: f64) -> FaultPlan {
    fault.share = Ratio::new(share).expect("a ratio");
    fault
}

/// Planes with one link to `upstream`; and where it listens.
pub(crate) fn planes(
    upstream: SocketAddr,
    http: bool,
    faults: Vec<FaultPlan>,
) -> (Planes, SocketAddr) {
    let plan = plan(vec![link(upstream, http)], Vec::new(), faults);
    let planes = Planes::bind(Arc::new(plan), Clock::start()).expect("it binds");
    let addr = planes.links()[0];
    (planes, addr)
}

/// An HTTP server that says what it was asked, and sends the body back: with a length when asked
/// for `/exact`, in chunks otherwise.
pub(crate) async fn origin() -> SocketAddr {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service_fn(echo)),
            );
        }
    });
    addr
}

async fn echo(
    request: Request<Incoming>,
) -> Result<Response<http_body_util::Either<Full<Bytes>, Incoming>>, hyper::Error> {
    let exact = request.uri().path() == "/exact";
    let mut response = Response::builder()
        .header("x-method", request.method().as_str())
        .header("x-path", request.uri().to_string());
    for (name, value) in request.headers() {
        if name.as_str().starts_with("brownout-") || name.as_str().starts_with("x-") {
            response = response.header(name, value);
        }
    }
    let body = if exact {
        let whole = request.into_body().collect().await?.to_bytes();
        http_body_util::Either::Left(Full::new(whole))
    } else {
        http_body_util::Either::Right(request.into_body())
    };
    Ok(response.body(body).expect("a response"))
}

/// A TCP server that sends back what it gets, and ends when its client has.
pub(crate) async fn parrot() -> SocketAddr {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    });
    addr
}

/// An address where nobody listens.
pub(crate) async fn nowhere() -> SocketAddr {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    listener.local_addr().expect("an address")
}

/// A client connection that shows what the socket shows.
pub(crate) struct Caller {
    sender: hyper::client::conn::http1::SendRequest<
        http_body_util::combinators::BoxBody<Bytes, std::convert::Infallible>,
    >,
}

/// A response, read whole.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Caller {
    pub(crate) async fn dial(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.expect("it accepts");
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .expect("a handshake");
        tokio::spawn(connection);
        Self { sender }
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<http_body_util::combinators::BoxBody<Bytes, std::convert::Infallible>>,
    ) -> Result<Heard, hyper::Error> {
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let (parts, body) = response.into_parts();
        Ok(Heard {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.collect().await?.to_bytes(),
        })
    }

    /// Sends a request with an id and an empty body.
    pub(crate) async fn get(&mut self, path: &str, id: &str) -> Result<Heard, hyper::Error> {
        let request = Request::get(path)
            .header("host", "portal.test")
            .header("brownout-request", id)
            .body(Full::default().boxed())
            .expect("a request");
        self.send(request).await
    }
}

/// Reads until the end, or how reading failed.
pub(crate) async fn read_out(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all)).await??;
    Ok(all)
}

/// How a connection fails that is accepted and reset: its caller may see it at once, or when it reads.
pub(crate) async fn lost(addr: SocketAddr) -> std::io::Error {
    match TcpStream::connect(addr).await {
        Ok(mut stream) => read_out(&mut stream).await.expect_err("no answer"),
        Err(error) => error,
    }
}

/// Waits until something holds.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
