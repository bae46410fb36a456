//! HTTP/2 to the upstream: one connection for all streams of a client's connection.

use std::sync::Arc;

use hyper::{
    Request, Response, Uri, Version,
    client::conn::http2::{Builder, SendRequest},
    http::uri::Scheme,
};
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;

use super::{
    ask::Asking,
    beyond::Beyond,
    forward::{Hangup, Honest, is_reset},
    hop,
    tasks::Tasks,
};
use crate::fault::tcp::Fate;

/// The way of one client connection to the upstream: agreed on by ALPN where that speaks TLS, else by prior
/// knowledge.
pub(super) struct Streams {
    beyond: Arc<Beyond>,
    fate: Arc<Fate>,
    tasks: Tasks,
    /// The upstream could not be reached, or its connection failed: the client's ends likewise.
    over: CancellationToken,
    sender: tokio::sync::Mutex<Option<SendRequest<Asking>>>,
}

impl Streams {
    pub(super) fn new(
        beyond: Arc<Beyond>,
        fate: Arc<Fate>,
        tasks: Tasks,
        over: CancellationToken,
    ) -> Self {
        Self {
            beyond,
            fate,
            tasks,
            over,
            sender: tokio::sync::Mutex::default(),
        }
    }

    /// Sends a request on and gives the upstream's response back, streaming both bodies.
    ///
    /// # Errors
    /// When there is no response; the client must then see its stream end, and its connection as
    /// well if it was the upstream's that ended.
    pub(super) async fn forward(
        &self,
        mut request: Request<Asking>,
    ) -> Result<Response<Honest>, Hangup> {
        hop::strip(request.headers_mut(), true).renew(request.headers_mut(), true);
        *request.version_mut() = Version::HTTP_2;
        self.set_scheme(request.uri_mut());
        let answered = async {
            let mut sender = self.sender().await?;
            Ok(sender.send_request(request).await?)
        };
        match answered.await {
            Ok(response) => {
                let fate = Arc::clone(&self.fate);
                Ok(response.map(|body| Honest::of_stream(body, fate)))
            }
            Err(hangup) => {
                self.end(&hangup);
                Err(hangup)
            }
        }
    }

    /// A URL's scheme is that of the connection that it goes over (RFC 9113 section 8.3.1), and TLS may
    /// end at the link, or begin.
    fn set_scheme(&self, uri: &mut Uri) {
        let scheme = self.beyond.scheme();
        if uri.scheme_str().is_none_or(|said| said == scheme) {
            return;
        }
        let mut parts = uri.clone().into_parts();
        parts.scheme = Some(if scheme == "https" {
            Scheme::HTTPS
        } else {
            Scheme::HTTP
        });
        if let Ok(changed) = Uri::from_parts(parts) {
            *uri = changed;
        }
    }

    /// Ends the client's connection as the upstream's ended.
    fn end(&self, hangup: &Hangup) {
        let (reset, whole) = match hangup {
            Hangup::ClientGone | Hangup::Fault => (false, false),
            Hangup::Dial(_) => (true, true),
            Hangup::Upstream(error) => (is_reset(error), !is_of_stream(error)),
        };
        if whole {
            if reset {
                self.fate.reset();
            }
            self.over.cancel();
        }
    }

    /// The connection that is there, or a new one.
    async fn sender(&self) -> Result<SendRequest<Asking>, Hangup> {
        let mut kept = self.sender.lock().await;
        if let Some(sender) = kept.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        let stream = TokioIo::new(Box::pin(self.beyond.dial(true)).await?);
        let (sender, connection) = Builder::new(self.tasks.clone()).handshake(stream).await?;
        self.tasks.spawn(async move {
            // its error reaches whoever waits for a response or a frame
            let _ = connection.await;
        });
        *kept = Some(sender.clone());
        Ok(sender)
    }
}

/// Whether an error is that of one stream, and the connection lives on.
fn is_of_stream(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error);
    let cause = cause.and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(h2::Error::is_reset)
}
