//! One request and what came of it: the words of the [`Client`] seam.

use std::{fmt, future::Future, time::Duration};

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::slots::Connections;
use crate::{
    measure::{Injected, Outcome},
    plan::ServiceId,
    scenario::model::Method,
};

/// The header that names each request of ours, so that faults can decide by it.
pub const REQUEST_HEADER: &str = "brownout-request";
/// The header that a fault proxy of ours adds to a response that it made, changed or delayed.
pub const FAULT_HEADER: &str = "brownout-fault";
/// The header that it adds if it made or changed it: what is wrong with it is not the target's doing.
pub const MADE_HEADER: &str = "brownout-made";

/// What we call ourselves in the User-Agent header.
pub(super) const AGENT: &str = concat!("brownout/", env!("CARGO_PKG_VERSION"));

/// Sends requests. An implementation belongs to one thread and keeps connections of its own.
pub trait Client {
    /// What one visitor has: its resolver and the connections that it keeps.
    type Session;

    /// The session of the visitor that is arrival `arrival` of population `population`.
    fn session(&self, population: u16, arrival: u64) -> Self::Session;

    /// Sends one request and waits for its end, at most until its deadline. A failure of the
    /// target is an [`Exchange`] as well.
    fn send(&self, session: &mut Self::Session, call: Call<'_>) -> impl Future<Output = Exchange>;

    /// How its connections fare.
    fn connections(&self) -> Connections;
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub struct Call<'a> {
    /// Its name on the wire.
    pub id: RequestId,
    /// Where it goes.
    pub service: ServiceId,
    /// The method.
    pub method: Method,
    /// Path and query, already encoded.
    pub path: &'a str,
    /// Headers beside those of the service.
    pub headers: &'a [(HeaderName, HeaderValue)],
    /// The body.
    pub body: Option<Bytes>,
    /// When it has timed out: intended start + timeout.
    pub deadline: Instant,
    /// For names, TCP and TLS together, from the moment that a connection is begun.
    pub connect_timeout: Duration,
    /// From its writing on an open connection to the head of the answer; `None` = until the deadline.
    pub first_byte_timeout: Option<Duration>,
    /// Whether anybody will look at the body of the answer.
    pub keep_body: bool,
    /// Whether anybody will look at other headers of the answer than those that tell a client what
    /// to do next: Set-Cookie, Retry-After, Location, and Date beside them.
    pub keep_headers: bool,
}

/// The name of a request on the wire: the value of [`REQUEST_HEADER`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestId {
    /// `<population>.<arrival>.<step>.<attempt>`: indices from 0, attempts from 1.
    Load {
        /// Index of the population.
        population: u16,
        /// The arrival's number in its population.
        arrival: u64,
        /// Index of the step in its journey.
        step: u16,
        /// 1 for the first attempt.
        attempt: u32,
    },
    /// `probe.<n>`.
    Probe(u64),
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Load {
                population,
                arrival,
                step,
                attempt,
            } => write!(f, "{population}.{arrival}.{step}.{attempt}"),
            Self::Probe(n) => write!(f, "probe.{n}"),
        }
    }
}

/// How a request went.
#[derive(Debug)]
pub struct Exchange {
    /// When it was sent: the beginning of its connect, or of its writing on a kept connection.
    /// `None` when it never was.
    pub sent: Option<Instant>,
    /// When its last byte came, or it failed.
    pub ended: Instant,
    /// What is known of our faults' part in it.
    pub injected: Injected,
    /// The whole answer, or how it failed.
    pub result: Result<Answer, Outcome>,
}

/// A complete response.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status code.
    pub status: u16,
    /// Its headers: all if they were wanted, else at least those that [`Call::keep_headers`] names.
    pub headers: HeaderMap,
    /// Its body, at most [`KEPT_BODY`] bytes of it, and only if it was wanted.
    pub body: Bytes,
}

/// So much of a body is kept for checks; the rest is read and counted, but not looked at.
pub const KEPT_BODY: usize = 1 << 20;

impl Exchange {
    /// From the actual send to the end.
    #[must_use]
    pub fn service_time(&self) -> Option<Duration> {
        self.sent
            .map(|sent| self.ended.saturating_duration_since(sent))
    }
}
