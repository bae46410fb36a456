//! What both sides of TLS share: whom to trust, what to show, and certificates that are made here.
//!
//! Clients and the links that stand in front of a service speak TLS towards it by the same settings
//! (`client`). A link that speaks TLS with who dials it shows a certificate of the operator's, or one
//! that an [`Authority`] of ours signs: it is made when the links are bound, its keys never leave this
//! process, and its certificate alone is written down. All of it goes through rustls with AWS-LC; the
//! provider is always named, since another crate may bring one of its own.

mod authority;
mod pem;
mod show;
mod stream;
mod trust;

pub use self::{authority::Authority, pem::system_and};
pub(crate) use self::{
    show::{Identity, Shown, shows},
    stream::Stream,
    trust::{Trust, client, name},
};

/// HTTP/2 over TLS in ALPN (RFC 9113 section 3.2).
pub(crate) const H2: &[u8] = b"h2";
/// HTTP/1.1 in ALPN (RFC 7301 section 6).
pub(crate) const HTTP_1_1: &[u8] = b"http/1.1";
