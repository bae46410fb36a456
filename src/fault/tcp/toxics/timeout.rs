//! Timeout: data is lost; the connection is closed `timeout` after the last chunk, or never.

use std::time::Duration;

use tokio::time::Instant;

use super::{Decision, End, Item};
use crate::scenario::model::TcpStream;

/// Loses everything. Its removal closes the connection, since data was lost.
#[derive(Debug)]
pub(in crate::fault::tcp) struct Timeout {
    timeout: Duration,
    stream: TcpStream,
    /// The last chunk, or the injection.
    last: Instant,
}

impl Timeout {
    pub(super) const fn new(timeout: Duration, stream: TcpStream, now: Instant) -> Self {
        Self {
            timeout,
            stream,
            last: now,
        }
    }

    /// A client that finishes has given up, and nothing can reach the server any more: the
    /// connection ends, or each client that lost patience would cost two descriptors for as long
    /// as the fault lasts. A server's end is lost like its data, so that the client hangs.
    pub(super) fn take(&mut self, now: Instant, item: &Item) -> Decision {
        match (item, self.stream) {
            (Item::Data(_), _) => {
                self.last = now;
                Decision::Lose
            }
            (Item::Eof | Item::Close, TcpStream::Upstream) => Decision::End(End::Close),
            (Item::Eof | Item::Close, TcpStream::Downstream) => Decision::Lose,
        }
    }

    /// Zero means never.
    pub(super) fn ends(&self) -> Option<(Instant, End)> {
        if self.timeout.is_zero() {
            return None;
        }
        let at = self.last.checked_add(self.timeout)?;
        Some((at, End::Close))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const CHUNK: Item = Item::Data(Bytes::from_static(b"x"));

    #[tokio::test(start_paused = true)]
    async fn counts_from_the_last_chunk() {
        let now = Instant::now();
        let s = Duration::from_secs;
        let mut toxic = Timeout::new(s(5), TcpStream::Downstream, now);
        assert_eq!(toxic.ends(), Some((now + s(5), End::Close)));
        assert_eq!(toxic.take(now + s(3), &CHUNK), Decision::Lose);
        assert_eq!(toxic.ends(), Some((now + s(8), End::Close)));
        assert_eq!(toxic.take(now + s(4), &Item::Eof), Decision::Lose);
        assert_eq!(toxic.ends(), Some((now + s(8), End::Close)));
    }

    #[tokio::test(start_paused = true)]
    async fn zero_never_closes_but_a_client_that_gives_up_ends_it() {
        let now = Instant::now();
        let mut toxic = Timeout::new(Duration::ZERO, TcpStream::Upstream, now);
        assert_eq!(toxic.take(now, &CHUNK), Decision::Lose);
        assert_eq!(toxic.ends(), None);
        assert_eq!(toxic.take(now, &Item::Eof), Decision::End(End::Close));
    }
}
