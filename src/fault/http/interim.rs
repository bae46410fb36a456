//! Interim answers (1xx): what an upstream says before it answers, for instance early hints (RFC 8297).
//!
//! They are forwarded as RFC 9110 section 15.2 wants it, to clients of HTTP/1.1: one of HTTP/1.0 must not get any.
//! hyper's server has no words for them, so they are written to the wire between two of its flushes.
//! 100 is not among them, since the proxy tells who expects it to go on by itself; nor is 101, which ends HTTP.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{HeaderMap, Request, StatusCode, Version, ext::on_informational};

use super::{ask::Asking, hop, wire::Wire};

/// Has what an upstream says before its answer written to the client.
pub(super) fn pass(request: &mut Request<Asking>, wire: &Arc<Wire>) {
    if request.version() != Version::HTTP_11 {
        return;
    }
    let wire = Arc::clone(wire);
    on_informational(request, move |said| {
        if !matches!(
            said.status(),
            StatusCode::CONTINUE | StatusCode::SWITCHING_PROTOCOLS
        ) {
            wire.say(head(said.status(), said.headers().clone()));
        }
    });
}

/// An answer's head as it goes over the wire (RFC 9112 section 4).
fn head(status: StatusCode, mut headers: HeaderMap) -> Bytes {
    hop::strip(&mut headers, false);
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    for (name, value) in &headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_keeps_what_is_for_the_client() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("link", "</a.css>; rel=preload"),
            ("connection", "x-mine"),
            ("x-mine", "1"),
            ("link", "</b.js>; rel=preload"),
        ] {
            headers.append(name, value.parse().expect("a value"));
        }
        let head = head(StatusCode::EARLY_HINTS, headers);
        assert_eq!(
            head,
            "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\nlink: </b.js>; rel=preload\r\n\r\n"
        );
    }
}
