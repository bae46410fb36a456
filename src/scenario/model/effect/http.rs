//! What happens to HTTP requests on a link.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::scenario::model::RoutePattern;

/// A rule for HTTP requests: which ones, and what happens to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpEffect {
    /// Which requests; those of the feature when the fault is `at: feature`.
    pub matching: HttpMatch,
    /// What happens to them.
    pub action: HttpAction,
}

/// Which requests an HTTP rule means: all conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpMatch {
    /// One of these routes; empty = every request.
    pub routes: Vec<RoutePattern>,
}

/// What happens to a matched request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpAction {
    /// Answered by the proxy, never forwarded.
    Status {
        /// The status code.
        code: u16,
        /// Headers, for example `retry-after`.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// Forwarded after a delay (real time).
    Delay {
        /// How long.
        delay: Duration,
    },
    /// Never answered, until the fault is removed: then it is forwarded.
    Hang,
}
