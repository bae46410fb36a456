//! Which toxics there are.

use std::time::Duration;

use crate::units::{ByteRate, ByteSize, Ratio};

/// A toxic and its attributes, with Toxiproxy's names where it has them. All times are real time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::fault) enum Kind {
    /// Each chunk is late by `latency` ± `jitter`.
    Latency {
        /// The delay.
        latency: Duration,
        /// Drawn evenly from -jitter to +jitter.
        jitter: Duration,
    },
    /// No more than so much passes in a second; nothing when it is zero.
    Bandwidth {
        /// How much.
        rate: ByteRate,
    },
    /// The end of the stream is late.
    SlowClose {
        /// By how much.
        delay: Duration,
    },
    /// Data is lost, and the connection is closed `timeout` after the last chunk; never if zero.
    Timeout {
        /// How long after.
        timeout: Duration,
    },
    /// The connection is reset `after` its first chunk.
    ResetPeer {
        /// How long after.
        after: Duration,
    },
    /// Data is cut into small pieces.
    Slicer(Cut),
    /// The connection is closed after so much data.
    LimitData {
        /// How much.
        bytes: ByteSize,
    },
    /// One bit is flipped in a share of the chunks.
    Corrupt {
        /// Of the chunks.
        share: Ratio,
    },
    /// Nothing happens.
    Noop,
}

/// How a slicer cuts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::fault) struct Cut {
    /// The average size of a piece; at least one byte.
    pub(in crate::fault) average: usize,
    /// By how much sizes vary, both ways.
    pub(in crate::fault) variation: usize,
    /// The pause after each piece.
    pub(in crate::fault) delay: Duration,
}
