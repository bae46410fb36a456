//! What a supervisor says, and why it may fail.

use std::{io, net::SocketAddr, time::Duration};

use async_trait::async_trait;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    guardian::{ExitStatus, GuardianError, Pid},
    plan::model::{LaunchPlan, ProbePlan, ServiceId},
    units::Span,
};

/// Something that happened to a launched process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// It was started.
    Started {
        /// The service that it is.
        service: ServiceId,
        /// Its process id.
        pid: Pid,
        /// How many times it was started before.
        restarts: u32,
    },
    /// It is ready.
    Ready {
        /// The service that it is.
        service: ServiceId,
        /// How long that took from its start.
        took: Duration,
    },
    /// It ended.
    Exited {
        /// The service that it is.
        service: ServiceId,
        /// How.
        status: ExitStatus,
        /// Why, as far as is known.
        cause: Cause,
    },
    /// It could not be started again; it is tried again after the back-off.
    StartFailed {
        /// The service that it is.
        service: ServiceId,
        /// Why not.
        detail: String,
    },
    /// Its liveness probe failed, or it did not become ready again in time.
    LivenessFailed {
        /// The service that it is.
        service: ServiceId,
        /// How many times in a row.
        in_a_row: u32,
        /// What was seen.
        seen: String,
    },
    /// The guardian has died; every launched process was killed. The run cannot go on.
    GuardianLost,
}

/// Why a launched process ended, as far as its supervisor knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// By itself: a crash.
    Own,
    /// Its supervisor killed it, since it failed its liveness probes or did not become ready again:
    /// a crash.
    Liveness,
    /// A fault of ours killed it, or paused it until it failed its liveness probes: no crash.
    Injected,
    /// It was told to, at the end.
    Shutdown,
}

/// The notices, each with the instant at which it became known.
pub type Notices = mpsc::UnboundedReceiver<(Instant, Notice)>;

/// Asks a process whether it is well. Production asks through the client, the one door to the target,
/// so that the guard is asked too; tests answer as they like.
#[async_trait]
pub trait Prober: Send + Sync {
    /// Sends `probe` once, or merely connects to the port that the process listens on when there is
    /// none. `Err` says, for people, what was seen within `timeout` instead of a 2xx answer or an
    /// accepted connection.
    async fn ask(
        &self,
        process: &LaunchPlan,
        probe: Option<&ProbePlan>,
        timeout: Duration,
    ) -> Result<(), String>;
}

/// A port that a process is to listen on, and cannot.
#[derive(Debug)]
pub struct BusyPort {
    /// The service's name.
    pub service: String,
    /// The address.
    pub address: SocketAddr,
    /// What the system says.
    pub reason: io::Error,
}

impl std::fmt::Display for BusyPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            service,
            address,
            reason,
        } = self;
        if reason.kind() == io::ErrorKind::AddrInUse {
            write!(
                f,
                "{address} is in use: another process listens where {service} should"
            )
        } else {
            write!(f, "{address} cannot be listened on by {service}: {reason}")
        }
    }
}

/// Why the target could not be started. A process that starts, becomes ready and dies later is not
/// an error but a [`Notice`].
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Some ports are not free. Nothing was started.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    PortBusy(Vec<BusyPort>),
    /// The folder for the processes' output could not be made. Nothing was started.
    #[error("cannot make a folder for the logs of the launched processes")]
    Logs(#[source] io::Error),
    /// The command could not be run.
    #[error("cannot start {service}: {reason}")]
    Start {
        /// The service's name.
        service: String,
        /// What the system says.
        reason: String,
    },
    /// It ended before it was ready.
    #[error("{service} ended before it was ready: {status}{}", tail(.log))]
    Died {
        /// The service's name.
        service: String,
        /// How.
        status: ExitStatus,
        /// The last lines of its output.
        log: String,
    },
    /// It did not become ready in time.
    #[error("{service} was not ready within {}: {seen}{}", Span(*.within), tail(.log))]
    NotReady {
        /// The service's name.
        service: String,
        /// How long it was given.
        within: Duration,
        /// What was seen last.
        seen: String,
        /// The last lines of its output.
        log: String,
    },
    /// It was told to shut down before everything was ready.
    #[error("stopped before everything was ready")]
    Stopped,
    /// The guardian failed.
    #[error(transparent)]
    Guardian(#[from] GuardianError),
}

/// The last lines of output, below a message.
fn tail(log: &str) -> String {
    if log.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = log.lines().map(|line| format!("\n    {line}")).collect();
    format!("; it said last:{}", lines.concat())
}

/// Why a process could not be killed, paused or resumed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// It is not one of the launched processes.
    #[error("it was not launched by this run")]
    NotLaunched,
    /// It is down.
    #[error("it is not running")]
    NotRunning,
    /// It was told, and does not do it.
    #[error("it was told to, but was not seen to be {0}")]
    NotSeen(&'static str),
    /// Its control group could not be made, or does not say what it should.
    #[error("{0}")]
    Limit(String),
    /// Its disk cannot be reached, or is not as full as it should be.
    #[error("{0}")]
    Disk(String),
    /// The guardian failed.
    #[error(transparent)]
    Guardian(#[from] GuardianError),
}
