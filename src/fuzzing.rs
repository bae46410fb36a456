//! Doors for the fuzz targets (`fuzz/`) into what is not public. Only cargo-fuzz sets
//! `--cfg fuzzing`: nobody else sees this module.
//!
//! Each function takes what was fuzzed and panics when a law does not hold.

use serde_json::Value;

use crate::{client::http1_laws, fault, guardian, load, scenario::model::Template};

/// Bytes as a response, to a GET or a HEAD: no panic, and the same whether they come at once or in
/// pieces of the length that the first byte says.
pub fn response(bytes: &[u8]) {
    if let Some((&how, bytes)) = bytes.split_first() {
        let piece = usize::from(how >> 1).max(1);
        http1_laws::cuts_change_nothing(how & 1 == 1, piece, bytes);
    }
}

/// Bytes as a response: hyper's client reads the same, but for what is meant to differ.
pub fn response_as_hyper_reads_it(bytes: &[u8]) {
    if let Some((&how, bytes)) = bytes.split_first() {
        assert_eq!(http1_laws::difference(how & 1 == 1, bytes), None);
    }
}

/// Two values, each on a line, and then a template, which may be a JSON body.
pub fn template(text: &str) {
    let mut parts = text.splitn(3, '\n');
    let (Some(one), Some(other), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return;
    };
    if let Ok(template) = Template::parse(text) {
        let again = Template::parse(&template.to_string()).expect("as it was written");
        assert_eq!(again, template);
        load::values_stay_in_their_place(&template, &[one.to_owned(), other.to_owned()]);
    }
    if let Ok(body) = serde_json::from_str::<Value>(text) {
        load::json_stays_json(&body, one);
    }
}

/// Requests to `brownout proxy`, a line each.
pub fn toxiproxy(bytes: &[u8]) {
    fault::requests_are_answered(bytes);
}

/// A packet to the DNS server, with the fault that the first byte chooses.
pub fn dns(bytes: &[u8]) {
    fault::packets_are_answered(bytes);
}

/// Patterns of an HTTP rule, a line each, and a request and its body.
pub fn http_rules(bytes: &[u8]) {
    fault::rules_hold(bytes);
}

/// Bytes as a journal, and as lines to and from a guardian: what is read is written as it was, and
/// what was cut off costs no more than the last line.
pub fn journal(bytes: &[u8]) {
    use guardian::{Entry, Leftovers, protocol};

    let left = Leftovers::of(bytes);
    let torn = [bytes, b"\n{\"undone\":{\"en\xc3"].concat();
    assert_eq!(Leftovers::of(&torn), left);
    for line in bytes.split(|byte| *byte == b'\n') {
        if let Ok(entry) = serde_json::from_slice::<Entry>(line) {
            let text = serde_json::to_vec(&entry).expect("an entry can be written");
            assert_eq!(serde_json::from_slice::<Entry>(&text).ok(), Some(entry));
        }
        if let Ok(request) = serde_json::from_slice::<protocol::Request>(line) {
            let text = serde_json::to_vec(&request).expect("a request can be written");
            let again = serde_json::from_slice::<protocol::Request>(&text);
            assert_eq!(again.ok(), Some(request));
        }
        let _ = serde_json::from_slice::<protocol::Message>(line);
    }
}
