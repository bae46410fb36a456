//! A retry budget: second attempts are paid for by first ones.

use std::sync::atomic::{AtomicU64, Ordering};

/// What one attempt costs, in hundredths.
const PRICE: u64 = 100;
/// Most retries that can be saved up.
const SAVED: u64 = 50 * PRICE;

/// A token bucket that each first attempt fills by some percent of a retry. While the upstream is
/// down, the calls to it are at most 1 + percent/100 times the messages, plus what was saved up.
#[derive(Debug)]
pub(super) struct RetryBudget {
    percent: u64,
    saved: AtomicU64,
}

impl RetryBudget {
    /// Starts empty: a portal that comes up beside a dead upstream must not begin with a storm.
    pub(super) fn new(percent: u32) -> Self {
        Self {
            percent: u64::from(percent),
            saved: AtomicU64::new(0),
        }
    }

    /// Notes a first attempt.
    pub(super) fn deposit(&self) {
        let add = |saved: u64| Some((saved + self.percent).min(SAVED));
        // `add` never declines.
        let _ = self
            .saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }

    /// Whether one more retry can be afforded; takes its price if so.
    pub(super) fn withdraw(&self) -> bool {
        let take = |saved: u64| saved.checked_sub(PRICE);
        self.saved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn retries_never_pass_their_share(percent in 0u32..=100, firsts in 0u64..500) {
            let budget = RetryBudget::new(percent);
            let mut retries = 0;
            for _ in 0..firsts {
                budget.deposit();
                retries += u64::from(budget.withdraw());
            }
            prop_assert_eq!(retries, firsts * u64::from(percent) / 100);
        }
    }

    #[test]
    fn quiet_times_do_not_save_up_a_storm() {
        let budget = RetryBudget::new(10);
        (0..100_000).for_each(|_| budget.deposit());
        let retries = (0..1000).filter(|_| budget.withdraw()).count();
        assert_eq!(retries, 50);
    }
}
