//! A timer finer than tokio's, whose wheel turns once a millisecond: a `timerfd` where there is
//! one, tokio's own elsewhere.

#[cfg(target_os = "linux")]
pub(crate) use linux::{FineTimer, sharpen};
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::{FineTimer, sharpen};

/// Lets the thread sleep, and everything on it with it.
pub(crate) fn block(span: std::time::Duration) {
    std::thread::sleep(span);
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{io, num::NonZeroU64, os::fd::OwnedFd, time::Duration};

    use rustix::thread::set_current_timer_slack;
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::{
        io::{Interest, unix::AsyncFd},
        time::Instant,
    };

    /// Has the kernel wake this thread in time, not up to 50 us later to spare a wake-up: prctl(2),
    /// `PR_SET_TIMERSLACK`. What it refuses costs a little precision.
    pub(crate) fn sharpen() {
        let _ = set_current_timer_slack(NonZeroU64::new(1));
    }

    /// A timer of the runtime that it was made on.
    #[derive(Debug)]
    pub(crate) struct FineTimer(AsyncFd<OwnedFd>);

    #[expect(
        deprecated,
        reason = "its successor is unsafe, for descriptors that change; an `OwnedFd` keeps its own"
    )]
    fn register(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
        AsyncFd::with_interest(fd, Interest::READABLE)
    }

    impl FineTimer {
        /// # Errors
        /// When the process has no descriptor left.
        pub(crate) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            Ok(Self(register(timerfd_create(
                TimerfdClockId::Monotonic,
                flags,
            )?)?))
        }

        /// Waits so long: timerfd_create(2), exact but for the time that waking up takes.
        pub(crate) async fn sleep(&mut self, span: Duration) {
            let until = Instant::now() + span;
            loop {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return;
                }
                if self.arm(left).is_err() || self.expired().await.is_err() {
                    tokio::time::sleep_until(until).await;
                }
            }
        }

        fn arm(&self, span: Duration) -> io::Result<()> {
            let zero = Duration::ZERO.try_into().map_err(io::Error::other)?;
            let value: Timespec = span.try_into().map_err(io::Error::other)?;
            let setting = Itimerspec {
                it_interval: zero,
                it_value: value,
            };
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &setting)?;
            Ok(())
        }

        /// Waits for an expiry, or for the news of an old one. The count of expiries is not read:
        /// the runtime polls for edges, and each expiry is one whether it is read or not.
        async fn expired(&mut self) -> io::Result<()> {
            self.0.readable_mut().await?.clear_ready();
            Ok(())
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use std::{io, time::Duration};

    /// Nothing is known here that would help.
    pub(crate) const fn sharpen() {}

    /// A timer of the runtime that it was made on.
    #[derive(Debug)]
    pub(crate) struct FineTimer;

    impl FineTimer {
        /// # Errors
        /// None.
        pub(crate) const fn new() -> io::Result<Self> {
            Ok(Self)
        }

        /// Waits so long, rounded up to whole milliseconds by tokio.
        pub(crate) async fn sleep(&mut self, span: Duration) {
            tokio::time::sleep(span).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::FineTimer;

    #[tokio::test]
    async fn never_wakes_too_early_and_can_be_used_again() {
        let mut timer = FineTimer::new().expect("a descriptor");
        for micros in [0, 1, 150, 3_000] {
            let span = Duration::from_micros(micros);
            let begun = Instant::now();
            timer.sleep(span).await;
            assert!(begun.elapsed() >= span, "{micros} us");
        }
    }

    #[tokio::test]
    async fn a_sleep_given_up_does_not_shorten_the_next() {
        let mut timer = FineTimer::new().expect("a descriptor");
        tokio::select! {
            biased;
            () = timer.sleep(Duration::from_micros(100)) => {}
            () = async {} => {}
        }
        // the first one has expired meanwhile, unread
        std::thread::sleep(Duration::from_millis(1));
        let begun = Instant::now();
        timer.sleep(Duration::from_millis(20)).await;
        assert!(begun.elapsed() >= Duration::from_millis(20));
    }
}
