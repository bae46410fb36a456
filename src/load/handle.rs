//! Starting the load, and asking it once a second what it measured.

use std::{fmt, rc::Rc, sync::Arc, thread::JoinHandle, time::Duration};

use tokio::{
    sync::{
        Mutex,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    time::{Instant, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::{
    arrivals::{Replayed, Schedule},
    brakes::Brakes,
    goose::Attack,
    limits::{self, DRAIN_WAIT},
    pacer::Pacer,
    release::Release,
    script::{LoadError, Script},
    users::{Desk, Ticket},
    walkers::Walkers,
    worker::{self, Port, Report, Shared},
};
use crate::{
    client::{ClientSetup, Connections, MemberSetup, Network, PooledClient},
    fine_timer::sharpen,
    measure::{BinDelta, Latencies, Recorder},
    plan::Plan,
    time::{Clock, Offset},
};

/// One worker's arrivals of one population: number and instant, in order of the instants.
pub type Shard = Box<dyn Iterator<Item = (u64, Offset)> + Send>;

/// Gives the arrivals of a population (by index) that belong to worker `w` of `n`. The union over
/// the workers must be the population's whole schedule.
pub type ArrivalSource = Arc<dyn Fn(usize, u64, u64) -> Shard + Send + Sync>;

/// Where a population's arrivals come from.
enum Source {
    Curve(Schedule),
    Log(Replayed),
}

/// The plan's own arrivals.
#[must_use]
pub fn planned(plan: &Plan) -> ArrivalSource {
    let sources: Vec<Source> = plan
        .populations
        .iter()
        .map(|p| {
            let seed = plan.seed.named("arrivals").named(&p.name);
            match &p.replay {
                None => Source::Curve(Schedule::new(&p.curve, p.arrivals, p.spacing, seed)),
                Some(replay) => {
                    let rest = Schedule::new(&replay.rest, replay.rest.count(), p.spacing, seed);
                    Source::Log(Replayed::new(rest, Arc::clone(&replay.nanos)))
                }
            }
        })
        .collect();
    Arc::new(
        move |population, worker, workers| match &sources[population] {
            Source::Curve(schedule) => Box::new(schedule.shard(worker, workers)) as Shard,
            Source::Log(replayed) => Box::new(replayed.shard(worker, workers)),
        },
    )
}

/// What load needs.
#[derive(Clone)]
pub struct LoadSetup {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The way to the services.
    pub network: Arc<Network>,
    /// The run's clock; its zero may lie in the future.
    pub clock: Clock,
    /// Number of threads.
    pub workers: usize,
    /// Ends the load at once.
    pub cancel: CancellationToken,
    /// When who comes.
    pub arrivals: ArrivalSource,
}

impl fmt::Debug for LoadSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoadSetup")
            .field("workers", &self.workers)
            .finish_non_exhaustive()
    }
}

/// What the workers measured since they were last asked.
#[derive(Debug, Clone, Default)]
pub struct Drained {
    /// Requests and journeys.
    pub delta: BinDelta,
    /// Actual start - intended start of the arrivals started since.
    pub lag: Latencies,
    /// Requests under way.
    pub in_flight: u64,
    /// Arrivals due by now and not yet started, and users who should be there and are not.
    pub overdue: u64,
    /// Each worker by itself.
    pub workers: Vec<WorkerState>,
    /// The first connect that the guard refused: the run is to be stopped then.
    pub blocked: Option<String>,
    /// What went wrong with the users of closed populations: the run is to be stopped then.
    pub failed: Option<String>,
}

/// How one worker fared since it was last asked.
#[derive(Debug, Clone, Default)]
pub struct WorkerState {
    /// Actual start - intended start of its arrivals.
    pub lag: Latencies,
    /// Arrivals due by now and not yet started.
    pub overdue: u64,
    /// Its connections.
    pub connections: Connections,
    /// It was asked, and too busy to answer.
    pub silent: bool,
}

/// Load under way. Dropping it leaves the workers to end by their plan; cancel them to stop.
#[derive(Debug)]
pub struct LoadHandle {
    lines: Mutex<Vec<Line>>,
    threads: Vec<JoinHandle<()>>,
    users: Option<(Arc<Desk>, Attack)>,
    network: Arc<Network>,
}

/// The line to one worker.
#[derive(Debug)]
struct Line {
    ask: UnboundedSender<()>,
    reports: UnboundedReceiver<Report>,
    /// It was asked and has not answered yet.
    asked: bool,
    in_flight: u64,
    state: WorkerState,
}

/// Starts the workers.
///
/// # Errors
/// [`LoadError`] when a journey of the plan cannot be walked, or a thread cannot be started, or
/// another run of this process has users, too (then those started before are cancelled).
pub fn spawn(setup: LoadSetup) -> Result<LoadHandle, LoadError> {
    let plan = &setup.plan;
    let scripts = plan
        .populations
        .iter()
        .map(|population| Script::new(plan, population))
        .collect::<Result<Vec<_>, _>>()?;
    let workers = setup.workers.max(1);
    let mut lines = Vec::with_capacity(workers);
    let mut threads = Vec::with_capacity(workers);
    let mut counters = Vec::with_capacity(workers);
    for index in 0..workers {
        let (ask, asked) = unbounded_channel();
        let (reports, answers) = unbounded_channel();
        let (counter, tickets) = unbounded_channel();
        counters.push(counter);
        let port = Port {
            asked,
            reports,
            tickets,
        };
        let started = start(&setup, index, workers, scripts.clone(), port);
        threads.push(started.inspect_err(|_| setup.cancel.cancel())?);
        lines.push(Line {
            ask,
            reports: answers,
            asked: false,
            in_flight: 0,
            state: WorkerState::default(),
        });
    }
    let users = users(&setup, counters).inspect_err(|_| setup.cancel.cancel())?;
    Ok(LoadHandle {
        lines: Mutex::new(lines),
        threads,
        users,
        network: setup.network,
    })
}

/// Starts the users of closed populations, if there are any.
fn users(
    setup: &LoadSetup,
    counters: Vec<UnboundedSender<Ticket>>,
) -> Result<Option<(Arc<Desk>, Attack)>, LoadError> {
    let desk = Arc::new(Desk::new(&setup.plan, setup.clock, counters));
    if desk.crowds.is_empty() {
        return Ok(None);
    }
    let end = setup.clock.instant(Offset(setup.plan.length));
    let attack = Attack::start(&desk, end, &setup.cancel)?;
    Ok(Some((desk, attack)))
}

fn start(
    setup: &LoadSetup,
    index: usize,
    workers: usize,
    scripts: Vec<Script>,
    port: Port,
) -> Result<JoinHandle<()>, std::io::Error> {
    let setup = setup.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let pacer = {
        let _on = runtime.enter();
        Pacer::new(setup.clock, limits::bear_quanta(&setup.plan))?
    };
    let body = move || {
        sharpen();
        runtime.block_on(async {
            let plan = &setup.plan;
            let shards = (0..plan.populations.len())
                .map(|population| (setup.arrivals)(population, index as u64, workers as u64));
            let release = Release::new(shards.collect());
            let shared = Rc::new(Shared {
                client: PooledClient::new(
                    Arc::clone(&setup.network),
                    &client_setup(plan, &setup.network, index, workers),
                ),
                clock: setup.clock,
                plan_end: Offset(plan.length),
                recorder: Recorder::new(plan.measure.bin, plan.series.len()).into(),
                lag: Latencies::default().into(),
                requests: 0.into(),
                walkers: Walkers::new(),
                overdue: 0.into(),
                last_lag: Duration::ZERO.into(),
                brakes: scripts
                    .iter()
                    .map(|s| Brakes::new(&s.policy, plan.services.len(), workers).into())
                    .collect(),
                scripts,
            });
            let timeouts = plan.populations.iter().map(|p| p.client.timeout);
            let grace = timeouts.max().unwrap_or_default();
            worker::run(shared, release, pacer, grace, port, setup.cancel.clone()).await;
        });
        // a look-up that hangs in the system's resolver must not hold the end up
        runtime.shutdown_background();
    };
    std::thread::Builder::new()
        .name(format!("load-{index}"))
        .spawn(body)
}

fn client_setup(plan: &Plan, network: &Network, worker: usize, workers: usize) -> ClientSetup {
    let members = plan
        .populations
        .iter()
        .map(|p| MemberSetup::from(&p.client));
    ClientSetup {
        members: members.collect(),
        connections: limits::connections(workers, network.is_interposed()),
        worker,
        workers,
    }
}

impl LoadHandle {
    /// What was measured since the last time. A worker too busy to answer within half a second is
    /// left out; its measurements come with the next drain.
    pub async fn drain(&self) -> Drained {
        let mut lines = self.lines.lock().await;
        for line in lines.iter_mut() {
            // an ended worker is not there to be asked; its last report waits in the line
            if !line.asked {
                line.asked = line.ask.send(()).is_ok();
            }
        }
        let deadline = Instant::now() + DRAIN_WAIT;
        let mut sum = Sum::default();
        for line in lines.iter_mut() {
            while line.asked {
                match timeout_at(deadline, line.reports.recv()).await {
                    Ok(Some(report)) => line.take(report, &mut sum),
                    Ok(None) => line.asked = false,
                    Err(_) => break,
                }
            }
            while let Ok(report) = line.reports.try_recv() {
                line.take(report, &mut sum);
            }
        }
        self.drained(sum, &mut lines)
    }

    /// Whether all workers have ended by themselves or by cancellation.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        let users_left = |(_, attack): &(_, Attack)| attack.is_finished();
        self.threads.iter().all(JoinHandle::is_finished)
            && self.users.as_ref().is_none_or(users_left)
    }

    /// Waits until all workers have ended, and hands out what was not yet drained.
    ///
    /// # Panics
    /// When a worker panicked, with its panic.
    pub async fn finish(self) -> Drained {
        let mut lines = self.lines.lock().await;
        let mut sum = Sum::default();
        for line in lines.iter_mut() {
            // the line is cut when the worker ends
            while let Some(report) = line.reports.recv().await {
                line.take(report, &mut sum);
            }
        }
        let drained = self.drained(sum, &mut lines);
        drop(lines);
        for thread in self.threads {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
        if let Some((_, attack)) = self.users {
            attack.finish().await;
        }
        drained
    }

    fn drained(&self, sum: Sum, lines: &mut [Line]) -> Drained {
        let users = self.users.as_ref();
        let missing = users.map_or(0, |(desk, _)| desk.missing());
        Drained {
            delta: BinDelta::merged(sum.deltas),
            lag: sum.lag,
            in_flight: lines.iter().map(|line| line.in_flight).sum(),
            overdue: lines.iter().map(|line| line.state.overdue).sum::<u64>() + missing,
            workers: lines.iter_mut().map(Line::hand_out).collect(),
            blocked: self.network.blocked(),
            failed: users.and_then(|(_, attack)| attack.trouble()),
        }
    }
}

#[derive(Default)]
struct Sum {
    deltas: Vec<BinDelta>,
    lag: Latencies,
}

impl Line {
    fn take(&mut self, report: Report, sum: &mut Sum) {
        self.asked = false;
        self.in_flight = report.in_flight;
        self.state.overdue = report.overdue;
        self.state.connections = report.connections;
        self.state.lag.merge(&report.lag);
        sum.lag.merge(&report.lag);
        sum.deltas.push(report.delta);
    }

    /// How the worker fared; the next answer begins with an empty histogram.
    fn hand_out(&mut self) -> WorkerState {
        WorkerState {
            lag: std::mem::take(&mut self.state.lag),
            silent: self.asked,
            ..self.state.clone()
        }
    }
}
