//! The tasks that walk journeys. One is started when all others are busy, and then walks one
//! journey after the other: a new task for each arrival would be half the work of a small request.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::Future,
    rc::Rc,
    task::{Poll, Waker},
};

use tokio::task::spawn_local;

/// So many idle tasks are kept for later; the rest of a flood's end.
const KEPT: usize = 4_096;

/// Walks what it is given, each in one of its tasks, as soon as the runtime lets it.
pub(super) struct Walkers<T> {
    waiting: RefCell<VecDeque<T>>,
    idle: RefCell<Vec<Rc<Seat>>>,
    /// Given and not ended.
    busy: Cell<u64>,
}

/// Where an idle task is found.
#[derive(Default)]
struct Seat {
    waker: RefCell<Option<Waker>>,
    /// It stands in the list of the idle ones. A task may be polled while it does: what a journey
    /// waited for can wake it long after the journey has ended. It must not then be listed twice.
    listed: Cell<bool>,
}

impl<T: 'static> Walkers<T> {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            waiting: RefCell::default(),
            idle: RefCell::default(),
            busy: Cell::new(0),
        })
    }

    /// How many were given and have not ended.
    pub(super) fn busy(&self) -> u64 {
        self.busy.get()
    }

    /// Whether somebody who was given has not yet had a turn.
    pub(super) fn is_behind(&self) -> bool {
        !self.waiting.borrow().is_empty()
    }

    /// Lets one of the tasks `walk` this one. Must be called on a `LocalSet`; what it drops is
    /// dropped where it is.
    pub(super) fn give<F, W>(self: &Rc<Self>, one: T, walk: F)
    where
        F: Fn(T) -> W + 'static,
        W: Future<Output = ()> + 'static,
    {
        self.busy.set(self.busy.get() + 1);
        self.waiting.borrow_mut().push_back(one);
        let idle = self.idle.borrow_mut().pop();
        match idle {
            Some(seat) => {
                seat.listed.set(false);
                if let Some(waker) = seat.waker.take() {
                    waker.wake();
                }
            }
            None => drop(spawn_local(Rc::clone(self).work(walk))),
        }
    }

    async fn work<F, W>(self: Rc<Self>, walk: F)
    where
        F: Fn(T) -> W,
        W: Future<Output = ()> + 'static,
    {
        let seat = Rc::new(Seat::default());
        while let Some(one) = self.next(&seat).await {
            walk(one).await;
            self.busy.set(self.busy.get() - 1);
        }
    }

    /// The next one to walk; `None` when there are enough idle tasks without this one.
    fn next(&self, seat: &Rc<Seat>) -> impl Future<Output = Option<T>> {
        std::future::poll_fn(|cx| {
            if !seat.listed.get() {
                if let Some(one) = self.waiting.borrow_mut().pop_front() {
                    return Poll::Ready(Some(one));
                }
                let mut idle = self.idle.borrow_mut();
                if idle.len() >= KEPT {
                    return Poll::Ready(None);
                }
                seat.listed.set(true);
                idle.push(Rc::clone(seat));
            }
            seat.waker.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::LocalSet;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_is_walked_once_and_tasks_are_used_again() {
        let walkers = Walkers::new();
        let walked = Rc::new(RefCell::new(Vec::new()));
        let tasks = Rc::new(Cell::new(0));
        let local = LocalSet::new();
        local
            .run_until(async {
                for round in 0..10_u32 {
                    for k in 0..5 {
                        let walked = Rc::clone(&walked);
                        let begun = OnDrop::new(&tasks);
                        walkers.give(round * 5 + k, move |n| {
                            let _lives_as_long_as_its_task = &begun;
                            let walked = Rc::clone(&walked);
                            async move {
                                tokio::time::sleep(Duration::from_millis(u64::from(n % 3))).await;
                                walked.borrow_mut().push(n);
                            }
                        });
                    }
                    assert_eq!(walkers.busy(), 5);
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    assert_eq!(walkers.busy(), 0);
                }
            })
            .await;
        let mut walked = walked.take();
        walked.sort_unstable();
        assert_eq!(walked, (0..50).collect::<Vec<_>>());
        assert_eq!(tasks.get(), 5, "tasks that are still there");
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_woken_for_nothing_is_listed_once() {
        let walkers = Walkers::new();
        let stale = Rc::new(RefCell::new(None::<Waker>));
        let walked = Rc::new(RefCell::new(Vec::new()));
        let walk = {
            let (stale, walked) = (Rc::clone(&stale), Rc::clone(&walked));
            move |n: u32| {
                let (stale, walked) = (Rc::clone(&stale), Rc::clone(&walked));
                async move {
                    std::future::poll_fn(|cx| {
                        stale.replace(Some(cx.waker().clone()));
                        Poll::Ready(())
                    })
                    .await;
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    walked.borrow_mut().push(n);
                }
            }
        };
        let local = LocalSet::new();
        local
            .run_until(async {
                walkers.give(0, walk.clone());
                tokio::time::sleep(Duration::from_secs(1)).await;
                stale.borrow().as_ref().expect("walked").wake_by_ref();
                tokio::time::sleep(Duration::from_secs(1)).await;
                assert_eq!(walkers.idle.borrow().len(), 1);
                // two at once: the second must not wait for the first one's task
                walkers.give(1, walk.clone());
                walkers.give(2, walk.clone());
                tokio::time::sleep(Duration::from_millis(15)).await;
                assert_eq!(*walked.borrow(), [0, 1, 2]);
            })
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_does_not_leave_its_tasks_behind() {
        let walkers = Walkers::new();
        let local = LocalSet::new();
        local
            .run_until(async {
                for n in 0..3 * KEPT {
                    walkers.give(n, |_| tokio::time::sleep(Duration::from_millis(1)));
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            })
            .await;
        assert_eq!(walkers.busy(), 0);
        assert_eq!(walkers.idle.borrow().len(), KEPT);
    }

    /// Counts how many of its kind there are.
    struct OnDrop(Rc<Cell<u32>>);

    impl OnDrop {
        fn new(count: &Rc<Cell<u32>>) -> Self {
            count.set(count.get() + 1);
            Self(Rc::clone(count))
        }
    }

    impl Drop for OnDrop {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }
}
