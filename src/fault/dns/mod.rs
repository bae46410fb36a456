//! The DNS plane: a server that answers for the target's zones, asks the system's resolver about
//! everything else, and lies about names when told to.
//!
//! ```text
//!   question ──> rules: dropped? failed? ──> zones (authoritative) ──> hosts file, system resolver
//! ```

mod ask;
mod forward;
mod injector;
mod rules;
mod server;
mod zone;

#[cfg(test)]
mod tests;

pub(super) use injector::DnsInjector;
pub(super) use server::DnsServer;
