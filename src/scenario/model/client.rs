//! How a population's members behave. Retries are load, so this belongs to the population.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A client's limits and habits, in real time. Complete: the parser fills in the defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientPolicy {
    /// From the intended start of a request to its last byte; then it is a timeout. Default 10 s.
    pub timeout: Duration,
    /// For the connect alone (names, TCP, TLS); at most `timeout`. Default: `timeout`.
    pub connect_timeout: Duration,
    /// What is tried again.
    pub retry: Retry,
    /// How long a member stays with a journey before it gives up; the journey is good only within
    /// it. Think time counts. Default 60 s.
    pub patience: Duration,
    /// Which connections are used again.
    pub reuse: Reuse,
    /// Number of virtual resolvers among the members, each with its own cache. Default 100.
    pub resolvers: u32,
}

impl Default for ClientPolicy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            retry: Retry::default(),
            patience: Duration::from_secs(60),
            reuse: Reuse::Journey,
            resolvers: 100,
        }
    }
}

/// When a request is tried again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// The outcomes that are tried again; empty = never.
    pub outcomes: Vec<RetryOn>,
    /// Shortest wait before the next attempt.
    pub wait_min: Duration,
    /// Longest wait; the wait is drawn evenly between the two.
    pub wait_max: Duration,
    /// Most attempts of one request, the first included; `None` = until patience ends.
    pub attempts: Option<u32>,
}

/// A family of outcomes that may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// No answer in time.
    Timeout,
    /// A 5xx that is not honest shedding.
    #[serde(rename = "5xx")]
    Http5xx,
    /// A 4xx that is not honest shedding.
    #[serde(rename = "4xx")]
    Http4xx,
    /// Shed honestly (429, or 503 with Retry-After).
    Shed,
    /// The name did not resolve.
    Dns,
    /// Refused, reset, closed early, TLS or protocol error.
    Connection,
    /// An answer that failed a check.
    Check,
}

/// Which connections are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reuse {
    /// A new one for every request.
    None,
    /// Each journey dials its own and keeps it for its requests.
    #[default]
    Journey,
    /// Kept and shared among all members of the population on a worker.
    Shared,
}
