//! HTTP/2 to the upstream: one connection for all streams of a client's connection.

use std::{net::SocketAddr, sync::Arc};

use hyper::{
    Request, Response, Version,
    client::conn::http2::{Builder, SendRequest},
};
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;

use super::{
    ask::Asking,
    forward::{Hangup, Honest, is_reset},
    hop,
    tasks::Tasks,
};
use crate::{
    fault::tcp::{Fate, dial},
    guard::Guard,
};

/// The way of one client connection to the upstream, by prior knowledge.
pub(super) struct Streams {
    addr: SocketAddr,
    guard: Guard,
    fate: Arc<Fate>,
    tasks: Tasks,
    /// The upstream could not be reached, or its connection failed: the client's ends likewise.
    over: CancellationToken,
    sender: tokio::sync::Mutex<Option<SendRequest<Asking>>>,
}

impl Streams {
    pub(super) fn new(
        addr: SocketAddr,
        guard: Guard,
        fate: Arc<Fate>,
        tasks: Tasks,
        over: CancellationToken,
    ) -> Self {
        Self {
            addr,
            guard,
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
        let stream = TokioIo::new(dial(self.addr, &self.guard).await?);
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
