//! What the portal does for its visitors. The same in both modes, but for how an SMS goes out.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::gateway_client::{GatewayClient, SendError, Sms};
use super::outbox::Outbox;
use super::pool::Pool;
use super::store::{self, Confirmed};
use crate::stage::peer::CallError;
use crate::stage::refusal::Refusal;

/// Why nobody is let in.
const NO_TOKEN: &str = "no valid token";
/// Longest name taken, in bytes.
const LONGEST_NAME: usize = 200;
/// How long the database may be silent before a hardened portal calls itself unwell. Its heartbeat
/// asks every half second.
const SILENCE: Duration = Duration::from_secs(3);

/// How a message reaches the SMS gateway.
#[derive(Debug)]
pub(super) enum Messenger {
    /// The visitor, and the worker, wait for the gateway.
    Waits {
        client: GatewayClient,
        limit: Duration,
    },
    /// The visitor is answered at once; the outbox delivers.
    Posts {
        outbox: Outbox,
        retry_after: Duration,
    },
}

/// What the routes need.
#[derive(Debug)]
pub(super) struct Portal {
    pub(super) pool: Pool,
    pub(super) otp_validity: Duration,
    pub(super) messenger: Messenger,
}

type Shared = State<Arc<Portal>>;

#[derive(Debug, Deserialize)]
pub(super) struct Generate {
    mobile: String,
}

/// `POST /otp/generate`: stores the login, then sends the OTP or sees to it that it is sent.
pub(super) async fn generate(
    State(portal): Shared,
    Json(Generate { mobile }): Json<Generate>,
) -> Result<Response, Refusal> {
    let digits = mobile.strip_prefix('+').unwrap_or(&mobile);
    if !(8..=15).contains(&digits.len()) || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Refusal::Malformed("`mobile` must have 8 to 15 digits"));
    }
    match &portal.messenger {
        Messenger::Waits { client, limit } => {
            let (txn, sms) = begin_login(&portal, mobile).await?;
            match client.send(&sms, *limit).await {
                Ok(()) => Ok(Json(json!({"txn": txn})).into_response()),
                Err(SendError::Call(CallError::Late)) => Err(Refusal::GatewayTimeout),
                Err(_) => Err(Refusal::BadGateway("the sms gateway failed")),
            }
        }
        Messenger::Posts {
            outbox,
            retry_after,
        } => {
            // Before anything is stored: a login whose OTP can never go out helps nobody.
            let place = outbox.reserve().ok_or(Refusal::Busy {
                retry_after: *retry_after,
            })?;
            let (txn, sms) = begin_login(&portal, mobile).await?;
            place.fill(sms);
            Ok((StatusCode::ACCEPTED, Json(json!({"txn": txn}))).into_response())
        }
    }
}

async fn begin_login(portal: &Portal, mobile: String) -> Result<(String, Sms), Refusal> {
    let validity = portal.otp_validity;
    let to = mobile.clone();
    let login = portal
        .pool
        .write(move |db| store::begin_login(db, &to, validity))
        .await?;
    Ok((
        login.txn,
        Sms {
            mobile,
            otp: login.otp,
        },
    ))
}

#[derive(Debug, Deserialize)]
pub(super) struct Confirm {
    txn: String,
    otp: String,
}

/// `POST /otp/confirm`.
pub(super) async fn confirm(
    State(portal): Shared,
    Json(Confirm { txn, otp }): Json<Confirm>,
) -> Result<Response, Refusal> {
    let validity = portal.otp_validity;
    match portal
        .pool
        .write(move |db| store::confirm(db, &txn, &otp, validity))
        .await?
    {
        Confirmed::Token(token) => Ok(Json(json!({"token": token})).into_response()),
        Confirmed::Wrong => Err(Refusal::Unauthorised("wrong otp")),
        Confirmed::Expired => Err(Refusal::Gone("the otp has expired")),
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Register {
    name: String,
    /// A number, or a text of digits as the forms of the day sent it.
    year_of_birth: Year,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Year {
    Number(i64),
    Text(String),
}

impl Year {
    fn get(&self) -> Option<i64> {
        match self {
            Self::Number(year) => Some(*year),
            Self::Text(text) => text.trim().parse().ok(),
        }
    }
}

/// `POST /register`: answered when it is stored.
pub(super) async fn register(
    State(portal): Shared,
    headers: HeaderMap,
    Json(Register {
        name,
        year_of_birth,
    }): Json<Register>,
) -> Result<Response, Refusal> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .ok_or(Refusal::Unauthorised(NO_TOKEN))?
        .to_owned();
    if name.trim().is_empty() || name.len() > LONGEST_NAME {
        return Err(Refusal::Malformed("`name` must have 1 to 200 bytes"));
    }
    let malformed = Refusal::Malformed("`year_of_birth` must be between 1900 and 2021");
    let born = |year: &i64| (1900..=2021).contains(year);
    let year_of_birth = year_of_birth.get().filter(born).ok_or(malformed)?;
    portal
        .pool
        .write(move |db| store::register(db, &token, &name, year_of_birth))
        .await?
        .map(|id| {
            (
                StatusCode::CREATED,
                Json(json!({"beneficiary": id.to_string()})),
            )
                .into_response()
        })
        .ok_or(Refusal::Unauthorised(NO_TOKEN))
}

/// `GET /slots/{pin}`: nothing available is an answer, with its reason, and not an error.
pub(super) async fn slots(
    State(portal): Shared,
    Path(pin): Path<String>,
) -> Result<Response, Refusal> {
    if pin.len() != 6 || !pin.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Refusal::Malformed("a pin has 6 digits"));
    }
    let asked = pin.clone();
    let sessions = portal
        .pool
        .read(move |db| store::sessions(db, &asked))
        .await?;
    let mut answer = json!({"pin": pin, "centers": sessions});
    if sessions.is_empty() {
        answer["reason"] = "no sessions published yet".into();
    }
    Ok(Json(answer).into_response())
}

/// `GET /certificate/{id}`.
pub(super) async fn certificate(
    State(portal): Shared,
    Path(id): Path<i64>,
) -> Result<Response, Refusal> {
    let found = portal
        .pool
        .read(move |db| store::certificate(db, id))
        .await?;
    found
        .map(|certificate| Json(certificate).into_response())
        .ok_or(Refusal::NotFound)
}

/// `GET /healthz` of a naive portal: asks the database, from a worker, like any other request.
pub(super) async fn ask_health(State(portal): Shared) -> Result<Response, Refusal> {
    portal.pool.read(store::ping).await?;
    Ok(Json(json!({"status": "ok"})).into_response())
}

/// `GET /healthz` of a hardened portal: says how long ago the database last answered, and waits for
/// nothing.
pub(super) async fn know_health(State(portal): Shared) -> Response {
    let silent_ms = portal.pool.silent_for().as_millis();
    if portal.pool.silent_for() < SILENCE {
        Json(json!({"status": "ok", "database_silent_ms": silent_ms})).into_response()
    } else {
        let body = json!({"status": "unwell", "database_silent_ms": silent_ms});
        (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
    }
}
