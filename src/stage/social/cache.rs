//! What was looked up lately. Pure but for its lock: time comes from the caller.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What a cache knows of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found<T> {
    /// In use: as good as what the store would say.
    Fresh(T),
    /// Nobody asked for it in a while, so nobody kept it up to date.
    Stale(T),
    /// Nothing.
    Missing,
}

#[derive(Debug)]
struct Entry<T> {
    value: T,
    used: Instant,
}

/// A bounded cache whose entries get cold when nobody asks for them.
#[derive(Debug)]
pub(super) struct Cache<T> {
    entries: Mutex<HashMap<String, Entry<T>>>,
    idle: Duration,
    keep: Duration,
    most: usize,
}

impl<T: Clone> Cache<T> {
    /// At most `most` entries; fresh until `idle` after their last use, and dropped `keep` after it.
    pub(super) fn new(idle: Duration, keep: Duration, most: usize) -> Self {
        Self {
            entries: Mutex::new(HashMap::new()),
            idle,
            keep,
            most: most.max(1),
        }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<String, Entry<T>>> {
        // whole after each call, so one that a panic left behind is still good
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks, which counts as use of what is fresh: what is stale must be looked up anew.
    pub(super) fn look(&self, key: &str, now: Instant) -> Found<T> {
        let mut entries = self.entries();
        let Some(entry) = entries.get_mut(key) else {
            return Found::Missing;
        };
        let unused = now.saturating_duration_since(entry.used);
        if unused < self.idle {
            entry.used = now;
            return Found::Fresh(entry.value.clone());
        }
        if unused < self.keep {
            return Found::Stale(entry.value.clone());
        }
        entries.remove(key);
        Found::Missing
    }

    /// Keeps a value, if need be in place of the one that was used least lately.
    pub(super) fn put(&self, key: &str, value: T, now: Instant) {
        let mut entries = self.entries();
        if entries.len() >= self.most && !entries.contains_key(key) {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                entries.remove(&oldest);
            }
        }
        entries.insert(key.to_owned(), Entry { value, used: now });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(10);
    const KEEP: Duration = Duration::from_secs(30);

    #[test]
    fn what_is_used_stays_fresh_and_what_is_not_gets_cold() {
        let cache = Cache::new(IDLE, KEEP, 10);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        cache.put("a", 1, start);
        assert_eq!(cache.look("a", at(9)), Found::Fresh(1));
        assert_eq!(cache.look("a", at(18)), Found::Fresh(1), "use keeps it");
        assert_eq!(cache.look("a", at(28)), Found::Stale(1));
        assert_eq!(
            cache.look("a", at(47)),
            Found::Stale(1),
            "a look at it does not"
        );
        assert_eq!(cache.look("a", at(48)), Found::Missing);
        assert_eq!(cache.look("b", at(48)), Found::Missing);
    }

    #[test]
    fn a_naive_cache_shows_nothing_stale() {
        let cache = Cache::new(IDLE, IDLE, 10);
        let start = Instant::now();
        cache.put("a", 1, start);
        assert_eq!(cache.look("a", start + IDLE), Found::Missing);
    }

    #[test]
    fn the_least_lately_used_makes_room() {
        let cache = Cache::new(IDLE, KEEP, 2);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        cache.put("a", 1, start);
        cache.put("b", 2, at(1));
        assert_eq!(cache.look("a", at(2)), Found::Fresh(1));
        cache.put("c", 3, at(3));
        assert_eq!(cache.look("b", at(3)), Found::Missing);
        cache.put("c", 4, at(4));
        assert_eq!(
            cache.look("a", at(4)),
            Found::Fresh(1),
            "a known key needs no room"
        );
        assert_eq!(cache.look("c", at(4)), Found::Fresh(4));
    }
}
