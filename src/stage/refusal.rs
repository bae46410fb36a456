//! The ways in which a server says no, each with its status and a reason that a client can read.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Largest body taken, in bytes.
const LARGEST_BODY: usize = 16 * 1024;

/// An answer that is not what was asked for.
#[derive(Debug, Clone)]
pub(super) enum Refusal {
    /// The request makes no sense; the text says why.
    Malformed(&'static str),
    /// Not who they should be; the text says why.
    Unauthorised(&'static str),
    /// It was there once; the text says what.
    Gone(&'static str),
    /// No such thing.
    NotFound,
    /// More work than can be done: come back later.
    Busy {
        /// When to come back.
        retry_after: Duration,
    },
    /// What this server depends on failed; the text says what.
    BadGateway(&'static str),
    /// Something took longer than the gateway in front allows.
    GatewayTimeout,
    /// The server's own fault.
    Internal,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, why),
            Self::Unauthorised(why) => (StatusCode::UNAUTHORIZED, why),
            Self::Gone(what) => (StatusCode::GONE, what),
            Self::NotFound => (StatusCode::NOT_FOUND, "not found"),
            Self::Busy { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "busy, please come back later",
            ),
            Self::BadGateway(what) => (StatusCode::BAD_GATEWAY, what),
            // The words that visitors saw on the day.
            Self::GatewayTimeout => (StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal error"),
        };
        let mut response = (status, Json(json!({"error": error}))).into_response();
        if let Self::Busy { retry_after } = self {
            let seconds = HeaderValue::from(retry_after.as_secs().max(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }
}

/// Reads the whole body, so that the work can go on without the connection.
pub(super) async fn buffered(request: Request) -> Result<Request, Refusal> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LARGEST_BODY)
        .await
        .map_err(|_| Refusal::Malformed("the body is too long or incomplete"))?;
    Ok(Request::from_parts(parts, Body::from(body)))
}
