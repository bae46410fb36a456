//! Limit data: the connection is closed after so many bytes.

use tokio::time::Instant;

use super::{Decision, Item};
use crate::units::ByteSize;

/// Passes exactly so many bytes of a connection's direction, then closes the connection; with zero
/// it is closed by the first chunk. What was counted survives a change of the limit.
#[derive(Debug)]
pub(in crate::fault::tcp) struct LimitData {
    bytes: u64,
    passed: u64,
    spent: bool,
}

impl LimitData {
    pub(super) const fn new(bytes: ByteSize) -> Self {
        Self {
            bytes: bytes.0,
            passed: 0,
            spent: false,
        }
    }

    /// A lower limit than what has passed closes the connection with its next chunk.
    pub(super) const fn change(&mut self, bytes: ByteSize) {
        self.bytes = bytes.0;
    }

    pub(super) fn take(&mut self, now: Instant, item: &Item) -> Decision {
        if self.spent {
            return Decision::Lose;
        }
        let Item::Data(data) = item else {
            return Decision::PassAt(now);
        };
        let left = self.bytes.saturating_sub(self.passed);
        match usize::try_from(left) {
            Ok(left) if left <= data.len() => {
                self.passed += left as u64;
                self.spent = true;
                Decision::Cut(left)
            }
            _ => {
                self.passed += data.len() as u64;
                Decision::PassAt(now)
            }
        }
    }

    /// Whether the limit is reached, so that all else is lost.
    pub(super) const fn is_spent(&self) -> bool {
        self.spent
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const CHUNK: Item = Item::Data(Bytes::from_static(b"four"));

    #[tokio::test(start_paused = true)]
    async fn passes_exactly_its_bytes() {
        let now = Instant::now();
        let mut toxic = LimitData::new(ByteSize(10));
        assert_eq!(toxic.take(now, &CHUNK), Decision::PassAt(now));
        assert_eq!(toxic.take(now, &CHUNK), Decision::PassAt(now));
        assert!(!toxic.is_spent());
        assert_eq!(toxic.take(now, &CHUNK), Decision::Cut(2));
        assert_eq!(toxic.take(now, &CHUNK), Decision::Lose);
        assert_eq!(toxic.take(now, &Item::Eof), Decision::Lose);

        let mut exact = LimitData::new(ByteSize(4));
        assert_eq!(exact.take(now, &CHUNK), Decision::Cut(4));
        let mut none = LimitData::new(ByteSize(0));
        assert_eq!(none.take(now, &Item::Eof), Decision::PassAt(now));
        assert_eq!(none.take(now, &CHUNK), Decision::Cut(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_keeps_the_count() {
        let now = Instant::now();
        let mut toxic = LimitData::new(ByteSize(10));
        assert_eq!(toxic.take(now, &CHUNK), Decision::PassAt(now));
        toxic.change(ByteSize(7));
        assert_eq!(toxic.take(now, &CHUNK), Decision::Cut(3));
        let mut lowered = LimitData::new(ByteSize(10));
        assert_eq!(lowered.take(now, &CHUNK), Decision::PassAt(now));
        lowered.change(ByteSize(2));
        assert_eq!(lowered.take(now, &CHUNK), Decision::Cut(0));
    }
}
