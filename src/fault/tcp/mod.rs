//! The TCP plane: links, and what happens to the bytes and connections on them.
//!
//! ```text
//!            ┌───────────── Chain (up) ─────────────┐
//!   client ──┤ latency ─ timeout ─ … in order of    ├── upstream: a socket, or the
//!            │ injection                            │   HTTP proxy in this process
//!            └───────────── Chain (down) ───────────┘
//! ```
//!
//! A [`Link`] listens ([`door`]), numbers its connections ([`serve`]), and relays each ([`relay`]):
//! while nothing acts on it from socket to socket ([`plain`]), else through two [`chain`]s of [`toxics`],
//! pure machines that say what happens to a chunk and when. It has a thread for life ([`lanes`]).
//! Semantics are Toxiproxy's (2.12), without its defects: half-close is kept, upstreams are dialled
//! in parallel and with a timeout, shares are seeded.

mod alarm;
mod aside;
mod chain;
mod door;
mod injector;
mod lanes;
mod link;
mod pipe;
mod plain;
mod posting;
mod relay;
mod scratch;
mod serve;
mod toxics;
mod traffic;
mod turn;
mod upstream;

#[cfg(test)]
mod tests;

pub(super) use injector::{TcpInjector, look};
pub(super) use lanes::Lanes;
pub(super) use link::Link;
use link::Verdict;
pub(super) use posting::{Posting, toxic_of};
pub(super) use relay::Fate;
pub(super) use toxics::{Cut, Kind};
pub(super) use traffic::Traffic;
pub(super) use upstream::{Upstream, dial};
