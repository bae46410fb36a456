//! Waiting until an instant, finer than tokio's timers, which wake up to two milliseconds late: a toxic's
//! delay should be right to the fraction of one. All connections of a thread share one timer.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    future::{pending, poll_fn},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tokio::time::{Instant, sleep_until};

use crate::fine_timer::FineTimer;

thread_local! {
    /// What this thread waits for, while it has a [`ring`].
    static BOOK: RefCell<Option<Book>> = const { RefCell::new(None) };
}

/// Who waits until when.
#[derive(Debug, Default)]
struct Book {
    waiting: BTreeMap<(Instant, u64), Waker>,
    number: u64,
    /// When the timer wakes us up.
    armed: Option<Instant>,
    /// Something is due before that.
    earlier: bool,
    ringer: Option<Waker>,
}

impl Book {
    fn wait(&mut self, at: Instant, waker: Waker) -> u64 {
        self.number += 1;
        self.waiting.insert((at, self.number), waker);
        if self.armed.is_none_or(|armed| at < armed) {
            self.armed = Some(at);
            self.earlier = true;
            if let Some(ringer) = self.ringer.take() {
                ringer.wake();
            }
        }
        self.number
    }

    /// Wakes up for whom it is time; when it will be for the next.
    fn wake_due(&mut self, now: Instant) -> Option<Instant> {
        while let Some(first) = self
            .waiting
            .first_entry()
            .filter(|first| first.key().0 <= now)
        {
            first.remove().wake();
        }
        self.earlier = false;
        self.armed = self.waiting.first_key_value().map(|((at, _), _)| *at);
        self.armed
    }

    fn poll_earlier(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.earlier {
            return Poll::Ready(());
        }
        self.ringer = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// While it lives there is a book; nobody may write into one that nobody reads.
struct Open;

impl Drop for Open {
    fn drop(&mut self) {
        // a thread that ends has none any more
        let _ = BOOK.try_with(RefCell::take);
    }
}

/// Wakes up the alarms of this thread, for ever. Without it, or where the process has no descriptor left
/// for it, they are tokio's timers.
pub(super) async fn ring() {
    let Ok(mut timer) = FineTimer::new() else {
        return;
    };
    BOOK.set(Some(Book::default()));
    let _open = Open;
    loop {
        let now = Instant::now();
        let next = BOOK.with_borrow_mut(|book| book.as_mut().and_then(|book| book.wake_due(now)));
        let due = async {
            match next {
                Some(at) => timer.sleep(at.saturating_duration_since(now)).await,
                None => pending().await,
            }
        };
        let earlier = poll_fn(|cx| {
            BOOK.with_borrow_mut(|book| match book {
                Some(book) => book.poll_earlier(cx),
                None => Poll::Pending,
            })
        });
        tokio::select! { () = due => {} () = earlier => {} }
    }
}

/// Waits until then; never less.
pub(super) async fn until(at: Instant) {
    if BOOK.with_borrow(Option::is_some) {
        Alarm { at, number: None }.await;
    } else {
        sleep_until(at).await;
    }
}

struct Alarm {
    at: Instant,
    /// Its place in the book.
    number: Option<u64>,
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.at {
            return Poll::Ready(());
        }
        BOOK.with_borrow_mut(|book| {
            let Some(book) = book else { return };
            let waiting = self
                .number
                .and_then(|number| book.waiting.get_mut(&(self.at, number)));
            match waiting {
                Some(waker) => waker.clone_from(cx.waker()),
                None => self.number = Some(book.wait(self.at, cx.waker().clone())),
            }
        });
        Poll::Pending
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            // a thread that ends has no book any more
            let _ = BOOK.try_with(|book| {
                let mut book = book.borrow_mut();
                book.as_mut()
                    .and_then(|book| book.waiting.remove(&(self.at, number)))
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[tokio::test]
    async fn alarms_ring_and_never_early() {
        let ringing = tokio::spawn(ring());
        tokio::task::yield_now().await;
        assert!(BOOK.with_borrow(Option::is_some));
        let start = Instant::now();
        let wait = async |n: u64| {
            until(start + ms(n)).await;
            assert!(start.elapsed() >= ms(n), "{n} ms");
        };
        let given_up = async {
            tokio::select! { () = until(start + ms(1)) => {} () = tokio::task::yield_now() => {} }
        };
        tokio::join!(wait(9), wait(3), given_up, wait(0), wait(6));
        assert!(BOOK.with_borrow(|book| book.as_ref().is_some_and(|book| book.waiting.is_empty())));
        ringing.abort();
        let ended = ringing.await;
        assert!(ended.is_err_and(|error| error.is_cancelled()));
        assert!(BOOK.with_borrow(Option::is_none));
    }

    #[tokio::test(start_paused = true)]
    async fn the_timer_is_set_for_the_earliest() {
        let start = Instant::now();
        let mut book = Book::default();
        let wait = |book: &mut Book, n| {
            book.wait(start + ms(n), Waker::noop().clone());
            book.earlier
        };
        assert!(wait(&mut book, 3));
        assert_eq!(book.wake_due(start), Some(start + ms(3)));
        assert!(!wait(&mut book, 5), "it can wait");
        assert!(wait(&mut book, 1));
        assert_eq!(book.wake_due(start + ms(1)), Some(start + ms(3)));
        assert_eq!(book.wake_due(start + ms(5)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn elsewhere_they_are_timers_of_the_runtime() {
        let start = Instant::now();
        until(start + ms(500)).await;
        assert_eq!(start.elapsed(), ms(500));
    }
}
