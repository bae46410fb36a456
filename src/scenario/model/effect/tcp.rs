//! What happens to TCP connections on a link.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::units::{ByteRate, ByteSize, Ratio, Span};

/// What happens to TCP connections; the semantics are Toxiproxy's where it has
/// them. All times are real time.
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
    /// One bit of one byte is flipped in a share of the chunks; Toxiproxy has no such toxic.
    Corrupt {
        /// Of the chunks that pass.
        share: Ratio,
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

/// As it is written in a scenario: the toxic, its figures, and the direction unless it is the usual one.
impl fmt::Display for TcpEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency {
                latency,
                jitter,
                stream,
            } => {
                write!(f, "latency {}", Span(*latency))?;
                if !jitter.is_zero() {
                    write!(f, " ± {}", Span(*jitter))?;
                }
                write!(f, "{stream}")
            }
            Self::Bandwidth { rate, stream } => write!(f, "bandwidth {rate}{stream}"),
            Self::SlowClose { delay, stream } => write!(f, "slow_close {}{stream}", Span(*delay)),
            Self::Timeout { timeout, stream } => write!(f, "timeout {}{stream}", Span(*timeout)),
            Self::Slicer {
                size,
                variation,
                delay,
                stream,
            } => {
                write!(f, "slicer {size}")?;
                if variation.0 > 0 {
                    write!(f, " ± {variation}")?;
                }
                if !delay.is_zero() {
                    write!(f, " every {}", Span(*delay))?;
                }
                write!(f, "{stream}")
            }
            Self::LimitData { bytes, stream } => write!(f, "limit_data {bytes}{stream}"),
            Self::Corrupt { share, stream } => write!(f, "corrupt {share}{stream}"),
            Self::Down => f.write_str("down"),
            Self::Reset { after } => write!(f, "reset after {}", Span(*after)),
        }
    }
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

/// Follows an effect: ` upstream`, and nothing for the usual direction.
impl fmt::Display for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Upstream => " upstream",
            Self::Downstream => "",
        })
    }
}
