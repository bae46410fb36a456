//! Two counts over the last stretch of time, in a fixed room.

use std::time::Duration;

use crate::time::Offset;

/// Into so many slots the stretch is cut.
const SLOTS: usize = 10;

/// Counts of two things over the last `span`: over the slot that is under way, and the nine before.
#[derive(Debug, Clone)]
pub(super) struct Rolling {
    slot: Duration,
    /// Number of the slot under way.
    at: u128,
    counts: [[u64; 2]; SLOTS],
}

impl Rolling {
    pub(super) fn over(span: Duration) -> Self {
        Self {
            slot: (span / SLOTS as u32).max(Duration::from_nanos(1)),
            at: 0,
            counts: [[0; 2]; SLOTS],
        }
    }

    /// Counts one more of the first thing (0) or the second (1).
    pub(super) fn add(&mut self, now: Offset, which: usize) {
        self.advance(now);
        self.counts[(self.at % SLOTS as u128) as usize][which] += 1;
    }

    /// Both counts.
    pub(super) fn sums(&mut self, now: Offset) -> [u64; 2] {
        self.advance(now);
        self.counts
            .iter()
            .fold([0; 2], |sum, slot| [sum[0] + slot[0], sum[1] + slot[1]])
    }

    /// Forgets what is too long ago. Time that runs backwards stands still.
    fn advance(&mut self, now: Offset) {
        let at = now.0.as_nanos() / self.slot.as_nanos();
        let passed = at.saturating_sub(self.at).min(SLOTS as u128);
        for step in 1..=passed {
            self.counts[((self.at + step) % SLOTS as u128) as usize] = [0; 2];
        }
        if passed == SLOTS as u128 {
            self.counts = [[0; 2]; SLOTS];
        }
        self.at = self.at.max(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_ago_is_forgotten() {
        let mut rolling = Rolling::over(Duration::from_secs(10));
        let at = Offset::from_secs_f64;
        rolling.add(at(0.5), 0);
        rolling.add(at(3.2), 1);
        rolling.add(at(3.9), 1);
        assert_eq!(rolling.sums(at(9.9)), [1, 2]);
        assert_eq!(rolling.sums(at(10.0)), [0, 2]);
        assert_eq!(rolling.sums(at(2.0)), [0, 2], "time does not run backwards");
        assert_eq!(rolling.sums(at(13.0)), [0, 0]);
        rolling.add(at(13.0), 0);
        assert_eq!(rolling.sums(at(5_000.0)), [0, 0]);
    }
}
