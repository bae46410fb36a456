//! The sample staging systems that ship in the binary: real servers that really break.
//!
//! A staging system knows nothing of scenarios, faults or the clock of a run. It has pools, queues,
//! a database and an upstream, and whatever it does under a flood or behind a slow upstream follows
//! from those. `cowin` is a vaccination portal of two processes:
//!
//! ```text
//! citizens -> portal (stage::cowin) -> SMS gateway (stage::sms) -> inbox -> the citizen's phone
//!                  |
//!               SQLite
//! ```
//!
//! `social` is three apps that share a service for logins and sessions, and a neighbour:
//!
//! ```text
//! people -> facebook, instagram, whatsapp (stage::social, one process each) -> auth
//!        -> neighbour, where they go when those are gone
//! ```
//!
//! Each process is *naive* or *hardened*. A naive one puts all requests into an unbounded queue in
//! front of one pool of workers; a hardened one has bulkheads with short queues.

mod admission;
pub mod cowin;
mod error;
mod peer;
mod queue;
mod refusal;
mod server;
pub mod sms;
pub mod social;
#[cfg(test)]
mod testing;

pub use admission::{Limit, Terms};
pub use error::StageError;
pub use queue::Naive;
pub use server::Server;
