//! The proxy of one link: takes requests, asks the rules, answers or forwards.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Either, Full};
use hyper::{
    Request, Response,
    body::{Body, Incoming},
    header::{HeaderName, HeaderValue},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::DuplexStream,
    time::{Instant, sleep_until},
};

use super::{
    forward::{Hangup, Honest, Upstream},
    rules::{Rule, Step, meet, step},
};
use crate::{
    fault::{board::Board, tcp::Fate},
    guard::Guard,
};

/// Says which request of our own clients this is.
const REQUEST_ID: HeaderName = HeaderName::from_static("brownout-request");
/// Says which faults answered or delayed a request.
const FAULT: HeaderName = HeaderName::from_static("brownout-fault");
/// How much of a body is read before the proxy answers by itself, so that the connection can be
/// used again.
const BODY_READ_MOST: usize = 64 << 10;

/// What is sent back: an answer of ours, or the upstream's.
type Answered = Response<Either<Full<Bytes>, Honest>>;

/// The HTTP side of a link.
#[derive(Debug)]
pub(in crate::fault) struct Proxy {
    upstream: SocketAddr,
    guard: Guard,
    pub(super) rules: Board<Rule>,
}

impl Proxy {
    pub(in crate::fault) fn new(upstream: SocketAddr, guard: Guard) -> Self {
        Self {
            upstream,
            guard,
            rules: Board::default(),
        }
    }

    /// Serves one client connection. Everything that it starts ends with this future: the
    /// connection to the upstream too, so that a client that goes away cancels its request there.
    pub(in crate::fault) async fn serve(&self, client: DuplexStream, fate: &Arc<Fate>) {
        let upstream = Upstream::new(self.upstream, self.guard.clone(), Arc::clone(fate));
        let service = service_fn(|request| self.handle(request, &upstream, fate));
        let connection = hyper::server::conn::http1::Builder::new()
            .preserve_header_case(true)
            .auto_date_header(false)
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(client), service);
        // an error has been passed on through `fate` or by closing the connection
        let _ = connection.await;
    }

    async fn handle(
        &self,
        request: Request<Incoming>,
        upstream: &Upstream,
        fate: &Fate,
    ) -> Result<Answered, Hangup> {
        tokio::select! {
            biased;
            // hyper alone would not see it while a request's body is unread
            () = fate.gone.cancelled() => Err(Hangup::ClientGone),
            answered = self.answer(request, upstream) => answered,
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        upstream: &Upstream,
    ) -> Result<Answered, Hangup> {
        let (marks, ours) = self.hold(&request).await;
        let mut response = match ours {
            Some(response) => {
                read_some(request.into_body()).await;
                response.map(|body| Either::Left(Full::new(body)))
            }
            None => upstream.forward(request).await?.map(Either::Right),
        };
        for mark in marks {
            response.headers_mut().append(FAULT, mark);
        }
        Ok(response)
    }

    /// Keeps a request for as long as rules want it; the marks that its response must bear, and the
    /// response if a rule gives it.
    async fn hold(
        &self,
        request: &Request<Incoming>,
    ) -> (Vec<HeaderValue>, Option<Response<Bytes>>) {
        let posted = self.rules.snapshot();
        if posted.is_empty() {
            return (Vec::new(), None);
        }
        let arrived = Instant::now();
        let id = request
            .headers()
            .get(REQUEST_ID)
            .and_then(|id| id.to_str().ok());
        let mut met = meet(&posted, request.method().as_str(), request.uri().path(), id);
        drop(posted);
        if met.is_empty() {
            return (Vec::new(), None);
        }
        let mut changes = self.rules.subscribe();
        let mut marks = Vec::new();
        loop {
            let posted = changes.borrow_and_update().clone();
            let next = step(&mut met, &posted, arrived, Instant::now());
            drop(posted);
            match next {
                Step::Forward => return (marks, None),
                Step::Answer(answer, fault) => {
                    add_mark(&mut marks, &fault);
                    return (marks, Some(answer.response()));
                }
                Step::Wait(due) => {
                    for rule in &met {
                        if rule.action.waits() {
                            add_mark(&mut marks, rule.dose.name());
                        }
                    }
                    tokio::select! {
                        () = until(due) => {}
                        changed = changes.changed() => if changed.is_err() {
                            return (marks, None);
                        },
                    }
                }
            }
        }
    }
}

/// Each fault is named once; a name that no header can bear (none is) would go unnamed.
fn add_mark(marks: &mut Vec<HeaderValue>, fault: &str) {
    if let Ok(mark) = HeaderValue::from_str(fault)
        && !marks.contains(&mark)
    {
        marks.push(mark);
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Reads a body's begin and forgets it; a longer one makes hyper close the connection.
async fn read_some(mut body: Incoming) {
    let mut read = 0;
    while read < BODY_READ_MOST && !body.is_end_stream() {
        match body.frame().await {
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => return,
        }
    }
}
