//! How the harness itself fared: the worst of its seconds.

use serde::{Deserialize, Serialize};

use super::{doubt, world::World};
use crate::event::HarnessTick;

/// What brownout took, and how well it kept its schedule, at worst of any second. `None` = not
/// measured (an older record, or a system that does not tell).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HarnessResult {
    /// Seconds that were looked at.
    pub seconds: u64,
    /// Seconds in which it was late (definition 13).
    pub late_seconds: u64,
    /// Highest 99th percentile of the lag of any second.
    pub lag_p99_s: Option<f64>,
    /// Highest lag.
    pub lag_max_s: Option<f64>,
    /// Processors of the machine.
    pub processors: Option<u64>,
    /// Processors that brownout used.
    pub cpu: Option<f64>,
    /// Processors that the machine used.
    pub machine_cpu: Option<f64>,
    /// Processors that the hypervisor kept for others.
    pub steal: Option<f64>,
    /// Bytes of memory that brownout held.
    pub memory: Option<u64>,
    /// Open descriptors.
    pub descriptors: Option<u64>,
    /// Their limit.
    pub descriptor_limit: Option<u64>,
    /// Open connections of the load.
    pub connections: Option<u64>,
    /// Their limit.
    pub connection_limit: Option<u64>,
    /// Requests in line for a connection.
    pub waiting: Option<u64>,
    /// Local ports that were not free, at most.
    pub ports: Option<u64>,
    /// How many there were.
    pub local_ports: Option<u64>,
    /// Source addresses of the load.
    pub sources: Option<u64>,
}

/// Looks for the worst of each.
pub(crate) fn harness(world: &World<'_>) -> HarnessResult {
    let ticks = || world.record.harness.iter().map(|(_, tick)| tick);
    let limit = doubt::lag_limit(world.plan);
    // zero of these means that nobody told
    let most = |of: fn(&HarnessTick) -> u64| ticks().map(of).max().filter(|n| *n > 0);
    let told = |of: fn(&HarnessTick) -> u64, if_told: Option<u64>| {
        ticks().map(of).max().filter(|_| if_told.is_some())
    };
    let highest = |of: fn(&HarnessTick) -> f64, if_told: Option<u64>| {
        ticks()
            .map(of)
            .reduce(f64::max)
            .filter(|_| if_told.is_some())
    };
    let processors = most(|t| t.processors.into());
    let cpu_told = most(|t| (t.machine_cpu * 1e3) as u64);
    let sources = most(|t| t.sources.into());
    let connection_limit = most(HarnessTick::connection_limit);
    HarnessResult {
        seconds: ticks().count() as u64,
        late_seconds: ticks().filter(|t| doubt::is_late(t, limit)).count() as u64,
        lag_p99_s: ticks().map(|t| t.lag_p99.as_secs_f64()).reduce(f64::max),
        lag_max_s: ticks().map(|t| t.lag_max.as_secs_f64()).reduce(f64::max),
        processors,
        cpu: highest(|t| t.cpu, cpu_told),
        machine_cpu: highest(|t| t.machine_cpu, cpu_told),
        steal: highest(|t| t.steal, cpu_told.and(sources)),
        memory: most(|t| t.memory),
        descriptors: most(|t| t.descriptors),
        descriptor_limit: most(|t| t.descriptor_limit),
        connections: told(HarnessTick::connections, connection_limit),
        connection_limit,
        waiting: told(HarnessTick::waiting, connection_limit),
        ports: told(|t| t.ports, sources),
        local_ports: most(|t| t.local_ports),
        sources,
    }
}
