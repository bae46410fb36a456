//! One of the apps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::config;
use super::doors::{self, Door};
use super::lookup::{Lookup, Wanted};
use super::sessions::{Account, Sessions};
use super::store::Store;
use crate::stage::refusal::Refusal;
use crate::stage::server::{self, Server};
use crate::stage::{Limit, StageError};

/// Pages of a feed, and pictures: so many of each.
const PAGES: u32 = 1000;
/// Longest message taken, in bytes.
const LONGEST_TEXT: usize = 2000;
/// Marks what was known before and may have changed.
const DEGRADED: HeaderName = HeaderName::from_static("x-degraded");

#[derive(Debug)]
struct App {
    name: String,
    sessions: Sessions,
    pages: Lookup<Value>,
    store: Arc<Store>,
    config: config::App,
    written: AtomicU64,
}

type Shared = State<Arc<App>>;

/// Binds an app's listener; [`Server::serve`] starts it. Must be called within a tokio runtime.
///
/// # Errors
/// When the address is taken or that of auth makes no sense.
pub fn bind(config: config::App) -> Result<Server, StageError> {
    let sessions = Sessions::new(&config.auth, &config.mode, config.idle)?;
    let listener = server::listen(config.listen)?;
    let store = Arc::new(Store::new(config.connections));
    let app = Arc::new(App {
        name: config.name.clone(),
        sessions,
        pages: Lookup::new(&config.mode, config.idle),
        store: Arc::clone(&store),
        config,
        written: AtomicU64::new(0),
    });
    // Reads are mostly answered from memory, and only take the time for the rest of the page.
    let read = Limit::concurrent(64);
    let write = Limit::concurrent(8 * app.config.connections.max(1));
    let door = |path, name, route, limit| Door {
        path,
        name,
        route,
        limit,
    };
    let doors = vec![
        door("/login", "login", post(log_in), write),
        door("/feed/{page}", "feed", get(feed), read),
        door("/media/{id}", "media", get(media), read),
        door("/send", "send", post(send), write),
        door("/call", "call", post(call), write),
    ];
    let mut background = JoinSet::new();
    let router = doors::open(doors, &app.config.mode, store, &mut background);
    Ok(Server::new(listener, router.with_state(app), background))
}

impl App {
    /// A page or picture, which is the same for everybody.
    async fn page(&self, kind: &'static str, number: u32) -> Result<(Value, bool), Refusal> {
        if !(1..=PAGES).contains(&number) {
            return Err(Refusal::NotFound);
        }
        let (store, name, read) = (Arc::clone(&self.store), self.name.clone(), self.config.read);
        let ask = || async move {
            store.ask(read).await;
            Ok(json!({"app": name, kind: number, "by": number * 7 % PAGES + 1}))
        };
        let key = format!("{kind}/{number}");
        let seen = self.pages.get(&key, Wanted::Stale, ask).await?;
        tokio::time::sleep(self.config.work).await;
        Ok((seen.value, seen.stale))
    }

    /// Stores what somebody says, which nobody may do in another's name.
    async fn write(&self, headers: &HeaderMap) -> Result<(Account, u64), Refusal> {
        let session = self.sessions.of(headers, Wanted::Fresh).await?;
        self.store.ask(self.config.write).await;
        tokio::time::sleep(self.config.work).await;
        let number = self.written.fetch_add(1, Ordering::Relaxed) + 1;
        Ok((session.value, number))
    }
}

/// An answer, marked when any part of it is old.
fn answer(body: Value, stale: bool) -> Response {
    let mut response = Json(body).into_response();
    if stale {
        let mark = HeaderValue::from_static("stale");
        response.headers_mut().insert(DEGRADED, mark);
    }
    response
}

#[derive(Debug, Deserialize)]
struct Login {
    account: Account,
}

async fn log_in(
    State(app): Shared,
    Json(Login { account }): Json<Login>,
) -> Result<Json<Value>, Refusal> {
    app.sessions.log_in(account).await.map(Json)
}

async fn feed(
    State(app): Shared,
    Path(page): Path<u32>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = app.sessions.of(&headers, Wanted::Stale).await?;
    let (page, stale) = app.page("page", page).await?;
    Ok(answer(page, stale || session.stale))
}

async fn media(State(app): Shared, Path(id): Path<u32>) -> Result<Response, Refusal> {
    let (picture, stale) = app.page("picture", id).await?;
    Ok(answer(picture, stale))
}

#[derive(Debug, Deserialize)]
struct Message {
    text: String,
}

async fn send(
    State(app): Shared,
    headers: HeaderMap,
    Json(Message { text }): Json<Message>,
) -> Result<Response, Refusal> {
    if text.is_empty() || text.len() > LONGEST_TEXT {
        return Err(Refusal::Malformed("`text` must have 1 to 2000 bytes"));
    }
    let (account, message) = app.write(&headers).await?;
    let sent = json!({"message": message, "from": account});
    Ok((StatusCode::CREATED, Json(sent)).into_response())
}

#[derive(Debug, Deserialize)]
struct Call {
    to: Account,
}

async fn call(
    State(app): Shared,
    headers: HeaderMap,
    Json(Call { to }): Json<Call>,
) -> Result<Response, Refusal> {
    let (account, call) = app.write(&headers).await?;
    let rings = json!({"call": call, "from": account, "to": to});
    Ok((StatusCode::CREATED, Json(rings)).into_response())
}
