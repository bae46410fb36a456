//! A portal with its SMS gateway on free ports, and a gateway that can be told to misbehave.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::super::config::{Config, Database, Mode};
use crate::stage::testing::{eventually, http};
use crate::stage::{Server, sms};

const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A running portal, its gateway and its database.
pub(super) struct Harness {
    portal: SocketAddr,
    gateway: SocketAddr,
    database: PathBuf,
    stop: CancellationToken,
    running: JoinSet<()>,
    _folder: tempfile::TempDir,
}

impl Harness {
    pub(super) async fn start(mode: Mode, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let mut running = JoinSet::new();
        let gateway = sms::bind(&sms::Config::new(LOOPBACK)).unwrap();
        let mut config = Config::new(LOOPBACK, format!("http://{}", gateway.address()), mode);
        config.database = Database::File(folder.path().join("portal.db"));
        config.round_trip = Duration::from_millis(1);
        change(&mut config);
        let Database::File(database) = config.database.clone() else {
            panic!("not a file")
        };
        let portal = super::super::bind(config).unwrap();
        let (at, gateway_at) = (portal.address(), gateway.address());
        for server in [portal, gateway] {
            let stop = stop.clone();
            running.spawn(async move { server.serve(stop).await.unwrap() });
        }
        Self {
            portal: at,
            gateway: gateway_at,
            database,
            stop,
            running,
            _folder: folder,
        }
    }

    pub(super) fn url(&self) -> SocketAddr {
        self.portal
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let response = http::get(self.portal, path, None).await;
        (response.status, response.body)
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        let answer = http::post(self.portal, path, None, body).await;
        (answer.status, answer.body)
    }

    pub(super) async fn post_as(
        &self,
        token: &str,
        path: &str,
        body: Value,
    ) -> (StatusCode, Value) {
        let answer = http::post(self.portal, path, Some(token), body).await;
        (answer.status, answer.body)
    }

    /// The OTP on the citizen's phone, once it has come.
    pub(super) async fn otp_of(&self, mobile: &str) -> String {
        let path = format!("/inbox/{mobile}");
        let asked = async || http::get(self.gateway, &path, None).await;
        eventually("the SMS comes", async || {
            asked().await.status == StatusCode::OK
        })
        .await;
        asked().await.body["otp"].as_str().unwrap().to_owned()
    }

    /// Rows of a table, read behind the portal's back.
    pub(super) fn rows(&self, table: &str) -> i64 {
        let database = rusqlite::Connection::open(&self.database).unwrap();
        let sql = format!("SELECT count(*) FROM {table}");
        database.query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.running.join_all().await;
    }
}

/// An SMS gateway that holds, refuses or takes messages as it is told.
pub(super) struct Upstream {
    address: SocketAddr,
    state: Arc<UpstreamState>,
    serving: JoinHandle<()>,
}

struct UpstreamState {
    held: watch::Sender<bool>,
    refusing: AtomicBool,
    arrived: AtomicUsize,
    accepted: AtomicUsize,
}

impl Upstream {
    pub(super) async fn start() -> Self {
        let state = Arc::new(UpstreamState {
            held: watch::Sender::new(false),
            refusing: AtomicBool::new(false),
            arrived: AtomicUsize::new(0),
            accepted: AtomicUsize::new(0),
        });
        let router = Router::new()
            .route("/send", post(take))
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

    pub(super) fn release(&self) {
        self.state.held.send_replace(false);
    }

    pub(super) fn refuse(&self) {
        self.state.refusing.store(true, Ordering::SeqCst);
    }

    pub(super) fn arrived(&self) -> usize {
        self.state.arrived.load(Ordering::SeqCst)
    }

    pub(super) fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn take(State(state): State<Arc<UpstreamState>>) -> StatusCode {
    state.arrived.fetch_add(1, Ordering::SeqCst);
    if state.refusing.load(Ordering::SeqCst) {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let mut held = state.held.subscribe();
    if held.wait_for(|held| !held).await.is_err() {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    state.accepted.fetch_add(1, Ordering::SeqCst);
    StatusCode::ACCEPTED
}
