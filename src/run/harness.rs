//! The harness looks at itself: its schedule, and what it takes of this machine.

use std::{collections::VecDeque, time::Duration};

use super::proc;
use crate::{
    client::Network,
    event::{HarnessTick, WorkerTick},
    load::{Drained, WorkerState},
    measure::Latencies,
    plan::Plan,
    record::Host,
    time::{Clock, Offset, wall},
};

/// Measures the harness between one tick and the next.
#[derive(Debug)]
pub(super) struct SelfWatch {
    clock: Clock,
    own_cpu: f64,
    machine_cpu: f64,
    stolen: f64,
    /// Wall time minus monotonic time, in seconds, when last looked at.
    skew: f64,
    /// When that was.
    looked: Offset,
    processors: u32,
    ports: PortWatch,
}

/// What the load engine says about its schedule, added up from one tick to the next.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    pub(super) lag: Latencies,
    pub(super) in_flight: u64,
    pub(super) overdue: u64,
    workers: Vec<WorkerState>,
}

impl Schedule {
    /// Adds what was drained. Times are added up; of everything else the last word counts.
    pub(super) fn take_in(&mut self, drained: Drained) {
        self.lag.merge(&drained.lag);
        (self.in_flight, self.overdue) = (drained.in_flight, drained.overdue);
        let mut before = std::mem::take(&mut self.workers).into_iter();
        self.workers = drained.workers;
        for worker in &mut self.workers {
            if let Some(before) = before.next() {
                worker.lag.merge(&before.lag);
            }
        }
    }
}

impl SelfWatch {
    pub(super) fn new(clock: Clock, plan: &Plan) -> Self {
        let (machine_cpu, stolen) = proc::machine_cpu();
        Self {
            clock,
            own_cpu: proc::own_cpu(),
            machine_cpu,
            stolen,
            skew: skew(&clock),
            looked: clock.now(),
            processors: processors(),
            ports: PortWatch::new(proc::port_reuse().held_for(plan.is_on_loopback())),
        }
    }

    /// The figures since the last call.
    pub(super) fn tick(&mut self, schedule: &Schedule, network: &Network) -> HarnessTick {
        let (own, (machine, stolen)) = (proc::own_cpu(), proc::machine_cpu());
        let (skew, now) = (skew(&self.clock), self.clock.now());
        // a tick may come late: then more than a second's work is in it
        let seconds = now.since(self.looked).as_secs_f64().max(0.001);
        let a_second = |now: f64, before: f64| (now - before).max(0.0) / seconds;
        let sources = network.sources();
        let workers = self.ports.workers(&schedule.workers);
        let open: u64 = workers.iter().map(|w| w.connections).sum();
        let tick = HarnessTick {
            lag_p50: quantile(&schedule.lag, 0.5),
            lag_p99: quantile(&schedule.lag, 0.99),
            lag_max: quantile(&schedule.lag, 1.0),
            cpu: a_second(own, self.own_cpu),
            // kernels that sample who runs may count more than there is
            machine_cpu: a_second(machine, self.machine_cpu).min(self.processors.into()),
            processors: self.processors,
            descriptors: proc::descriptors(),
            descriptor_limit: descriptor_limit(),
            in_flight: schedule.in_flight,
            overdue: schedule.overdue,
            clock_gap: Duration::try_from_secs_f64((skew - self.skew).abs()).unwrap_or_default(),
            steal: a_second(stolen, self.stolen),
            memory: proc::resident(),
            ports: open + self.ports.closed(open).min(proc::time_wait()),
            local_ports: u64::from(proc::local_ports()) * u64::from(sources),
            sources,
            workers,
        };
        (self.own_cpu, self.machine_cpu, self.stolen) = (own, machine, stolen);
        (self.skew, self.looked) = (skew, now);
        tick
    }
}

/// Counts how many connections were opened lately: so many at most hold a port, whatever the
/// system says of the connections of others.
#[derive(Debug)]
struct PortWatch {
    /// How many seconds a closed connection holds its port.
    held_for: usize,
    /// Opened in each of the last so many seconds.
    opened: VecDeque<u64>,
    /// Opened by each worker since the beginning.
    before: Vec<u64>,
}

impl PortWatch {
    fn new(held_for: Duration) -> Self {
        Self {
            held_for: usize::try_from(held_for.as_secs()).unwrap_or(usize::MAX),
            opened: VecDeque::new(),
            before: Vec::new(),
        }
    }

    /// The workers of this second.
    fn workers(&mut self, states: &[WorkerState]) -> Vec<WorkerTick> {
        self.before.resize(states.len(), 0);
        let ticks: Vec<WorkerTick> = states
            .iter()
            .zip(&mut self.before)
            .map(|(state, before)| {
                let opened = state.connections.opened;
                WorkerTick {
                    lag_p50: quantile(&state.lag, 0.5),
                    lag_p99: quantile(&state.lag, 0.99),
                    overdue: state.overdue,
                    silent: state.silent,
                    connections: state.connections.open,
                    opened: opened.saturating_sub(std::mem::replace(before, opened)),
                    waiting: state.connections.waiting,
                    connection_limit: state.connections.limit,
                }
            })
            .collect();
        self.opened.push_back(ticks.iter().map(|w| w.opened).sum());
        // the second that has just begun to be held counts whole
        while self.opened.len() > self.held_for.saturating_add(1) {
            self.opened.pop_front();
        }
        ticks
    }

    /// How many of those opened lately may be closed by now.
    fn closed(&self, open: u64) -> u64 {
        self.opened.iter().sum::<u64>().saturating_sub(open)
    }
}

fn quantile(times: &Latencies, q: f64) -> Duration {
    times.quantile(q).unwrap_or_default()
}

fn skew(clock: &Clock) -> f64 {
    wall().as_millisecond() as f64 / 1e3 - clock.now().as_secs_f64()
}

/// The soft limit on open descriptors.
fn descriptor_limit() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .current
        .unwrap_or(u64::MAX)
}

/// Raises the soft limit to the hard limit; more is not ours to take.
pub(super) fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // a refusal leaves the old limit in force, and the report says so where it is too low
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
}

fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(1))
}

/// The machine, for the record's header.
pub(super) fn host() -> Host {
    Host {
        system: format!("{} {}", std::env::consts::OS, proc::kernel())
            .trim()
            .to_owned(),
        processors: processors(),
        memory: proc::memory(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::{
            Connections, Wiring,
            testing::{plan, service},
        },
        load::WorkerState,
    };

    #[test]
    #[cfg(target_os = "linux")]
    fn sees_its_own_work() {
        let plan = plan(vec![service("localhost", 80)]);
        let network = Network::new(&plan, Wiring::default()).expect("usable");
        let mut watch = SelfWatch::new(Clock::start(), &plan);
        let before = proc::own_cpu();
        let mut x = 1u64;
        while proc::own_cpu() < before + 0.05 {
            x = std::hint::black_box(x.wrapping_mul(31));
        }
        let tick = watch.tick(&Schedule::default(), &network);
        assert!(tick.cpu > 0.0, "{tick:?}");
        assert!(tick.machine_cpu > 0.0, "{tick:?}");
        assert!(
            tick.descriptors >= 3 && tick.descriptor_limit > tick.descriptors,
            "{tick:?}"
        );
        assert!(tick.memory > 1 << 20 && tick.local_ports > 0, "{tick:?}");
        assert!(host().processors >= 1 && host().memory > 0);
    }

    fn worker(open: u64, opened: u64) -> WorkerState {
        WorkerState {
            connections: Connections {
                open,
                opened,
                ..Connections::default()
            },
            ..WorkerState::default()
        }
    }

    #[test]
    fn ports_are_held_for_as_long_as_the_system_holds_them() {
        let mut ports = PortWatch::new(Duration::from_secs(1));
        let ticks = ports.workers(&[worker(1, 10), worker(0, 5)]);
        assert_eq!((ticks[0].opened, ticks[1].opened), (10, 5));
        assert_eq!(ports.closed(1), 14);
        let ticks = ports.workers(&[worker(1, 12), worker(0, 5)]);
        assert_eq!((ticks[0].opened, ticks[1].opened), (2, 0));
        assert_eq!(ports.closed(1), 16);
        ports.workers(&[worker(1, 12), worker(0, 5)]);
        assert_eq!(ports.closed(1), 1);
    }

    #[test]
    fn what_was_drained_between_two_ticks_is_kept() {
        let drained = |lag_ms: u64, overdue| {
            let mut state = worker(2, 2);
            state.lag.record(Duration::from_millis(lag_ms));
            Drained {
                lag: state.lag.clone(),
                overdue,
                workers: vec![state],
                ..Drained::default()
            }
        };
        let mut schedule = Schedule::default();
        schedule.take_in(drained(80, 7));
        schedule.take_in(drained(1, 0));
        assert_eq!((schedule.lag.len(), schedule.overdue), (2, 0));
        assert_eq!(schedule.workers[0].lag.len(), 2);
        assert_eq!(schedule.workers[0].connections.open, 2);
    }
}
