//! What `http:` may say, and how its mistakes are told.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    diagnostic::Source,
    document::{Mistakes, tree},
    scenario::model::{
        Cut, FieldMatch, HttpClose, HttpDelay, JsonEdit, JsonMatch, Method, Person, RateWindow,
        Spread, Wanted,
    },
    units::{Rate, Ratio},
};

fn read(text: &str) -> Result<HttpEffect, Vec<String>> {
    let mut mistakes = Mistakes::new(Source::new("x.yaml", text));
    let node = tree(&mut mistakes).expect("YAML");
    let read = effect(&node, &mut mistakes);
    if mistakes.has_errors() {
        let said = mistakes.finish();
        return Err(said.0.iter().map(|one| one.message.clone()).collect());
    }
    Ok(read.expect("no mistakes, so an effect"))
}

#[track_caller]
fn does(text: &str, expected: HttpAction) {
    let effect = read(text).unwrap_or_else(|said| panic!("{text}: {said:?}"));
    assert_eq!(effect.action, expected, "{text}");
    assert_eq!(effect.matching, HttpMatch::default(), "{text}");
}

#[track_caller]
fn wrong(text: &str, expected: &str) {
    let said = read(text).expect_err(text);
    assert!(
        said.iter().any(|one| one.contains(expected)),
        "{text}: {said:?}"
    );
}

fn delay(seconds: u64, spread: Spread) -> HttpAction {
    let delay = Duration::from_secs(seconds);
    HttpAction::Delay(HttpDelay { delay, spread })
}

#[test]
fn every_effect() {
    for (word, action) in [
        ("hang", HttpAction::Hang),
        ("reset", HttpAction::Reset),
        ("malformed", HttpAction::Malformed),
        ("stale", HttpAction::Stale),
        ("rate_limit", HttpAction::RateLimit(misfire())),
    ] {
        does(word, action.clone());
        does(&format!("{{{word}: true}}"), action);
        wrong(&format!("{{{word}: false}}"), "true");
    }
    let second = Duration::from_secs(1);
    does("{delay: 12s}", delay(12, Spread::None));
    does(
        "{delay: 1s..3s}",
        delay(1, Spread::Uniform { most: second * 3 }),
    );
    let normal = Spread::Normal { deviation: second };
    does("{delay: {mean: 2s, deviation: 1s}}", delay(2, normal));
    let tail = Spread::LogNormal { p99: second * 9 };
    does("{delay: {p50: 2s, p99: 9s}}", delay(2, tail));
    does(
        "{close: before_headers}",
        HttpAction::Close(HttpClose::BeforeHeaders),
    );
    does(
        "{close: after_headers}",
        HttpAction::Close(HttpClose::AfterHeaders),
    );
    does("{truncate: 1_000}", HttpAction::Truncate(Cut::Bytes(1000)));
    let half = Ratio::new(0.5).expect("a ratio");
    does("{truncate: 50%}", HttpAction::Truncate(Cut::Share(half)));
    let rate = Rate::per_second(1000.0).expect("a rate");
    does("{slow: 1_000/s}", HttpAction::Slow(rate));
    does(
        "{content_type: text/html}",
        HttpAction::ContentType("text/html".into()),
    );
    does(
        "{json: {set: {$.a.b: 1}, replace: {'$..c': [x]}, remove: [$.d, $.e]}}",
        HttpAction::Json(vec![
            JsonEdit::Set {
                parent: "$.a".into(),
                name: "b".into(),
                value: json!(1),
            },
            JsonEdit::Replace {
                path: "$..c".into(),
                value: json!(["x"]),
            },
            JsonEdit::Remove { path: "$.d".into() },
            JsonEdit::Remove { path: "$.e".into() },
        ]),
    );
    let mut limit = misfire();
    limit.status = 403;
    limit.retry_after = Some(second * 5);
    limit.window = Some(RateWindow {
        limit: 10,
        per: second,
        by: Some(Person::Cookie("session".into())),
    });
    does(
        "{rate_limit: {status: 403, retry_after: 5s, limit: 10, by: {cookie: session}}}",
        HttpAction::RateLimit(limit),
    );
}

#[test]
fn every_condition() {
    let text = "
hang: true
routes: [POST /otp/generate]
match:
  method: [GET, POST]
  header: {X-Kind: adult, accept: {matches: json$}}
  query: page
  json: {$.n: 1}
every: 3
first: 10
sticky: {header: Authorization}
";
    let field = |name: &str, wanted: Wanted| FieldMatch {
        name: name.into(),
        wanted,
    };
    let expected = HttpMatch {
        routes: vec!["POST /otp/generate".parse().expect("a route")],
        methods: vec![Method::Get, Method::Post],
        headers: vec![
            field("x-kind", Wanted::Equals("adult".into())),
            field("accept", Wanted::Matches("json$".into())),
        ],
        query: vec![field("page", Wanted::Present)],
        json: vec![JsonMatch {
            path: "$.n".into(),
            equals: Some(json!(1)),
        }],
        every: Some(3),
        first: Some(10),
        sticky: Some(Person::Header("authorization".into())),
    };
    assert_eq!(read(text).expect("it is right").matching, expected);
    let address = read("{hang: true, sticky: address}").expect("it is right");
    assert_eq!(address.matching.sticky, Some(Person::Address));
    // a record from before all this still reads
    let old: HttpMatch = serde_json::from_str(r#"{"routes": []}"#).expect("it reads");
    assert_eq!(old, HttpMatch::default());
}

#[test]
fn mistakes_are_told() {
    for (text, expected) in [
        ("{}", "needs one of"),
        ("{hang: true, reset: true}", "exclude each other"),
        ("{delay: 3s..1s}", "ends before it begins"),
        ("{delay: 0s}", "above zero"),
        ("{delay: {mean: 2s}}", "needs `deviation`"),
        ("{delay: {p50: 2s, deviation: 1s}}", "does not go with"),
        ("{delay: {p50: 2s, p99: 1s}}", "above the median"),
        ("{close: never}", "not when a connection is closed"),
        ("{truncate: 100%}", "less than the whole"),
        ("{truncate: half}", "whole number"),
        ("{slow: 0.5/s}", "one byte a second"),
        ("{json: {}}", "at least one change"),
        ("{json: {set: {'$.a[0]': 1}}}", "the name of a member"),
        ("{json: {set: {'$..a': 1}}}", "the name of a member"),
        ("{json: {remove: name}}", "not a JSONPath"),
        ("{rate_limit: {status: 500}}", "whole number"),
        ("{rate_limit: {status: 404}}", "429 or 403"),
        ("{rate_limit: {per: 1s}}", "goes with `limit`"),
        ("{hang: true, body: x}", "goes with `status`"),
        ("{hang: true, match: {}}", "at least one condition"),
        ("{hang: true, match: {method: FETCH}}", "not a method"),
        (
            "{hang: true, match: {header: {a: {matches: '('}}}}",
            "not a regular expression",
        ),
        (
            "{hang: true, match: {header: 'a b'}}",
            "not the name of a header",
        ),
        ("{hang: true, match: {json: a}}", "not a JSONPath"),
        ("{hang: true, every: 0}", "at least 1"),
        ("{hang: true, first: 0}", "at least 1"),
        ("{hang: true, sticky: everybody}", "tells people apart"),
        ("{hang: true, sticky: {user: x}}", "user"),
        ("{content_type: \"a\\nb\"}", "control characters"),
    ] {
        wrong(text, expected);
    }
}
