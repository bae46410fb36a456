//! An instant as a log tells it.

use std::fmt;

use super::dates::Dates;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp(i64);

impl Stamp {
    /// That many microseconds after 1970 began (UTC).
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970 began (UTC).
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970 began (UTC), rounded down.
    #[must_use]
    pub const fn second(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(time) => time.fmt(f),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

/// Reads an instant as logs write it: RFC 3339 (without an offset it is UTC), the common log
/// format's `28/Apr/2021:16:00:00 +0530`, or seconds, milli-, micro- or nanoseconds since 1970.
#[must_use]
pub fn parse_stamp(text: &str) -> Option<Stamp> {
    Dates::default().read(text.trim().as_bytes())
}
