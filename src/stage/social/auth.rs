//! The service that knows who is who, for all apps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::config;
use super::doors::{self, Door};
use super::lookup::{Lookup, Wanted};
use super::sessions::{Account, NO_SESSION, token};
use super::store::Store;
use crate::stage::refusal::Refusal;
use crate::stage::server::{self, Server};
use crate::stage::{Limit, StageError};

/// Accounts, 1 to this.
const ACCOUNTS: Account = 1000;

#[derive(Debug)]
struct Auth {
    known: Lookup<Account>,
    store: Arc<Store>,
    round_trip: Duration,
    issued: AtomicU64,
}

type Shared = State<Arc<Auth>>;

/// Binds the listener of auth; [`Server::serve`] starts it. Must be called within a tokio runtime.
///
/// # Errors
/// When the address is taken.
pub fn bind(config: config::Auth) -> Result<Server, StageError> {
    let listener = server::listen(config.listen)?;
    let store = Arc::new(Store::new(config.connections));
    let auth = Arc::new(Auth {
        known: Lookup::new(&config.mode, config.idle),
        store: Arc::clone(&store),
        round_trip: config.round_trip,
        issued: AtomicU64::new(0),
    });
    // Sessions are mostly answered from memory; logins never are.
    let sessions = Limit::concurrent(32);
    let logins = Limit::concurrent(config.connections.max(1));
    let doors = vec![
        Door {
            path: "/login",
            name: "login",
            route: post(log_in),
            limit: logins,
        },
        Door {
            path: "/session",
            name: "session",
            route: get(session),
            limit: sessions,
        },
    ];
    let mut background = JoinSet::new();
    let router = doors::open(doors, &config.mode, store, &mut background);
    Ok(Server::new(listener, router.with_state(auth), background))
}

#[derive(Debug, Deserialize)]
struct Login {
    account: Account,
}

/// `POST /login`. A token is `account` or `account-number`: this is a stage, and its tokens can be
/// guessed, so that they need not be kept and outlive a restart.
async fn log_in(
    State(auth): Shared,
    Json(Login { account }): Json<Login>,
) -> Result<Json<Value>, Refusal> {
    if !exists(account) {
        return Err(Refusal::Unauthorised("no such account"));
    }
    auth.store.ask(auth.round_trip).await;
    let number = auth.issued.fetch_add(1, Ordering::Relaxed) + 1;
    Ok(Json(json!({"token": format!("{account}-{number}")})))
}

/// `GET /session`: whose token this is.
async fn session(State(auth): Shared, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    let token = token(&headers)?;
    let (store, round_trip) = (Arc::clone(&auth.store), auth.round_trip);
    let asked = token.clone();
    let ask = || async move {
        store.ask(round_trip).await;
        holder(&asked).ok_or(Refusal::Unauthorised(NO_SESSION))
    };
    let seen = auth.known.get(&token, Wanted::Fresh, ask).await?;
    Ok(Json(json!({"account": seen.value})))
}

fn exists(account: Account) -> bool {
    (1..=ACCOUNTS).contains(&account)
}

/// Whose token this is, if anybody's.
fn holder(token: &str) -> Option<Account> {
    let (account, number) = token.split_once('-').unwrap_or((token, "0"));
    number.parse::<u64>().ok()?;
    account.parse().ok().filter(|account| exists(*account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_open_the_door_of_their_account_only() {
        for (token, account) in [
            ("1", Some(1)),
            ("1000", Some(1000)),
            ("17-3", Some(17)),
            ("0", None),
            ("1001", None),
            ("", None),
            ("17-", None),
            ("-3", None),
            ("17-x", None),
        ] {
            assert_eq!(holder(token), account, "{token}");
        }
    }
}
