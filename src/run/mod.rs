//! A run: prepare (bind, start, wait until ready) -> execute (one dispatcher) -> undo, on every
//! exit path. `run` alone spawns the top-level tasks and makes the events.

mod dispatcher;
mod faults;
mod harness;
mod interrupt;
mod lifecycle;
mod prepare;
mod proc;
mod stop;
mod target;
mod timeline;
mod undo;

pub use interrupt::Interrupt;
pub use lifecycle::{Finished, run};
pub use prepare::{Options, RunError, RunErrorKind};
pub use proc::{local_ports, port_reuse};
