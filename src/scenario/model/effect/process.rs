//! What happens to launched processes.

use serde::{Deserialize, Serialize};

/// What happens to a launched process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
        }
    }

    /// Whether it happens at one instant and has no end of its own.
    #[must_use]
    pub const fn is_instant(self) -> bool {
        match self {
            Self::Kill | Self::Restart => true,
            Self::Pause | Self::Stop | Self::CrashLoop => false,
        }
    }

    /// Whether it needs a supervisor that starts the process again.
    #[must_use]
    pub const fn needs_restart(self) -> bool {
        match self {
            Self::Restart | Self::CrashLoop => true,
            // a killed process that stays down is a fault too, and a stopped one is started by us
            Self::Kill | Self::Pause | Self::Stop => false,
        }
    }
}
