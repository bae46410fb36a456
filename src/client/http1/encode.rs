//! A request as it goes over the wire. What is the same in all requests to a service is written
//! once.

use std::ops::Range;

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, USER_AGENT,
};

use crate::{
    client::exchange::{AGENT, Call, REQUEST_HEADER, RequestId},
    scenario::model::Method,
};

/// The header lines of all requests to one service.
#[derive(Debug, Clone)]
pub(in crate::client) struct Constant {
    text: Vec<u8>,
    /// The same, and where in the text each stands.
    lines: Vec<((HeaderName, HeaderValue), Range<usize>)>,
}

impl Constant {
    /// The lines that every request bears, and the service's own, which win.
    pub(in crate::client) fn new(
        authority: &HeaderValue,
        own: &[(HeaderName, HeaderValue)],
    ) -> Self {
        let ours = [
            (HOST, authority.clone()),
            (USER_AGENT, HeaderValue::from_static(AGENT)),
        ];
        let mut constant = Self {
            text: Vec::new(),
            lines: Vec::new(),
        };
        for field in last_of_each(&[&ours[..], own].concat()) {
            let start = constant.text.len();
            line(&mut constant.text, &field.0, &field.1);
            let range = start..constant.text.len();
            constant.lines.push((field.clone(), range));
        }
        constant
    }

    /// The fields that the lines are of.
    pub(in crate::client) fn fields(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.lines.iter().map(|(field, _)| field)
    }

    /// Writes the lines, but not those that `over` has a word of its own for.
    fn write(&self, over: &[(HeaderName, HeaderValue)], out: &mut Vec<u8>) {
        let has = |name: &HeaderName| over.iter().any(|(other, _)| other == name);
        if over.is_empty() || self.lines.iter().all(|((name, _), _)| !has(name)) {
            out.extend_from_slice(&self.text);
            return;
        }
        for ((name, _), range) in &self.lines {
            if !has(name) {
                out.extend_from_slice(&self.text[range.clone()]);
            }
        }
    }

    fn has(&self, wanted: &HeaderName) -> bool {
        self.fields().any(|(name, _)| name == wanted)
    }
}

/// Whether a path with query may stand in a request line (RFC 9112 section 3.2).
pub(in crate::client) fn is_target(path: &str) -> bool {
    (path.starts_with('/') || path == "*") && path.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Writes the head of a request behind what is in `out`, but not its body. Headers of the call win
/// over those of the service; with `close` the server is asked to close the connection.
pub(super) fn encode(constant: &Constant, call: &Call<'_>, close: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(name_of(call.method));
    out.push(b' ');
    out.extend_from_slice(call.path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    constant.write(call.headers, out);
    out.extend_from_slice(REQUEST_HEADER.as_bytes());
    out.extend_from_slice(b": ");
    write_id(call.id, out);
    out.extend_from_slice(b"\r\n");
    let said = |name| constant.has(name) || call.headers.iter().any(|(own, _)| own == name);
    if close && !said(&CONNECTION) {
        out.extend_from_slice(b"connection: close\r\n");
    }
    for (name, value) in last_of_each(call.headers) {
        line(out, name, value);
    }
    let length = call.body.as_ref().map_or(0, bytes::Bytes::len);
    // said even of an empty one where a body is to be expected (RFC 9110 section 8.6)
    if length > 0 || matches!(call.method, Method::Post | Method::Put | Method::Patch) {
        out.extend_from_slice(b"content-length: ");
        write_number(length as u64, out);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// The last field of each name, without those that only we can know.
fn last_of_each(
    fields: &[(HeaderName, HeaderValue)],
) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
    fields.iter().enumerate().filter_map(|(at, field)| {
        let again = fields[at + 1..].iter().any(|(name, _)| *name == field.0);
        let ours = field.0 == CONTENT_LENGTH || field.0 == TRANSFER_ENCODING;
        (!again && !ours && field.0 != REQUEST_HEADER).then_some(field)
    })
}

fn line(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// What [`RequestId`] displays as, without the cost of formatting.
pub(super) fn write_id(id: RequestId, out: &mut Vec<u8>) {
    match id {
        RequestId::Load {
            population,
            arrival,
            step,
            attempt,
        } => {
            write_number(population.into(), out);
            out.push(b'.');
            write_number(arrival, out);
            out.push(b'.');
            write_number(step.into(), out);
            out.push(b'.');
            write_number(attempt.into(), out);
        }
        RequestId::Probe(n) => {
            out.extend_from_slice(b"probe.");
            write_number(n, out);
        }
    }
}

fn write_number(mut number: u64, out: &mut Vec<u8>) {
    // 20 digits are the most that 64 bits need
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        // a single digit
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

const fn name_of(method: Method) -> &'static [u8] {
    match method {
        Method::Get => b"GET",
        Method::Head => b"HEAD",
        Method::Post => b"POST",
        Method::Put => b"PUT",
        Method::Patch => b"PATCH",
        Method::Delete => b"DELETE",
        Method::Options => b"OPTIONS",
    }
}
