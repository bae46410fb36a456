//! Latency: each chunk is late by `latency` ± `jitter`, and none overtakes another.

use std::time::Duration;

use tokio::time::Instant;

use super::{Decision, Item};
use crate::{seed::Stream, units::Ratio};

/// Delays chunks. The level of the fault scales the amount, not the share.
#[derive(Debug)]
pub(in crate::fault::tcp) struct Latency {
    latency: Duration,
    jitter: Duration,
    random: Stream,
}

impl Latency {
    pub(super) const fn new(latency: Duration, jitter: Duration, random: Stream) -> Self {
        Self {
            latency,
            jitter,
            random,
        }
    }

    /// Each chunk waits `latency` + uniform[-jitter, +jitter) from its own arrival; a negative
    /// wait is none. The end of a stream does not wait itself (as in Toxiproxy), but the chain
    /// keeps it behind the data before it.
    pub(super) fn take(&mut self, now: Instant, item: &Item, level: Ratio) -> Decision {
        match item {
            Item::Eof | Item::Close => Decision::PassAt(now),
            Item::Data(_) => {
                let drawn = self
                    .random
                    .duration(Duration::ZERO, self.jitter.saturating_mul(2));
                let wait = (self.latency + drawn).saturating_sub(self.jitter);
                Decision::PassAt(now + wait.mul_f64(level.get()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::seed::Seed;

    const CHUNK: Item = Item::Data(Bytes::from_static(b"x"));

    #[tokio::test(start_paused = true)]
    async fn waits_within_its_jitter_and_scales_with_the_level() {
        let now = Instant::now();
        let ms = Duration::from_millis;
        let half = Ratio::new(0.5).expect("a ratio");
        let mut steady = Latency::new(ms(100), ms(0), Seed(1).stream());
        assert_eq!(
            steady.take(now, &CHUNK, Ratio::ONE),
            Decision::PassAt(now + ms(100))
        );
        assert_eq!(
            steady.take(now, &CHUNK, half),
            Decision::PassAt(now + ms(50))
        );
        assert_eq!(
            steady.take(now, &Item::Eof, Ratio::ONE),
            Decision::PassAt(now)
        );

        let mut jittery = Latency::new(ms(10), ms(40), Seed(1).stream());
        let waits: Vec<Duration> = (0..1000)
            .map(|_| match jittery.take(now, &CHUNK, Ratio::ONE) {
                Decision::PassAt(at) => at - now,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(waits.iter().all(|wait| *wait <= ms(50)));
        // -30..50 evenly: three eighths are not positive and mean no wait
        let none = waits.iter().filter(|wait| wait.is_zero()).count();
        assert!((300..450).contains(&none), "{none} of 1000 without a wait");
    }
}
