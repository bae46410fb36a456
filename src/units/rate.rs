//! How often something happens.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{UnitError, number};

/// A rate in events a second. Finite and never negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(f64);

const EXPECTED: &str = "a rate such as `400/s`, `27_000/m` or `0.5/s`";

impl Rate {
    /// Nothing happens.
    pub const ZERO: Self = Self(0.0);

    /// A rate of `per_second` events a second; `None` when negative or not finite.
    #[must_use]
    pub fn per_second(per_second: f64) -> Option<Self> {
        (per_second.is_finite() && per_second >= 0.0).then_some(Self(per_second))
    }

    /// Events a second.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// This rate times a factor that is finite and not negative.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self(self.0 * factor.max(0.0))
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::new(EXPECTED, text);
        let (count, unit) = text.trim().split_once('/').ok_or_else(wrong)?;
        let seconds = match unit.trim() {
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        number(count).map(|n| Self(n / seconds)).ok_or_else(wrong)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!("45_000/s".parse(), Ok(Rate(45_000.0)));
        assert_eq!("27_00_000/m".parse(), Ok(Rate(45_000.0)));
        assert_eq!("0.5 / s".parse(), Ok(Rate(0.5)));
        for wrong in [
            "",
            "5",
            "5/d",
            "-5/s",
            "/s",
            "1e9/s",
            "_5/s",
            "5 per second",
        ] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn prints_what_parses_back(n in 0.0f64..1e7) {
            let rate = Rate::per_second(n).expect("finite");
            proptest::prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }
    }
}
