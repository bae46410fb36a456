//! Slow close: data passes, the end comes late.

use std::time::Duration;

use tokio::time::Instant;

use super::{Decision, Item};

/// Delays the end of a stream.
#[derive(Debug)]
pub(in crate::fault::tcp) struct SlowClose {
    delay: Duration,
}

impl SlowClose {
    pub(super) const fn new(delay: Duration) -> Self {
        Self { delay }
    }

    pub(super) fn take(&self, now: Instant, item: &Item) -> Decision {
        match item {
            Item::Data(_) => Decision::PassAt(now),
            Item::Eof | Item::Close => Decision::PassAt(now + self.delay),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_end_alone_is_late() {
        let now = Instant::now();
        let late = Duration::from_secs(2);
        let toxic = SlowClose::new(late);
        let chunk = Item::Data(Bytes::from_static(b"x"));
        assert_eq!(toxic.take(now, &chunk), Decision::PassAt(now));
        assert_eq!(toxic.take(now, &Item::Eof), Decision::PassAt(now + late));
        assert_eq!(toxic.take(now, &Item::Close), Decision::PassAt(now + late));
    }
}
