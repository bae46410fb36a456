//! A company of one app with its auth service, and its neighbour, on free ports; and an auth service that
//! can be told to misbehave.

use std::net::SocketAddr;

use axum::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::config::{App, Auth, Mode, Neighbour};
use super::super::{bind_app, bind_auth, bind_neighbour};
use crate::stage::testing::{LOOPBACK, Upstream};

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

/// An auth service that knows everybody as account 7, and can be told to misbehave.
pub(super) fn switchboard() -> Upstream {
    Upstream::start(StatusCode::INTERNAL_SERVER_ERROR, || {
        Json(json!({"account": 7, "token": "7"})).into_response()
    })
}
