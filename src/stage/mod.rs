//! The sample staging systems that ship in the binary: real servers that really break.
//!
//! A staging system knows nothing of scenarios, faults or the clock of a run. It has pools, queues,
//! a database and an upstream, and whatever it does under a flood or behind a slow upstream follows
//! from those. The one system so far is `cowin`, a vaccination portal of two processes:
//!
//! ```text
//! citizens -> portal (stage::cowin) -> SMS gateway (stage::sms) -> inbox -> the citizen's phone
//!                  |
//!               SQLite
//! ```

pub mod cowin;
mod error;
mod server;
pub mod sms;

pub use error::StageError;
pub use server::Server;
