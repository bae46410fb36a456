//! HTTP/1.1 as a client speaks it (RFC 9112). The protocol knows neither sockets nor clocks:
//! [`encode`] writes a request into a buffer, [`Decoder`] (head, chunked) is fed with whatever
//! bytes have come. [`Conn`] moves the bytes between them and a stream.
//!
//! It is strict where leniency lets two parties disagree about where a message ends: see
//! [`Malformed`].

mod chunked;
mod conn;
mod decode;
mod encode;
mod head;

pub(super) use conn::Conn;
pub(super) use encode::{Constant, is_target};

use decode::{Decoder, Progress, Wanted};
use encode::encode;

/// Why bytes are not a response that can be trusted. The connection ends with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Malformed {
    /// A status line or header field that the grammar does not allow (RFC 9112 sections 4, 5):
    /// also a line that is folded, and a CR that no LF follows.
    Head(httparse::Error),
    /// A head of more bytes or fields than any honest server sends.
    Oversized,
    /// A status code below 100.
    Status,
    /// 101, though nobody asked for another protocol.
    Upgrade,
    /// More interim responses than any honest server sends.
    Interim,
    /// A Content-Length that is no number, or several that differ (RFC 9112 section 6.3).
    ContentLength,
    /// A Transfer-Encoding in HTTP/1.0, or one with `chunked` twice (RFC 9112 sections 6.1, 7.1), or
    /// with an empty member: who skips it reads chunks, and who does not reads up to the end.
    TransferEncoding,
    /// Both of them: a sign of smuggling (RFC 9112 section 6.3).
    TwoLengths,
    /// A chunk's size or ends are wrong, or its extensions are endless (RFC 9112 section 7.1).
    Chunk,
    /// A trailer field that the grammar does not allow, or too many of them.
    Trailer,
}

#[cfg(any(test, fuzzing))]
pub(crate) mod laws;
#[cfg(test)]
mod tests;
