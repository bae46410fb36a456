//! The gateway's routes.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::inbox::{Inbox, Limits, Message};
use crate::stage::StageError;
use crate::stage::server::{self, Server};

/// Longest mobile number taken, in bytes: E.164 allows 15 digits; some room for `+` and spaces.
const LONGEST_MOBILE: usize = 24;
/// Longest text taken, in bytes: ten SMS parts of 160 characters.
const LONGEST_TEXT: usize = 1600;
/// Messages kept for one mobile.
const PER_MOBILE: usize = 8;

/// How an SMS gateway behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 takes any free port.
    pub listen: SocketAddr,
    /// How long it works on a message before it answers.
    pub latency: Duration,
    /// How long a message can be read.
    pub keep: Duration,
    /// Messages kept in all; the oldest is dropped for a new one.
    pub capacity: usize,
}

impl Config {
    /// A gateway that takes 20 ms for a message and keeps 100 000 of them for ten minutes.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        let keep = Duration::from_secs(600);
        Self {
            listen,
            latency: Duration::from_millis(20),
            keep,
            capacity: 100_000,
        }
    }
}

#[derive(Debug)]
struct Gateway {
    latency: Duration,
    inbox: Mutex<Inbox>,
}

impl Gateway {
    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        // An inbox is whole after each call, so one that a panic left behind is still good.
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Binds the gateway's listener; [`Server::serve`] starts it.
///
/// # Errors
/// When the address cannot be bound.
pub fn bind(config: &Config) -> Result<Server, StageError> {
    let listener = server::listen(config.listen)?;
    let limits = Limits {
        per_mobile: PER_MOBILE,
        total: config.capacity,
        keep: config.keep,
    };
    let gateway = Gateway {
        latency: config.latency,
        inbox: Mutex::new(Inbox::new(limits)),
    };
    let router = Router::new()
        .route("/send", post(send))
        .route("/inbox/{mobile}", get(inbox))
        .route("/healthz", get(healthz))
        .layer(DefaultBodyLimit::max(8 * 1024))
        .with_state(Arc::new(gateway));
    Ok(Server::new(listener, router, JoinSet::new()))
}

#[derive(Debug, Deserialize)]
struct Send {
    mobile: String,
    #[serde(default)]
    otp: Option<String>,
    #[serde(default)]
    text: Option<String>,
}

async fn send(State(gateway): State<Arc<Gateway>>, Json(send): Json<Send>) -> Response {
    let text = match (send.text, &send.otp) {
        (Some(text), _) => text,
        (None, Some(otp)) => format!("{otp} is your one-time password"),
        (None, None) => return refuse("either `otp` or `text` is needed"),
    };
    if send.mobile.is_empty() || send.mobile.len() > LONGEST_MOBILE {
        return refuse("`mobile` must have 1 to 24 characters");
    }
    if text.len() > LONGEST_TEXT || send.otp.as_ref().is_some_and(|otp| otp.len() > 16) {
        return refuse("the message is too long");
    }
    tokio::time::sleep(gateway.latency).await;
    let otp = send.otp.or_else(|| code_in(&text));
    gateway
        .inbox()
        .store(send.mobile, Message { text, otp }, Instant::now());
    (StatusCode::ACCEPTED, Json(json!({"accepted": true}))).into_response()
}

async fn inbox(State(gateway): State<Arc<Gateway>>, Path(mobile): Path<String>) -> Response {
    match gateway.inbox().newest(&mobile, Instant::now()) {
        Some(message) => Json(json!({"otp": message.otp, "text": message.text})).into_response(),
        None => (
            StatusCode::NOT_FOUND,
            Json(json!({"error": "no message yet"})),
        )
            .into_response(),
    }
}

async fn healthz(State(gateway): State<Arc<Gateway>>) -> Response {
    let held = gateway.inbox().len();
    Json(json!({"status": "ok", "messages": held})).into_response()
}

fn refuse(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": why}))).into_response()
}

/// The first run of four to eight digits in a text: what a phone offers to fill in.
fn code_in(text: &str) -> Option<String> {
    text.split(|c: char| !c.is_ascii_digit())
        .find(|digits| (4..=8).contains(&digits.len()))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::code_in;

    #[test]
    fn finds_the_code_that_a_phone_would_offer() {
        let check = |text, code: Option<&str>| assert_eq!(code_in(text).as_deref(), code, "{text}");
        check("Your OTP is 042317. Valid for 3 minutes", Some("042317"));
        check("Call 12 or 123456789", None);
        check("", None);
    }
}
