//! What happens to TCP connections on a link.

use std::time::Duration;

use serde::{Deserialize, Serialize};

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
