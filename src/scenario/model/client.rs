//! How a population's members behave. Retries are load, so this belongs to the population.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{Rate, Ratio};

/// A client's limits and habits, in real time. Complete: the parser fills in the defaults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientPolicy {
    /// From the intended start of a request to its last byte; then it is a timeout. Default 10 s.
    pub timeout: Duration,
    /// For the connect alone (names, TCP, TLS); at most `timeout`. Default: `timeout`.
    pub connect_timeout: Duration,
    /// From the actual send, on an open connection, to the head of the response; `None` = nothing
    /// but `timeout` limits it.
    #[serde(default)]
    pub first_byte_timeout: Option<Duration>,
    /// What is tried again.
    pub retry: Retry,
    /// How long a member stays with a journey before it gives up; the journey is good only within
    /// it. Think time counts. Default 60 s.
    pub patience: Duration,
    /// When members stop asking a service that fails; `None` = never.
    #[serde(default)]
    pub breaker: Option<BreakerPolicy>,
    /// Which connections are used again.
    pub reuse: Reuse,
    /// Most connections of all members at once; `None` = as many as it takes. Not with
    /// [`Reuse::Journey`], whose connections stay open while their members think.
    #[serde(default)]
    pub connections: Option<u32>,
    /// A connection older than this is not used again; `None` = however old.
    #[serde(default)]
    pub connection_age: Option<Duration>,
    /// After so many requests a connection is closed; `None` = never.
    #[serde(default)]
    pub connection_requests: Option<u32>,
    /// Number of virtual resolvers among the members, each with its own cache. Default 100.
    pub resolvers: u32,
    /// How long those keep what they were told.
    #[serde(default)]
    pub dns_cache: DnsCache,
    /// Whether each journey has a cookie jar, empty at first.
    #[serde(default)]
    pub cookies: bool,
}

impl Default for ClientPolicy {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: None,
            retry: Retry::default(),
            patience: Duration::from_secs(60),
            breaker: None,
            reuse: Reuse::Journey,
            connections: None,
            connection_age: None,
            connection_requests: None,
            resolvers: 100,
            dns_cache: DnsCache::Ttl,
            cookies: false,
        }
    }
}

/// When a request is tried again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// The outcomes that are tried again; empty = never.
    pub outcomes: Vec<RetryOn>,
    /// How long a member waits before the next attempt.
    #[serde(default)]
    pub wait: RetryWait,
    /// Most attempts of one request, the first included; `None` = until patience ends.
    pub attempts: Option<u32>,
    /// Whether a `Retry-After` of the answer makes the wait longer.
    #[serde(default)]
    pub retry_after: RetryAfter,
    /// What all members of the population together may spend on retries; `None` = no limit.
    #[serde(default)]
    pub budget: Option<RetryBudget>,
}

/// The wait before a retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryWait {
    /// Drawn evenly between the two: immediate (both zero), fixed, or a person who reloads.
    Even {
        /// Shortest.
        min: Duration,
        /// Longest.
        max: Duration,
    },
    /// Exponential with full jitter: before the n-th retry (from 0) drawn evenly from zero to
    /// min(`cap`, `base` * 2^n). Marc Brooker, "Exponential Backoff And Jitter", AWS, 2015.
    Exponential {
        /// The most before the first retry.
        base: Duration,
        /// The most before any.
        cap: Duration,
    },
}

impl RetryWait {
    /// The bounds of the wait before retry number `retry`, from 0.
    #[must_use]
    pub fn bounds(self, retry: u32) -> (Duration, Duration) {
        match self {
            Self::Even { min, max } => (min, max),
            Self::Exponential { base, cap } => {
                let factor = 1u32.checked_shl(retry).unwrap_or(u32::MAX);
                (Duration::ZERO, base.saturating_mul(factor).min(cap))
            }
        }
    }

    /// How many retries it takes until the waits grow no more.
    #[must_use]
    pub fn growing(self) -> u32 {
        match self {
            Self::Even { .. } => 0,
            Self::Exponential { cap, .. } => (0..32)
                .take_while(|retry| self.bounds(*retry).1 < cap)
                .count() as u32,
        }
    }
}

impl Default for RetryWait {
    fn default() -> Self {
        Self::Even {
            min: Duration::ZERO,
            max: Duration::ZERO,
        }
    }
}

/// What a client makes of a `Retry-After` (RFC 9110 section 10.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// Nothing, as people, browsers and most HTTP libraries do.
    #[default]
    Ignore,
    /// The wait is at least that long.
    Honour,
}

/// A retry budget, as in Finagle and Linkerd: over any 10 s, retries are at most `share` of the
/// first attempts, and `least` a second on top. It is kept for the population on each worker, which
/// has its part of `least`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RetryBudget {
    /// Retries for each first attempt.
    pub share: Ratio,
    /// Retries that are always allowed.
    pub least: Rate,
}

/// A circuit breaker. One is kept for the population and each service, on each worker.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BreakerPolicy {
    /// When it opens.
    pub trip: Trip,
    /// How long it then refuses everything.
    pub open: Duration,
    /// After that, so many requests at once are let through; when so many were answered well it
    /// closes, and when one fails it opens again.
    pub probes: u32,
}

/// When a circuit breaker opens. Timeouts, 5xx, shedding, DNS and connection errors are failures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trip {
    /// After so many failures in a row.
    InARow(u32),
    /// When so great a share of the last requests failed.
    Share {
        /// At or above this.
        share: Ratio,
        /// Over this time.
        window: Duration,
        /// And at least so many requests ended in it.
        least: u32,
    },
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

impl RetryOn {
    /// What may well go better a moment later. Default of `outcomes` when there is a `retry`.
    pub const TRANSIENT: [Self; 5] = [
        Self::Timeout,
        Self::Http5xx,
        Self::Shed,
        Self::Dns,
        Self::Connection,
    ];
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

/// How long a client keeps the address of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsCache {
    /// For its TTL, as it should.
    #[default]
    Ttl,
    /// Not at all: each connect asks.
    None,
    /// For ever, as many a runtime does; that a name has no address is kept for its TTL.
    Forever,
}
