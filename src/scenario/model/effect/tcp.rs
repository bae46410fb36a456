//! What happens to TCP connections on a link.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::{ByteRate, ByteSize};

/// What happens to TCP connections; the semantics are Toxiproxy's. All times are real time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TcpEffect {
    /// Each chunk is delayed by `latency` ± `jitter`.
    Latency {
        /// The delay.
        latency: Duration,
        /// Drawn evenly from -jitter to +jitter.
        jitter: Duration,
        /// The direction.
        stream: TcpStream,
    },
    /// A connection passes no more than that.
    Bandwidth {
        /// How much; zero passes nothing.
        rate: ByteRate,
        /// The direction.
        stream: TcpStream,
    },
    /// The end of the stream comes late.
    SlowClose {
        /// By how much.
        delay: Duration,
        /// The direction.
        stream: TcpStream,
    },
    /// Data is dropped; the connection is closed after `timeout` since the last chunk, never if
    /// zero.
    Timeout {
        /// How long after.
        timeout: Duration,
        /// The direction.
        stream: TcpStream,
    },
    /// Data comes in small pieces.
    Slicer {
        /// Their average size; at least a byte.
        size: ByteSize,
        /// By how much their size varies, both ways.
        variation: ByteSize,
        /// The pause after each.
        delay: Duration,
        /// The direction.
        stream: TcpStream,
    },
    /// A connection is closed after so much data.
    LimitData {
        /// How much.
        bytes: ByteSize,
        /// The direction.
        stream: TcpStream,
    },
    /// The listener is closed and every connection with it: clients are refused.
    Down,
    /// Connections are reset (RST) `after` their first chunk.
    Reset {
        /// How long after.
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
