//! Looking something up through a cache: each for himself, or all together.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::cache::{Cache, Found};
use super::config::{Hardened, Mode};
use super::flights::Flights;
use crate::stage::refusal::Refusal;

/// Entries that a cache may hold.
const ENTRIES: usize = 10_000;

/// Whether an old answer will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// No.
    Fresh,
    /// Yes, until there is a new one.
    Stale,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen<T> {
    pub(super) value: T,
    /// It is an old answer.
    pub(super) stale: bool,
}

/// A cache and how it is filled.
#[derive(Debug)]
pub(super) struct Lookup<T> {
    cache: Arc<Cache<T>>,
    together: Option<Together<T>>,
}

/// One question for all who miss the same thing.
#[derive(Debug)]
struct Together<T> {
    flights: Arc<Flights<Result<T, Refusal>>>,
    retry_after: Duration,
}

impl<T: Clone + Send + Sync + 'static> Lookup<T> {
    /// A naive one asks for itself at each miss and knows nothing stale.
    pub(super) fn new(mode: &Mode, idle: Duration) -> Self {
        let (keep, together) = match mode {
            Mode::Naive(_) => (idle, None),
            Mode::Hardened(Hardened {
                terms,
                keep,
                flights,
            }) => {
                let together = Together {
                    flights: Flights::new(*flights),
                    retry_after: terms.retry_after,
                };
                (idle.max(*keep), Some(together))
            }
        };
        Self {
            cache: Arc::new(Cache::new(idle, keep, ENTRIES)),
            together,
        }
    }

    /// Looks `key` up; `ask` is the question when it is not known.
    pub(super) async fn get<Q>(
        &self,
        key: &str,
        wanted: Wanted,
        ask: impl FnOnce() -> Q,
    ) -> Result<Seen<T>, Refusal>
    where
        Q: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        let known = match self.cache.look(key, Instant::now()) {
            Found::Fresh(value) => {
                return Ok(Seen {
                    value,
                    stale: false,
                });
            }
            Found::Stale(value) => Some(value),
            Found::Missing => None,
        };
        let cache = Arc::clone(&self.cache);
        let name = key.to_owned();
        let question = || {
            let asked = ask();
            async move {
                let value = asked.await?;
                cache.put(&name, value.clone(), Instant::now());
                Ok(value)
            }
        };
        let Some(Together {
            flights,
            retry_after,
        }) = &self.together
        else {
            let value = question().await?;
            return Ok(Seen {
                value,
                stale: false,
            });
        };
        let flight = flights.join(key, question);
        if let (Some(value), Wanted::Stale) = (known, wanted) {
            // the flight, if there is room for one, brings the news to those who come later
            return Ok(Seen { value, stale: true });
        }
        let busy = Refusal::Busy {
            retry_after: *retry_after,
        };
        let ticket = flight.map_err(|_| busy)?;
        let value = ticket.answer().await.ok_or(Refusal::Internal)??;
        Ok(Seen {
            value,
            stale: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::task::JoinSet;

    use super::*;
    use crate::stage::Naive;

    const IDLE: Duration = Duration::from_secs(10);

    fn naive() -> Arc<Lookup<u32>> {
        Arc::new(Lookup::new(&Mode::Naive(Naive::default()), IDLE))
    }

    fn hardened() -> Arc<Lookup<u32>> {
        Arc::new(Lookup::new(&Mode::Hardened(Hardened::default()), IDLE))
    }

    /// Ten who ask at once for the same thing, which takes a second: how often it was asked for, and
    /// whether all were shown something old.
    async fn ten(lookup: &Arc<Lookup<u32>>, wanted: Wanted) -> (u32, bool) {
        let asked = Arc::new(AtomicU32::new(0));
        let mut all = JoinSet::new();
        for _ in 0..10 {
            let (lookup, asked) = (Arc::clone(lookup), Arc::clone(&asked));
            all.spawn(async move {
                let question = || async move {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    Ok(asked.fetch_add(1, Ordering::SeqCst))
                };
                lookup.get("a", wanted, question).await.unwrap().stale
            });
        }
        let stale = all.join_all().await.into_iter().all(|stale| stale);
        tokio::time::sleep(Duration::from_secs(2)).await;
        (asked.load(Ordering::SeqCst), stale)
    }

    #[tokio::test(start_paused = true)]
    async fn a_naive_miss_is_paid_by_everybody_and_a_hardened_one_once() {
        assert_eq!(ten(&naive(), Wanted::Stale).await, (10, false));
        assert_eq!(ten(&hardened(), Wanted::Stale).await, (1, false));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_silence_old_answers_are_shown_while_one_asks() {
        let hardened = hardened();
        ten(&hardened, Wanted::Fresh).await;
        tokio::time::sleep(IDLE).await;
        assert_eq!(ten(&hardened, Wanted::Stale).await, (1, true));
        assert_eq!(ten(&hardened, Wanted::Stale).await, (0, false), "news came");
        tokio::time::sleep(IDLE).await;
        assert_eq!(
            ten(&hardened, Wanted::Fresh).await,
            (1, false),
            "writes wait"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_passed_on_and_not_kept() {
        let hardened = hardened();
        let refused = hardened.get("a", Wanted::Fresh, || async { Err(Refusal::NotFound) });
        assert!(matches!(refused.await, Err(Refusal::NotFound)));
        let seen = hardened.get("a", Wanted::Fresh, || async { Ok(7) }).await;
        assert_eq!(seen.unwrap().value, 7);
    }
}
