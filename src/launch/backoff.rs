//! How long a scheduler waits before it starts a process again.

use std::time::Duration;

/// The longest wait, unless the first is longer.
const LONGEST: Duration = Duration::from_secs(10);
/// A process that ran for so long was well: the next wait is the first again.
const WELL: Duration = Duration::from_secs(10);

/// Doubling waits between restarts, as in Kubernetes' `CrashLoopBackOff`, on a scale that fits a
/// rehearsal (there: 10 s to 5 min, and reset after 10 min).
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    next: Duration,
}

impl Backoff {
    /// Waits that begin with `first`.
    #[must_use]
    pub const fn new(first: Duration) -> Self {
        Self { first, next: first }
    }

    /// The wait before the next start of a process that ran for `ran`.
    pub fn wait(&mut self, ran: Duration) -> Duration {
        if ran >= WELL {
            self.next = self.first;
        }
        let wait = self.next;
        self.next = wait.saturating_mul(2).min(LONGEST.max(self.first));
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(first_ms: u64, ran_ms: &[u64]) -> Vec<u64> {
        let mut backoff = Backoff::new(Duration::from_millis(first_ms));
        ran_ms
            .iter()
            .map(|ran| backoff.wait(Duration::from_millis(*ran)).as_millis() as u64)
            .collect()
    }

    #[test]
    fn doubles_up_to_ten_seconds() {
        assert_eq!(
            waits(500, &[0; 8]),
            [500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]
        );
    }

    #[test]
    fn begins_anew_after_ten_good_seconds() {
        assert_eq!(waits(500, &[0, 9_999, 10_000, 0]), [500, 1000, 500, 1000]);
    }

    #[test]
    fn a_long_first_wait_stays() {
        assert_eq!(waits(30_000, &[0, 0]), [30_000, 30_000]);
        assert_eq!(waits(0, &[0, 0]), [0, 0]);
    }
}
