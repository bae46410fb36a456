//! What can happen to a chunk: one file each. A toxic is a pure machine: it is told what came and
//! when, and says what becomes of it. How to add one: CONTRIBUTING.md.

mod bandwidth;
mod corrupt;
mod kind;
mod latency;
mod limit_data;
mod reset;
mod slicer;
mod slow_close;
mod timeout;

#[cfg(test)]
mod tests;

pub(in crate::fault) use kind::{Cut, Kind};

use bytes::Bytes;
use tokio::time::Instant;

use self::{
    bandwidth::Bandwidth, corrupt::Corrupt, latency::Latency, limit_data::LimitData, reset::Reset,
    slicer::Slicer, slow_close::SlowClose, timeout::Timeout,
};
use crate::{scenario::model::TcpStream as Direction, seed::Stream, units::Ratio};

/// What travels in one direction of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// Bytes.
    Data(Bytes),
    /// The sender has finished; kept as half-close.
    Eof,
    /// The connection is closed here, behind what came before.
    Close,
}

impl Item {
    /// How many bytes it holds.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Data(bytes) => bytes.len(),
            Self::Eof | Self::Close => 0,
        }
    }
}

/// What becomes of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// It goes on at that instant, or at once if that has passed.
    PassAt(Instant),
    /// Its first bytes go on at that instant; what becomes of the rest is asked next. There are
    /// more than that many bytes, and it is not zero.
    SplitAt(usize, Instant),
    /// It waits until the toxic is changed or taken out.
    Stall,
    /// Its first bytes go on, and behind them the connection is closed.
    Cut(usize),
    /// It goes on at once with that bit flipped, the lowest of its first byte being 0. It has that
    /// many bits.
    Flip(usize),
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
    /// Lets so much pass a second.
    Bandwidth(Bandwidth),
    /// Delays the end.
    SlowClose(SlowClose),
    /// Loses, and closes in the end.
    Timeout(Timeout),
    /// Resets.
    Reset(Reset),
    /// Cuts into small pieces.
    Slicer(Slicer),
    /// Closes after so much.
    LimitData(LimitData),
    /// Flips bits.
    Corrupt(Corrupt),
    /// Does nothing.
    Noop,
}

impl Toxic {
    /// A toxic of that kind on a connection that it meets at `now`.
    pub(super) const fn new(
        kind: &Kind,
        direction: Direction,
        random: Stream,
        now: Instant,
    ) -> Self {
        match *kind {
            Kind::Latency { latency, jitter } => {
                Self::Latency(Latency::new(latency, jitter, random))
            }
            Kind::Bandwidth { rate } => Self::Bandwidth(Bandwidth::new(rate, now)),
            Kind::SlowClose { delay } => Self::SlowClose(SlowClose::new(delay)),
            Kind::Timeout { timeout } => Self::Timeout(Timeout::new(timeout, direction, now)),
            Kind::ResetPeer { after } => Self::Reset(Reset::new(after)),
            Kind::Slicer(cut) => Self::Slicer(Slicer::new(cut, random, now)),
            Kind::LimitData { bytes } => Self::LimitData(LimitData::new(bytes)),
            Kind::Corrupt { share } => Self::Corrupt(Corrupt::new(share, random)),
            Kind::Noop => Self::Noop,
        }
    }

    /// Changes its attributes at `now`, after it let go of what it held. What it counts it goes on
    /// counting.
    pub(super) fn change(
        &mut self,
        kind: &Kind,
        direction: Direction,
        random: Stream,
        now: Instant,
    ) {
        match (&mut *self, kind) {
            (Self::Reset(toxic), Kind::ResetPeer { after }) => toxic.change(*after),
            (Self::LimitData(toxic), Kind::LimitData { bytes }) => toxic.change(*bytes),
            (Self::Corrupt(toxic), Kind::Corrupt { share }) => toxic.change(*share),
            (
                Self::Latency(_)
                | Self::Bandwidth(_)
                | Self::SlowClose(_)
                | Self::Timeout(_)
                | Self::Reset(_)
                | Self::Slicer(_)
                | Self::LimitData(_)
                | Self::Corrupt(_)
                | Self::Noop,
                kind,
            ) => *self = Self::new(kind, direction, random, now),
        }
    }

    /// What becomes of `item`, which came at `now`, while the fault is at `level`.
    pub(super) fn take(&mut self, now: Instant, item: &Item, level: Ratio) -> Decision {
        match self {
            Self::Latency(toxic) => toxic.take(now, item, level),
            Self::Bandwidth(toxic) => toxic.take(now, item),
            Self::SlowClose(toxic) => toxic.take(now, item),
            Self::Timeout(toxic) => toxic.take(now, item),
            Self::Reset(toxic) => toxic.take(now, item),
            Self::Slicer(toxic) => toxic.take(now, item),
            Self::LimitData(toxic) => toxic.take(now, item),
            Self::Corrupt(toxic) => toxic.take(now, item, level),
            Self::Noop => Decision::PassAt(now),
        }
    }

    /// When and how it ends the connection, if nothing else comes.
    pub(super) fn ends(&self) -> Option<(Instant, End)> {
        match self {
            Self::Timeout(toxic) => toxic.ends(),
            Self::Reset(toxic) => toxic.ends(),
            Self::Latency(_)
            | Self::Bandwidth(_)
            | Self::SlowClose(_)
            | Self::Slicer(_)
            | Self::LimitData(_)
            | Self::Corrupt(_)
            | Self::Noop => None,
        }
    }

    /// How the connection ends when the toxic is removed; `None` = it lives on.
    pub(super) const fn on_removal(&self) -> Option<End> {
        match self {
            Self::Timeout(_) => Some(End::Close),
            Self::Reset(toxic) => toxic.on_removal(),
            Self::Latency(_)
            | Self::Bandwidth(_)
            | Self::SlowClose(_)
            | Self::Slicer(_)
            | Self::LimitData(_)
            | Self::Corrupt(_)
            | Self::Noop => None,
        }
    }

    /// Whether it loses what comes.
    pub(super) const fn loses(&self) -> bool {
        match self {
            Self::Timeout(_) => true,
            Self::Reset(toxic) => toxic.loses(),
            Self::LimitData(toxic) => toxic.is_spent(),
            Self::Latency(_)
            | Self::Bandwidth(_)
            | Self::SlowClose(_)
            | Self::Slicer(_)
            | Self::Corrupt(_)
            | Self::Noop => false,
        }
    }

    /// Whether it takes whatever comes, however much it holds already. The others make the sender
    /// wait: a slow line is felt by who sends into it. Latency must not, or it would cap bandwidth
    /// (Toxiproxy gives it alone a buffer).
    pub(super) const fn has_endless_room(&self) -> bool {
        match self {
            Self::Latency(_) | Self::Timeout(_) | Self::Reset(_) => true,
            Self::Bandwidth(_)
            | Self::SlowClose(_)
            | Self::Slicer(_)
            | Self::LimitData(_)
            | Self::Corrupt(_)
            | Self::Noop => false,
        }
    }
}
