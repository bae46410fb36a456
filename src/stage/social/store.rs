//! A store behind a bounded pool of connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

/// What takes time in a store is the network to it and the waiting for a connection; this one has
/// both and keeps nothing.
#[derive(Debug)]
pub(super) struct Store {
    connections: Semaphore,
    size: usize,
    waiting: AtomicUsize,
}

impl Store {
    /// A store with so many connections, at least one.
    pub(super) fn new(connections: usize) -> Self {
        let size = connections.max(1);
        Self {
            connections: Semaphore::new(size),
            size,
            waiting: AtomicUsize::new(0),
        }
    }

    /// One question: waits in order of arrival for a connection and holds it for the round trip. Who
    /// gives up gives the connection, or the place in line, back.
    pub(super) async fn ask(&self, round_trip: Duration) {
        let line = InLine::stand(&self.waiting);
        // never closed, so this never fails; if it did, nothing would be held
        let connection = self.connections.acquire().await;
        drop(line);
        tokio::time::sleep(round_trip).await;
        drop(connection);
    }

    /// Questions that wait for a connection.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Connections in use.
    pub(super) fn busy(&self) -> usize {
        self.size
            .saturating_sub(self.connections.available_permits())
    }
}

/// Counted while it lives.
struct InLine<'a>(&'a AtomicUsize);

impl<'a> InLine<'a> {
    fn stand(line: &'a AtomicUsize) -> Self {
        line.fetch_add(1, Ordering::Relaxed);
        Self(line)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::task::JoinSet;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn throughput_is_connections_over_round_trip() {
        let store = Arc::new(Store::new(2));
        let start = Instant::now();
        let mut crowd = JoinSet::new();
        for _ in 0..20 {
            let store = Arc::clone(&store);
            crowd.spawn(async move { store.ask(Duration::from_millis(40)).await });
        }
        tokio::task::yield_now().await;
        assert_eq!((store.busy(), store.waiting()), (2, 18));
        crowd.join_all().await;
        assert_eq!(start.elapsed(), Duration::from_millis(400));
        assert_eq!((store.busy(), store.waiting()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_up_holds_nothing() {
        let store = Store::new(1);
        let long = Duration::from_secs(3600);
        let given_up = tokio::time::timeout(Duration::from_secs(1), async {
            tokio::join!(store.ask(long), store.ask(long));
        });
        assert!(given_up.await.is_err());
        assert_eq!((store.busy(), store.waiting()), (0, 0));
    }
}
