//! What can happen to a chunk: one file each. A toxic is a pure machine: it is told what came and
//! when, and says what becomes of it.

mod latency;
mod reset;
mod timeout;

pub(super) use latency::Latency;
pub(super) use reset::Reset;
pub(super) use timeout::Timeout;

use bytes::Bytes;
use tokio::time::Instant;

use crate::units::Ratio;

/// What travels in one direction of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// Bytes.
    Data(Bytes),
    /// The sender has finished; kept as half-close.
    Eof,
}

impl Item {
    /// How many bytes it holds.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Data(bytes) => bytes.len(),
            Self::Eof => 0,
        }
    }
}

/// What becomes of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// It goes on at that instant, or at once if that has passed.
    PassAt(Instant),
    /// It is lost.
    Lose,
    /// The connection ends with it.
    End(End),
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Both sockets are closed.
    Close,
    /// Both are reset (RST).
    Reset,
}

/// A toxic on one direction of one connection.
#[derive(Debug)]
pub(super) enum Toxic {
    /// Delays.
    Latency(Latency),
    /// Loses, and closes in the end.
    Timeout(Timeout),
    /// Resets.
    Reset(Reset),
}

impl Toxic {
    /// What becomes of `item`, which came at `now`, while the fault is at `level`.
    pub(super) fn take(&mut self, now: Instant, item: &Item, level: Ratio) -> Decision {
        match self {
            Self::Latency(toxic) => toxic.take(now, item, level),
            Self::Timeout(toxic) => toxic.take(now, item),
            Self::Reset(toxic) => toxic.take(now, item),
        }
    }

    /// When and how it ends the connection, if nothing else comes.
    pub(super) fn ends(&self) -> Option<(Instant, End)> {
        match self {
            Self::Latency(_) => None,
            Self::Timeout(toxic) => toxic.ends(),
            Self::Reset(toxic) => toxic.ends(),
        }
    }

    /// How the connection ends when the toxic is removed; `None` = it lives on.
    pub(super) const fn on_removal(&self) -> Option<End> {
        match self {
            Self::Latency(_) => None,
            Self::Timeout(_) => Some(End::Close),
            Self::Reset(toxic) => toxic.on_removal(),
        }
    }

    /// Whether it loses what comes.
    pub(super) const fn loses(&self) -> bool {
        match self {
            Self::Latency(_) => false,
            Self::Timeout(_) => true,
            Self::Reset(toxic) => toxic.loses(),
        }
    }
}
