//! A portal with its SMS gateway on free ports, and a gateway that can be told to misbehave.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::config::{Config, Database, Mode};
use crate::stage::sms;
use crate::stage::testing::{LOOPBACK, Upstream, eventually, http};

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

/// An SMS gateway that can be told to misbehave.
pub(super) fn upstream() -> Upstream {
    Upstream::start(StatusCode::SERVICE_UNAVAILABLE, || {
        StatusCode::ACCEPTED.into_response()
    })
}
