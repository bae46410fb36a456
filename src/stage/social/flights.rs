//! One question for all who ask the same thing at the same time.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinSet;

/// Too many different questions are under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// The answer of a flight, when it has come.
#[derive(Debug)]
pub(super) struct Ticket<T>(watch::Receiver<Option<T>>);

impl<T: Clone> Ticket<T> {
    /// Waits for the answer; `None` when the flight was lost.
    pub(super) async fn answer(mut self) -> Option<T> {
        let arrived = self.0.wait_for(Option::is_some).await.ok()?;
        arrived.clone()
    }
}

/// Questions under way, each known by its key. A flight goes on when its passengers give up: those
/// who come later find the answer.
#[derive(Debug)]
pub(super) struct Flights<T> {
    air: Mutex<Air<T>>,
    most: usize,
}

#[derive(Debug)]
struct Air<T> {
    under_way: HashMap<String, watch::Receiver<Option<T>>>,
    tasks: JoinSet<()>,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// At most `most` different questions at a time.
    pub(super) fn new(most: usize) -> Arc<Self> {
        let air = Air {
            under_way: HashMap::new(),
            tasks: JoinSet::new(),
        };
        Arc::new(Self {
            air: Mutex::new(air),
            most: most.max(1),
        })
    }

    fn air(&self) -> MutexGuard<'_, Air<T>> {
        self.air.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the flight of this key, or begins it with `question`.
    ///
    /// # Errors
    /// When there is none and no more may begin.
    pub(super) fn join<Q>(
        self: &Arc<Self>,
        key: &str,
        question: impl FnOnce() -> Q,
    ) -> Result<Ticket<T>, Full>
    where
        Q: Future<Output = T> + Send + 'static,
    {
        let mut air = self.air();
        while air.tasks.try_join_next().is_some() {}
        if let Some(flight) = air.under_way.get(key) {
            return Ok(Ticket(flight.clone()));
        }
        if air.under_way.len() >= self.most {
            return Err(Full);
        }
        let (arrival, flight) = watch::channel(None);
        air.under_way.insert(key.to_owned(), flight.clone());
        // landed also when the question panics
        let landing = Landing {
            flights: Arc::downgrade(self),
            key: key.to_owned(),
        };
        let question = question();
        air.tasks.spawn(async move {
            let answer = question.await;
            drop(landing);
            // nobody may be waiting any more
            arrival.send_replace(Some(answer));
        });
        Ok(Ticket(flight))
    }
}

/// Takes a flight out of the air when dropped.
struct Landing<T: Clone + Send + Sync + 'static> {
    flights: std::sync::Weak<Flights<T>>,
    key: String,
}

impl<T: Clone + Send + Sync + 'static> Drop for Landing<T> {
    fn drop(&mut self) {
        if let Some(flights) = self.flights.upgrade() {
            flights.air().under_way.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn many_ask_and_one_question_is_made() {
        let flights = Flights::new(2);
        let made = Arc::new(AtomicU32::new(0));
        let ask = |key: &str| {
            let made = Arc::clone(&made);
            flights.join(key, || async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                made.fetch_add(1, Ordering::SeqCst)
            })
        };
        let first = ask("a").unwrap();
        let same = ask("a").unwrap();
        drop(ask("b").unwrap());
        assert_eq!(ask("c").map(drop), Err(Full));
        let (first, same) = tokio::join!(first.answer(), same.answer());
        assert!(first.is_some());
        assert_eq!(first, same);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(
            made.load(Ordering::SeqCst),
            2,
            "b flew without its passenger"
        );
        assert!(
            ask("c").unwrap().answer().await.is_some(),
            "there is room again"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_flight_is_noticed_and_begun_again() {
        let flights = Flights::<u32>::new(1);
        let lost = flights.join("a", || async { panic!("the question fails") });
        assert_eq!(lost.unwrap().answer().await, None);
        let next = flights.join("a", || async { 7 }).unwrap();
        assert_eq!(next.answer().await, Some(7));
    }
}
