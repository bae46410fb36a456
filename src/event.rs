//! The spine: everything that happens in a run is one of these events. The dispatcher alone makes
//! them; the record, the live line and whatever comes later merely observe.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{measure::BinDelta, scenario::model::Edge, time::Offset};

/// Something that happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RunEvent {
    /// The first phase begins: zero of the clock. What came before has offset zero.
    Started,
    /// A phase begins.
    Phase {
        /// Its index.
        index: usize,
    },
    /// A launched process was started.
    ProcessStarted {
        /// The service's name.
        service: String,
        /// Its process id.
        pid: u32,
        /// How many times it was started before.
        restarts: u32,
    },
    /// A launched process answers its readiness probe.
    ProcessReady {
        /// The service's name.
        service: String,
        /// How long it took from its start.
        took: Duration,
    },
    /// A launched process ended.
    ProcessExited {
        /// The service's name.
        service: String,
        /// Exit code or signal, for people: `exit code 101`, `signal 9 (SIGKILL)`.
        status: String,
        /// Why we think it ended.
        cause: ExitCause,
    },
    /// A liveness probe failed.
    LivenessFailed {
        /// The service's name.
        service: String,
        /// How many in a row.
        in_a_row: u32,
        /// What was seen.
        seen: String,
    },
    /// The baseline was judged.
    Baseline {
        /// The verdict.
        verdict: BaselineVerdict,
        /// For people.
        detail: String,
    },
    /// A fault is about to be put in (it is in the journal now).
    FaultArming {
        /// Its index.
        fault: usize,
    },
    /// A fault is in force, acknowledged.
    FaultInjected {
        /// Its index.
        fault: usize,
    },
    /// A fault is being taken out.
    FaultRemoving {
        /// Its index.
        fault: usize,
    },
    /// A fault is out.
    FaultRemoved {
        /// Its index.
        fault: usize,
        /// Whether it was looked at and seen to be gone.
        verified: bool,
        /// How that was seen, or what is wrong.
        detail: String,
    },
    /// A fault could not be put in, or not be taken out.
    FaultFailed {
        /// Its index.
        fault: usize,
        /// What went wrong.
        detail: String,
    },
    /// A condition that a fault's start or end waited for has come true, or was given up.
    FaultCondition {
        /// Its index.
        fault: usize,
        /// Which edge waited.
        edge: Edge,
        /// It has come true. Given up, a start never comes, and an end comes now.
        came: bool,
        /// What was measured in the last second, where it came true: shares are 0..=1, times seconds.
        value: Option<f64>,
        /// For people.
        detail: String,
    },
    /// What a fault did: how many requests, connections or questions it met.
    FaultTally {
        /// Its index.
        fault: usize,
        /// How many so far.
        hits: u64,
        /// To how many of those that it was meant for it could do nothing.
        #[serde(default)]
        spared: u64,
    },
    /// A second's measurements.
    Measured(BinDelta),
    /// How the harness itself fared in the last second.
    Harness(HarnessTick),
    /// The operator left a remark.
    Note {
        /// The remark.
        text: String,
    },
    /// The run is being stopped early.
    Stopping {
        /// Why.
        reason: StopReason,
        /// For people.
        detail: String,
    },
    /// Nothing more will come.
    Ended {
        /// The intended end was reached.
        complete: bool,
    },
}

/// Why a launched process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitCause {
    /// By itself: a crash.
    Own,
    /// Its supervisor (we) killed it since its liveness probe failed: a crash.
    Liveness,
    /// A fault of ours: not counted as a crash.
    Injected,
    /// The run is over.
    Shutdown,
}

/// How the baseline was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BaselineVerdict {
    /// Stationary and within the steady state.
    Good,
    /// Stationary but below the steady state.
    BelowSteadyState,
    /// Not stationary, or too thin.
    Unsteady,
    /// The scenario wants none.
    Waived,
}

/// Why a run ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Ctrl-C or SIGTERM.
    Operator,
    /// An address outside the guard.
    Guard,
    /// A stop condition.
    Condition,
    /// The baseline.
    Baseline,
    /// The target could not be reached or did not become ready.
    TargetUnreachable,
    /// A launched process died before it was ready.
    TargetDied,
    /// brownout itself.
    Internal,
}

/// How the harness fared in a second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HarnessTick {
    /// Median of actual start - intended start of the arrivals of this second.
    pub lag_p50: Duration,
    /// Its 99th percentile.
    pub lag_p99: Duration,
    /// Its maximum.
    pub lag_max: Duration,
    /// CPU seconds that brownout used in this second (all threads).
    pub cpu: f64,
    /// CPU seconds that the whole machine used in this second.
    pub machine_cpu: f64,
    /// Number of processors.
    pub processors: u32,
    /// Open file descriptors of brownout.
    pub descriptors: u64,
    /// Their limit.
    pub descriptor_limit: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Arrivals due by now and not yet started.
    pub overdue: u64,
    /// How far the monotonic and the wall clock moved apart in this second (suspend, VM pause).
    pub clock_gap: Duration,
    /// CPU seconds that the hypervisor gave to others while this machine wanted them; they are part
    /// of `machine_cpu`.
    #[serde(default)]
    pub steal: f64,
    /// Bytes of memory that brownout holds (resident set size).
    #[serde(default)]
    pub memory: u64,
    /// Local ports that connections of the load hold, at most: the open ones, and the closed ones
    /// whose port is not free again (TIME_WAIT).
    #[serde(default)]
    pub ports: u64,
    /// How many local ports there are: the system's range, times the source addresses in use.
    #[serde(default)]
    pub local_ports: u64,
    /// Source addresses that the load's connections go out from.
    #[serde(default)]
    pub sources: u32,
    /// Each worker by itself, so that one that is saturated does not vanish among the others.
    #[serde(default)]
    pub workers: Vec<WorkerTick>,
}

/// How one worker fared in a second.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerTick {
    /// Median of its lag.
    pub lag_p50: Duration,
    /// 99th percentile of its lag.
    pub lag_p99: Duration,
    /// Arrivals due by now and not yet started.
    pub overdue: u64,
    /// It was too busy to say how it fared; what it says comes with a later second.
    pub silent: bool,
    /// Connections that it holds open.
    pub connections: u64,
    /// Connections that it opened in this second.
    pub opened: u64,
    /// Requests that wait in line for a connection.
    pub waiting: u64,
    /// Connections that it may hold open.
    pub connection_limit: u64,
}

impl HarnessTick {
    /// Connections that the load holds open.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.workers.iter().map(|w| w.connections).sum()
    }

    /// Requests that wait in line for a connection.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        self.workers.iter().map(|w| w.waiting).sum()
    }

    /// Connections that the load may hold open.
    #[must_use]
    pub fn connection_limit(&self) -> u64 {
        self.workers.iter().map(|w| w.connection_limit).sum()
    }
}

/// Something that watches a run.
pub trait Observer: Send {
    /// Takes note of an event.
    ///
    /// # Errors
    /// When it can no longer do its work (the disk is full): the run is then stopped.
    fn observe(&mut self, at: Offset, event: &RunEvent) -> Result<(), ObserveError>;
}

/// An observer cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct ObserveError {
    /// What it was doing.
    pub what: String,
    /// Why it failed.
    pub source: std::io::Error,
}
