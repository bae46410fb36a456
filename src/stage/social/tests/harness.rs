//! A company of one app with its auth service, and its neighbour, on free ports; and an auth service that
//! can be told to misbehave.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get as getting, post as posting};
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::super::config::{App, Auth, Mode, Neighbour};
use super::super::{bind_app, bind_auth, bind_neighbour};
use crate::stage::Server;

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Processes that run.
pub(super) struct Company {
    pub(super) app: SocketAddr,
    pub(super) neighbour: SocketAddr,
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl Company {
    pub(super) async fn start(
        mode: Mode,
        change: impl FnOnce(&mut App, &mut Auth, &mut Neighbour),
    ) -> Self {
        let mut auth = Auth::new(LOOPBACK, mode.clone());
        let mut neighbour = Neighbour::new(LOOPBACK, mode.clone());
        let mut app = App::new(LOOPBACK, "facebook", "", mode);
        (app.read, app.write, app.work, auth.round_trip) = Default::default();
        (neighbour.round_trip, neighbour.sign_up) = Default::default();
        change(&mut app, &mut auth, &mut neighbour);
        let auth = bind_auth(auth).unwrap();
        if app.auth.is_empty() {
            app.auth = format!("http://{}", auth.address());
        }
        let (app, neighbour) = (bind_app(app).unwrap(), bind_neighbour(neighbour).unwrap());
        let addresses = (app.address(), neighbour.address());
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        for server in [auth, app, neighbour] {
            let stop = stop.clone();
            running.spawn(async move { server.serve(stop).await.unwrap() });
        }
        Self {
            app: addresses.0,
            neighbour: addresses.1,
            stop,
            running,
        }
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.running.join_all().await;
    }
}

/// An auth service that knows everybody as account 7, and holds or refuses as it is told.
pub(super) struct Switchboard {
    address: SocketAddr,
    state: Arc<Switches>,
    serving: JoinHandle<()>,
}

struct Switches {
    held: watch::Sender<bool>,
    refusing: AtomicBool,
    arrived: AtomicUsize,
}

impl Switchboard {
    pub(super) async fn start() -> Self {
        let state = Arc::new(Switches {
            held: watch::Sender::new(false),
            refusing: AtomicBool::new(false),
            arrived: AtomicUsize::new(0),
        });
        let router = Router::new()
            .route("/session", getting(answer))
            .route("/login", posting(answer))
            .with_state(Arc::clone(&state));
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

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn hold(&self) {
        self.state.held.send_replace(true);
    }

    pub(super) fn refuse(&self) {
        self.state.refusing.store(true, Ordering::SeqCst);
    }

    pub(super) fn arrived(&self) -> usize {
        self.state.arrived.load(Ordering::SeqCst)
    }
}

impl Drop for Switchboard {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(state): State<Arc<Switches>>) -> Response {
    state.arrived.fetch_add(1, Ordering::SeqCst);
    if state.refusing.load(Ordering::SeqCst) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let mut held = state.held.subscribe();
    // the sender lives as long as the state
    drop(held.wait_for(|held| !held).await);
    Json(json!({"account": 7, "token": "7"})).into_response()
}
