//! The neighbour: another company's place, where people go when the apps are gone.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::config;
use super::doors::{self, Door};
use super::store::Store;
use crate::stage::refusal::Refusal;
use crate::stage::server::{self, Server};
use crate::stage::{Limit, StageError};

/// Longest post, and longest name of an account, in bytes.
const LONGEST_TEXT: usize = 280;

#[derive(Debug)]
struct Neighbour {
    store: Arc<Store>,
    round_trip: Duration,
    sign_up: Duration,
    made: AtomicU64,
}

type Shared = State<Arc<Neighbour>>;

/// Binds the neighbour's listener; [`Server::serve`] starts it. Must be called within a tokio runtime.
///
/// # Errors
/// When the address is taken.
pub fn bind(config: config::Neighbour) -> Result<Server, StageError> {
    let listener = server::listen(config.listen)?;
    let store = Arc::new(Store::new(config.connections));
    let connections = config.connections.max(1);
    let here = Arc::new(Neighbour {
        store: Arc::clone(&store),
        round_trip: config.round_trip,
        sign_up: config.sign_up,
        made: AtomicU64::new(0),
    });
    // Those who are here come first: newcomers get a third of the store at most.
    let doors = vec![
        Door {
            path: "/timeline/{page}",
            name: "timeline",
            route: get(timeline),
            limit: Limit::concurrent(connections),
        },
        Door {
            path: "/post",
            name: "post",
            route: post(say),
            limit: Limit::concurrent(connections),
        },
        Door {
            path: "/signup",
            name: "signup",
            route: post(sign_up),
            limit: Limit {
                concurrent: (connections / 3).max(1),
                queued: 1,
            },
        },
    ];
    let mut background = JoinSet::new();
    let router = doors::open(doors, &config.mode, store, &mut background);
    Ok(Server::new(listener, router.with_state(here), background))
}

impl Neighbour {
    fn number(&self) -> u64 {
        self.made.fetch_add(1, Ordering::Relaxed) + 1
    }
}

async fn timeline(State(here): Shared, Path(page): Path<u32>) -> Json<Value> {
    here.store.ask(here.round_trip).await;
    Json(json!({"page": page, "posts": []}))
}

#[derive(Debug, Deserialize)]
struct Post {
    text: String,
}

async fn say(State(here): Shared, Json(Post { text }): Json<Post>) -> Result<Response, Refusal> {
    if text.is_empty() || text.len() > LONGEST_TEXT {
        return Err(Refusal::Malformed("`text` must have 1 to 280 bytes"));
    }
    here.store.ask(here.round_trip).await;
    let post = json!({"post": here.number()});
    Ok((StatusCode::CREATED, Json(post)).into_response())
}

#[derive(Debug, Deserialize)]
struct SignUp {
    account: String,
}

async fn sign_up(
    State(here): Shared,
    Json(SignUp { account }): Json<SignUp>,
) -> Result<Response, Refusal> {
    if account.is_empty() || account.len() > LONGEST_TEXT {
        return Err(Refusal::Malformed("`account` must have 1 to 280 bytes"));
    }
    here.store.ask(here.sign_up).await;
    let account = json!({"account": here.number()});
    Ok((StatusCode::CREATED, Json(account)).into_response())
}
