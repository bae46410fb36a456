//! Forwarding to the upstream, and passing its failures on unchanged.

use std::{
    error::Error,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::{
    Request, Response, StatusCode, Uri, Version,
    body::{Body, Frame, Incoming, SizeHint},
    client::conn::{TrySendError, http1},
    header::{self, HeaderValue},
};
use hyper_util::rt::TokioIo;

use super::{ask::Asking, beyond::Beyond, hop, tunnel::leaves};
use crate::fault::tcp::Fate;

/// Why a client's connection is ended without an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Hangup {
    #[error("the client went away")]
    ClientGone,
    #[error("the upstream could not be reached: {0}")]
    Dial(#[from] io::Error),
    #[error("the upstream failed: {0}")]
    Upstream(#[from] hyper::Error),
    #[error("a fault ended it")]
    Fault,
}

/// The way of one client connection to the upstream: one connection, kept alive between requests.
/// No task drives it: it moves when the request or response that uses it does, and ends when that
/// is dropped, so a client that goes away cancels its request at the upstream.
pub(super) struct Upstream {
    beyond: Arc<Beyond>,
    fate: Arc<Fate>,
    idle: Idle,
}

type Idle = Arc<Mutex<Option<Line>>>;

impl Upstream {
    pub(super) fn new(beyond: Arc<Beyond>, fate: Arc<Fate>) -> Self {
        Self {
            beyond,
            fate,
            idle: Idle::default(),
        }
    }

    /// Sends a request on and gives the upstream's response back, streaming both bodies. The body of
    /// one that changes the protocol keeps the connection: [`Honest::into_line`].
    ///
    /// # Errors
    /// When there is no response; the client must then see its connection end.
    pub(super) async fn forward(
        &self,
        request: Request<Asking>,
    ) -> Result<Response<Honest>, Hangup> {
        let method = request.method().clone();
        match self.send(self.prepare(request)).await {
            Ok((mut response, line)) => {
                let wishes = hop::strip(response.headers_mut(), false);
                let upgraded = leaves(&method, response.status());
                if response.status() == StatusCode::SWITCHING_PROTOCOLS
                    || response.status() == StatusCode::UPGRADE_REQUIRED
                {
                    wishes.renew(response.headers_mut(), false);
                }
                *response.version_mut() = Version::HTTP_11;
                let (idle, fate) = (Arc::clone(&self.idle), Arc::clone(&self.fate));
                Ok(response.map(|body| match upgraded {
                    true => Honest::kept(body, line, idle, fate),
                    false => Honest::new(body, line, idle, fate),
                }))
            }
            Err(hangup) => {
                if hangup.is_reset() {
                    self.fate.reset();
                }
                Err(hangup)
            }
        }
    }

    /// Makes a request fit for the next hop; host, target and end-to-end fields stay.
    fn prepare(&self, mut request: Request<Asking>) -> Request<Asking> {
        hop::strip(request.headers_mut(), false).renew(request.headers_mut(), false);
        *request.version_mut() = Version::HTTP_11;
        // HTTP/1.0 may come without, HTTP/1.1 must not go without (RFC 9110 section 7.2)
        if !request.headers().contains_key(header::HOST)
            && let Ok(host) = HeaderValue::from_str(&self.beyond.addr().to_string())
        {
            request.headers_mut().insert(header::HOST, host);
        }
        // the absolute form is for proxies, the upstream is an origin (RFC 9112 section 3.2.1)
        if request.uri().scheme().is_some() {
            let path = request.uri().path_and_query().cloned();
            *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        }
        request
    }

    /// Sends on the connection that is there, or on a new one. A kept connection may turn out to be
    /// closed: then the request goes once more on a new one, if not a byte of it was sent, or if it
    /// is idempotent, without a body, and not a byte came back (RFC 9112 section 9.3.1).
    async fn send(
        &self,
        mut request: Request<Asking>,
    ) -> Result<(Response<Incoming>, Line), Hangup> {
        let kept = lock(&self.idle).take();
        if let Some(mut line) = kept
            && line.ready().await
        {
            let again = replay(&mut request);
            match line.send(request).await {
                Ok(response) => return Ok((response, line)),
                Err(mut error) => {
                    let unsent = error.take_message();
                    let error = error.into_error();
                    let closed = error.is_incomplete_message() || is_reset(&error);
                    request = match unsent.or_else(|| again.filter(|_| closed)) {
                        Some(request) => request,
                        None => return Err(error.into()),
                    };
                }
            }
        }
        let mut line = Line::dial(&self.beyond).await?;
        match line.send(request).await {
            Ok(response) => Ok((response, line)),
            Err(error) => Err(error.into_error().into()),
        }
    }
}

fn lock(idle: &Idle) -> MutexGuard<'_, Option<Line>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same request once more, if it may be sent twice (RFC 9110 section 9.2.2).
fn replay(request: &mut Request<Asking>) -> Option<Request<Asking>> {
    let method = request.method();
    if !method.is_idempotent() || !request.body().is_end_stream() {
        return None;
    }
    let mut again = Request::new(Asking::Nothing);
    *again.method_mut() = method.clone();
    *again.uri_mut() = request.uri().clone();
    *again.headers_mut() = request.headers().clone();
    *again.extensions_mut() = request.extensions().clone();
    Some(again)
}

/// Whether an error comes from a connection that was reset or refused, not closed.
pub(super) fn is_reset(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
            );
        }
        cause = error.source();
    }
    false
}

impl Hangup {
    /// Whether the client must see a reset: an upstream that could not be reached refuses, so far
    /// as a client can tell behind a link.
    fn is_reset(&self) -> bool {
        match self {
            Self::ClientGone | Self::Fault => false,
            Self::Dial(_) => true,
            Self::Upstream(error) => is_reset(error),
        }
    }
}

/// A connection to the upstream.
pub(super) struct Line {
    sender: http1::SendRequest<Asking>,
    /// What moves its bytes; `None` when it has ended.
    driver: Option<Driver>,
}

type Driver = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

impl Line {
    async fn dial(beyond: &Beyond) -> Result<Self, Hangup> {
        // a handshake needs kilobytes, a moment long
        let stream = Box::pin(beyond.dial(false)).await?;
        let (sender, connection) = http1::Builder::new()
            .preserve_header_case(true)
            .handshake(TokioIo::new(stream))
            .await?;
        Ok(Self {
            sender,
            driver: Some(Box::pin(connection.with_upgrades())),
        })
    }

    /// Moves it to its end, for instance until another protocol takes it over.
    pub(super) async fn finish(self) {
        if let Some(driver) = self.driver {
            // how it failed, those who use it are told
            let _ = driver.await;
        }
    }

    /// Whether it takes another request.
    async fn ready(&mut self) -> bool {
        drive(&mut self.driver, self.sender.ready()).await.is_ok()
    }

    async fn send(
        &mut self,
        request: Request<Asking>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Asking>>> {
        drive(&mut self.driver, self.sender.try_send_request(request)).await
    }
}

/// Moves a connection along while something on it is awaited.
async fn drive<T>(driver: &mut Option<Driver>, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|cx| {
        poll_driver(driver, cx);
        let polled = work.as_mut().poll(cx);
        if polled.is_pending() {
            // what the work has just asked for
            poll_driver(driver, cx);
        }
        polled
    })
    .await
}

fn poll_driver(driver: &mut Option<Driver>, cx: &mut Context<'_>) {
    if let Some(running) = driver
        && running.as_mut().poll(cx).is_ready()
    {
        // its error also reaches whoever waits for a response or a frame
        *driver = None;
    }
}

/// A response's body that passes on how it ends: complete, closed, or reset.
pub(super) struct Honest {
    body: Incoming,
    /// Given back for the next request when the body is complete.
    line: Option<Line>,
    idle: Idle,
    fate: Arc<Fate>,
}

impl Honest {
    fn new(body: Incoming, line: Line, idle: Idle, fate: Arc<Fate>) -> Self {
        let mut honest = Self::kept(body, line, idle, fate);
        honest.give_back_if_complete();
        honest
    }

    /// Its connection is not used again.
    const fn kept(body: Incoming, line: Line, idle: Idle, fate: Arc<Fate>) -> Self {
        Self {
            body,
            line: Some(line),
            idle,
            fate,
        }
    }

    /// One of many on a connection that moves by itself.
    pub(super) fn of_stream(body: Incoming, fate: Arc<Fate>) -> Self {
        Self {
            body,
            line: None,
            idle: Idle::default(),
            fate,
        }
    }

    /// The connection that it comes on, if it was kept.
    pub(super) fn into_line(self) -> Option<Line> {
        self.line
    }

    fn give_back_if_complete(&mut self) {
        if self.body.is_end_stream() {
            self.give_back();
        }
    }

    fn give_back(&mut self) {
        if let Some(line) = self.line.take()
            && line.driver.is_some()
        {
            *lock(&self.idle) = Some(line);
        }
    }
}

impl Body for Honest {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        if let Some(line) = &mut this.line {
            poll_driver(&mut line.driver, cx);
        }
        let mut polled = Pin::new(&mut this.body).poll_frame(cx);
        if polled.is_pending()
            && let Some(line) = &mut this.line
        {
            // the body has just asked for more
            poll_driver(&mut line.driver, cx);
            polled = Pin::new(&mut this.body).poll_frame(cx);
        }
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => this.give_back(),
            Poll::Ready(Some(Ok(_))) => this.give_back_if_complete(),
            Poll::Ready(Some(Err(error))) => {
                if is_reset(error) {
                    this.fate.reset();
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
