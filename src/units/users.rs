//! How many users there are.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{UnitError, number};

/// A number of users. It may lie between two whole numbers where a curve climbs or a scale
/// shrinks it; who is there is told by [`Users::whole`]. Finite and never negative.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Users(f64);

const EXPECTED: &str = "a number of users such as `50` or `1_000`";

impl Users {
    /// Nobody.
    pub const NONE: Self = Self(0.0);

    /// `count` users; `None` when negative or not finite.
    #[must_use]
    pub fn new(count: f64) -> Option<Self> {
        (count.is_finite() && count >= 0.0).then_some(Self(count))
    }

    /// How many, fractions included.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }

    /// How many whole users that makes: rounded, halves up.
    #[must_use]
    pub fn whole(self) -> u32 {
        (self.0 + 0.5).floor() as u32
    }

    /// This number times a factor that is finite and not negative.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self(self.0 * factor.max(0.0))
    }
}

impl FromStr for Users {
    type Err = UnitError;

    /// Reads whole numbers only: nobody writes half a user.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError::new(EXPECTED, text);
        if text.contains('.') {
            return Err(wrong());
        }
        number(text).map(Self).ok_or_else(wrong)
    }
}

impl fmt::Display for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        assert_eq!("50".parse(), Ok(Users(50.0)));
        assert_eq!("1_000".parse(), Ok(Users(1000.0)));
        for wrong in ["", "-5", "5/s", "0.5", "_5", "1e3", "many"] {
            assert!(wrong.parse::<Users>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn halves_count_as_one() {
        for (count, whole) in [(0.0, 0), (0.49, 0), (0.5, 1), (1.49, 1), (199.5, 200)] {
            assert_eq!(Users(count).whole(), whole, "{count}");
        }
    }

    proptest::proptest! {
        #[test]
        fn prints_what_parses_back(n in 0u32..10_000_000) {
            let users = Users(f64::from(n));
            proptest::prop_assert_eq!(users.to_string().parse(), Ok(users));
            proptest::prop_assert_eq!(users.whole(), n);
        }
    }
}
