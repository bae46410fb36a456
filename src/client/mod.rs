//! The one door to the target: resolve, ask the guard, connect, send one request, classify.
//! Shared by load, probes and readiness, so that DNS faults, guard and outcome classes are the
//! same for all.
//!
//! A request passes through these files in this order: [`Call`] (exchange) -> a kept connection or
//! a free slot (slots, streams) -> the address (network, resolver, dns) -> TCP and TLS (source,
//! dial, tls) -> HTTP (conn, http1, http2) -> [`Exchange`], which a [`Judge`] (classify) turns into
//! an outcome.

mod classify;
mod conn;
mod cookies;
mod dial;
mod dns;
mod exchange;
mod failure;
mod http1;
mod http2;
mod network;
mod pooled_client;
mod resolver;
mod retry_after;
mod slots;
mod source;
mod streams;
mod tls;

pub use classify::{Judge, PatternError, SHED_WITHIN};
pub use cookies::{Destination, Jar};
pub use exchange::{
    Answer, Call, Client, Exchange, FAULT_HEADER, KEPT_BODY, MADE_HEADER, REQUEST_HEADER, RequestId,
};
pub use network::{Network, NetworkError, Wiring};
pub use pooled_client::{ClientSetup, MemberSetup, PooledClient, Session};
pub use resolver::VirtualResolver;
pub use retry_after::retry_after;
pub use slots::Connections;

pub(crate) use dial::{Broken, one_shot};
pub(crate) use failure::of_handshake_in_words;

#[cfg(fuzzing)]
pub(crate) use http1::laws as http1_laws;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
