//! When a worker wakes up to release what is due. The seam for a finer clock than tokio's
//! millisecond timer; intended starts do not depend on it.

use crate::time::{Clock, Offset};

/// Wakes at instants of the run's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pacer {
    clock: Clock,
}

impl Pacer {
    pub(super) const fn new(clock: Clock) -> Self {
        Self { clock }
    }

    /// Waits until `due` is reached (tokio's timer adds up to 1 ms; everything due by then is
    /// released at once).
    pub(super) async fn reach(&self, due: Offset) {
        tokio::time::sleep_until(self.clock.instant(due)).await;
    }
}
