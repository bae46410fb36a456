//! A worker: releases arrivals, lets their journeys run, hands out what was measured.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender},
    task::LocalSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    brakes::Brakes,
    journey::walk,
    limits::{BATCH, CATCH_UP_LIMIT, IN_FLIGHT_JOURNEYS},
    pacer::{Pacer, turn},
    release::{Arrival, Release},
    script::Script,
    users::Ticket,
    walkers::Walkers,
};
use crate::{
    client::{Client, Connections},
    measure::{BinDelta, Injected, Latencies, Outcome, Recorder, Sample},
    time::{Clock, Offset},
};

/// How often the end is looked for once nothing more will start.
const LAST_LOOK: Duration = Duration::from_millis(5);

/// The distance between beats: see [`beat`].
const BEAT: Duration = Duration::from_millis(100);

/// What the journeys of one worker share. It never leaves the worker's thread.
pub(super) struct Shared<C> {
    pub(super) client: C,
    pub(super) clock: Clock,
    /// Nothing but first requests is begun from here on.
    pub(super) plan_end: Offset,
    pub(super) scripts: Vec<Script>,
    /// Each population's.
    pub(super) brakes: Vec<RefCell<Brakes>>,
    pub(super) recorder: RefCell<Recorder>,
    pub(super) lag: RefCell<Latencies>,
    /// Requests under way.
    pub(super) requests: Cell<u64>,
    /// Journeys under way, and those who walk them.
    pub(super) walkers: Rc<Walkers<Ticket>>,
    /// Arrivals that are due and not yet released.
    pub(super) overdue: Cell<u64>,
    /// How late the last arrival was started.
    pub(super) last_lag: Cell<Duration>,
}

/// What a worker measured since it was last asked.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) delta: BinDelta,
    pub(super) lag: Latencies,
    pub(super) in_flight: u64,
    pub(super) overdue: u64,
    pub(super) connections: Connections,
}

/// The worker's side of the handle.
pub(super) struct Port {
    pub(super) asked: UnboundedReceiver<()>,
    pub(super) reports: UnboundedSender<Report>,
    /// Users who want to walk.
    pub(super) tickets: UnboundedReceiver<Ticket>,
}

impl<C: Client> Shared<C> {
    /// How late an arrival of a population may be and still be sent: the target must be left the
    /// better part of the client's timeout, or its failures would be the harness's.
    pub(super) fn catch_up(&self, population: u16) -> Duration {
        let policy = &self.scripts[usize::from(population)].policy;
        CATCH_UP_LIMIT.min(policy.timeout / 2)
    }

    /// Counts an arrival that is not sent, as its first request and as a failed journey.
    pub(super) fn not_sent(&self, arrival: Arrival, outcome: Outcome) {
        let script = &self.scripts[usize::from(arrival.population)];
        let mut recorder = self.recorder.borrow_mut();
        recorder.record(&Sample {
            series: script.way(arrival.index).first_series,
            intended: arrival.intended,
            outcome,
            first: true,
            injected: Injected::No,
            response: self.clock.now().since(arrival.intended),
            service: None,
        });
        recorder.journey_ended(arrival.population, arrival.intended, false);
        self.last_lag.set(self.clock.now().since(arrival.intended));
    }

    /// Notes how late an arrival was started.
    pub(super) fn started(&self, late: Duration) {
        self.lag.borrow_mut().record(late);
        self.last_lag.set(late);
    }

    /// How far the worker is behind.
    pub(super) fn lag_now(&self) -> Duration {
        self.last_lag.get()
    }

    fn report(&self) -> Report {
        Report {
            delta: self.recorder.borrow_mut().take(),
            lag: self.lag.take(),
            in_flight: self.requests.get(),
            overdue: self.overdue.get(),
            connections: self.client.connections(),
        }
    }
}

/// Runs a worker to its end: all journeys ended, or the plan is over and its last requests with
/// it, or cancelled (then journeys are dropped where they are, and what was in flight is not
/// counted: the target did not fail it). `grace` is the longest timeout of a client.
pub(super) async fn run<C: Client + 'static>(
    shared: Rc<Shared<C>>,
    release: Release,
    pacer: Pacer,
    grace: Duration,
    mut port: Port,
    cancel: CancellationToken,
) {
    let local = LocalSet::new();
    let answer = async {
        while port.asked.recv().await.is_some() {
            // nobody listens any more: then nobody asks either
            let _ = port.reports.send(shared.report());
        }
        // the handle is gone; the load goes on until it is cancelled or over
        std::future::pending::<()>().await;
    };
    let load = async {
        tokio::join!(
            release_all(&shared, release, pacer),
            serve_users(&shared, port.tickets)
        );
        last_requests(&shared, grace).await;
    };
    local
        .run_until(async {
            tokio::select! {
                biased;
                () = cancel.cancelled() => {}
                () = answer => {}
                () = load => {}
                () = beat() => {}
            }
        })
        .await;
    // journeys still under way end here
    drop(local);
    let _ = port.reports.send(shared.report());
}

/// Never ends, and does nothing but to keep a timer that is due soon. tokio wakes its driver up (a
/// system call, and another round of polling) whenever a timer is set that is due before all
/// others; without a beat, that is the timeout of nearly every request.
async fn beat() {
    loop {
        tokio::time::sleep(BEAT).await;
    }
}

async fn release_all<C: Client + 'static>(
    shared: &Rc<Shared<C>>,
    mut release: Release,
    mut pacer: Pacer,
) {
    let mut started = 0;
    while let Some(due) = release.next_due() {
        if !pacer.reach(due, started).await || shared.walkers.is_behind() {
            // a worker that cannot keep up shows it as lag here, instead of starting ever more that
            // it cannot finish
            turn().await;
        }
        release.collect(shared.clock.now());
        started = 0;
        while started < BATCH
            && let Some(arrival) = release.pop()
        {
            if begin(shared, arrival, shared.walkers.busy()) {
                give(shared, Ticket::Arrival(arrival));
                started += 1;
            }
        }
        shared.overdue.set(release.overdue());
    }
}

/// Lets users walk until the plan is over, or there are none.
async fn serve_users<C: Client + 'static>(
    shared: &Rc<Shared<C>>,
    mut tickets: UnboundedReceiver<Ticket>,
) {
    let over = shared.clock.instant(shared.plan_end);
    while let Ok(Some(ticket)) = tokio::time::timeout_at(over, tickets.recv()).await {
        give(shared, ticket);
    }
}

/// Counts a journey that begins beside `others`; whether it is not too late for it and there is room.
fn begin<C: Client>(shared: &Shared<C>, arrival: Arrival, others: u64) -> bool {
    {
        let mut recorder = shared.recorder.borrow_mut();
        recorder.journey_began(arrival.population, arrival.intended);
    }
    let late = shared.clock.now().since(arrival.intended);
    if late > shared.catch_up(arrival.population) {
        shared.not_sent(arrival, Outcome::NotSentLag);
        return false;
    }
    if others >= IN_FLIGHT_JOURNEYS {
        // whose fault it is that there are so many: the target's if most wait for its answers
        let waiting = shared.requests.get() * 2 > others;
        let outcome = if waiting {
            Outcome::NotSentLimit
        } else {
            Outcome::NotSentLag
        };
        shared.not_sent(arrival, outcome);
        return false;
    }
    true
}

/// Has one of the tasks walk.
fn give<C: Client + 'static>(shared: &Rc<Shared<C>>, ticket: Ticket) {
    let worker = Rc::clone(shared);
    let walk = move |ticket: Ticket| {
        let worker = Rc::clone(&worker);
        async move {
            match ticket {
                Ticket::Arrival(arrival) => {
                    walk(worker, arrival).await;
                }
                Ticket::User(stint) => {
                    let journey = async |arrival| {
                        // this one is among the busy ones already
                        let others = worker.walkers.busy() - 1;
                        begin(&worker, arrival, others) && walk(Rc::clone(&worker), arrival).await
                    };
                    stint.walk(worker.plan_end, journey).await;
                }
            }
        }
    };
    shared.walkers.give(ticket, walk);
}

/// Waits until the journeys are over; past the plan's end, until the requests in flight are.
async fn last_requests<C: Client>(shared: &Shared<C>, grace: Duration) {
    let limit = shared.clock.now().max(shared.plan_end).plus(grace);
    loop {
        let now = shared.clock.now();
        // who was just released has a first request to send, however late it is
        let behind = shared.walkers.is_behind();
        let over = now >= shared.plan_end && shared.requests.get() == 0 && !behind;
        if shared.walkers.busy() == 0 || over || now > limit {
            return;
        }
        tokio::time::sleep(LAST_LOOK).await;
    }
}
