//! A timer finer than tokio's, whose wheel turns once a millisecond: a `timerfd` where there is
//! one, tokio's own elsewhere.

#[cfg(target_os = "linux")]
pub(super) use linux::FineTimer;
#[cfg(not(target_os = "linux"))]
pub(super) use portable::FineTimer;

#[cfg(target_os = "linux")]
mod linux {
    use std::{io, os::fd::OwnedFd, time::Duration};

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::{Interest, unix::AsyncFd};

    /// A timer of the runtime that it was made on.
    #[derive(Debug)]
    pub(in crate::load) struct FineTimer(AsyncFd<OwnedFd>);

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
        pub(in crate::load) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            Ok(Self(register(timerfd_create(
                TimerfdClockId::Monotonic,
                flags,
            )?)?))
        }

        /// Waits so long: timerfd_create(2), exact but for the time that waking up takes.
        pub(in crate::load) async fn sleep(&mut self, span: Duration) {
            // a setting of zero would disarm the timer
            let span = span.max(Duration::from_nanos(1));
            if self.arm(span).is_err() || self.expire().await.is_err() {
                tokio::time::sleep(span).await;
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

        /// Reads the count of expiries, which makes the descriptor unreadable again.
        async fn expire(&mut self) -> io::Result<()> {
            loop {
                let mut ready = self.0.readable_mut().await?;
                let mut count = [0; 8];
                let read = ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut count)?));
                if let Ok(read) = read {
                    return read.map(|_| ());
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use std::{io, time::Duration};

    /// A timer of the runtime that it was made on.
    #[derive(Debug)]
    pub(in crate::load) struct FineTimer;

    impl FineTimer {
        /// # Errors
        /// None.
        pub(in crate::load) const fn new() -> io::Result<Self> {
            Ok(Self)
        }

        /// Waits so long, rounded up to whole milliseconds by tokio.
        pub(in crate::load) async fn sleep(&mut self, span: Duration) {
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
