//! What goes wrong with a request, in Toxiproxy's words.

use std::fmt;

use axum::http::StatusCode;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ApiError {
    /// The body cannot be read.
    BadBody(String),
    /// A field is missing; where, if it is one of several proxies.
    Missing(&'static str, Option<usize>),
    /// Neither upstream nor downstream.
    Stream,
    /// No such kind of toxic.
    Type,
    /// An attribute that no toxic could act on.
    Attribute(String),
    /// No proxy of that name.
    NoProxy,
    /// There is one of that name.
    ProxyExists,
    /// No toxic of that name.
    NoToxic,
    /// There is one of that name.
    ToxicExists,
    /// No lease of that name.
    NoLease,
    /// The upstream lies where this server may not go.
    Forbidden(String),
    /// The system refuses.
    Listen(String),
}

impl ApiError {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::BadBody(_)
            | Self::Missing(..)
            | Self::Stream
            | Self::Type
            | Self::Attribute(_)
            | Self::Forbidden(_) => StatusCode::BAD_REQUEST,
            Self::NoProxy | Self::NoToxic | Self::NoLease => StatusCode::NOT_FOUND,
            Self::ProxyExists | Self::ToxicExists => StatusCode::CONFLICT,
            Self::Listen(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadBody(detail) | Self::Attribute(detail) => {
                write!(f, "bad request body: {detail}")
            }
            Self::Missing(field, None) => write!(f, "missing required field: {field}"),
            Self::Missing(field, Some(number)) => {
                write!(f, "missing required field: {field} at proxy {number}")
            }
            Self::Stream => f.write_str("stream was invalid, can be either upstream or downstream"),
            Self::Type => f.write_str("invalid toxic type"),
            Self::NoProxy => f.write_str("proxy not found"),
            Self::ProxyExists => f.write_str("proxy already exists"),
            Self::NoToxic => f.write_str("toxic not found"),
            Self::ToxicExists => f.write_str("toxic already exists"),
            Self::NoLease => f.write_str("lease not found"),
            Self::Forbidden(detail) | Self::Listen(detail) => f.write_str(detail),
        }
    }
}
