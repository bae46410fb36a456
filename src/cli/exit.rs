//! How brownout ends: one number, one meaning.

use std::process::ExitCode;

/// The exit codes. CI jobs depend on them; they never change their meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Every gate held (or the command did what was asked).
    Pass = 0,
    /// A gate failed, or the launched target died before it was ready, or the baseline misses the
    /// steady state.
    Fail = 1,
    /// A file or a flag is wrong; nothing was started.
    BadInput = 2,
    /// Stopped early by the operator, the guard or a stop condition.
    Stopped = 3,
    /// The harness is in doubt where it bears on a gate, or the target could not be reached.
    Inconclusive = 4,
    /// brownout itself failed.
    Internal = 5,
}

impl Exit {
    /// The exit code that an analysis calls for.
    pub(crate) const fn of_code(code: u8) -> Self {
        match code {
            0 => Self::Pass,
            1 => Self::Fail,
            2 => Self::BadInput,
            3 => Self::Stopped,
            4 => Self::Inconclusive,
            _ => Self::Internal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
