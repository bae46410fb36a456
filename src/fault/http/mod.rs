//! The HTTP plane: per-request rules in front of a faithful forwarder.
//!
//! ```text
//!   relay ──> hyper server ──> rules: held? late? answered? ended? ──> forward ──> upstream
//!                    <────────── shape: edited? cut off? slow? <──────────
//! ```
//!
//! What no rule meets passes as it came: bodies byte by byte, streamed; only the hop-by-hop fields
//! of RFC 9110 section 7.6.1 are taken out. The proxy never invents an answer: when the upstream
//! refuses, resets or closes, the client's connection is reset or closed likewise, so that the
//! target's failures keep their class. A client that closes its side has gone, and its request is
//! cancelled at the upstream. Protocol upgrades and CONNECT are not passed on; a request that is not
//! HTTP at all is the one thing that is answered (400) without being asked to.

mod ask;
mod body;
mod copies;
mod forward;
mod hop;
mod injector;
mod json;
mod pace;
mod proxy;
mod rules;
mod shape;
mod wire;

#[cfg(test)]
mod tests;

pub(super) use injector::HttpInjector;
pub(super) use proxy::Proxy;
