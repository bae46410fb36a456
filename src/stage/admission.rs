//! Bulkheads: a feature gets so many places and a short queue; whoever does not fit is told at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use super::refusal::{Refusal, buffered};

/// What one bulkhead lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Requests worked on at a time.
    pub concurrent: usize,
    /// Requests that may wait for a place; the next is shed at once.
    pub queued: usize,
}

impl Limit {
    /// So many at a time, and five times as many waiting. When all are busy, a place comes free
    /// about every `time held / concurrent`, so the last in the queue waits five times the time
    /// held: 80 ms when one feature uses the database alone, some 140 ms when all compete.
    #[must_use]
    pub fn concurrent(concurrent: usize) -> Self {
        Self {
            concurrent,
            queued: 5 * concurrent,
        }
    }
}

/// How long a bulkhead lets people wait, and what it tells those whom it sheds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// How long a request may wait at a bulkhead before it is shed.
    pub queue_deadline: Duration,
    /// How long a request may take in all before it is answered 503.
    pub deadline: Duration,
    /// What `Retry-After` says; whole seconds.
    pub retry_after: Duration,
}

impl Default for Terms {
    /// 100 ms in the queue, 800 ms in all, come back after 2 s.
    fn default() -> Self {
        Self {
            queue_deadline: Duration::from_millis(100),
            deadline: Duration::from_millis(800),
            retry_after: Duration::from_secs(2),
        }
    }
}

/// The request did not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shed;

/// A place in a bulkhead; given back when dropped.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    _place: SemaphorePermit<'a>,
    _ticket: SemaphorePermit<'a>,
}

/// The limits of one feature, independent of all others.
#[derive(Debug)]
pub(super) struct Bulkhead {
    /// One for each request inside or in the queue.
    tickets: Semaphore,
    /// One for each request inside.
    places: Semaphore,
    terms: Terms,
    admitted: AtomicU64,
    shed: AtomicU64,
}

impl Bulkhead {
    /// A bulkhead with these limits.
    pub(super) fn new(limit: Limit, terms: Terms) -> Arc<Self> {
        Arc::new(Self {
            tickets: Semaphore::new(limit.concurrent.saturating_add(limit.queued)),
            places: Semaphore::new(limit.concurrent),
            terms,
            admitted: AtomicU64::new(0),
            shed: AtomicU64::new(0),
        })
    }

    /// Takes a place: at once, or in order of arrival within the queue's deadline.
    pub(super) async fn enter(&self) -> Result<Seat<'_>, Shed> {
        let seat = async {
            let _ticket = self.tickets.try_acquire().map_err(|_| Shed)?;
            let place = timeout(self.terms.queue_deadline, self.places.acquire()).await;
            Ok(Seat {
                _place: place.map_err(|_| Shed)?.map_err(|_| Shed)?,
                _ticket,
            })
        };
        let seat = seat.await;
        let counter = if seat.is_ok() {
            &self.admitted
        } else {
            &self.shed
        };
        counter.fetch_add(1, Ordering::Relaxed);
        seat
    }

    /// Requests that got a place, and requests that did not.
    pub(super) fn counts(&self) -> (u64, u64) {
        (
            self.admitted.load(Ordering::Relaxed),
            self.shed.load(Ordering::Relaxed),
        )
    }
}

/// Middleware: admits the request or sheds it with 503 and `Retry-After`.
pub(super) async fn admit(
    State(bulkhead): State<Arc<Bulkhead>>,
    request: Request,
    next: Next,
) -> Response {
    let deadline = Instant::now() + bulkhead.terms.deadline;
    // The body is read before a place is taken: a client that sends slowly holds nothing.
    let request = match timeout_at(deadline, buffered(request)).await {
        Ok(Ok(request)) => request,
        Ok(Err(refusal)) => return refusal.into_response(),
        Err(_) => return Refusal::Malformed("the body did not arrive in time").into_response(),
    };
    let busy = || {
        Refusal::Busy {
            retry_after: bulkhead.terms.retry_after,
        }
        .into_response()
    };
    let Ok(_seat) = bulkhead.enter().await else {
        return busy();
    };
    timeout_at(deadline, next.run(request))
        .await
        .unwrap_or_else(|_| busy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulkhead(concurrent: usize, queued: usize) -> Arc<Bulkhead> {
        Bulkhead::new(Limit { concurrent, queued }, Terms::default())
    }

    #[tokio::test(start_paused = true)]
    async fn sheds_at_once_when_the_queue_is_full_and_late_when_it_stands_still() {
        let bulkhead = bulkhead(1, 1);
        let seat = bulkhead.enter().await.unwrap();
        let start = Instant::now();
        let queued = tokio::spawn({
            let bulkhead = Arc::clone(&bulkhead);
            async move { bulkhead.enter().await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert_eq!(bulkhead.enter().await.map(drop), Err(Shed));
        assert_eq!(start.elapsed(), Duration::ZERO, "the third is told at once");
        assert_eq!(queued.await.unwrap(), Err(Shed));
        assert!(
            start.elapsed() >= bulkhead.terms.queue_deadline,
            "the second waited its deadline"
        );
        drop(seat);
        assert!(
            bulkhead.enter().await.is_ok(),
            "places and tickets come back"
        );
        assert_eq!(bulkhead.counts(), (2, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_gets_the_place_that_comes_free() {
        let bulkhead = bulkhead(1, 1);
        let seat = bulkhead.enter().await.unwrap();
        let queued = tokio::spawn({
            let bulkhead = Arc::clone(&bulkhead);
            async move { bulkhead.enter().await.map(drop) }
        });
        tokio::time::sleep(bulkhead.terms.queue_deadline / 2).await;
        drop(seat);
        assert_eq!(queued.await.unwrap(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bulkhead_never_lets_more_in_than_it_has_places() {
        let bulkhead = bulkhead(3, 100);
        let inside = Arc::new(AtomicU64::new(0));
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (bulkhead, inside) = (Arc::clone(&bulkhead), Arc::clone(&inside));
            crowd.spawn(async move {
                let Ok(_seat) = bulkhead.enter().await else {
                    return 0;
                };
                let now = inside.fetch_add(1, Ordering::SeqCst) + 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
                inside.fetch_sub(1, Ordering::SeqCst);
                now
            });
        }
        let most = crowd.join_all().await.into_iter().max();
        assert_eq!(most, Some(3));
    }
}
