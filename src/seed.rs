//! The only source of randomness. The same seed gives the same arrivals, data and fault decisions
//! on any number of cores: every stream is derived from what it is for, never from order of use.

use rand::{RngCore, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

use crate::units::Ratio;

/// A scenario's seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

/// A stream of pseudo-random numbers (xoshiro256++, whose output is fixed for all time).
#[derive(Debug, Clone)]
pub struct Stream(Xoshiro256PlusPlus);

/// SplitMix64's finaliser (Steele, Lea, Flood, OOPSLA 2014): spreads near keys far apart.
const fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Seed {
    /// The seed of what is called `name` under this seed.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        // FNV-1a, then mixed: std's hasher is not fixed between releases
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
        });
        Self(mix(self.0 ^ mix(hash)))
    }

    /// The seed of the thing numbered `index` under this seed.
    #[must_use]
    pub const fn indexed(self, index: u64) -> Self {
        Self(mix(self.0.wrapping_add(mix(index))))
    }

    /// A stream of numbers from this seed.
    #[must_use]
    pub fn stream(self) -> Stream {
        Stream(Xoshiro256PlusPlus::seed_from_u64(self.0))
    }

    /// A number in 0..1 that depends on this seed alone.
    #[must_use]
    pub const fn unit(self) -> f64 {
        (mix(self.0) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Whether this seed falls into `share`: as the share grows, what was in it stays in it.
    #[must_use]
    pub fn falls_in(self, share: Ratio) -> bool {
        self.unit() < share.get()
    }
}

impl Stream {
    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in 0..1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A whole number in `low..=high`, each with equal chance (`low` when the range is empty).
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low {
            return low;
        }
        let width = u128::from(high - low) + 1;
        // multiply-shift; the bias is below width / 2^64
        low + u64::try_from((u128::from(self.bits()) * width) >> 64).unwrap_or(0)
    }

    /// A length of time in `low..=high`.
    pub fn duration(
        &mut self,
        low: std::time::Duration,
        high: std::time::Duration,
    ) -> std::time::Duration {
        low + high.saturating_sub(low).mul_f64(self.unit())
    }
}
