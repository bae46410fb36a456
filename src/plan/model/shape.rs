//! How a fault comes and goes inside its window, resolved.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Ratio;

/// The shape of a fault beside its ramps. By default it is there from its start to its end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ShapePlan {
    /// It comes and goes.
    pub flap: Option<FlapPlan>,
    /// From so long (real time) after its start on, that share; the first at zero, in order. Empty
    /// where the share stays the same.
    pub steps: Vec<(Duration, Ratio)>,
}

/// A fault that comes and goes, beginning with its coming. Real time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlapPlan {
    /// It is in force for so long, above zero.
    pub within: Duration,
    /// Then it is out for so long, above zero.
    pub out: Duration,
}

impl FlapPlan {
    /// How often it comes in a window of this length.
    #[must_use]
    pub fn comings(&self, window: Duration) -> u64 {
        let period = self.within.saturating_add(self.out).as_nanos().max(1);
        u64::try_from(window.as_nanos().div_ceil(period)).unwrap_or(u64::MAX)
    }

    /// When it goes for the last time in a window of this length, counted from its begin: not
    /// later than the window's end.
    #[must_use]
    pub fn last_going(&self, window: Duration) -> Duration {
        let before = self.comings(window).saturating_sub(1);
        let period = self.within.saturating_add(self.out).as_nanos();
        let last_coming = period.saturating_mul(u128::from(before));
        let going = last_coming.saturating_add(self.within.as_nanos());
        let nanos = u64::try_from(going).unwrap_or(u64::MAX);
        Duration::from_nanos(nanos).min(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_going_lies_in_the_window() {
        let flap = FlapPlan {
            within: Duration::from_secs(3),
            out: Duration::from_secs(2),
        };
        for (window, comings, last) in [
            (1, 1, 1),
            (3, 1, 3),
            (4, 1, 3),
            (5, 1, 3),
            (6, 2, 6),
            (8, 2, 8),
            (10, 2, 8),
            (12, 3, 12),
        ] {
            let window = Duration::from_secs(window);
            assert_eq!(flap.comings(window), comings, "{window:?}");
            assert_eq!(
                flap.last_going(window),
                Duration::from_secs(last),
                "{window:?}"
            );
        }
    }
}
