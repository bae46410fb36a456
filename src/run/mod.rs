//! A run: prepare (bind, start, wait until ready) -> execute (one dispatcher) -> undo, on every
//! exit path. `run` alone spawns the top-level tasks and makes the events.

mod condition;
mod dispatcher;
mod exec;
mod faults;
mod harness;
mod interrupt;
mod lifecycle;
mod machine;
mod prepare;
mod proc;
mod remote;
mod stop;
mod target;
mod timeline;
mod trust;
mod undo;
mod waits;

pub use interrupt::Interrupt;
pub use lifecycle::{Finished, run};
pub use machine::{Ability, Hindrance, abilities, hindrance};
pub use prepare::{Options, RunError, RunErrorKind, own_disks, own_resolver};
pub use proc::{local_ports, port_reuse};

/// An error and its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
