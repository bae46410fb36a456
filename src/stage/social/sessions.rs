//! What an app knows of who its people are: it asks auth, or remembers what auth said.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::Bytes;
use hyper::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::config::Mode;
use super::lookup::{Lookup, Seen, Wanted};
use crate::stage::StageError;
use crate::stage::peer::{CallError, Peer};
use crate::stage::refusal::Refusal;

/// Why nobody is let in.
pub(super) const NO_SESSION: &str = "no valid session";
/// Longest token taken, in bytes.
const LONGEST_TOKEN: usize = 64;

/// The number of an account.
pub(super) type Account = u32;

/// The auth service as an app sees it.
#[derive(Debug)]
pub(super) struct Sessions {
    auth: Arc<Auth>,
    /// `None`: auth is asked about each request.
    known: Option<Lookup<Account>>,
}

#[derive(Debug)]
struct Auth {
    peer: Peer,
    /// How long it is waited for.
    patience: Duration,
    /// What callers are told when it is slow or down: to come back, or what went wrong.
    retry_after: Option<Duration>,
}

#[derive(Debug, Deserialize)]
struct Session {
    account: Account,
}

/// The token that a request shows.
///
/// # Errors
/// When it shows none.
pub(super) fn token(headers: &HeaderMap) -> Result<String, Refusal> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .filter(|token| token.len() <= LONGEST_TOKEN)
        .map(str::to_owned)
        .ok_or(Refusal::Unauthorised(NO_SESSION))
}

impl Sessions {
    /// Takes the address of auth.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn new(auth: &str, mode: &Mode, idle: Duration) -> Result<Self, StageError> {
        let peer = Peer::new(auth, "an auth service")?;
        let (known, patience, retry_after) = match mode {
            Mode::Naive(naive) => (None, naive.gateway_limit, None),
            Mode::Hardened(hardened) => {
                let terms = hardened.terms;
                let known = Lookup::new(mode, idle);
                (Some(known), terms.deadline, Some(terms.retry_after))
            }
        };
        let auth = Arc::new(Auth {
            peer,
            patience,
            retry_after,
        });
        Ok(Self { auth, known })
    }

    /// Whose session this is.
    pub(super) async fn of(
        &self,
        headers: &HeaderMap,
        wanted: Wanted,
    ) -> Result<Seen<Account>, Refusal> {
        let token = token(headers)?;
        let auth = Arc::clone(&self.auth);
        let asked = token.clone();
        let ask = || async move { auth.session(&asked).await };
        match &self.known {
            Some(known) => known.get(&token, wanted, ask).await,
            None => {
                let value = ask().await?;
                Ok(Seen {
                    value,
                    stale: false,
                })
            }
        }
    }

    /// Logs an account in; the answer is auth's.
    pub(super) async fn log_in(&self, account: Account) -> Result<Value, Refusal> {
        let body = json!({"account": account}).to_string();
        let answer = self.auth.ask(Method::POST, "/login", None, body).await?;
        serde_json::from_slice(&answer).map_err(|_| Refusal::BadGateway("auth said nothing"))
    }
}

impl Auth {
    async fn session(&self, token: &str) -> Result<Account, Refusal> {
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| Refusal::Unauthorised(NO_SESSION))?;
        let answer = self
            .ask(Method::GET, "/session", Some(bearer), String::new())
            .await?;
        let session: Session = serde_json::from_slice(&answer)
            .map_err(|_| Refusal::BadGateway("auth said nothing"))?;
        Ok(session.account)
    }

    async fn ask(
        &self,
        method: Method,
        path: &'static str,
        bearer: Option<HeaderValue>,
        body: String,
    ) -> Result<Bytes, Refusal> {
        let call = self.peer.call(method, path, bearer, body, self.patience);
        let why = match call.await {
            Ok((status, answer)) if status.is_success() => return Ok(answer),
            Ok((StatusCode::UNAUTHORIZED, _)) => return Err(Refusal::Unauthorised(NO_SESSION)),
            Err(CallError::Late) => Refusal::GatewayTimeout,
            Ok(_) | Err(CallError::Connect(_) | CallError::Http(_)) => {
                Refusal::BadGateway("auth failed")
            }
        };
        Err(self
            .retry_after
            .map_or(why, |retry_after| Refusal::Busy { retry_after }))
    }
}
