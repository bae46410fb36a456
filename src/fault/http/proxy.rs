//! The proxy of one link: takes requests, asks the rules, answers or forwards.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, PoisonError, RwLock, Weak},
};

use bytes::Bytes;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Body, Incoming},
    header::{HeaderName, HeaderValue},
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::DuplexStream,
    net::TcpStream,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    ask::Asking,
    beyond::Beyond,
    body::Outbound,
    copies::{Copies, Copying},
    forward::{Hangup, Honest, Upstream},
    front::Front,
    interim,
    rules::{Change, Ending, Matcher, Rule, Seen, Step, meet, step},
    shape::{Shaped, shape},
    streams::Streams,
    tasks::Tasks,
    tunnel::{Exit, leaves},
    wire::{Watched, Wire},
};
use crate::{
    fault::{board::Board, tcp::Fate},
    marks::{Marks, Touch},
    tls::Stream,
};

/// Says which request of our own clients this is.
const REQUEST_ID: HeaderName = HeaderName::from_static("brownout-request");
/// Says which faults answered, delayed or changed an answer.
const FAULT: HeaderName = HeaderName::from_static("brownout-fault");
/// Says which of them made or changed it: what is wrong with it is their doing, and not the
/// target's.
const MADE: HeaderName = HeaderName::from_static("brownout-made");
/// How much of a body is read before the proxy answers by itself, so that the connection can be
/// used again.
const BODY_READ_MOST: usize = 64 << 10;

/// The HTTP side of a link.
#[derive(Debug)]
pub(in crate::fault) struct Proxy {
    beyond: Arc<Beyond>,
    /// Where who dials speaks TLS.
    front: Option<Arc<Front>>,
    marks: Arc<Marks>,
    pub(super) rules: Board<Rule>,
    /// Copies that are kept for faults to come, and of which requests.
    copies: RwLock<Vec<(Arc<Matcher>, Arc<Copies>)>>,
}

/// The certificate that was seen on a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fault) enum Face {
    /// Its own.
    Own,
    /// That of the fault of this name.
    OfFault(String),
}

/// One client connection.
struct Visit {
    way: Way,
    fate: Arc<Fate>,
    wire: Arc<Wire>,
    from: IpAddr,
    exit: Exit,
}

/// How requests go on: as they come.
enum Way {
    Http1(Upstream),
    Http2(Streams),
}

impl Way {
    async fn forward(&self, request: Request<Asking>) -> Result<Response<Honest>, Hangup> {
        match self {
            Self::Http1(upstream) => upstream.forward(request).await,
            Self::Http2(streams) => streams.forward(request).await,
        }
    }
}

/// What is known of a request after the rules had their say.
struct Held {
    /// The faults that kept it waiting.
    late: Vec<HeaderValue>,
    next: Next,
}

enum Next {
    /// Answered by a fault.
    Answer(Response<Bytes>, String),
    /// Ended by a fault.
    End(Ending),
    /// To be forwarded, and its answer changed.
    Forward(Vec<(Weak<Rule>, Change)>),
}

impl Held {
    const fn free() -> Self {
        Self {
            late: Vec::new(),
            next: Next::Forward(Vec::new()),
        }
    }
}

impl Proxy {
    pub(in crate::fault) fn new(beyond: Beyond, front: Option<Front>, marks: Arc<Marks>) -> Self {
        Self {
            beyond: Arc::new(beyond),
            front: front.map(Arc::new),
            marks,
            rules: Board::default(),
            copies: RwLock::default(),
        }
    }

    /// Its TLS with who dials, when it speaks any.
    pub(super) const fn front(&self) -> Option<&Arc<Front>> {
        self.front.as_ref()
    }

    /// What is seen on a connection to the link of which both ends are here: that of TLS; `None`
    /// where none is spoken.
    ///
    /// # Errors
    /// What is wrong with what was seen, for people.
    pub(in crate::fault) async fn look(
        &self,
        near: TcpStream,
        far: TcpStream,
    ) -> Result<Option<Face>, String> {
        let Some(front) = &self.front else {
            return Ok(None);
        };
        if let Some(fault) = front.held_by() {
            return Ok(Some(Face::OfFault(fault)));
        }
        let looking = front.look(near, far, &self.beyond, &self.marks);
        Box::pin(looking).await.map(|()| Some(Face::Own))
    }

    /// Keeps copies of answers to requests that the conditions mean, from now on.
    pub(super) fn keep_copies(&self, matcher: Arc<Matcher>, copies: Arc<Copies>) {
        let mut kept = self.copies.write().unwrap_or_else(PoisonError::into_inner);
        kept.push((matcher, copies));
    }

    /// Serves one client connection. Everything that it starts ends with this future: the
    /// connection to the upstream too, so that a client that goes away cancels its request there.
    pub(in crate::fault) async fn serve(
        self: &Arc<Self>,
        client: DuplexStream,
        from: SocketAddr,
        fate: &Arc<Fate>,
    ) {
        let client = match &self.front {
            None => Stream::Plain(client),
            Some(front) => {
                let shaking = front.shake(client, from, &self.beyond, &self.marks);
                match Box::pin(shaking).await {
                    Ok(shaken) => Stream::Tls(Box::new(shaken.into())),
                    Err(_) => return,
                }
            }
        };
        let (mut client, wire) = Watched::new(client);
        let Ok(http2) = client.speaks_http2().await else {
            return;
        };
        let tasks = Tasks::default();
        let _ender = tasks.ender();
        let over = CancellationToken::new();
        let beyond = Arc::clone(&self.beyond);
        let visit = Arc::new(Visit {
            way: if http2 {
                let (fate, tasks) = (Arc::clone(fate), tasks.clone());
                Way::Http2(Streams::new(beyond, fate, tasks, over.clone()))
            } else {
                Way::Http1(Upstream::new(beyond, Arc::clone(fate)))
            },
            fate: Arc::clone(fate),
            wire,
            from: from.ip(),
            exit: Exit::default(),
        });
        let (proxy, visited) = (Arc::clone(self), Arc::clone(&visit));
        let service = service_fn(move |request| {
            let (proxy, visit) = (Arc::clone(&proxy), Arc::clone(&visited));
            async move { proxy.handle(request, &visit).await }
        });
        let client = TokioIo::new(client);
        // an error has been passed on through `fate` or by closing the connection
        if http2 {
            let connection = http2::Builder::new(tasks)
                .auto_date_header(false)
                .serve_connection(client, service);
            tokio::select! {
                _ = connection => {}
                () = over.cancelled() => {}
            }
            return;
        }
        let connection = http1::Builder::new()
            .preserve_header_case(true)
            .auto_date_header(false)
            .header_read_timeout(None)
            .serve_connection(client, service)
            .with_upgrades();
        let _ = connection.await;
        if let Some(tunnel) = visit.exit.take() {
            tunnel.run(fate).await;
        }
    }

    async fn handle(
        &self,
        request: Request<Incoming>,
        visit: &Visit,
    ) -> Result<Response<Outbound>, Hangup> {
        tokio::select! {
            biased;
            // hyper alone would not see it while a request's body is unread
            () = visit.fate.gone.cancelled() => Err(Hangup::ClientGone),
            answered = self.answer(request.map(Asking::Coming), visit) => answered,
        }
    }

    async fn answer(
        &self,
        mut request: Request<Asking>,
        visit: &Visit,
    ) -> Result<Response<Outbound>, Hangup> {
        if matches!(visit.way, Way::Http2(_)) && request.method() == Method::CONNECT {
            return Ok(not_implemented());
        }
        let id = request.headers().get(REQUEST_ID).cloned();
        let id = id.as_ref().and_then(|id| id.to_str().ok());
        let Held { late, next } = self.hold(&mut request, id, visit).await;
        let (mut response, made) = match next {
            Next::Answer(response, fault) => {
                read_some(request.into_body()).await;
                (response.map(Outbound::ours), vec![fault])
            }
            Next::End(ending) => {
                if let Some(id) = id {
                    self.marks.note(id, Touch::Ended);
                }
                // a stream of HTTP/2 is always reset, and leaves the others alone
                if ending == Ending::Reset && matches!(visit.way, Way::Http1(_)) {
                    visit.fate.reset();
                }
                return Err(Hangup::Fault);
            }
            Next::Forward(changes) => {
                let copying = self.copying(&request, visit);
                let leaving = Exit::ask(&mut request);
                let method = request.method().clone();
                interim::pass(&mut request, &visit.wire);
                let response = visit.way.forward(request).await?;
                visit.wire.said().await;
                if let Some(client) = leaving
                    && leaves(&method, response.status())
                {
                    let agreed = visit.exit.agree(client, response);
                    return Ok(agreed.map(|()| Outbound::ours(Bytes::new())));
                }
                let Shaped { mut response, by } =
                    shape(response, changes, &self.rules, &visit.wire).await;
                if let Some((copies, target)) = copying
                    && by.is_empty()
                    && copies.wants("GET", response.status())
                {
                    let copying = Copying::new(copies, target, &response);
                    response.body_mut().copy(copying);
                }
                (response, by)
            }
        };
        let mut marks = late;
        for fault in &made {
            add_mark(&mut marks, fault);
        }
        if let (Some(id), false) = (id, marks.is_empty()) {
            // the answer tells
            self.marks.take(id);
        }
        for mark in marks {
            response.headers_mut().append(FAULT, mark);
        }
        for fault in made {
            if let Ok(mark) = HeaderValue::from_str(&fault) {
                response.headers_mut().append(MADE, mark);
            }
        }
        Ok(response)
    }

    /// Keeps a request for as long as rules want it; which faults did, and what happens then.
    async fn hold(&self, request: &mut Request<Asking>, id: Option<&str>, visit: &Visit) -> Held {
        let arrived = Instant::now();
        let wants_body = {
            let posted = self.rules.snapshot();
            if posted.is_empty() {
                return Held::free();
            }
            let seen = seen(request, id, visit);
            posted.iter().any(|rule| rule.wants_body(&seen))
        };
        // nobody holds a rule meanwhile: the client may take its time
        let json = match wants_body {
            true => request.body_mut().look().await,
            false => None,
        };
        let mut met = {
            let mut seen = seen(request, id, visit);
            seen.json = json.as_ref();
            meet(&self.rules.snapshot(), &seen, arrived)
        };
        if met.is_empty() {
            return Held::free();
        }
        let mut changes = self.rules.subscribe();
        let mut late = Vec::new();
        loop {
            let posted = changes.borrow_and_update().clone();
            let next = step(&mut met, &posted, arrived, Instant::now());
            drop(posted);
            let due = match next {
                Step::Wait(due) => due,
                Step::Forward(changes) => {
                    let next = Next::Forward(changes);
                    return Held { late, next };
                }
                Step::Answer(answer, fault) => {
                    let next = Next::Answer(answer, fault);
                    return Held { late, next };
                }
                Step::End(ending) => {
                    let next = Next::End(ending);
                    return Held { late, next };
                }
            };
            for met in met.iter().filter(|met| met.waits()) {
                add_mark(&mut late, met.rule.dose.name());
            }
            if let Some(id) = id {
                self.marks.note(id, Touch::Held);
            }
            tokio::select! {
                () = until(due) => {}
                changed = changes.changed() => if changed.is_err() {
                    return Held::free();
                },
            }
        }
    }

    /// Where a copy of the answer belongs, if one is wanted.
    fn copying(&self, request: &Request<Asking>, visit: &Visit) -> Option<(Arc<Copies>, String)> {
        let kept = self.copies.read().unwrap_or_else(PoisonError::into_inner);
        if kept.is_empty() {
            return None;
        }
        let seen = seen(request, None, visit);
        let wanted = kept.iter().find(|(matcher, copies)| {
            copies.wants(seen.method, StatusCode::OK) && matcher.means_head(&seen)
        });
        wanted.map(|(_, copies)| (Arc::clone(copies), seen.target.to_owned()))
    }
}

/// A stream of HTTP/2 becomes no tunnel here, whatever the upstream would say (RFC 9110 section 15.6.2).
fn not_implemented() -> Response<Outbound> {
    let mut response = Response::new(Outbound::ours(Bytes::new()));
    *response.status_mut() = StatusCode::NOT_IMPLEMENTED;
    response
}

/// What rules see of a request.
fn seen<'a>(request: &'a Request<Asking>, id: Option<&'a str>, visit: &Visit) -> Seen<'a> {
    let uri = request.uri();
    Seen {
        method: request.method().as_str(),
        path: uri.path(),
        query: uri.query().unwrap_or_default(),
        target: uri.path_and_query().map_or("/", |target| target.as_str()),
        headers: request.headers(),
        json: None,
        from: visit.from,
        id,
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
async fn read_some(mut body: Asking) {
    let mut read = 0;
    while read < BODY_READ_MOST && !body.is_end_stream() {
        let frame = std::future::poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx));
        match frame.await {
            Some(Ok(frame)) => read += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) | None => return,
        }
    }
}
