//! Connections on which many requests are under way at once: those of HTTP/2 that a population's
//! members share.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use tokio::{
    sync::{Notify, OnceCell},
    time::{Instant, timeout_at},
};

use super::{
    http2::Conn,
    network::Lost,
    slots::{Key, Slot, Slots},
};
use crate::measure::Outcome;

/// The shared connections of one worker, by who shares them.
#[derive(Debug, Default)]
pub(super) struct Pools(RefCell<Vec<(Key, Rc<Pool>)>>);

/// The connections that the members of one population share to one service.
#[derive(Debug, Default)]
pub(super) struct Pool {
    open: RefCell<Vec<Rc<Shared>>>,
    pub(super) waiting: Cell<usize>,
    pub(super) freed: Notify,
}

/// How a population shares its connections to a service.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sharing {
    /// At most so many requests at a time on one.
    pub(super) streams: u32,
    /// One that is older is not used again.
    pub(super) age: Option<Duration>,
    /// One takes no more than so many requests.
    pub(super) requests: Option<u32>,
}

/// A shared connection, or the attempt to open it.
#[derive(Debug)]
struct Shared {
    /// The first who needs it opens it, the others wait for that. Nobody tries a second time.
    opened: OnceCell<Result<Conn, Lost>>,
    streams: Cell<u32>,
    begun: Instant,
    requests: Cell<u32>,
    // after the connection, so that the descriptor is free before the slot is
    _slot: Slot,
}

/// A stream of a shared connection, given back when dropped.
#[derive(Debug)]
pub(super) struct Stream {
    shared: Rc<Shared>,
    pool: Rc<Pool>,
    slots: Rc<Slots>,
}

impl Pools {
    pub(super) fn of(&self, key: Key) -> Rc<Pool> {
        let mut pools = self.0.borrow_mut();
        if let Some((_, pool)) = pools.iter().find(|(other, _)| *other == key) {
            return Rc::clone(pool);
        }
        let pool = Rc::new(Pool::default());
        pools.push((key, Rc::clone(&pool)));
        pool
    }

    /// Closes a connection on which nothing is under way; whether there was one.
    pub(super) fn close_idle(&self) -> bool {
        let pools = self.0.borrow();
        pools.iter().any(|(_, pool)| {
            let mut open = pool.open.borrow_mut();
            let idle = open.iter().position(|shared| shared.streams.get() == 0);
            idle.map(|at| open.swap_remove(at)).is_some()
        })
    }
}

impl Pool {
    /// A stream of a connection that takes one more.
    pub(super) fn stream(self: &Rc<Self>, slots: &Rc<Slots>, sharing: Sharing) -> Option<Stream> {
        self.forget(|shared| !shared.is_open() || shared.is_worn(sharing));
        let open = self.open.borrow();
        let mut open = open.iter();
        let free = open.find(|shared| shared.streams.get() < sharing.streams);
        free.map(|shared| Stream::new(self, slots, shared))
    }

    /// The first stream of a connection that is to be opened.
    pub(super) fn opening(self: &Rc<Self>, slots: &Rc<Slots>, slot: Slot) -> Stream {
        let shared = Rc::new(Shared {
            opened: OnceCell::new(),
            streams: Cell::new(0),
            begun: Instant::now(),
            requests: Cell::new(0),
            _slot: slot,
        });
        self.open.borrow_mut().push(Rc::clone(&shared));
        Stream::new(self, slots, &shared)
    }

    /// What has ended takes no more requests; those on it keep it until they are over.
    fn forget(&self, ended: impl Fn(&Shared) -> bool) {
        self.open.borrow_mut().retain(|shared| !ended(shared));
    }
}

impl Shared {
    /// Whether a request may still be tried on it.
    fn is_open(&self) -> bool {
        match self.opened.get() {
            Some(Ok(conn)) => conn.is_open(),
            Some(Err(_)) => false,
            None => true,
        }
    }

    fn is_worn(&self, sharing: Sharing) -> bool {
        sharing.age.is_some_and(|most| self.begun.elapsed() >= most)
            || sharing
                .requests
                .is_some_and(|most| self.requests.get() >= most)
    }
}

impl Stream {
    fn new(pool: &Rc<Pool>, slots: &Rc<Slots>, shared: &Rc<Shared>) -> Self {
        shared.streams.set(shared.streams.get() + 1);
        shared.requests.set(shared.requests.get() + 1);
        Self {
            shared: Rc::clone(shared),
            pool: Rc::clone(pool),
            slots: Rc::clone(slots),
        }
    }

    /// Whether the connection stands already.
    pub(super) fn stands(&self) -> bool {
        self.shared.opened.initialized()
    }

    /// The connection, opened by `open` unless somebody else does it already. How that fails is the
    /// outcome of all who wait for it.
    pub(super) async fn opened(
        &self,
        open: impl Future<Output = Result<Conn, Lost>>,
        deadline: Instant,
    ) -> Result<&Conn, Lost> {
        let opened = self.shared.opened.get_or_init(|| open);
        match timeout_at(deadline, opened).await {
            Ok(Ok(conn)) => Ok(conn),
            Ok(Err(lost)) => Err(*lost),
            Err(_) => Err(Outcome::TimeoutConnect.into()),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let left = self.shared.streams.get() - 1;
        self.shared.streams.set(left);
        self.pool.forget(|shared| !shared.is_open());
        self.pool.freed.notify_one();
        if left == 0 {
            self.slots.room_made();
        }
    }
}
