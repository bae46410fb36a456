//! Waiting beside something busy.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Acquire, Ordering::Release},
    },
    task::{Context, Poll, Wake, Waker},
};

/// A future that is polled only when it was woken itself. A connection that is busy is polled for each
/// chunk of bytes, and to ask each time whether a fault came or the link was closed would take two
/// locks that all connections share; this takes a look at a flag.
pub(super) struct Aside<'a, F> {
    future: Pin<&'a mut F>,
    bell: Option<(Arc<Bell>, Waker)>,
}

struct Bell {
    rung: AtomicBool,
    task: Waker,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Release);
        self.task.wake_by_ref();
    }
}

impl<'a, F> Aside<'a, F> {
    pub(super) const fn new(future: Pin<&'a mut F>) -> Self {
        Self { future, bell: None }
    }
}

impl<F: Future> Future for Aside<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        let waker = match &this.bell {
            Some((bell, waker)) if bell.task.will_wake(cx.waker()) => {
                if !bell.rung.load(Acquire) {
                    return Poll::Pending;
                }
                // before it is polled: what rings from now on is for the next time
                bell.rung.store(false, Release);
                waker
            }
            _ => {
                let bell = Arc::new(Bell {
                    rung: AtomicBool::new(false),
                    task: cx.waker().clone(),
                });
                let waker = Waker::from(Arc::clone(&bell));
                &this.bell.insert((bell, waker)).1
            }
        };
        this.future.as_mut().poll(&mut Context::from_waker(waker))
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, pin::pin};

    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn it_is_polled_when_it_was_woken_and_only_then() {
        let (tell, told) = oneshot::channel();
        let mut polled = 0;
        let mut told = pin!(told);
        let counted = pin!(poll_fn(|cx| {
            polled += 1;
            told.as_mut().poll(cx)
        }));
        let mut aside = Aside::new(counted);
        let mut tell = Some(tell);
        let mut turns = 0;
        let heard = poll_fn(|cx| {
            turns += 1;
            if turns == 10
                && let Some(tell) = tell.take()
            {
                tell.send(7).expect("it is heard");
            }
            // a busy connection
            cx.waker().wake_by_ref();
            Pin::new(&mut aside).poll(cx)
        });
        assert_eq!(heard.await, Ok(7));
        assert_eq!((turns, polled), (10, 2));
    }

    #[tokio::test]
    async fn another_task_may_go_on_with_it() {
        let (tell, told) = oneshot::channel();
        let told = pin!(told);
        let mut aside = Aside::new(told);
        let mut first = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut aside).poll(&mut first).is_pending());
        let (heard, sent) = tokio::join!(aside, async { tell.send(7) });
        assert_eq!((heard, sent), (Ok(7), Ok(())));
    }
}
