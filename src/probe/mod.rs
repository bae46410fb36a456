//! Is the target well, as seen from outside the load? Each feature with a probe is asked once a
//! second, on a connection of its own, over the same way as visitors; and readiness is asked
//! directly, past any link of ours.

mod ready;
mod watch;

pub use ready::{NotReady, ready};
pub use watch::{PROBE_EVERY, PROBE_TIMEOUT, ProbeHandle, spawn};

#[cfg(test)]
mod tests;
