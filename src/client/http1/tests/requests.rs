//! Requests as they go over the wire.

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use proptest::prelude::*;
use tokio::time::Instant;

use super::*;
use crate::{
    client::{Call, RequestId},
    plan::ServiceId,
    scenario::model::Method,
};

fn fields(fields: &[(&'static str, &'static str)]) -> Vec<(HeaderName, HeaderValue)> {
    let field = |(name, value): &(&'static str, &'static str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    fields.iter().map(field).collect()
}

fn call(method: Method, headers: &[(HeaderName, HeaderValue)]) -> Call<'_> {
    Call {
        id: RequestId::Probe(7),
        service: ServiceId(0),
        method,
        path: "/a?b=c",
        headers,
        body: None,
        deadline: Instant::now(),
        connect_timeout: Duration::ZERO,
        first_byte_timeout: None,
        keep_body: false,
        keep_headers: false,
    }
}

fn written(own: &[(&'static str, &'static str)], call: &Call<'_>, close: bool) -> String {
    let constant = Constant::new(&HeaderValue::from_static("shop.test"), &fields(own));
    let mut out = Vec::new();
    encode(&constant, call, close, &mut out);
    String::from_utf8(out).expect("text")
}

const AGENT: &str = concat!("user-agent: brownout/", env!("CARGO_PKG_VERSION"), "\r\n");

#[tokio::test]
async fn requests_are_written_as_the_protocol_wants_them() {
    assert_eq!(
        written(&[], &call(Method::Get, &[]), false),
        format!(
            "GET /a?b=c HTTP/1.1\r\nhost: shop.test\r\n{AGENT}brownout-request: probe.7\r\n\r\n"
        )
    );
    assert_eq!(
        written(
            &[("authorization", "Bearer x")],
            &call(Method::Delete, &[]),
            true
        ),
        format!(
            "DELETE /a?b=c HTTP/1.1\r\nhost: shop.test\r\n{AGENT}authorization: Bearer x\r\n\
             brownout-request: probe.7\r\nconnection: close\r\n\r\n"
        )
    );
    let empty = written(&[], &call(Method::Post, &[]), false);
    assert!(empty.ends_with("\r\ncontent-length: 0\r\n\r\n"), "{empty}");
    let with_body = Call {
        body: Some(Bytes::from_static(b"twelve bytes")),
        ..call(Method::Put, &[])
    };
    let text = written(&[], &with_body, false);
    assert!(text.ends_with("\r\ncontent-length: 12\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn the_step_wins_over_the_service_and_framing_is_ours() {
    let own = [
        ("host", "virtual.test"),
        ("accept", "text/html"),
        ("content-length", "7"),
        ("cookie", "a=1"),
    ];
    let step = fields(&[
        ("accept", "text/css"),
        ("accept", "application/json"),
        ("transfer-encoding", "chunked"),
        ("brownout-request", "mine"),
        ("connection", "x"),
    ]);
    assert_eq!(
        written(&own, &call(Method::Get, &step), true),
        format!(
            "GET /a?b=c HTTP/1.1\r\n{AGENT}host: virtual.test\r\ncookie: a=1\r\n\
             brownout-request: probe.7\r\naccept: application/json\r\nconnection: x\r\n\r\n"
        )
    );
}

#[test]
fn what_may_be_asked_for() {
    for (path, expected) in [
        ("/", true),
        ("/a/b?c=%20&d", true),
        ("*", true),
        ("", false),
        ("a", false),
        ("/a b", false),
        ("/a\r\nx: y", false),
        ("/ü", false),
        ("/\u{7f}", false),
    ] {
        assert_eq!(is_target(path), expected, "{path:?}");
    }
}

proptest! {
    #[test]
    fn a_request_is_named_as_it_displays(
        population: u16, arrival: u64, step: u16, attempt: u32, probe: u64
    ) {
        for id in [
            RequestId::Load { population, arrival, step, attempt },
            RequestId::Probe(probe),
        ] {
            let mut out = Vec::new();
            encode::write_id(id, &mut out);
            prop_assert_eq!(String::from_utf8(out).expect("text"), id.to_string());
        }
    }
}
