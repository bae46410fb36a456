//! How requests come in: through one queue, or through a bulkhead for each route.

use std::sync::Arc;

use axum::routing::{MethodRouter, get};
use axum::{Json, Router, middleware};
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::config::Mode;
use super::store::Store;
use crate::stage::Limit;
use crate::stage::admission::{self, Bulkhead};
use crate::stage::queue::{self, Entrance};

/// A route, its name in `/stats`, and what its bulkhead lets in.
pub(super) struct Door<S> {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) route: MethodRouter<S>,
    pub(super) limit: Limit,
}

/// Puts the routes behind their doors, and `/healthz` and `/stats` beside them.
pub(super) fn open<S>(
    doors: Vec<Door<S>>,
    mode: &Mode,
    store: Arc<Store>,
    background: &mut JoinSet<()>,
) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let healthz = get(|| async { Json(json!({"status": "ok"})) });
    let (router, look): (Router<S>, Box<dyn Fn() -> Value + Send + Sync>) = match mode {
        Mode::Naive(naive) => {
            let entrance = Entrance::open(naive.clone(), background);
            let router = doors.into_iter().fold(Router::new(), |router, door| {
                router.route(door.path, door.route)
            });
            let line = middleware::from_fn_with_state(entrance.clone(), queue::wait_in_line);
            let look = move || {
                let gauge = entrance.gauge();
                json!({"queue_length": gauge.queued(), "workers_busy": gauge.busy()})
            };
            (router.layer(line), Box::new(look))
        }
        Mode::Hardened(hardened) => {
            let mut counted = Vec::new();
            let router = doors.into_iter().fold(Router::new(), |router, door| {
                let bulkhead = Bulkhead::new(door.limit, hardened.terms);
                counted.push((door.name, Arc::clone(&bulkhead)));
                let admit = middleware::from_fn_with_state(bulkhead, admission::admit);
                router.route(door.path, door.route.layer(admit))
            });
            let look = move || {
                let counts = counted.iter().map(|(name, bulkhead)| {
                    let (admitted, shed) = bulkhead.counts();
                    let counts = json!({"admitted": admitted, "shed": shed});
                    ((*name).to_owned(), counts)
                });
                json!({"bulkheads": counts.collect::<Map<_, _>>()})
            };
            (router, Box::new(look))
        }
    };
    let look = Arc::new(look);
    let stats = get(move || async move {
        let mut stats = look();
        stats["store"] = json!({"waiting": store.waiting(), "busy": store.busy()});
        Json(stats)
    });
    router.route("/healthz", healthz).route("/stats", stats)
}
