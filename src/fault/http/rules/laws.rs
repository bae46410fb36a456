//! What holds for any request and body: the laws that fuzzing checks.

use std::net::IpAddr;

use hyper::{HeaderMap, header::HeaderValue};
use serde_json::{Value, json};

use super::{
    super::json::{Edits, broken_off},
    Matcher, Seen,
};
use crate::scenario::model::{FieldMatch, HttpMatch, JsonEdit, JsonMatch, Person, Wanted};

/// What people write is short; what comes over the network need not be.
const LONGEST_PATTERN: usize = 40;

/// A route, a regular expression, a JSONPath and the target of a request, a line each, and then a
/// body: a rule means it or not, and what is done to the body gives what was wanted.
pub(crate) fn rules_hold(text: &[u8]) {
    let mut lines = text.splitn(5, |byte| *byte == b'\n');
    let mut next = || lines.next().unwrap_or_default();
    let [route, regex, path, target] = [(); 4].map(|()| String::from_utf8_lossy(next()));
    let body = next();
    if [&route, &regex, &path]
        .iter()
        .any(|pattern| pattern.len() > LONGEST_PATTERN)
    {
        return;
    }
    let json: Option<Value> = serde_json::from_slice(body).ok();
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(body) {
        headers.insert("x-kind", value.clone());
        headers.insert("cookie", value);
    }
    let seen = Seen {
        method: "GET",
        path: target.split('?').next().unwrap_or_default(),
        query: target.split_once('?').map_or("", |(_, query)| query),
        target: &target,
        headers: &headers,
        json: json.as_ref(),
        from: IpAddr::from([127, 0, 0, 1]),
        id: None,
    };
    let field = |wanted| FieldMatch {
        name: "x-kind".into(),
        wanted,
    };
    let matching = HttpMatch {
        routes: route.parse().into_iter().collect(),
        headers: vec![field(Wanted::Matches(regex.to_string()))],
        query: vec![field(Wanted::Matches(regex.to_string()))],
        json: vec![JsonMatch {
            path: path.to_string(),
            equals: None,
        }],
        sticky: Some(Person::Cookie("a".into())),
        ..HttpMatch::default()
    };
    if let Ok(matcher) = Matcher::prepare(&matching) {
        let _ = (matcher.means_head(&seen), matcher.means_body(&seen));
        let _ = matcher.person(&seen);
    }
    edits_hold(&path, body, json.as_ref());
    let broken = broken_off(body);
    assert!(serde_json::from_slice::<Value>(&broken).is_err());
}

/// What is edited is JSON still; what was replaced is replaced, and what was taken out is gone.
fn edits_hold(path: &str, body: &[u8], json: Option<&Value>) {
    let apply = |edit: JsonEdit| {
        let edited = Edits::new(&[edit]).ok()?.apply(body)?;
        Some(serde_json::from_slice::<Value>(&edited).expect("JSON"))
    };
    let (parent, path) = (path.to_owned(), path.to_owned());
    let name = "brownout".to_owned();
    let set = apply(JsonEdit::Set {
        parent,
        name,
        value: json!(1),
    });
    assert!(set.is_none() || json.is_some());
    let replaced = apply(JsonEdit::Replace {
        path: path.clone(),
        value: json!("brownout"),
    });
    assert!(replaced.is_none() || json.is_some());
    let removed = apply(JsonEdit::Remove { path });
    assert_eq!(removed.is_some(), replaced.is_some(), "the same places");
}
