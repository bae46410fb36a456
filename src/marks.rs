//! Whose doing it was that a request of our own got no answer: fault proxies note here which ones
//! they held or ended, and a client that was reset, or gave up waiting, asks. Requests go by their id,
//! questions about names by the address that they came from, handshakes likewise.

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::seed::Seed;

/// So that those who ask at the same time seldom wait for each other.
const SHARDS: u64 = 16;
/// So many marks a shard; the oldest go first. Each is taken by its client within its timeout.
const MOST: usize = 4_000;

/// How the text begins by which an answer about a name says that a fault made it (RFC 8914); the
/// fault's name follows.
pub const FAULT_TEXT: &str = "brownout fault ";

/// The mark of a TLS handshake with who dials from this address.
#[must_use]
pub fn handshake_from(addr: SocketAddr) -> String {
    format!("tls {addr}")
}

/// What a fault did to a request that got no answer by which it could tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// It was held for a while.
    Held,
    /// Its connection was ended.
    Ended,
}

/// The marks of a run.
#[derive(Debug, Default)]
pub struct Marks([Mutex<Shard>; SHARDS as usize]);

#[derive(Debug, Default)]
struct Shard {
    marks: HashMap<Box<str>, Touch>,
    order: VecDeque<Box<str>>,
}

impl Marks {
    fn shard(&self, id: &str) -> MutexGuard<'_, Shard> {
        let index = usize::try_from(Seed(0).named(id).0 % SHARDS).unwrap_or(0);
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what was done to a request.
    pub fn note(&self, id: &str, touch: Touch) {
        let mut shard = self.shard(id);
        if shard.marks.insert(id.into(), touch).is_none() {
            shard.order.push_back(id.into());
        }
        // what was taken meanwhile is still in the order
        while shard.order.len() > MOST {
            if let Some(oldest) = shard.order.pop_front() {
                shard.marks.remove(&oldest);
            }
        }
    }

    /// What was done to a request; then it is forgotten.
    pub fn take(&self, id: &str) -> Option<Touch> {
        self.shard(id).marks.remove(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_when_there_are_too_many() {
        let marks = Marks::default();
        for n in 0..MOST * 40 {
            marks.note(&n.to_string(), Touch::Held);
        }
        let kept: usize = marks
            .0
            .iter()
            .map(|s| s.lock().expect("it").marks.len())
            .sum();
        assert_eq!(kept, MOST * 16);
        let last = (MOST * 40 - 1).to_string();
        marks.note(&last, Touch::Ended);
        assert_eq!(marks.take(&last), Some(Touch::Ended));
        assert_eq!(marks.take(&last), None);
        assert_eq!(marks.take("0"), None);
    }
}
