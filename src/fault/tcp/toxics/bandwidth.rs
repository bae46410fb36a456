//! Bandwidth: a line that passes so many bytes a second.

use std::time::Duration;

use tokio::time::Instant;

use super::{Decision, Item};
use crate::units::ByteRate;

/// What is more than this much of the line's time goes out in pieces of it (as in Toxiproxy), so
/// that a slow line drips instead of pausing for minutes.
const SLICE: Duration = Duration::from_millis(100);

/// A line that is busy with one chunk after the other; it gives no credit for idle time.
#[derive(Debug)]
pub(in crate::fault::tcp) struct Bandwidth {
    rate: u64,
    /// When it will have passed everything that came so far.
    free_at: Instant,
}

impl Bandwidth {
    pub(super) const fn new(rate: ByteRate, now: Instant) -> Self {
        Self {
            rate: rate.0,
            free_at: now,
        }
    }

    /// A chunk has passed when its last byte has. The end of a stream takes no time.
    pub(super) fn take(&mut self, now: Instant, item: &Item) -> Decision {
        let Item::Data(bytes) = item else {
            return Decision::PassAt(now);
        };
        if self.rate == 0 {
            return Decision::Stall;
        }
        let slice = self.rate.saturating_mul(SLICE.as_millis() as u64) / 1000;
        let slice = usize::try_from(slice).unwrap_or(usize::MAX).max(1);
        let passes = slice.min(bytes.len());
        let nanos = (passes as u128 * 1_000_000_000).div_ceil(u128::from(self.rate));
        let nanos = u64::try_from(nanos).unwrap_or(u64::MAX);
        self.free_at = self.free_at.max(now) + Duration::from_nanos(nanos);
        if passes < bytes.len() {
            Decision::SplitAt(passes, self.free_at)
        } else {
            Decision::PassAt(self.free_at)
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    const fn chunk(bytes: &'static [u8]) -> Item {
        Item::Data(Bytes::from_static(bytes))
    }

    #[tokio::test(start_paused = true)]
    async fn chunks_queue_for_the_line() {
        let now = Instant::now();
        let mut line = Bandwidth::new(ByteRate(10_000), now);
        let kilobyte = chunk(&[0; 1000]);
        assert_eq!(line.take(now, &kilobyte), Decision::PassAt(now + ms(100)));
        let half = chunk(&[0; 500]);
        assert_eq!(
            line.take(now + ms(20), &half),
            Decision::PassAt(now + ms(150))
        );
        assert_eq!(
            line.take(now + ms(400), &half),
            Decision::PassAt(now + ms(450)),
            "no credit for idle time"
        );
        assert_eq!(
            line.take(now + ms(400), &Item::Eof),
            Decision::PassAt(now + ms(400)),
            "the chain keeps it behind the data"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn large_chunks_drip() {
        let now = Instant::now();
        let mut line = Bandwidth::new(ByteRate(10_000), now);
        let large = chunk(&[0; 2500]);
        assert_eq!(
            line.take(now, &large),
            Decision::SplitAt(1000, now + ms(100))
        );
        // less than a byte in 100 ms: byte by byte
        let mut trickle = Bandwidth::new(ByteRate(2), now);
        assert_eq!(
            trickle.take(now, &chunk(b"ab")),
            Decision::SplitAt(1, now + ms(500))
        );
        let mut none = Bandwidth::new(ByteRate(0), now);
        assert_eq!(none.take(now, &large), Decision::Stall);
        assert_eq!(none.take(now, &Item::Eof), Decision::PassAt(now));
    }
}
