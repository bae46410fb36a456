//! Puts a portal together: the same routes, behind one queue or behind bulkheads.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::routing::{MethodRouter, get, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::config::{Config, Database, Hardened, Mode};
use super::gateway_client::GatewayClient;
use super::outbox::{self, Outbox};
use super::pool::Pool;
use super::routes::{self, Messenger, Portal};
use super::{schema, store};
use crate::stage::admission::{self, Bulkhead};
use crate::stage::queue::{self, Entrance};
use crate::stage::server::{self, Server};
use crate::stage::{Limit, Naive, StageError};

/// How often an idle hardened portal asks its database whether it is there.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// Opens the database, binds the listener and starts the background tasks;
/// [`Server::serve`] answers. Must be called within a tokio runtime.
///
/// # Errors
/// When the address is taken, the database cannot be opened, or the SMS address makes no sense.
pub fn bind(config: Config) -> Result<Server, StageError> {
    let client = GatewayClient::new(&config.sms)?;
    let listener = server::listen(config.listen)?;
    let path = schema::locate(&config.database, listener.1)?;
    let connections = schema::open(&path, config.connections.max(1))?;
    let pool = Pool::start(connections, config.round_trip)?;
    let otp_validity = config.otp_validity;
    let mut background = JoinSet::new();
    let router = match config.mode {
        Mode::Naive(naive) => {
            let messenger = Messenger::Waits {
                client,
                limit: naive.gateway_limit,
            };
            let portal = Arc::new(Portal {
                pool,
                otp_validity,
                messenger,
            });
            naive_routes(portal, naive, &mut background)
        }
        Mode::Hardened(hardened) => {
            let limits = outbox::Limits {
                capacity: hardened.outbox.max(1),
                senders: hardened.senders.max(1),
                deadline: hardened.sms_deadline,
                retry_percent: hardened.retry_percent,
            };
            let outbox = Outbox::start(client, limits, &mut background);
            let retry_after = hardened.terms.retry_after;
            let messenger = Messenger::Posts {
                outbox: outbox.clone(),
                retry_after,
            };
            background.spawn(heartbeat(pool.clone()));
            let portal = Arc::new(Portal {
                pool,
                otp_validity,
                messenger,
            });
            hardened_routes(portal, &hardened, outbox)
        }
    };
    // data outlive a crash, so that what was acknowledged is still there, but not an orderly end
    let scratch = match config.database {
        Database::OfPort => path.parent().map(Path::to_owned),
        Database::File(_) => None,
    };
    Ok(Server::new(listener, router, background).with_scratch(scratch))
}

fn naive_routes(portal: Arc<Portal>, config: Naive, background: &mut JoinSet<()>) -> Router {
    let workers = config.workers;
    let entrance = Entrance::open(config, background);
    let queued = middleware::from_fn_with_state(entrance.clone(), queue::wait_in_line);
    let pool = portal.pool.clone();
    // Like the management port of an application server: outside the pool, so that a stuck pool can
    // be watched. Liveness, alas, is not.
    let stats = move || async move {
        let gauge = entrance.gauge();
        Json(json!({
            "mode": "naive",
            "queue_length": gauge.queued(),
            "workers_busy": gauge.busy(),
            "workers": workers,
            "session_bytes": gauge.bytes(),
            "database": database(&pool),
        }))
    };
    Router::new()
        .route("/otp/generate", post(routes::generate))
        .route("/otp/confirm", post(routes::confirm))
        .route("/register", post(routes::register))
        .route("/slots/{pin}", get(routes::slots))
        .route("/certificate/{id}", get(routes::certificate))
        .route("/healthz", get(routes::ask_health))
        .layer(queued)
        .route("/stats", get(stats))
        .with_state(portal)
}

fn hardened_routes(portal: Arc<Portal>, config: &Hardened, outbox: Outbox) -> Router {
    let mut doors = Vec::new();
    let mut behind = |name: &'static str, limit: Limit, route: MethodRouter<Arc<Portal>>| {
        let bulkhead = Bulkhead::new(limit, config.terms);
        doors.push((name, Arc::clone(&bulkhead)));
        route.layer(middleware::from_fn_with_state(bulkhead, admission::admit))
    };
    let router = Router::new()
        .route(
            "/otp/generate",
            behind("generate", config.generate, post(routes::generate)),
        )
        .route(
            "/otp/confirm",
            behind("confirm", config.confirm, post(routes::confirm)),
        )
        .route(
            "/register",
            behind("register", config.register, post(routes::register)),
        )
        .route(
            "/slots/{pin}",
            behind("slots", config.slots, get(routes::slots)),
        )
        .route(
            "/certificate/{id}",
            behind(
                "certificates",
                config.certificates,
                get(routes::certificate),
            ),
        )
        .route("/healthz", get(routes::know_health));
    let pool = portal.pool.clone();
    let stats = move || async move {
        let bulkheads: serde_json::Map<String, Value> = doors
            .iter()
            .map(|(name, bulkhead)| {
                let (admitted, shed) = bulkhead.counts();
                (
                    (*name).to_owned(),
                    json!({"admitted": admitted, "shed": shed}),
                )
            })
            .collect();
        let tally = outbox.tally();
        Json(json!({
            "mode": "hardened",
            "bulkheads": bulkheads,
            "outbox": {
                "waiting": outbox.len(),
                "sent": tally.sent.load(Ordering::Relaxed),
                "retried": tally.retried.load(Ordering::Relaxed),
                "failed": tally.failed.load(Ordering::Relaxed),
            },
            "database": database(&pool),
        }))
    };
    router.route("/stats", get(stats)).with_state(portal)
}

fn database(pool: &Pool) -> Value {
    json!({"waiting": pool.waiting(), "busy": pool.busy()})
}

async fn heartbeat(pool: Pool) {
    loop {
        // A database that fails is seen in its silence.
        let _ = pool.read(store::ping).await;
        tokio::time::sleep(HEARTBEAT).await;
    }
}
