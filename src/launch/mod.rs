//! Starts the target's processes, waits until they are ready, watches them, and starts them again,
//! as a scheduler in production would. It also carries out the process faults.
//!
//! A [`Supervisor`] has one *ward* for each process: a task that owns the process's lives, one
//! after the other. All processes are children of the [guardian](crate::guardian), never of
//! brownout itself.

mod backoff;
mod disk;
mod enter;
mod log;
mod model;
mod own;
mod ports;
mod supervisor;
mod ward;

pub use backoff::Backoff;
pub use disk::DiskUse;
pub use enter::{EnterError, NewDisk, Room, can_enter, can_mount, enter, entering};
pub use model::{BusyPort, Cause, ControlError, LaunchError, Notice, Notices, Prober};
pub use ports::busy_ports;
pub use supervisor::{LaunchSetup, Supervisor};
