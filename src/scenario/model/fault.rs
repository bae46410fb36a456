//! What breaks, where, when, and in which way.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Anchor, Provenance, RoutePattern};
use crate::{diagnostic::Spanned, time::Story, units::Ratio};

/// A fault as written.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Its name.
    pub name: Spanned<String>,
    /// Where it is put in.
    pub at: Spanned<FaultPlace>,
    /// When it begins.
    pub from: Spanned<Anchor>,
    /// When it ends; a `kill` needs none.
    pub until: Option<Spanned<Until>>,
    /// How long it takes to grow to its full share (dns, http) or amount (tcp latency); lies
    /// inside its window. Zero = a step.
    pub ramp: Story,
    /// How long it takes to shrink, inside its window. Zero = a step.
    pub ramp_out: Story,
    /// The part of what it could meet that it meets.
    pub share: Ratio,
    /// What it does.
    pub effect: Spanned<Effect>,
    /// Where its numbers come from.
    pub provenance: Provenance,
}

/// When a fault ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Until {
    /// `for: SPAN` of story time.
    For(Story),
    /// `until: ANCHOR`.
    At(Anchor),
}

/// Where a fault is put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultPlace {
    /// `portal -> sms`: a declared link.
    Link {
        /// The service that dials.
        from: String,
        /// The service that is dialled.
        to: String,
    },
    /// `service portal`: the way of the visitors to it.
    Service(String),
    /// `feature portal/certificates`: the visitors' requests of one feature.
    Feature {
        /// The service.
        service: String,
        /// The feature.
        feature: String,
    },
    /// `process portal`: a launched process.
    Process(String),
    /// `dns cowin.test` or `dns portal.cowin.test`: a zone, or one name.
    Dns(String),
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// To HTTP requests on a link.
    Http(HttpEffect),
    /// To TCP connections on a link.
    Tcp(TcpEffect),
    /// To answers about names.
    Dns(DnsEffect),
    /// To a launched process.
    Process(ProcessEffect),
}

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

/// What happens to TCP connections; the semantics are Toxiproxy's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TcpEffect {
    /// Each chunk is delayed by `latency` ± `jitter` (real time).
    Latency {
        /// The delay.
        latency: Duration,
        /// Drawn evenly from -jitter to +jitter.
        jitter: Duration,
        /// The direction.
        stream: TcpStream,
    },
    /// Data is dropped; the connection is closed after `timeout` since the last chunk, never if
    /// zero.
    Timeout {
        /// Real time.
        timeout: Duration,
        /// The direction.
        stream: TcpStream,
    },
    /// The listener is closed and every connection with it: clients are refused.
    Down,
    /// Connections are reset (RST) `after` their first chunk (real time).
    Reset {
        /// Real time after the first chunk.
        after: Duration,
    },
}

/// A direction of a connection, as Toxiproxy names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TcpStream {
    /// From the client to the server.
    Upstream,
    /// From the server to the client.
    #[default]
    Downstream,
}

/// What happens to a question about a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsEffect {
    /// SERVFAIL (RFC 1035 section 4.1.1, code 2).
    Servfail,
    /// NXDOMAIN (code 3).
    Nxdomain,
    /// REFUSED (code 5).
    Refused,
    /// NOERROR with no answer (RFC 2308 section 2.2).
    NoData,
    /// No answer at all.
    Drop,
}

/// What happens to a launched process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessEffect {
    /// SIGKILL to its group. Its supervisor starts it again, as in production.
    Kill,
    /// SIGSTOP to its group, SIGCONT at the end.
    Pause,
}
