//! Messages that wait to be read, in bounded memory.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// One short message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// What the phone shows.
    pub(super) text: String,
    /// The code in it, when there is one.
    pub(super) otp: Option<String>,
}

/// The limits that keep the memory of an inbox bounded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Messages kept for one mobile; the oldest goes first.
    pub(super) per_mobile: usize,
    /// Messages kept in all; the oldest goes first.
    pub(super) total: usize,
    /// How long a message is kept.
    pub(super) keep: Duration,
}

/// Newest messages by mobile number. Pure: the caller says what time it is.
#[derive(Debug)]
pub(super) struct Inbox {
    limits: Limits,
    phones: HashMap<String, VecDeque<(u64, Instant, Message)>>,
    /// Every stored message in order of arrival; one that its phone has dropped already is skipped.
    order: VecDeque<(u64, Instant, String)>,
    next: u64,
}

impl Inbox {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            phones: HashMap::new(),
            order: VecDeque::new(),
            next: 0,
        }
    }

    /// Stores a message and forgets what is too old or too much.
    pub(super) fn store(&mut self, mobile: String, message: Message, now: Instant) {
        let id = self.next;
        self.next += 1;
        let phone = self.phones.entry(mobile.clone()).or_default();
        phone.push_back((id, now, message));
        if phone.len() > self.limits.per_mobile {
            phone.pop_front();
        }
        self.order.push_back((id, now, mobile));
        self.forget(now);
    }

    /// The newest message of a phone that is not too old.
    pub(super) fn newest(&self, mobile: &str, now: Instant) -> Option<&Message> {
        let (_, at, message) = self.phones.get(mobile)?.back()?;
        (now.duration_since(*at) < self.limits.keep).then_some(message)
    }

    /// How many entries are remembered, for `/healthz` and for the tests of the bound.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    fn forget(&mut self, now: Instant) {
        while let Some((id, at, mobile)) = self.order.front() {
            let old = now.duration_since(*at) >= self.limits.keep;
            if !old && self.order.len() <= self.limits.total {
                break;
            }
            if let Some(phone) = self.phones.get_mut(mobile) {
                if phone.front().is_some_and(|(first, _, _)| first == id) {
                    phone.pop_front();
                }
                if phone.is_empty() {
                    self.phones.remove(mobile);
                }
            }
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        per_mobile: 2,
        total: 5,
        keep: Duration::from_secs(10),
    };

    fn message(text: &str) -> Message {
        Message {
            text: text.into(),
            otp: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn newest_message_wins_and_ages_out() {
        let mut inbox = Inbox::new(LIMITS);
        let start = Instant::now();
        assert_eq!(inbox.newest("1", start), None);
        for text in ["a", "b", "c"] {
            inbox.store("1".into(), message(text), start);
        }
        assert_eq!(inbox.newest("1", start), Some(&message("c")));
        assert_eq!(inbox.newest("2", start), None);
        assert_eq!(inbox.phones["1"].len(), 2, "bounded per mobile");
        assert_eq!(inbox.newest("1", start + LIMITS.keep), None);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_stays_bounded() {
        let mut inbox = Inbox::new(LIMITS);
        let start = Instant::now();
        for mobile in 0..100 {
            inbox.store(mobile.to_string(), message("x"), start);
        }
        assert_eq!(inbox.len(), 5);
        assert_eq!(inbox.phones.len(), 5, "an emptied phone is forgotten");
        inbox.store("last".into(), message("y"), start + LIMITS.keep);
        assert_eq!(inbox.len(), 1, "what is too old goes with the next arrival");
        assert_eq!(inbox.phones.len(), 1);
    }
}
