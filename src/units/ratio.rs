//! A part of a whole.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{UnitError, number};

/// A share between 0 and 1, both included.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(f64);

const EXPECTED: &str = "a share such as `95%` or `0.95`";

impl Ratio {
    /// All of it.
    pub const ONE: Self = Self(1.0);
    /// Nothing of it.
    pub const ZERO: Self = Self(0.0);

    /// The share `value`; `None` outside 0..=1.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        (0.0..=1.0).contains(&value).then_some(Self(value))
    }

    /// The share as a number between 0 and 1.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// The product of two shares.
    #[must_use]
    pub fn of(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }
}

impl FromStr for Ratio {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::new(EXPECTED, text);
        let trimmed = text.trim();
        let value = match trimmed.strip_suffix('%') {
            Some(percent) => number(percent).map(|n| n / 100.0),
            None => number(trimmed),
        };
        value.and_then(Self::new).ok_or_else(wrong)
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.6}", self.0 * 100.0);
        write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_percent_and_plain() {
        assert_eq!("95%".parse(), Ok(Ratio(0.95)));
        assert_eq!("0.25".parse(), Ok(Ratio(0.25)));
        assert_eq!(
            "99.9%".parse::<Ratio>().map(|r| r.to_string()),
            Ok("99.9%".into())
        );
        for wrong in ["", "101%", "-1%", "1.5", "x%"] {
            assert!(wrong.parse::<Ratio>().is_err(), "{wrong}");
        }
    }
}
