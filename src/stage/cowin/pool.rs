//! The database pool: a few connections, each owned by one thread and held by one request at a time.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::stage::StageError;
use crate::stage::refusal::Refusal;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum PoolError {
    /// SQLite refused or failed.
    #[error("the database failed")]
    Database(#[from] rusqlite::Error),
    /// The thread that held the connection is gone.
    #[error("the database connection was lost")]
    Lost,
}

impl From<PoolError> for Refusal {
    fn from(_: PoolError) -> Self {
        Self::Internal
    }
}

/// What the pool says about itself.
#[derive(Debug, Default)]
struct Gauge {
    waiting: AtomicUsize,
    busy: AtomicUsize,
    /// Milliseconds after `opened` at which a query last succeeded.
    answered_ms: AtomicU64,
}

/// A handle to the pool; clones share it. Its threads end when the last handle is gone.
#[derive(Clone)]
pub(super) struct Pool {
    jobs: mpsc::Sender<Job>,
    writer: Arc<Mutex<()>>,
    round_trip: Duration,
    gauge: Arc<Gauge>,
    opened: Instant,
}

impl Pool {
    /// Gives each connection its thread. `round_trip` is slept in front of every query while the
    /// connection is held: what the network to a database would take.
    pub(super) fn start(
        connections: Vec<Connection>,
        round_trip: Duration,
    ) -> Result<Self, StageError> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for mut connection in connections {
            let queue = Arc::clone(&queue);
            let serve = move || {
                loop {
                    // The lock is held while waiting, so that one idle connection at a time waits
                    // for the next request; it is let go before the work begins.
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = next else { break };
                    job(&mut connection);
                }
            };
            thread::Builder::new()
                .name("database".into())
                .spawn(serve)
                .map_err(StageError::Thread)?;
        }
        let gauge = Arc::new(Gauge::default());
        let writer = Arc::new(Mutex::new(()));
        Ok(Self {
            jobs,
            writer,
            round_trip,
            gauge,
            opened: Instant::now(),
        })
    }

    /// Asks a question that changes nothing. Waits in order of arrival for a connection; a caller
    /// that gives up before it gets one costs nothing.
    pub(super) async fn read<T, Q>(&self, question: Q) -> Result<T, PoolError>
    where
        T: Send + 'static,
        Q: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let round_trip = self.round_trip;
        let gauge = Arc::clone(&self.gauge);
        let opened = self.opened;
        let job: Job = Box::new(move |connection| {
            gauge.waiting.fetch_sub(1, Ordering::Relaxed);
            if reply.is_closed() {
                return;
            }
            gauge.busy.fetch_add(1, Ordering::Relaxed);
            thread::sleep(round_trip);
            let result = question(connection);
            if result.is_ok() {
                let at = u64::try_from(opened.elapsed().as_millis()).unwrap_or(u64::MAX);
                gauge.answered_ms.fetch_max(at, Ordering::Relaxed);
            }
            gauge.busy.fetch_sub(1, Ordering::Relaxed);
            // Nobody waits any more: the work is done all the same.
            drop(reply.send(result));
        });
        self.gauge.waiting.fetch_add(1, Ordering::Relaxed);
        self.jobs.send(job).map_err(|_| PoolError::Lost)?;
        Ok(answer.await.map_err(|_| PoolError::Lost)??)
    }

    /// Makes a change. SQLite has one writer at a time; our own lock makes them take turns fairly,
    /// where its busy handler would poll.
    pub(super) async fn write<T, C>(&self, change: C) -> Result<T, PoolError>
    where
        T: Send + 'static,
        C: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let writer = Arc::clone(&self.writer);
        self.read(move |connection| {
            let _turn = writer.lock().unwrap_or_else(PoisonError::into_inner);
            change(connection)
        })
        .await
    }

    /// How long ago a query last succeeded.
    pub(super) fn silent_for(&self) -> Duration {
        let answered = Duration::from_millis(self.gauge.answered_ms.load(Ordering::Relaxed));
        self.opened.elapsed().saturating_sub(answered)
    }

    /// Requests that wait for a connection.
    pub(super) fn waiting(&self) -> usize {
        self.gauge.waiting.load(Ordering::Relaxed)
    }

    /// Connections in use.
    pub(super) fn busy(&self) -> usize {
        self.gauge.busy.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("gauge", &self.gauge)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use tokio::task::JoinSet;

    use super::*;

    fn pool(connections: usize, round_trip_ms: u64) -> Pool {
        let connections = (0..connections)
            .map(|_| Connection::open_in_memory().unwrap())
            .collect();
        Pool::start(connections, Duration::from_millis(round_trip_ms)).unwrap()
    }

    #[tokio::test]
    async fn capacity_is_connections_over_time_held() {
        let pool = pool(2, 20);
        let start = Instant::now();
        let mut crowd = JoinSet::new();
        for _ in 0..20 {
            let pool = pool.clone();
            crowd.spawn(async move { pool.read(|_| Ok(())).await.unwrap() });
        }
        crowd.join_all().await;
        // 20 requests x 20 ms / 2 connections: no machine is faster, and a slow one is slower.
        assert!(
            start.elapsed() >= Duration::from_millis(200),
            "{:?}",
            start.elapsed()
        );
        assert_eq!((pool.waiting(), pool.busy()), (0, 0));
    }

    #[tokio::test]
    async fn whoever_gave_up_while_waiting_costs_nothing() {
        let pool = pool(1, 0);
        let (release, held) = mpsc::channel::<()>();
        let holder = tokio::spawn({
            let pool = pool.clone();
            async move { pool.read(move |_| Ok(held.recv().is_ok())).await }
        });
        while pool.busy() == 0 {
            tokio::task::yield_now().await;
        }
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let given_up = tokio::time::timeout(
            Duration::from_millis(1),
            pool.read(move |_| {
                count.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }),
        );
        assert!(given_up.await.is_err());
        assert_eq!(pool.waiting(), 1);
        release.send(()).unwrap();
        assert!(holder.await.unwrap().unwrap());
        pool.read(|_| Ok(())).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn silence_ends_with_a_good_answer_only() {
        let pool = pool(1, 0);
        tokio::time::sleep(Duration::from_millis(30)).await;
        let failed = pool.read(|db| db.execute("no such statement", [])).await;
        assert!(matches!(failed, Err(PoolError::Database(_))));
        assert!(pool.silent_for() >= Duration::from_millis(30));
        let before = Instant::now();
        pool.read(|_| Ok(())).await.unwrap();
        // Kept to the millisecond.
        assert!(pool.silent_for() <= before.elapsed() + Duration::from_millis(2));
    }
}
