//! A retry budget: what the members of a population may together spend on retries.

use std::time::Duration;

use super::rolling::Rolling;
use crate::{scenario::model::RetryBudget, time::Offset};

/// Over so long the retries are held against the first attempts (as Finagle and Linkerd do).
const SPAN: Duration = Duration::from_secs(10);
/// The products of shares and counts are off by less.
const ROUNDING: f64 = 1e-9;

const FIRST: usize = 0;
const RETRY: usize = 1;

/// The budget of a population on one worker.
///
/// A retry is granted while the retries of the last 10 s, this one included, are at most `share` of
/// the first attempts of the last 10 s, and `least` for 10 s on top. No first attempt is spent
/// twice, since a retry leaves the 10 s no earlier than what it was granted for: so over a whole run
/// retries <= share * first attempts + least * (its length + 10 s).
#[derive(Debug)]
pub(super) struct Budget {
    share: f64,
    reserve: f64,
    counts: Rolling,
}

impl Budget {
    /// A worker's part of a budget.
    pub(super) fn new(budget: RetryBudget, workers: usize) -> Self {
        let least = budget.least.get() / workers.max(1) as f64;
        Self {
            share: budget.share.get(),
            reserve: least * SPAN.as_secs_f64(),
            counts: Rolling::over(SPAN),
        }
    }

    /// Notes a first attempt.
    pub(super) fn earn(&mut self, now: Offset) {
        self.counts.add(now, FIRST);
    }

    /// Whether one more retry may be made; if so, it is spent.
    pub(super) fn spend(&mut self, now: Offset) -> bool {
        let [first, retries] = self.counts.sums(now);
        let allowed = self.share * first as f64 + self.reserve + ROUNDING;
        let granted = (retries + 1) as f64 <= allowed;
        if granted {
            self.counts.add(now, RETRY);
        }
        granted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::{Rate, Ratio};

    fn budget(share: f64, least: f64, workers: usize) -> Budget {
        let budget = RetryBudget {
            share: Ratio::new(share).expect("a share"),
            least: Rate::per_second(least).expect("a rate"),
        };
        Budget::new(budget, workers)
    }

    #[test]
    fn a_tenth_of_the_first_attempts_and_a_reserve() {
        let now = Offset::from_secs_f64(1.0);
        let mut tenth = budget(0.1, 0.0, 1);
        for _ in 0..9 {
            tenth.earn(now);
        }
        assert!(!tenth.spend(now), "nine earn nothing yet");
        tenth.earn(now);
        assert!(tenth.spend(now));
        assert!(!tenth.spend(now), "spent");
        let mut reserve = budget(0.0, 1.0, 2);
        let granted = (0..20).filter(|_| reserve.spend(now)).count();
        assert_eq!(granted, 5, "half of 1/s for 10 s");
        assert!(reserve.spend(Offset::from_secs_f64(11.0)));
    }

    proptest! {
        /// Whatever comes when: no more retries than were earned.
        #[test]
        fn the_budget_is_never_exceeded(
            share in 0.0f64..=1.0,
            least in 0.0f64..5.0,
            events in proptest::collection::vec((0u64..2_000, any::<bool>()), 1..400),
        ) {
            let mut budget = budget(share, least, 1);
            let (mut millis, mut first, mut retries) = (0, 0u64, 0u64);
            for (gap, is_first) in events {
                millis += gap;
                let now = Offset(Duration::from_millis(millis));
                if is_first {
                    budget.earn(now);
                    first += 1;
                } else {
                    retries += u64::from(budget.spend(now));
                }
                let length = now.as_secs_f64() + SPAN.as_secs_f64();
                prop_assert!(retries as f64 <= share * first as f64 + least * length + 1e-6);
            }
        }
    }
}
