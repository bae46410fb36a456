//! The DNS plane: a server that answers for the target's zones, asks the system's resolver about
//! everything else, and lies about names when told to.
//!
//! ```text
//!   packet ──> question ──> rules: dropped? failed? late? ──> zones (authoritative) ──> reply
//!                                                       └──> hosts file, system's resolver
//! ```
//!
//! [`book`] decides, on bytes and without waiting; [`server`] moves the bytes.

mod alone;
mod ask;
mod book;
mod forward;
mod injector;
#[cfg(any(test, fuzzing))]
pub(super) mod laws;
mod log;
mod name;
mod question;
mod reply;
mod rules;
mod server;
mod zone;

#[cfg(test)]
mod tests;

pub use alone::{NameFault, NameServer};
pub(super) use injector::DnsInjector;
pub use server::can_resolve;
pub(super) use server::{DnsServer, Listen};
