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
}
