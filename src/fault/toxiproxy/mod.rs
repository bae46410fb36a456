//! Links that are driven over HTTP, by Toxiproxy's API (2.12): `brownout proxy`.
//!
//! ```text
//!   clients ──HTTP──> gate ──> routes ──> registry ──> proxy ──> tcp::Link ──[ toxics ]──> upstream
//!                     who      what       leases       a listener and its toxics
//! ```
//!
//! What Toxiproxy's clients see is Toxiproxy: paths, codes, messages, JSON (`wire`). Its defects
//! are not kept: upstreams are dialled in parallel and with a time limit, half-close passes, whom a
//! toxicity meets is seeded, bad attributes are refused (400) instead of crashing later, and only
//! loopback and private addresses are dialled unless told otherwise. Beyond it: a proxy can be
//! created together with its toxics; leases, which take faults out when who put them in no
//! longer says that it lives; and counts of connections.

mod attributes;
mod config;
mod connections;
mod error;
mod gate;
#[cfg(any(test, fuzzing))]
pub(super) mod laws;
mod lease;
mod listen;
mod metrics;
mod proxy;
mod registry;
mod remote;
mod routes;
mod server;
mod toxic;
mod wire;

#[cfg(test)]
mod tests;

pub use config::{ConfigError, read_config};
pub use connections::Times;
pub use gate::{Exposed, Gate};
pub(super) use remote::{RemoteInjector, RemoteLink, Undoing, find_api};
pub use remote::{RemoteJournal, RemoteUndo};
pub use server::{Server, Settings};

/// The version of Toxiproxy whose API is spoken.
pub const VERSION: &str = "2.12.0";
