//! The ways in which the portal says no, each with its status and a reason that a client can read.

use std::time::Duration;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::pool::PoolError;

/// An answer that is not what was asked for.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The request makes no sense; the text says why.
    Malformed(&'static str),
    /// No token, or one that opens no door.
    Unauthorised,
    /// Not the OTP of this transaction.
    WrongOtp,
    /// The right OTP, too late.
    OtpExpired,
    /// No such thing.
    NotFound,
    /// More work than can be done: come back later.
    Busy {
        /// When to come back.
        retry_after: Duration,
    },
    /// The SMS gateway failed.
    BadGateway,
    /// Something took longer than the gateway in front allows.
    GatewayTimeout,
    /// The portal's own fault.
    Internal,
}

impl From<PoolError> for Refusal {
    fn from(_: PoolError) -> Self {
        Self::Internal
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Malformed(why) => (StatusCode::BAD_REQUEST, why),
            Self::Unauthorised => (StatusCode::UNAUTHORIZED, "no valid token"),
            Self::WrongOtp => (StatusCode::UNAUTHORIZED, "wrong otp"),
            Self::OtpExpired => (StatusCode::GONE, "the otp has expired"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not found"),
            Self::Busy { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "busy, please come back later",
            ),
            Self::BadGateway => (StatusCode::BAD_GATEWAY, "the sms gateway failed"),
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
