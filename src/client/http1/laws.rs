//! What holds for any bytes: the laws that property tests and fuzzing share.

use http_body_util::{BodyExt, Empty};
use hyper::{Method, Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    Malformed,
    decode::{Decoder, Wanted},
};
use crate::measure::Outcome;

/// What a response is to the one who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Whole {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) reusable: bool,
}

/// What the bytes of a connection, in these pieces and then its end, are to a decoder.
pub(super) fn decode<'a>(
    wanted: Wanted,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Whole, Outcome> {
    let mut decoder = Decoder::new(wanted);
    for piece in pieces {
        decoder.feed(piece).map_err(|_| Outcome::Protocol)?;
    }
    decoder.close()?;
    let reusable = decoder.is_reusable();
    let (head, body) = decoder.into_parts();
    Ok(Whole {
        status: head.expect("complete").status,
        body,
        reusable,
    })
}

/// Whoever asks by GET and wants the body.
pub(super) const GET: Wanted = Wanted {
    head: false,
    headers: false,
    body: true,
};

/// Status and body as hyper's client reads them, or `None` if it finds fault with them.
pub(super) fn by_hyper(head_request: bool, bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let (mut sender, connection) = http1::handshake(TokioIo::new(ours)).await.ok()?;
        let driver = tokio::spawn(connection);
        let server = async {
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                request.push(theirs.read_u8().await.expect("a request"));
            }
            theirs.write_all(bytes).await.expect("room");
            drop(theirs);
        };
        let client = async {
            let mut request = Request::new(Empty::<bytes::Bytes>::new());
            if head_request {
                *request.method_mut() = Method::HEAD;
            }
            let response = sender.send_request(request).await.ok()?;
            let status = response.status().as_u16();
            // an upgrade is an answer to hyper, and has no body
            let body = response.into_body().collect().await.ok()?;
            Some((status, body.to_bytes().to_vec()))
        };
        let (answer, ()) = tokio::join!(client, server);
        driver.abort();
        answer
    })
}

/// Whether it is meant that we refuse what hyper takes.
pub(super) fn is_meant(bytes: &[u8]) -> bool {
    let mut decoder = Decoder::new(GET);
    match decoder.feed(bytes) {
        // Who sees both lengths may take either: hyper takes the chunks, another the number.
        Err(Malformed::TwoLengths) => true,
        // `chunked` twice, which hyper takes for once; an empty member, which it takes for no `chunked`
        Err(Malformed::TransferEncoding) => true,
        // hyper hands out 101 as an answer; we asked for no other protocol
        Err(Malformed::Upgrade) => true,
        // hyper looks for CR alone in trailers, and lets a bare LF end a line there
        Err(Malformed::Trailer) => true,
        // Empty lines before the status line: no client has to skip them, and after another answer
        // on the same connection they would be bytes that nobody asked for.
        Err(Malformed::Head(httparse::Error::Version)) => true,
        _ => false,
    }
}

/// What a decoder and hyper make of the same bytes where they differ without its being meant.
pub(crate) fn difference(head_request: bool, bytes: &[u8]) -> Option<String> {
    let wanted = Wanted {
        head: head_request,
        ..GET
    };
    let ours = decode(wanted, [bytes])
        .ok()
        .map(|whole| (whole.status, whole.body));
    let theirs = by_hyper(head_request, bytes);
    let meant = ours.is_none() && theirs.is_some() && is_meant(bytes);
    (ours != theirs && !meant).then(|| {
        let bytes = bytes.escape_ascii();
        format!("ours {ours:?}, hyper's {theirs:?} of {bytes}")
    })
}

/// Nothing depends on how the bytes were cut.
#[cfg(fuzzing)]
pub(crate) fn cuts_change_nothing(head_request: bool, piece: usize, bytes: &[u8]) {
    let wanted = Wanted {
        head: head_request,
        ..GET
    };
    let whole = decode(wanted, [bytes]);
    assert_eq!(decode(wanted, bytes.chunks(piece)), whole);
    // all headers are read, too, and change nothing else
    let curious = Wanted {
        headers: true,
        ..wanted
    };
    assert_eq!(decode(curious, [bytes]), whole);
}
