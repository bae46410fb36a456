//! A connection that has left HTTP: bytes both ways, for instance a websocket, or what a proxy connects.

use std::sync::{Mutex, PoisonError};

use hyper::{
    Method, Request, Response, StatusCode,
    body::Body,
    upgrade::{OnUpgrade, on},
};
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use super::{
    ask::Asking,
    forward::{Honest, Line, is_reset},
};
use crate::fault::tcp::Fate;

/// Where a connection that leaves HTTP is handed over.
#[derive(Default)]
pub(super) struct Exit(Mutex<Option<Tunnel>>);

/// Both sides of one.
pub(super) struct Tunnel {
    client: OnUpgrade,
    upstream: OnUpgrade,
    line: Line,
}

impl Exit {
    /// The client's side of a request that asks for another protocol (RFC 9110 section 7.8), or for a
    /// tunnel (section 9.3.6).
    pub(super) fn ask(request: &mut Request<Asking>) -> Option<OnUpgrade> {
        let asks = request.headers().contains_key(hyper::header::UPGRADE);
        (asks || request.method() == Method::CONNECT).then(|| on(request))
    }

    /// The upstream has agreed.
    pub(super) fn agree(&self, client: OnUpgrade, mut response: Response<Honest>) -> Response<()> {
        let upstream = on(&mut response);
        let (head, body) = response.into_parts();
        debug_assert!(body.is_end_stream(), "there is no body");
        if let Some(line) = body.into_line() {
            let tunnel = Tunnel {
                client,
                upstream,
                line,
            };
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(tunnel);
        }
        Response::from_parts(head, ())
    }

    /// What was handed over.
    pub(super) fn take(&self) -> Option<Tunnel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Whether an answer to a request with this method ends HTTP on its connection.
pub(super) fn leaves(method: &Method, status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS || (method == Method::CONNECT && status.is_success())
}

impl Tunnel {
    /// Passes bytes both ways until both have ended; a reset of the upstream is passed on.
    pub(super) async fn run(self, fate: &Fate) {
        let Self {
            client,
            upstream,
            line,
        } = self;
        let (client, upstream, ()) = tokio::join!(client, upstream, line.finish());
        let (Ok(client), Ok(upstream)) = (client, upstream) else {
            return;
        };
        let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
        if let Err(error) = copy_bidirectional(&mut client, &mut upstream).await
            && is_reset(&error)
        {
            fate.reset();
        }
    }
}
