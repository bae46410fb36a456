//! What happens to launched processes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::{ByteSize, Ratio};

/// What happens to a launched process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessEffect {
    /// SIGKILL to its group. Its supervisor starts it again, as in production.
    Kill,
    /// SIGSTOP to its group, SIGCONT at the end.
    Pause,
    /// SIGTERM to its group, SIGKILL if it does not end; kept down until the end, then started again.
    Stop,
    /// SIGTERM to its group, SIGKILL if it does not end. Its supervisor starts it again.
    Restart,
    /// SIGKILL to its group, and again each time that it has become ready, until the end.
    CrashLoop,
    /// It gets less of the machine, by a control group.
    Limit {
        /// So much of one processor.
        cpu: Option<Ratio>,
        /// So much memory.
        memory: Option<ByteSize>,
    },
    /// Somebody else fills the disk that it was given for itself.
    Disk {
        /// At least so much of it is in use.
        used: Ratio,
    },
}

impl ProcessEffect {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Pause => "pause",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::CrashLoop => "crash_loop",
            Self::Limit { .. } => "limit",
            Self::Disk { .. } => "disk",
        }
    }

    /// Whether it happens at one instant and has no end of its own.
    #[must_use]
    pub const fn is_instant(self) -> bool {
        match self {
            Self::Kill | Self::Restart => true,
            Self::Pause | Self::Stop | Self::CrashLoop | Self::Limit { .. } | Self::Disk { .. } => {
                false
            }
        }
    }

    /// Whether it needs a supervisor that starts the process again.
    #[must_use]
    pub const fn needs_restart(self) -> bool {
        match self {
            Self::Restart | Self::CrashLoop => true,
            // a killed process that stays down is a fault too, and a stopped one is started by us
            Self::Kill | Self::Pause | Self::Stop | Self::Limit { .. } | Self::Disk { .. } => false,
        }
    }

    /// Whether it takes the process away, so that what follows is no doing of the target's.
    #[must_use]
    pub const fn takes_away(self) -> bool {
        match self {
            Self::Kill | Self::Restart | Self::Pause | Self::Stop | Self::CrashLoop => true,
            Self::Limit { .. } | Self::Disk { .. } => false,
        }
    }

    /// Whether it can grow and shrink.
    #[must_use]
    pub const fn grows(self) -> bool {
        matches!(self, Self::Disk { .. })
    }
}

/// The word, what is left to the process (`cpu 20%, memory 64MB`), or how full its disk is
/// (`disk 95% full`).
impl fmt::Display for ProcessEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cpu, memory) = match self {
            Self::Limit { cpu, memory } => (cpu, memory),
            Self::Disk { used } if *used == Ratio::ONE => return f.write_str("disk full"),
            Self::Disk { used } => return write!(f, "disk {used} full"),
            Self::Kill | Self::Pause | Self::Stop | Self::Restart | Self::CrashLoop => {
                return f.write_str(self.word());
            }
        };
        let cpu = cpu.map(|cpu| format!("cpu {cpu}"));
        let memory = memory.map(|memory| format!("memory {memory}"));
        let both: Vec<String> = cpu.into_iter().chain(memory).collect();
        f.write_str(&both.join(", "))
    }
}
