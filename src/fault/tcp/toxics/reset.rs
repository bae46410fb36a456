//! Reset: the first chunk starts a timer; when it ends, both sockets are reset.

use std::time::Duration;

use tokio::time::Instant;

use super::{Decision, End, Item};

/// Resets a connection `after` its first chunk or end; that chunk and all behind it are lost
/// (Toxiproxy's `reset_peer`). An idle connection lives on.
#[derive(Debug)]
pub(in crate::fault::tcp) struct Reset {
    after: Duration,
    /// When it happens; once set, nothing changes it.
    at: Option<Instant>,
}

impl Reset {
    pub(super) const fn new(after: Duration) -> Self {
        Self { after, at: None }
    }

    /// A timer that runs goes on as it is.
    pub(super) const fn change(&mut self, after: Duration) {
        self.after = after;
    }

    pub(super) fn take(&mut self, now: Instant, _: &Item) -> Decision {
        if now >= *self.at.get_or_insert(now + self.after) {
            Decision::End(End::Reset)
        } else {
            Decision::Lose
        }
    }

    pub(super) fn ends(&self) -> Option<(Instant, End)> {
        Some((self.at?, End::Reset))
    }

    /// Where data was lost the reset comes now rather than later.
    pub(super) const fn on_removal(&self) -> Option<End> {
        if self.loses() { Some(End::Reset) } else { None }
    }

    pub(super) const fn loses(&self) -> bool {
        self.at.is_some()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const CHUNK: Item = Item::Data(Bytes::from_static(b"x"));

    #[tokio::test(start_paused = true)]
    async fn counts_from_the_first_chunk() {
        let now = Instant::now();
        let s = Duration::from_secs;
        let mut toxic = Reset::new(s(5));
        assert_eq!(toxic.ends(), None, "idle connections live on");
        assert_eq!(toxic.on_removal(), None);
        assert_eq!(toxic.take(now + s(1), &CHUNK), Decision::Lose);
        assert_eq!(toxic.take(now + s(4), &CHUNK), Decision::Lose);
        assert_eq!(toxic.ends(), Some((now + s(6), End::Reset)));
        assert_eq!(toxic.on_removal(), Some(End::Reset));
        toxic.change(s(1));
        assert_eq!(toxic.ends(), Some((now + s(6), End::Reset)));
    }

    #[tokio::test(start_paused = true)]
    async fn at_once_when_there_is_no_wait() {
        let mut toxic = Reset::new(Duration::ZERO);
        let now = Instant::now();
        assert_eq!(toxic.take(now, &CHUNK), Decision::End(End::Reset));
    }
}
