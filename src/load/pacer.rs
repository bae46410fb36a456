//! When a worker wakes up to release what is due.
//!
//! What costs a load generator its CPU is waking up, not sending: one wake-up for each request
//! doubles the price of a small one. So arrivals are released in *quanta*: after a wake-up the next
//! one comes a quantum later at the earliest, and releases everything that fell due meanwhile. An
//! arrival may so be sent up to a quantum late; that is measured (`lag`) and part of its latency,
//! since its intended start stays what the plan says.
//!
//! Answers are worth no wake-up each, either. A worker that waits for no longer than a quantum sleeps
//! through it, deaf to its connections, and then does all that has come up: reads the answers that
//! have come, sends what is due. So an answer may be seen up to a quantum late, which is measured as
//! the target's. It is done only where the plan's limits are so wide that this does not matter.
//!
//! The quantum adapts to the rate: as long as it takes for [`PER_WAKE`] arrivals, but never above
//! [`LONGEST`]. When arrivals are further apart than that, each has a wake-up of its own, in time.

use std::{io, time::Duration};

use tokio::task::{spawn_local, yield_now};

use crate::{
    fine_timer::{self, FineTimer},
    time::{Clock, Offset},
};

/// So many arrivals are worth a wake-up.
const PER_WAKE: u32 = 8;
/// The longest quantum: what an arrival may be late by design.
const LONGEST: Duration = Duration::from_micros(200);
/// The shortest one; about what a wake-up costs.
const SHORTEST: Duration = Duration::from_micros(50);
/// A limit of the plan that is so many of the longest quanta is not met or missed by one.
const WIDE: u32 = 100;

/// Whether answers may be seen a quantum late, when the narrowest limit to a latency is this one.
pub(super) fn bears_quanta(narrowest: Duration) -> bool {
    narrowest >= LONGEST * WIDE
}

/// Gives everything on this `LocalSet` that is ready its turn.
pub(super) async fn turn() {
    // it can only fail by a panic, and does nothing
    let _ = spawn_local(async {}).await;
}

/// Wakes at instants of the run's clock.
#[derive(Debug)]
pub(super) struct Pacer {
    clock: Clock,
    timer: FineTimer,
    quantum: Quantum,
    /// Whether it may sleep through a quantum.
    deaf: bool,
}

impl Pacer {
    /// # Errors
    /// When the process has no descriptor left.
    pub(super) fn new(clock: Clock, deaf: bool) -> io::Result<Self> {
        Ok(Self {
            clock,
            timer: FineTimer::new()?,
            quantum: Quantum::default(),
            deaf,
        })
    }

    /// Waits until `due` is reached and a quantum has passed since the last time; whether there was
    /// anything to wait for. `released` is how many arrivals that time gave.
    pub(super) async fn reach(&mut self, due: Offset, released: usize) -> bool {
        let wake = self.quantum.wake(due, released);
        let left = wake.since(self.clock.now());
        let waits = !left.is_zero();
        if waits && self.deaf && left <= LONGEST {
            // what was released is sent before
            turn().await;
            fine_timer::block(wake.since(self.clock.now()));
            // the runtime looks what has come; it is read in the next turn
            yield_now().await;
        } else if waits {
            self.timer.sleep(left).await;
        }
        self.quantum.woke(self.clock.now());
        waits
    }
}

/// The distance between wake-ups. Pure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Quantum {
    last: Offset,
    /// Between the last wake-up and the one before.
    elapsed: Duration,
}

impl Quantum {
    /// When to wake up next.
    fn wake(&self, due: Offset, released: usize) -> Offset {
        let released = u32::try_from(released).unwrap_or(u32::MAX).max(1);
        let length = self.elapsed / released * PER_WAKE;
        due.max(self.last.plus(length.clamp(SHORTEST, LONGEST)))
    }

    fn woke(&mut self, now: Offset) {
        self.elapsed = now.since(self.last);
        self.last = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(n: u64) -> Offset {
        Offset(Duration::from_micros(n))
    }

    /// Wakes for arrivals that are `every` apart; when each was released, and the wake-ups.
    fn releases(every: u64, count: u64) -> (Vec<(u64, u64)>, usize) {
        let mut quantum = Quantum::default();
        let (mut out, mut wakes, mut released, mut next) = (Vec::new(), 0, 0, 1);
        while next <= count {
            let now = quantum.wake(micros(next * every), released);
            quantum.woke(now);
            wakes += 1;
            released = 0;
            while next <= count && micros(next * every) <= now {
                out.push((
                    next * every,
                    u64::try_from(now.0.as_micros()).expect("small"),
                ));
                next += 1;
                released += 1;
            }
        }
        (out, wakes)
    }

    #[test]
    fn few_arrivals_are_released_in_time() {
        let (all, wakes) = releases(1_000, 100);
        assert!(all.iter().all(|(due, at)| due == at), "{all:?}");
        assert_eq!(wakes, 100);
    }

    #[test]
    fn many_share_a_wake_up_and_none_is_late_by_more_than_the_quantum() {
        let longest = u64::try_from(LONGEST.as_micros()).expect("small");
        for (every, most) in [(100, 510), (40, 210), (10, 140), (2, 70)] {
            let (all, wakes) = releases(every, 1_000);
            assert_eq!(all.len(), 1_000);
            assert!(
                all.iter().all(|(due, at)| due <= at && at - due <= longest),
                "{every}"
            );
            assert!(
                wakes <= most,
                "{wakes} wake-ups for one arrival every {every} us"
            );
        }
    }

    #[test]
    fn a_high_rate_has_a_short_quantum() {
        // so that a burst to the target stays small: about eight arrivals
        let (all, wakes) = releases(10, 10_000);
        assert!((10_000 / wakes).abs_diff(8) <= 2, "{wakes}");
        assert!(all.iter().all(|(due, at)| at - due <= 100), "{wakes}");
    }
}
