//! Slicer: data comes in small pieces, with a pause after each.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::{Decision, Item, kind::Cut};
use crate::seed::Stream;

/// Cuts each chunk in two near its middle, and each half again, until a piece is no longer than
/// the average plus its variation (as in Toxiproxy, which never ends where a cut makes no progress:
/// here each cut leaves at least a byte on both sides).
#[derive(Debug)]
pub(in crate::fault::tcp) struct Slicer {
    cut: Cut,
    random: Stream,
    /// Sizes of the pieces of the chunk that is being asked about.
    pieces: VecDeque<usize>,
    /// When the pause after the last piece is over.
    free_at: Instant,
}

impl Slicer {
    pub(super) const fn new(cut: Cut, random: Stream, now: Instant) -> Self {
        Self {
            cut,
            random,
            pieces: VecDeque::new(),
            free_at: now,
        }
    }

    pub(super) fn take(&mut self, now: Instant, item: &Item) -> Decision {
        let at = self.free_at.max(now);
        let Item::Data(bytes) = item else {
            return Decision::PassAt(at);
        };
        if self.pieces.is_empty() {
            self.slice(bytes.len());
        }
        self.free_at = at + self.cut.delay;
        match self.pieces.pop_front() {
            Some(piece) if piece < bytes.len() => Decision::SplitAt(piece, at),
            _ => Decision::PassAt(at),
        }
    }

    /// Works out the pieces of a chunk of that size, first to last.
    fn slice(&mut self, size: usize) {
        let longest = self.cut.average.saturating_add(self.cut.variation).max(1);
        let spread = u64::try_from(self.cut.variation.saturating_mul(2)).unwrap_or(u64::MAX);
        let mut rest = vec![size];
        while let Some(size) = rest.pop() {
            if size <= longest {
                self.pieces.push_back(size);
                continue;
            }
            let drawn = usize::try_from(self.random.between(0, spread)).unwrap_or(usize::MAX);
            let middle = (size / 2).saturating_add(drawn);
            let left = middle.saturating_sub(self.cut.variation).clamp(1, size - 1);
            rest.push(size - left);
            rest.push(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::seed::Seed;

    fn slicer(average: usize, variation: usize, delay: Duration) -> Slicer {
        let cut = Cut {
            average,
            variation,
            delay,
        };
        Slicer::new(cut, Seed(1).stream(), Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_follows_each_piece() {
        let now = Instant::now();
        let us = Duration::from_micros;
        let mut toxic = slicer(2, 0, us(500));
        let eight = Item::Data(Bytes::from_static(b"12345678"));
        assert_eq!(toxic.take(now, &eight), Decision::SplitAt(2, now));
        let six = Item::Data(Bytes::from_static(b"345678"));
        assert_eq!(toxic.take(now, &six), Decision::SplitAt(2, now + us(500)));
        let four = Item::Data(Bytes::from_static(b"5678"));
        assert_eq!(toxic.take(now, &four), Decision::SplitAt(2, now + us(1000)));
        let two = Item::Data(Bytes::from_static(b"78"));
        assert_eq!(toxic.take(now, &two), Decision::PassAt(now + us(1500)));
        assert_eq!(
            toxic.take(now, &Item::Eof),
            Decision::PassAt(now + us(2000)),
            "after the last piece, too"
        );
    }

    proptest! {
        /// Whatever the sizes: it ends, loses nothing, and no piece is longer than was asked for.
        #[test]
        fn pieces_add_up(size in 1usize..20_000, average in 0usize..3000, variation in 0usize..3000) {
            let mut toxic = slicer(average, variation, Duration::ZERO);
            toxic.slice(size);
            prop_assert_eq!(toxic.pieces.iter().sum::<usize>(), size);
            let longest = (average + variation).max(1);
            prop_assert!(toxic.pieces.iter().all(|piece| (1..=longest).contains(piece)));
        }
    }
}
