//! How many connections may be open at once, and the idle ones that may be used again. A request
//! that finds no slot waits in line for one.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::{
    conn::Conn,
    streams::{Pools, Sharing, Stream},
};
use crate::plan::ServiceId;

/// Whose idle connection it is: the population's and the service's.
pub(super) type Key = (u16, ServiceId);

/// How the connections of one worker fare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Connections {
    /// Open or being opened.
    pub open: u64,
    /// How many may be.
    pub limit: u64,
    /// Requests that wait in line for one.
    pub waiting: u64,
    /// How many were opened since the beginning.
    pub opened: u64,
}

/// The slots of one worker.
#[derive(Debug)]
pub(super) struct Slots {
    limit: usize,
    open: Cell<usize>,
    opened: Cell<u64>,
    waiting: Cell<usize>,
    /// Who waits before the door, since the population may have no more connections.
    queued: Cell<usize>,
    idle: RefCell<Vec<(Key, Held)>>,
    pools: Pools,
    freed: Notify,
}

/// A slot, given back when dropped.
#[derive(Debug)]
pub(super) struct Slot(Rc<Slots>);

/// A connection and its slot.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) conn: Box<Conn>,
    pub(super) opened: Instant,
    /// How many it has carried.
    pub(super) requests: u32,
    // after the connection, so that the descriptor is free before the slot is
    _slot: Slot,
}

/// What a request was given.
pub(super) enum Grant {
    /// An idle connection.
    Kept(Held),
    /// Leave to open one.
    Fresh(Slot),
}

impl Slots {
    pub(super) fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self {
            limit: limit.max(1),
            open: Cell::new(0),
            opened: Cell::new(0),
            waiting: Cell::new(0),
            queued: Cell::new(0),
            idle: RefCell::new(Vec::new()),
            pools: Pools::default(),
            freed: Notify::new(),
        })
    }

    /// A connection or leave to open one; `None` when there was neither until the deadline.
    pub(super) async fn acquire(self: &Rc<Self>, key: Key, deadline: Instant) -> Option<Grant> {
        // who comes later does not overtake those who wait
        if self.waiting.get() == 0
            && let Some(grant) = self.try_acquire(key)
        {
            return Some(grant);
        }
        let _waiting = Waiting::new(&self.waiting);
        timeout_at(deadline, async {
            loop {
                self.freed.notified().await;
                if let Some(grant) = self.try_acquire(key) {
                    return grant;
                }
            }
        })
        .await
        .ok()
    }

    /// A stream of a shared connection, or of one that is to be opened; `None` when there was neither
    /// until the deadline.
    pub(super) async fn acquire_stream(
        self: &Rc<Self>,
        key: Key,
        sharing: Sharing,
        deadline: Instant,
    ) -> Option<Stream> {
        let pool = self.pools.of(key);
        let of_open = || pool.stream(self, sharing);
        let of_new = || Some(pool.opening(self, self.try_fresh()?));
        if pool.waiting.get() == 0 {
            let new = || (self.waiting.get() == 0).then(of_new).flatten();
            if let Some(stream) = of_open().or_else(new) {
                return Some(stream);
            }
        }
        let _waiting = (Waiting::new(&pool.waiting), Waiting::new(&self.waiting));
        timeout_at(deadline, async {
            loop {
                tokio::select! {
                    () = pool.freed.notified() => {}
                    () = self.freed.notified() => {}
                }
                if let Some(stream) = of_open().or_else(of_new) {
                    return stream;
                }
            }
        })
        .await
        .ok()
    }

    /// A shared connection has nothing to do: who needs room may close it.
    pub(super) fn room_made(&self) {
        if self.waiting.get() > 0 {
            self.freed.notify_one();
        }
    }

    pub(super) fn connections(&self) -> Connections {
        Connections {
            open: self.open.get() as u64,
            limit: self.limit as u64,
            waiting: (self.waiting.get() + self.queued.get()) as u64,
            opened: self.opened.get(),
        }
    }

    /// Counts one who waits for leave of its population's, as long as it is held.
    pub(super) fn queue(&self) -> Waiting<'_> {
        Waiting::new(&self.queued)
    }

    /// Keeps a connection for the next request of that key.
    pub(super) fn keep(&self, key: Key, held: Held) {
        self.idle.borrow_mut().push((key, held));
        self.freed.notify_one();
    }

    fn try_acquire(self: &Rc<Self>, key: Key) -> Option<Grant> {
        if let Some(held) = self.take_idle(|k| k == key) {
            return Some(Grant::Kept(held));
        }
        self.try_fresh().map(Grant::Fresh)
    }

    fn try_fresh(self: &Rc<Self>) -> Option<Slot> {
        if self.open.get() >= self.limit {
            // an idle connection to elsewhere makes room
            let made = self.take_idle(|_| true).is_some() || self.pools.close_idle();
            if !made {
                return None;
            }
        }
        self.open.set(self.open.get() + 1);
        self.opened.set(self.opened.get() + 1);
        Some(Slot(Rc::clone(self)))
    }

    /// The youngest idle connection that fits: the least likely to have been closed meanwhile.
    fn take_idle(&self, fits: impl Fn(Key) -> bool) -> Option<Held> {
        let mut idle = self.idle.borrow_mut();
        let at = idle.iter().rposition(|(key, _)| fits(*key))?;
        Some(idle.remove(at).1)
    }
}

impl Slot {
    pub(super) fn holding(self, conn: Conn) -> Held {
        Held {
            conn: Box::new(conn),
            opened: Instant::now(),
            requests: 0,
            _slot: self,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
        self.0.freed.notify_one();
    }
}

pub(super) struct Waiting<'a>(&'a Cell<usize>);

impl<'a> Waiting<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const KEY: Key = (0, ServiceId(0));

    #[tokio::test(start_paused = true)]
    async fn the_limit_holds_and_the_line_is_kept() {
        let slots = Slots::new(1);
        let soon = || Instant::now() + Duration::from_secs(1);
        let first = slots.acquire(KEY, soon()).await;
        assert!(matches!(first, Some(Grant::Fresh(_))));
        let (grant, seen) = tokio::join!(slots.acquire(KEY, soon()), async { slots.connections() });
        assert!(grant.is_none(), "none was freed");
        assert_eq!((seen.open, seen.waiting), (1, 1));

        let order = RefCell::new(Vec::new());
        let wait = async |name: &'static str| {
            let grant = slots.acquire(KEY, soon()).await;
            order.borrow_mut().push(name);
            drop(grant);
        };
        tokio::join!(wait("a"), wait("b"), async { drop(first) }, wait("c"));
        assert_eq!(*order.borrow(), ["a", "b", "c"]);
        let now = Connections {
            limit: 1,
            opened: 4,
            ..Connections::default()
        };
        assert_eq!(slots.connections(), now);
    }
}
