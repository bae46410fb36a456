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
//! cancelled at the upstream. A request that is not HTTP at all is the one thing that is answered
//! (400) without being asked to.
//!
//! Who dials may speak TLS with the link, and the link with the upstream: one does not follow from the other.
//! HTTP/2 is agreed on with the former only where the latter agrees on it too.
//!
//! A client that speaks HTTP/2, by ALPN or prior knowledge, is spoken for in HTTP/2, all streams of its
//! connection on one to the upstream; what ends a connection ends its stream only. Where both sides
//! agree on another protocol (websockets), or the upstream is a proxy that connects (CONNECT), bytes pass
//! both ways. Interim answers (1xx) pass over HTTP/1.1; who expects 100 is told to go on by the proxy.
//! On HTTP/2 neither passes: hyper's server has no interim answers, and CONNECT is refused with 501.

mod ask;
mod beyond;
mod body;
mod copies;
mod forward;
mod front;
mod handshakes;
mod hop;
mod injector;
mod interim;
mod json;
mod pace;
mod proxy;
mod rules;
mod shape;
mod streams;
mod tasks;
mod tunnel;
mod wire;

#[cfg(test)]
mod tests;

pub(super) use beyond::Beyond;
pub(super) use front::Front;
pub(super) use handshakes::TlsInjector;
pub(super) use injector::HttpInjector;
pub(super) use proxy::{Face, Proxy};
#[cfg(fuzzing)]
pub(crate) use rules::laws::rules_hold;
