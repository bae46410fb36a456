//! Corrupt: one bit of one byte is flipped in a share of the chunks.

use tokio::time::Instant;

use super::{Decision, Item};
use crate::{seed::Stream, units::Ratio};

/// Flips bits. The level of the fault scales the share of chunks, not that of connections.
#[derive(Debug)]
pub(in crate::fault::tcp) struct Corrupt {
    share: Ratio,
    random: Stream,
}

impl Corrupt {
    pub(super) const fn new(share: Ratio, random: Stream) -> Self {
        Self { share, random }
    }

    /// The numbers that are drawn go on: chunks that are met by a share are met by a larger one.
    pub(super) const fn change(&mut self, share: Ratio) {
        self.share = share;
    }

    /// Two numbers are drawn for each chunk, met or not and whatever its size, so that what becomes
    /// of the n-th of a connection depends on nothing that happened to those before it.
    pub(super) fn take(&mut self, now: Instant, item: &Item, level: Ratio) -> Decision {
        let Item::Data(bytes) = item else {
            return Decision::PassAt(now);
        };
        let met = self.random.unit() < self.share.of(level).get();
        let bits = (bytes.len() as u64).saturating_mul(8);
        let bit = self.random.between(0, bits.saturating_sub(1));
        match usize::try_from(bit) {
            Ok(bit) if met && bits > 0 => Decision::Flip(bit),
            _ => Decision::PassAt(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::seed::Seed;

    const CHUNK: Item = Item::Data(Bytes::from_static(b"four"));

    fn share(share: f64) -> Ratio {
        Ratio::new(share).expect("a ratio")
    }

    fn met(toxic: &mut Corrupt, chunks: usize, level: Ratio) -> Vec<usize> {
        let now = Instant::now();
        let hit = |n: &usize| {
            let chunk = Item::Data(vec![0; n % 7 + 1].into());
            toxic.take(now, &chunk, level) != Decision::PassAt(now)
        };
        (0..chunks).filter(hit).collect()
    }

    #[test]
    fn the_share_of_chunks_is_obeyed_and_scales_with_the_level() {
        let mut toxic = Corrupt::new(share(0.1), Seed(1).stream());
        let whole = met(&mut toxic, 10_000, Ratio::ONE).len();
        assert!((900..1100).contains(&whole), "{whole} of 10000");
        let half = met(&mut toxic, 10_000, share(0.5)).len();
        assert!((400..600).contains(&half), "{half} of 10000");
        assert_eq!(met(&mut toxic, 10_000, Ratio::ZERO), [0; 0]);
        toxic.change(Ratio::ZERO);
        assert_eq!(met(&mut toxic, 10_000, Ratio::ONE), [0; 0]);
        toxic.change(Ratio::ONE);
        assert_eq!(met(&mut toxic, 100, Ratio::ONE).len(), 100);
    }

    #[test]
    fn ends_and_empty_chunks_pass() {
        let now = Instant::now();
        let mut toxic = Corrupt::new(Ratio::ONE, Seed(1).stream());
        for item in [Item::Eof, Item::Close, Item::Data(Bytes::new())] {
            assert_eq!(toxic.take(now, &item, Ratio::ONE), Decision::PassAt(now));
        }
        assert!(matches!(
            toxic.take(now, &CHUNK, Ratio::ONE),
            Decision::Flip(0..32)
        ));
    }

    proptest! {
        /// The same seed meets the same chunks, and as the share grows those that were met stay so.
        #[test]
        fn the_seed_chooses(seed: u64, low in 0.0..=1.0, high in 0.0..=1.0) {
            let (low, high) = if low < high { (low, high) } else { (high, low) };
            let of = |wanted: f64| {
                let mut toxic = Corrupt::new(share(wanted), Seed(seed).stream());
                met(&mut toxic, 100, Ratio::ONE)
            };
            let (few, many) = (of(low), of(high));
            prop_assert_eq!(&few, &of(low));
            prop_assert!(few.iter().all(|chunk| many.contains(chunk)));
        }
    }
}
