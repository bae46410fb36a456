//! A circuit breaker: closed -> open -> half open -> closed. Pure: it is told the time.

use super::{retry::is_transient, rolling::Rolling};
use crate::{
    measure::Outcome,
    scenario::model::{BreakerPolicy, Trip},
    time::Offset,
};

const ENDED: usize = 0;
const FAILED: usize = 1;

/// The breaker of a population towards a service, on one worker.
#[derive(Debug)]
pub(super) struct Breaker {
    policy: BreakerPolicy,
    state: State,
    /// Counts the changes of state: what was let through in an earlier one says nothing now.
    era: u64,
}

#[derive(Debug)]
enum State {
    Closed(Tally),
    Open { until: Offset },
    HalfOpen { under_way: u32, good: u32 },
}

/// What is known of the failures while it is closed.
#[derive(Debug)]
enum Tally {
    InARow(u32),
    Share(Rolling),
}

/// Leave to send a request. How it ended is to be told with it.
#[derive(Debug)]
pub(super) struct Leave(u64);

impl Breaker {
    pub(super) fn new(policy: BreakerPolicy) -> Self {
        Self {
            policy,
            state: State::Closed(Tally::new(policy.trip)),
            era: 0,
        }
    }

    /// Leave to send a request now; `None` while it is open, and while it is half open and as many
    /// are under way as may be.
    pub(super) fn ask(&mut self, now: Offset) -> Option<Leave> {
        if let State::Open { until } = self.state
            && now >= until
        {
            self.enter(State::HalfOpen {
                under_way: 0,
                good: 0,
            });
        }
        match &mut self.state {
            State::Closed(_) => {}
            State::Open { .. } => return None,
            State::HalfOpen { under_way, good } => {
                if *under_way + *good >= self.policy.probes {
                    return None;
                }
                *under_way += 1;
            }
        }
        Some(Leave(self.era))
    }

    /// Tells how a request ended. What was not sent after all says nothing.
    pub(super) fn tell(&mut self, Leave(era): Leave, outcome: Outcome, now: Offset) {
        if era != self.era {
            return;
        }
        let failed = is_transient(outcome);
        let sent = outcome.is_sent();
        let trips = match &mut self.state {
            State::Closed(tally) => sent && tally.trips(self.policy.trip, failed, now),
            // nothing is let through while it is open
            State::Open { .. } => false,
            State::HalfOpen { under_way, good } => {
                *under_way = under_way.saturating_sub(1);
                *good += u32::from(sent && !failed);
                if *good >= self.policy.probes {
                    self.enter(State::Closed(Tally::new(self.policy.trip)));
                    return;
                }
                sent && failed
            }
        };
        if trips {
            self.enter(State::Open {
                until: now.plus(self.policy.open),
            });
        }
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.era += 1;
    }
}

impl Tally {
    fn new(trip: Trip) -> Self {
        match trip {
            Trip::InARow(_) => Self::InARow(0),
            Trip::Share { window, .. } => Self::Share(Rolling::over(window)),
        }
    }

    /// Counts a request that ended; whether that is too much.
    fn trips(&mut self, trip: Trip, failed: bool, now: Offset) -> bool {
        match (self, trip) {
            (Self::InARow(count), Trip::InARow(most)) => {
                *count = if failed { *count + 1 } else { 0 };
                *count >= most
            }
            (Self::Share(counts), Trip::Share { share, least, .. }) => {
                counts.add(now, ENDED);
                if failed {
                    counts.add(now, FAILED);
                }
                let [ended, bad] = counts.sums(now);
                failed && ended >= u64::from(least) && bad as f64 >= share.get() * ended as f64
            }
            // a tally is made for its trip
            (Self::InARow(_), Trip::Share { .. }) | (Self::Share(_), Trip::InARow(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::{time::Clock, units::Ratio};

    fn breaker(trip: Trip, probes: u32) -> Breaker {
        Breaker::new(BreakerPolicy {
            trip,
            open: Duration::from_secs(10),
            probes,
        })
    }

    fn end(breaker: &mut Breaker, outcome: Outcome, now: Offset) {
        let leave = breaker.ask(now).expect("let through");
        breaker.tell(leave, outcome, now);
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_waits_probes_and_closes() {
        let clock = Clock::starting_at(Instant::now());
        let mut breaker = breaker(Trip::InARow(3), 2);
        for outcome in [
            Outcome::Http5xx,
            Outcome::Refused,
            Outcome::Http4xx, // it was answered: the row begins anew
            Outcome::Http5xx,
            Outcome::Shed,
        ] {
            end(&mut breaker, outcome, clock.now());
        }
        let early = breaker.ask(clock.now()).expect("closed");
        end(&mut breaker, Outcome::TimeoutBody, clock.now());
        assert!(breaker.ask(clock.now()).is_none(), "open");
        breaker.tell(early, Outcome::Ok, clock.now());
        assert!(breaker.ask(clock.now()).is_none(), "that came too late");

        tokio::time::advance(Duration::from_millis(9_999)).await;
        assert!(breaker.ask(clock.now()).is_none(), "still open");
        tokio::time::advance(Duration::from_millis(1)).await;
        let first = breaker.ask(clock.now()).expect("half open");
        let second = breaker.ask(clock.now()).expect("half open");
        assert!(breaker.ask(clock.now()).is_none(), "two at once");
        breaker.tell(first, Outcome::Ok, clock.now());
        assert!(
            breaker.ask(clock.now()).is_none(),
            "one good, one under way"
        );
        breaker.tell(second, Outcome::TimeoutConnect, clock.now());
        assert!(breaker.ask(clock.now()).is_none(), "open again");

        tokio::time::advance(Duration::from_secs(10)).await;
        let unsent = breaker.ask(clock.now()).expect("half open");
        breaker.tell(unsent, Outcome::NotSentLimit, clock.now());
        end(&mut breaker, Outcome::Ok, clock.now());
        end(&mut breaker, Outcome::Ok, clock.now());
        for _ in 0..5 {
            assert!(breaker.ask(clock.now()).is_some(), "closed");
        }
    }

    #[test]
    fn a_share_of_enough_requests_opens_it() {
        let trip = Trip::Share {
            share: Ratio::new(0.5).expect("a share"),
            window: Duration::from_secs(10),
            least: 4,
        };
        let mut breaker = breaker(trip, 1);
        let at = Offset::from_secs_f64;
        for (second, outcome) in [
            (0.0, Outcome::Http5xx),
            (0.1, Outcome::Http5xx),
            (0.2, Outcome::Http5xx), // three are too few
            (11.0, Outcome::Ok),     // and forgotten now
            (11.1, Outcome::Ok),
            (11.2, Outcome::Http5xx),
            (11.3, Outcome::Ok),
        ] {
            end(&mut breaker, outcome, at(second));
        }
        end(&mut breaker, Outcome::Http5xx, at(11.4));
        end(&mut breaker, Outcome::Http5xx, at(11.5));
        assert!(breaker.ask(at(11.6)).is_none(), "3 of 6");
        assert!(breaker.ask(at(21.5)).is_some());
    }
}
