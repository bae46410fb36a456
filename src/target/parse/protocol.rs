//! `protocol:` and `streams:` of a service.

use crate::{
    document::{Fields, Mistakes},
    target::model::Protocol,
};

/// So many requests at a time on a connection, unless the file says otherwise: what RFC 9113
/// (section 6.5.2) asks servers to allow at least.
const STREAMS: u32 = 100;
/// HTTP/2 has no more than 2^31 streams, and no machine so many at a time.
const MOST: u32 = 100_000;

/// What is spoken to the service.
pub(super) fn of(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Protocol {
    let known = [
        ("http1", Protocol::Http1),
        ("http2", Protocol::Http2 { streams: STREAMS }),
    ];
    let protocol = fields
        .get("protocol")
        .and_then(|node| mistakes.choice(node, "a protocol", &known))
        .unwrap_or_default();
    let Some((key, node)) = fields.entry("streams") else {
        return protocol;
    };
    let streams = mistakes.count(node, 1..=MOST);
    match protocol {
        Protocol::Http2 { .. } => Protocol::Http2 {
            streams: streams.unwrap_or(STREAMS),
        },
        Protocol::Http1 => {
            mistakes
                .error(
                    key.place,
                    "`streams` needs `protocol: http2`",
                    "HTTP/1.1 has none",
                )
                .hint = Some("write `protocol: http2` beside it, or leave it out".to_owned());
            protocol
        }
    }
}
