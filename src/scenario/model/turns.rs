//! Which of the connections or questions that come a fault meets, by their order.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `every: 3`, `first: 10`: counted anew each time the fault is put in. (http has both among its
/// conditions.)
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Turns {
    /// Only every so-many-th.
    pub every: Option<u64>,
    /// Only so many of those.
    pub first: Option<u64>,
}

impl Turns {
    /// Whether all are meant.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.every.is_none() && self.first.is_none()
    }

    /// Whether it is the turn of the `nth`, from 0.
    #[must_use]
    pub fn is_due(&self, nth: u64) -> bool {
        self.every
            .is_none_or(|every| nth.wrapping_add(1).is_multiple_of(every))
    }

    /// Whether one more may be met where so many were.
    #[must_use]
    pub fn has_room(&self, met: u64) -> bool {
        self.first.is_none_or(|first| met < first)
    }
}

impl fmt::Display for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(every) = self.every {
            write!(f, ", one in {every}")?;
        }
        if let Some(first) = self.first {
            write!(f, ", the first {first}")?;
        }
        Ok(())
    }
}
