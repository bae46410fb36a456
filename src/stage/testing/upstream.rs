//! An upstream that holds, refuses or takes requests as it is told.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::stage::Server;

/// Where servers of tests listen: any free port of this machine.
pub(in crate::stage) const LOOPBACK: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A server that gives one answer to everything, unless it was told otherwise.
pub(in crate::stage) struct Upstream {
    address: SocketAddr,
    state: Arc<Switches>,
    serving: JoinHandle<()>,
}

struct Switches {
    answer: fn() -> Response,
    refusal: StatusCode,
    held: watch::Sender<bool>,
    refusing: AtomicBool,
    arrived: AtomicUsize,
    answered: AtomicUsize,
}

impl Upstream {
    pub(in crate::stage) fn start(refusal: StatusCode, answer: fn() -> Response) -> Self {
        let state = Arc::new(Switches {
            answer,
            refusal,
            held: watch::Sender::new(false),
            refusing: AtomicBool::new(false),
            arrived: AtomicUsize::new(0),
            answered: AtomicUsize::new(0),
        });
        let router = Router::new().fallback(take).with_state(Arc::clone(&state));
        let listener = crate::stage::server::listen(LOOPBACK).unwrap();
        let address = listener.1;
        let server = Server::new(listener, router, JoinSet::new());
        let serving =
            tokio::spawn(async move { server.serve(CancellationToken::new()).await.unwrap() });
        Self {
            address,
            state,
            serving,
        }
    }

    pub(in crate::stage) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(in crate::stage) fn hold(&self) {
        self.state.held.send_replace(true);
    }

    pub(in crate::stage) fn release(&self) {
        self.state.held.send_replace(false);
    }

    pub(in crate::stage) fn refuse(&self) {
        self.state.refusing.store(true, Ordering::SeqCst);
    }

    /// Requests that came.
    pub(in crate::stage) fn arrived(&self) -> usize {
        self.state.arrived.load(Ordering::SeqCst)
    }

    /// Those among them that got the answer.
    pub(in crate::stage) fn answered(&self) -> usize {
        self.state.answered.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(state): State<Arc<Switches>>) -> Response {
    state.arrived.fetch_add(1, Ordering::SeqCst);
    if state.refusing.load(Ordering::SeqCst) {
        return state.refusal.into_response();
    }
    let mut held = state.held.subscribe();
    // the sender lives as long as the state
    drop(held.wait_for(|held| !held).await);
    state.answered.fetch_add(1, Ordering::SeqCst);
    (state.answer)()
}
