//! What makes sure that nothing stays behind.
//!
//! The guardian is a child process of brownout (the hidden subcommand `guardian`), in its own
//! process group, joined to brownout by two pipes. It is the parent of every launched process, and
//! it keeps a journal of what must be undone. When its standard input ends, however brownout died,
//! it undoes the journal in reverse order, ends the launched process groups and all that they left
//! running, and goes.
//!
//! ```text
//!   brownout ──stdin──▶ guardian ──▶ launched process groups (own group each, output to a log)
//!            ◀─stdout──    │
//!                          └──▶ journal file (for `brownout heal`, should the guardian die too)
//! ```
//!
//! Should the guardian be killed too, [`heal()`] does the same from the journal alone.
//!
//! [`protocol`] is what passes through the pipes, [`serve`] is the guardian itself, and
//! [`Guardian`] is brownout's end.

mod cgroup;
pub mod command;
mod handle;
mod heal;
mod http;
mod journal;
mod keeper;
mod platform;
pub mod protocol;

pub use cgroup::{ControlGroup, Controller, Limits};
pub use handle::{Guardian, GuardianError, JournalId, Process};
pub use heal::{HealError, Remains, heal, remains};
pub use journal::{Entry, FILE_NAME, Leftovers, Origin, Owed, Started, leftovers};
pub use keeper::{ServeError, serve};
pub use protocol::{ExecUndo, ExitStatus, HttpUndo, LaunchSpec, Pid, ProcessState, Signal, Undo};

/// The environment variable that everything carries which a guardian started: by it [`heal()`]
/// knows its own, also those that left their process group.
const MARK: &str = "BROWNOUT_GUARDIAN";
