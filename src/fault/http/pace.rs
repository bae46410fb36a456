//! A body that comes slowly.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

use super::rules::Rule;
use crate::fault::board::{Board, is_posted};

/// Pieces a second: so that a body trickles instead of coming in lumps.
const PIECES: f64 = 20.0;

/// When bytes are due at so many a second: pure.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Schedule {
    /// Bytes a second.
    rate: f64,
    sent: u64,
}

impl Schedule {
    /// How many bytes may go `elapsed` after the begin, or when to ask again.
    fn allowed(&self, elapsed: Duration) -> Result<u64, Duration> {
        let due = (elapsed.as_secs_f64() * self.rate) as u64;
        match due.saturating_sub(self.sent) {
            0 => {
                let piece = (self.rate / PIECES).max(1.0);
                let next = (self.sent as f64 + piece) / self.rate;
                // a whole nanosecond later, so that rounding never asks too early for ever
                let next = Duration::try_from_secs_f64(next).unwrap_or(Duration::MAX);
                Err(next.saturating_add(Duration::from_nanos(1)))
            }
            allowed => Ok(allowed),
        }
    }
}

/// A pace that a fault sets, for as long as it is in force.
pub(super) struct Pace {
    schedule: Schedule,
    begin: Option<Instant>,
    sleep: Pin<Box<Sleep>>,
    /// Ends when the fault is gone; holds its rule until then.
    gone: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Pace {
    /// At `rate` bytes a second while `rule` is posted.
    pub(super) fn new(rate: f64, board: &Board<Rule>, rule: Arc<Rule>) -> Self {
        Self {
            schedule: Schedule { rate, sent: 0 },
            begin: None,
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            gone: Box::pin(gone(board, rule)),
        }
    }

    /// The slower of two.
    pub(super) fn slower(self, other: Self) -> Self {
        if self.schedule.rate <= other.schedule.rate {
            self
        } else {
            other
        }
    }

    /// How many bytes may go now; `None` when the fault is gone.
    pub(super) fn poll_allowed(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        if self.gone.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        let now = Instant::now();
        let begin = *self.begin.get_or_insert(now);
        loop {
            match self.schedule.allowed(Instant::now() - begin) {
                Ok(allowed) => {
                    return Poll::Ready(Some(usize::try_from(allowed).unwrap_or(usize::MAX)));
                }
                Err(next) => {
                    let due = begin.checked_add(next);
                    let far = Duration::from_secs(3600);
                    self.sleep.as_mut().reset(due.unwrap_or(now + far));
                    if self.sleep.as_mut().poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
            }
        }
    }

    /// So many bytes went.
    pub(super) const fn sent(&mut self, bytes: usize) {
        self.schedule.sent += bytes as u64;
    }
}

/// Waits until a rule is gone, then lets go of it.
pub(super) fn gone(
    board: &Board<Rule>,
    rule: Arc<Rule>,
) -> impl Future<Output = ()> + Send + use<> {
    let mut changes = board.subscribe();
    async move {
        while is_posted(&changes.borrow_and_update().clone(), &rule) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Never faster than the rate, never idle when bytes are due, and always in the end.
        #[test]
        fn bytes_come_at_the_rate(rate in 1.0f64..1e7, length in 1u64..100_000) {
            let mut schedule = Schedule { rate, sent: 0 };
            let mut now = Duration::ZERO;
            while schedule.sent < length {
                match schedule.allowed(now) {
                    Ok(allowed) => {
                        schedule.sent += allowed;
                        prop_assert!(schedule.sent as f64 <= now.as_secs_f64() * rate + 1.0);
                    }
                    Err(next) => {
                        prop_assert!(next > now);
                        now = next;
                    }
                }
            }
            let piece = (rate / PIECES).max(1.0);
            let longest = (length as f64 + piece) / rate + 0.001;
            prop_assert!(now.as_secs_f64() <= longest, "{now:?} > {longest}");
        }
    }
}
