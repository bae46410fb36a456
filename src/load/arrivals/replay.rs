//! The lines of a log as arrivals, among those of a curve.

use std::{sync::Arc, time::Duration};

use super::schedule::{Schedule, Shard};
use crate::time::Offset;

/// A schedule together with instants that somebody recorded. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Replayed {
    schedule: Schedule,
    /// Nanoseconds of real time, in order.
    nanos: Arc<[u64]>,
}

impl Replayed {
    /// What `schedule` says, and an arrival at each of `nanos` (in order) besides.
    #[must_use]
    pub const fn new(schedule: Schedule, nanos: Arc<[u64]>) -> Self {
        Self { schedule, nanos }
    }

    /// The arrivals `i` with `i % workers == worker`, in order, as `(i, when)`; numbered in the
    /// order of time. Together the shards of any number of workers hold each arrival once.
    #[must_use]
    pub fn shard(&self, worker: u64, workers: u64) -> ReplayedShard {
        ReplayedShard {
            scheduled: self.schedule.iter(),
            ahead: None,
            nanos: Arc::clone(&self.nanos),
            line: 0,
            number: 0,
            worker,
            workers: workers.max(1),
        }
    }
}

/// A worker's part of [`Replayed`]. It owns all it needs, so it may move to a thread.
#[derive(Debug, Clone)]
pub struct ReplayedShard {
    scheduled: Shard,
    /// The next of the schedule, if it was looked at already.
    ahead: Option<Offset>,
    nanos: Arc<[u64]>,
    line: usize,
    number: u64,
    worker: u64,
    workers: u64,
}

impl ReplayedShard {
    /// The next arrival of any worker.
    fn merged(&mut self) -> Option<Offset> {
        if self.ahead.is_none() {
            self.ahead = self.scheduled.next().map(|(_, at)| at);
        }
        let line = self.nanos.get(self.line);
        let line = line.map(|nanos| Offset(Duration::from_nanos(*nanos)));
        match (self.ahead, line) {
            (Some(scheduled), Some(line)) if line < scheduled => {
                self.line += 1;
                Some(line)
            }
            (Some(scheduled), _) => {
                self.ahead = None;
                Some(scheduled)
            }
            (None, line) => {
                self.line += 1;
                line
            }
        }
    }
}

impl Iterator for ReplayedShard {
    type Item = (u64, Offset);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let at = self.merged()?;
            let number = self.number;
            self.number += 1;
            if number % self.workers == self.worker {
                return Some((number, at));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{plan::RateCurve, scenario::model::Spacing, seed::Seed, units::Rate};

    fn replayed(rate: f64, nanos: &[u64]) -> Replayed {
        let rate = Rate::per_second(rate).expect("a rate");
        let knots = [(0.0, rate), (10.0, rate)];
        let curve = RateCurve {
            knots: knots
                .map(|(at, rate)| (Offset::from_secs_f64(at), rate))
                .into(),
        };
        let schedule = Schedule::new(&curve, curve.count(), Spacing::Uniform, Seed(1));
        Replayed::new(schedule, nanos.into())
    }

    proptest! {
        #[test]
        fn shards_hold_each_arrival_once_in_order(
            mut nanos in prop::collection::vec(0u64..10_000_000_000, 0..200),
            rate in 0.0f64..20.0,
            workers in 1u64..5,
        ) {
            nanos.sort_unstable();
            let replayed = replayed(rate, &nanos);
            let all: Vec<_> = replayed.shard(0, 1).collect();
            let scheduled = (rate * 10.0).round() as usize;
            prop_assert_eq!(all.len(), nanos.len() + scheduled);
            prop_assert!(all.windows(2).all(|w| w[0].1 <= w[1].1 && w[0].0 + 1 == w[1].0));
            for at in &nanos {
                let at = Offset(Duration::from_nanos(*at));
                prop_assert!(all.iter().any(|(_, when)| *when == at));
            }
            let mut sharded: Vec<_> =
                (0..workers).flat_map(|worker| replayed.shard(worker, workers)).collect();
            sharded.sort_unstable();
            prop_assert_eq!(sharded, all);
        }
    }
}
