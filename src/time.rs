//! The only clock, and the two kinds of time.
//!
//! *Story time* is what the scenario tells (compressed by `scale.time`): phases, traffic curves,
//! a fault's window, symptoms. *Real time* is what the wall clock shows: everything else. The two
//! never meet without passing through a [`Compression`].

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::units::Span;

/// Real time since the run's zero (the start of its first phase).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Offset(#[serde(with = "nanos")] pub Duration);

impl Offset {
    /// The start of the first phase.
    pub const ZERO: Self = Self(Duration::ZERO);

    /// `seconds` after the start; negative or not finite becomes zero.
    #[must_use]
    pub fn from_secs_f64(seconds: f64) -> Self {
        Self(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }

    /// Seconds since the start.
    #[must_use]
    pub fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }

    /// The bin of width `width` that this instant lies in.
    #[must_use]
    pub fn bin(self, width: Duration) -> u32 {
        let bin = self.0.as_nanos() / width.as_nanos().max(1);
        u32::try_from(bin).unwrap_or(u32::MAX)
    }

    /// How long after `earlier` this is; zero when it is not after.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The instant `span` later.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = Duration::from_millis(u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX));
        write!(f, "{}", Span(millis))
    }
}

mod nanos {
    //! Offsets are kept as whole nanoseconds, so that records compare exactly.
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &Duration, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u64(u64::try_from(value.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        u64::deserialize(d).map(Duration::from_nanos)
    }
}

/// A length of story time.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Story(pub Duration);

impl fmt::Display for Story {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Span(self.0).fmt(f)
    }
}

/// How many seconds of story pass in one real second (60 = an hour in a minute).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Compression(f64);

impl Compression {
    /// Story time is real time.
    pub const NONE: Self = Self(1.0);

    /// A compression by `factor`; `None` unless finite and above zero.
    #[must_use]
    pub fn new(factor: f64) -> Option<Self> {
        (factor.is_finite() && factor > 0.0).then_some(Self(factor))
    }

    /// The factor.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The real time that a length of story takes.
    #[must_use]
    pub fn real(self, story: Story) -> Duration {
        if self.0 == 1.0 {
            return story.0;
        }
        Duration::try_from_secs_f64(story.0.as_secs_f64() / self.0).unwrap_or(Duration::MAX)
    }

    /// The story that passes in a length of real time.
    #[must_use]
    pub fn story(self, real: Duration) -> Story {
        Story(Duration::try_from_secs_f64(real.as_secs_f64() * self.0).unwrap_or(Duration::MAX))
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x", self.0)
    }
}

/// The run's clock. All offsets of one run come from one of these.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    zero: Instant,
}

impl Clock {
    /// A clock whose zero is `zero`, which may lie in the future.
    #[must_use]
    pub const fn starting_at(zero: Instant) -> Self {
        Self { zero }
    }

    /// A clock whose zero is now.
    #[must_use]
    pub fn start() -> Self {
        Self {
            zero: Instant::now(),
        }
    }

    /// Time since zero; zero while the zero lies in the future.
    #[must_use]
    pub fn now(&self) -> Offset {
        Offset(Instant::now().saturating_duration_since(self.zero))
    }

    /// The instant at `offset`, for timers.
    #[must_use]
    pub fn instant(&self, offset: Offset) -> Instant {
        self.zero + offset.0
    }
}

/// What the wall clock shows, for stamps in records and names of runs (never for measuring).
#[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
#[must_use]
pub fn wall() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
