//! The harness looks at itself: CPU, descriptors, clocks. Everything that only Linux tells is read
//! from /proc; elsewhere the figures stay zero and the report says nothing about them.

use std::{fs, time::Duration};

use crate::{
    event::HarnessTick,
    measure::Latencies,
    record::Host,
    time::{Clock, wall},
};

/// Clock ticks a second in /proc; fixed at 100 on every Linux ABI (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// Measures the harness between one tick and the next.
#[derive(Debug)]
pub(super) struct SelfWatch {
    clock: Clock,
    own_cpu: f64,
    machine_cpu: f64,
    /// Wall time minus monotonic time, in seconds, when last looked at.
    skew: f64,
    processors: u32,
}

/// What the load engine says about its schedule.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    pub(super) lag: Latencies,
    pub(super) in_flight: u64,
    pub(super) overdue: u64,
}

impl SelfWatch {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            own_cpu: own_cpu(),
            machine_cpu: machine_cpu(),
            skew: skew(&clock),
            processors: processors(),
        }
    }

    /// The figures since the last call.
    pub(super) fn tick(&mut self, schedule: &Schedule) -> HarnessTick {
        let (own, machine, skew) = (own_cpu(), machine_cpu(), skew(&self.clock));
        let quantile = |q| schedule.lag.quantile(q).unwrap_or_default();
        let tick = HarnessTick {
            lag_p50: quantile(0.5),
            lag_p99: quantile(0.99),
            lag_max: quantile(1.0),
            cpu: (own - self.own_cpu).max(0.0),
            machine_cpu: (machine - self.machine_cpu).max(0.0),
            processors: self.processors,
            descriptors: descriptors(),
            descriptor_limit: descriptor_limit(),
            in_flight: schedule.in_flight,
            overdue: schedule.overdue,
            clock_gap: Duration::try_from_secs_f64((skew - self.skew).abs()).unwrap_or_default(),
        };
        (self.own_cpu, self.machine_cpu, self.skew) = (own, machine, skew);
        tick
    }
}

fn skew(clock: &Clock) -> f64 {
    wall().as_millisecond() as f64 / 1e3 - clock.now().as_secs_f64()
}

/// User and system CPU seconds of this process: fields 14 and 15 of proc_pid_stat(5).
fn own_cpu() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // the second field is the name in parentheses, which may hold blanks
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = |n: usize| -> f64 {
        after_name
            .split_whitespace()
            .nth(n)
            .and_then(|t| t.parse().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / TICKS_PER_SECOND
}

/// CPU seconds of the whole machine, without idle, iowait and what guests got (proc_stat(5)).
fn machine_cpu() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<f64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|t| t.parse().ok())
        .collect();
    let busy: f64 = fields
        .iter()
        .enumerate()
        .filter(|(i, _)| *i != 3 && *i != 4)
        .map(|(_, t)| t)
        .sum();
    busy / TICKS_PER_SECOND
}

fn descriptors() -> u64 {
    fs::read_dir("/proc/self/fd").map_or(0, |dir| dir.count() as u64)
}

/// The soft limit on open descriptors.
pub(super) fn descriptor_limit() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .current
        .unwrap_or(u64::MAX)
}

/// Raises the soft limit to the hard limit; more is not ours to take.
pub(super) fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // a refusal leaves the old limit in force, which the plan has counted with
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
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let memory = read("/proc/meminfo")
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024;
    let system = format!("{} {}", std::env::consts::OS, kernel.trim())
        .trim()
        .to_owned();
    Host {
        system,
        processors: processors(),
        memory,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn sees_its_own_work() {
        let mut watch = SelfWatch::new(Clock::start());
        let before = own_cpu();
        let mut x = 1u64;
        while own_cpu() < before + 0.05 {
            x = std::hint::black_box(x.wrapping_mul(31));
        }
        let tick = watch.tick(&Schedule::default());
        assert!(tick.cpu >= 0.04, "{tick:?}");
        assert!(tick.machine_cpu > 0.0, "{tick:?}");
        assert!(
            tick.descriptors >= 3 && tick.descriptor_limit > tick.descriptors,
            "{tick:?}"
        );
        assert!(host().processors >= 1 && host().memory > 0);
    }
}
