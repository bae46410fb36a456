//! Whether and when a failed attempt is followed by another. Pure.

use std::time::Duration;

use super::budget::Budget;
use crate::{
    measure::Outcome,
    scenario::model::{ClientPolicy, RetryAfter, RetryOn},
    seed::Stream,
    time::Offset,
};

/// Between two attempts lies at least this, so that a member who retries at once upon a failure
/// that costs no time does not keep the worker from everything else.
pub(super) const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// How an attempt ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    pub(super) outcome: Outcome,
    /// 1 for the first.
    pub(super) attempt: u32,
    /// When it ended.
    pub(super) ended: Offset,
    /// What the answer asked for.
    pub(super) retry_after: Option<Duration>,
}

/// When the next attempt is due; `None` when there is none: its outcome is good or not tried again,
/// its attempts are used up, the next would come after the member's patience (which ends at
/// `patience`), or the budget has nothing left. The budget is asked last, so that nothing is spent
/// on what is given up anyway.
pub(super) fn next(
    policy: &ClientPolicy,
    ending: Ending,
    patience: Offset,
    habits: &mut Stream,
    budget: Option<&mut Budget>,
) -> Option<Offset> {
    let retry = &policy.retry;
    let wanted = family(ending.outcome).is_some_and(|family| retry.outcomes.contains(&family));
    if !wanted || retry.attempts.is_some_and(|most| ending.attempt >= most) {
        return None;
    }
    let (min, max) = retry.wait.bounds(ending.attempt.saturating_sub(1));
    let mut wait = habits.duration(min, max).max(SHORTEST_WAIT);
    if let (RetryAfter::Honour, Some(asked)) = (retry.retry_after, ending.retry_after) {
        wait = wait.max(asked);
    }
    let due = ending.ended.plus(wait);
    let granted = due <= patience && budget.is_none_or(|budget| budget.spend(ending.ended));
    granted.then_some(due)
}

/// What a client calls an outcome when it decides about a retry. What was never sent is not
/// retried: the target did not see it.
pub(super) const fn family(outcome: Outcome) -> Option<RetryOn> {
    match outcome {
        Outcome::Ok | Outcome::Fallback => None,
        Outcome::CheckFailed => Some(RetryOn::Check),
        Outcome::Http4xx => Some(RetryOn::Http4xx),
        Outcome::Http5xx => Some(RetryOn::Http5xx),
        Outcome::Shed => Some(RetryOn::Shed),
        Outcome::TimeoutConnect | Outcome::TimeoutFirstByte | Outcome::TimeoutBody => {
            Some(RetryOn::Timeout)
        }
        Outcome::DnsNxdomain
        | Outcome::DnsServfail
        | Outcome::DnsNoData
        | Outcome::DnsTimeout
        | Outcome::DnsOther => Some(RetryOn::Dns),
        Outcome::Refused
        | Outcome::Reset
        | Outcome::ClosedEarly
        | Outcome::Tls
        | Outcome::Protocol => Some(RetryOn::Connection),
        Outcome::NotSentLimit
        | Outcome::NotSentLag
        | Outcome::NotSentDescriptors
        | Outcome::NotSentPorts
        | Outcome::NotSentBreaker
        | Outcome::Blocked => None,
    }
}

/// Whether an outcome says that the service is not well, rather than that it disliked the request.
pub(super) fn is_transient(outcome: Outcome) -> bool {
    family(outcome).is_some_and(|family| RetryOn::TRANSIENT.contains(&family))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        scenario::model::{Retry, RetryBudget, RetryWait},
        seed::Seed,
        units::{Rate, Ratio},
    };

    fn any_wait() -> impl Strategy<Value = RetryWait> {
        let millis = |most: u64| (0..most).prop_map(Duration::from_millis);
        prop_oneof![
            (millis(5_000), millis(5_000)).prop_map(|(min, more)| RetryWait::Even {
                min,
                max: min + more
            }),
            (millis(2_000), millis(20_000)).prop_map(|(base, more)| RetryWait::Exponential {
                base,
                cap: base + more
            }),
        ]
    }

    /// The attempts of a request that fails again and again, each after `lasts`.
    fn walk(policy: &ClientPolicy, seed: u64, lasts: Duration) -> Vec<(Offset, Offset)> {
        let mut habits = Seed(seed).stream();
        let mut budget = policy.retry.budget.map(|budget| Budget::new(budget, 1));
        let patience = Offset(policy.patience);
        let mut due = Offset::ZERO;
        let mut attempts = Vec::new();
        if let Some(budget) = &mut budget {
            budget.earn(due);
        }
        loop {
            let ended = due.plus(lasts);
            attempts.push((due, ended));
            let ending = Ending {
                outcome: Outcome::Http5xx,
                attempt: attempts.len() as u32,
                ended,
                retry_after: None,
            };
            match next(policy, ending, patience, &mut habits, budget.as_mut()) {
                Some(next) => due = next,
                None => return attempts,
            }
        }
    }

    proptest! {
        #[test]
        fn retries_keep_to_attempts_patience_jitter_and_budget(
            wait in any_wait(),
            most in proptest::option::of(1u32..20),
            patience_ms in 1_000u64..60_000,
            lasts_ms in 10u64..3_000,
            budget in proptest::option::of((0.0f64..=1.0, 0.0f64..1.0)),
            seed in any::<u64>(),
        ) {
            let policy = ClientPolicy {
                retry: Retry {
                    outcomes: vec![RetryOn::Http5xx],
                    wait,
                    attempts: most,
                    budget: budget.map(|(share, least)| RetryBudget {
                        share: Ratio::new(share).expect("a share"),
                        least: Rate::per_second(least).expect("a rate"),
                    }),
                    ..Retry::default()
                },
                patience: Duration::from_millis(patience_ms),
                ..ClientPolicy::default()
            };
            let attempts = walk(&policy, seed, Duration::from_millis(lasts_ms));
            prop_assert_eq!(&attempts, &walk(&policy, seed, Duration::from_millis(lasts_ms)));
            prop_assert!(most.is_none_or(|most| attempts.len() <= most as usize));
            for (retry, pair) in (0u32..).zip(attempts.windows(2)) {
                let [(_, ended), (due, _)] = [pair[0], pair[1]];
                let (min, max) = wait.bounds(retry);
                let waited = due.since(ended);
                prop_assert!(waited >= min && waited <= max.max(SHORTEST_WAIT));
                prop_assert!(due <= Offset(policy.patience));
                if let RetryWait::Exponential { base, cap } = wait {
                    let doubled = base.as_nanos() << retry.min(60);
                    prop_assert_eq!(max.as_nanos(), doubled.min(cap.as_nanos()));
                    prop_assert_eq!(min, Duration::ZERO);
                }
            }
            if let Some((share, least)) = budget {
                let last = attempts.last().map_or(0.0, |(_, ended)| ended.as_secs_f64());
                let retries = (attempts.len() - 1) as f64;
                prop_assert!(retries <= share + least * (last + 10.0) + 1e-6);
            }
        }
    }

    #[test]
    fn jitter_is_full_and_drawn_evenly() {
        let wait = RetryWait::Exponential {
            base: Duration::from_millis(100),
            cap: Duration::from_secs(10),
        };
        let bounds: Vec<_> = (0..9).map(|n| wait.bounds(n).1.as_millis()).collect();
        assert_eq!(
            bounds,
            [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]
        );
        assert_eq!(wait.bounds(4_000_000).1, Duration::from_secs(10));
        assert_eq!(wait.growing(), 7);
        let mut habits = Seed(3).stream();
        let (min, max) = wait.bounds(3);
        let drawn: Vec<_> = (0..4_000).map(|_| habits.duration(min, max)).collect();
        for quarter in 0..4 {
            let from = max / 4 * quarter;
            let inside = drawn.iter().filter(|&&d| d >= from && d < from + max / 4);
            assert!((900..1_100).contains(&inside.count()), "quarter {quarter}");
        }
    }

    #[test]
    fn what_the_server_asks_for_is_heard_by_who_listens() {
        let mut policy = ClientPolicy::default();
        policy.retry.outcomes = vec![RetryOn::Shed];
        let ending = Ending {
            outcome: Outcome::Shed,
            attempt: 1,
            ended: Offset::from_secs_f64(1.0),
            retry_after: Some(Duration::from_secs(7)),
        };
        let due = |policy: &ClientPolicy| {
            let patience = Offset(policy.patience);
            next(policy, ending, patience, &mut Seed(1).stream(), None)
        };
        assert_eq!(due(&policy), Some(Offset::from_secs_f64(1.001)));
        policy.retry.retry_after = RetryAfter::Honour;
        assert_eq!(due(&policy), Some(Offset::from_secs_f64(8.0)));
        policy.patience = Duration::from_secs(7);
        assert_eq!(due(&policy), None, "that is longer than anybody stays");
    }
}
