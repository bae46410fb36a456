//! A limiter that misfires: so many requests in each window of time.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::matching::{Seen, person};
use crate::{
    scenario::model::{Person, RateWindow},
    seed::Seed,
};

/// So many people are told apart; who comes when there are more is let through.
const MOST_PEOPLE: usize = 100_000;

/// Counts requests by person in fixed windows, which begin with the first request after injection.
#[derive(Debug)]
pub(in crate::fault::http) struct Limiter {
    limit: u64,
    per: Duration,
    by: Option<Person>,
    seed: Seed,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    begin: Option<Instant>,
    window: u128,
    /// By a hash of the person: two in 2^64 may share a count.
    people: HashMap<u64, u64>,
}

impl Limiter {
    pub(super) fn new(window: &RateWindow, seed: Seed) -> Self {
        Self {
            limit: window.limit,
            per: window.per,
            by: window.by.clone(),
            seed: seed.named("limit"),
            counts: Mutex::default(),
        }
    }

    /// Counts a request; whether it is above the limit.
    pub(super) fn refuses(&self, seen: &Seen<'_>, now: Instant) -> bool {
        let who = self.by.as_ref().and_then(|by| person(by, seen));
        let who = who.map_or(0, |who| self.seed.named(&who).0);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now.saturating_duration_since(*counts.begin.get_or_insert(now));
        let window = since.as_nanos() / self.per.as_nanos().max(1);
        if window != counts.window {
            counts.window = window;
            counts.people.clear();
        }
        if counts.people.len() >= MOST_PEOPLE && !counts.people.contains_key(&who) {
            return false;
        }
        let count = counts.people.entry(who).or_default();
        *count += 1;
        *count > self.limit
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner) = Counts::default();
    }
}
