//! The arrivals of one worker, of all populations, in the order of their instants.

use std::{collections::VecDeque, iter::Peekable};

use super::handle::Shard;
use crate::time::Offset;

/// An arrival: who comes, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) population: u16,
    /// Its number in its population.
    pub(super) index: u64,
    /// When.
    pub(super) intended: Offset,
}

/// Merges the populations' shards.
pub(super) struct Release {
    shards: Vec<Peekable<Shard>>,
    due: VecDeque<Arrival>,
}

impl Release {
    pub(super) fn new(shards: Vec<Shard>) -> Self {
        Self {
            shards: shards.into_iter().map(Iterator::peekable).collect(),
            due: VecDeque::new(),
        }
    }

    /// When the next arrival is due; `None` when all have come.
    pub(super) fn next_due(&mut self) -> Option<Offset> {
        if let Some(arrival) = self.due.front() {
            return Some(arrival.intended);
        }
        self.earliest().map(|(_, due)| due)
    }

    /// Moves what is due by `now` into the queue.
    pub(super) fn collect(&mut self, now: Offset) {
        while let Some((at, _)) = self.earliest().filter(|(_, due)| *due <= now) {
            if let Some((index, intended)) = self.shards[at].next() {
                self.due.push_back(Arrival {
                    population: at as u16,
                    index,
                    intended,
                });
            }
        }
    }

    /// The next one of the queue.
    pub(super) fn pop(&mut self) -> Option<Arrival> {
        self.due.pop_front()
    }

    /// How many are in the queue: due and not yet released.
    pub(super) fn overdue(&self) -> u64 {
        self.due.len() as u64
    }

    fn earliest(&mut self) -> Option<(usize, Offset)> {
        let heads = self.shards.iter_mut().enumerate();
        heads
            .filter_map(|(at, shard)| shard.peek().map(|(_, due)| (at, *due)))
            .min_by_key(|(_, due)| *due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(millis: &[u64]) -> Shard {
        let all: Vec<_> = (0u64..)
            .zip(millis)
            .map(|(i, ms)| (i, Offset::from_secs_f64(*ms as f64 / 1e3)))
            .collect();
        Box::new(all.into_iter())
    }

    #[test]
    fn populations_are_merged_in_time() {
        let mut release = Release::new(vec![shard(&[1, 5, 9]), shard(&[2, 3]), shard(&[])]);
        assert_eq!(release.next_due(), Some(Offset::from_secs_f64(0.001)));
        release.collect(Offset::from_secs_f64(0.005));
        assert_eq!(release.overdue(), 4);
        let order: Vec<_> = std::iter::from_fn(|| release.pop())
            .map(|a| (a.population, a.index))
            .collect();
        assert_eq!(order, [(0, 0), (1, 0), (1, 1), (0, 1)]);
        assert_eq!(release.next_due(), Some(Offset::from_secs_f64(0.009)));
        release.collect(Offset::from_secs_f64(1.0));
        assert!(release.pop().is_some());
        assert_eq!(release.next_due(), None);
    }
}
