//! What an answer is worth: pure, and the same for load and probes.

use std::{cell::OnceCell, time::Duration};

use hyper::{HeaderMap, header::RETRY_AFTER};
use regex::bytes::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::{cookies::set_value, exchange::Answer};
use crate::{
    measure::Outcome,
    scenario::model::{Check, StatusSet, Take, TakeFrom},
};

/// Shedding is honest only when it is quick (definition 3).
pub const SHED_WITHIN: Duration = Duration::from_secs(1);

/// Judges the answers of one step or probe. Its paths are compiled once.
#[derive(Debug, Clone)]
pub struct Judge {
    statuses: Vec<StatusSet>,
    checks: Vec<Compiled>,
    fallback: Vec<Compiled>,
    takes: Vec<TakeSource>,
}

/// A JSONPath or regular expression that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {why}")]
pub struct PatternError {
    /// As written.
    pub text: String,
    /// What it should be.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: String,
}

#[derive(Debug, Clone)]
enum Compiled {
    Status(StatusSet),
    BodyContains(String),
    BodyMatches(Regex),
    Json(JsonPath, Option<Value>),
    JsonAbsent(JsonPath),
    Header(String, Option<String>),
}

#[derive(Debug, Clone)]
enum TakeSource {
    Json(JsonPath),
    Header(String),
    Cookie(String),
    Regex(Regex),
}

/// The body as JSON, parsed when first asked for.
struct Body<'a> {
    bytes: &'a [u8],
    json: OnceCell<Option<Value>>,
}

impl Judge {
    /// A judge by these checks. Without a status check, 2xx and 3xx are good.
    ///
    /// # Errors
    /// [`PatternError`] for a JSONPath that does not parse (RFC 9535).
    pub fn new(check: &[Check], fallback: &[Check], take: &[Take]) -> Result<Self, PatternError> {
        let mut statuses = Vec::new();
        let mut checks = Vec::new();
        for one in check {
            match Compiled::new(one)? {
                Compiled::Status(set) => statuses.push(set),
                other => checks.push(other),
            }
        }
        Ok(Self {
            statuses,
            checks,
            fallback: fallback
                .iter()
                .map(Compiled::new)
                .collect::<Result<_, _>>()?,
            takes: take
                .iter()
                .map(|t| TakeSource::new(&t.from))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Whether anything here looks at bodies.
    #[must_use]
    pub fn wants_body(&self) -> bool {
        let looks = |c: &Compiled| match c {
            Compiled::BodyContains(_)
            | Compiled::BodyMatches(_)
            | Compiled::Json(..)
            | Compiled::JsonAbsent(_) => true,
            Compiled::Status(_) | Compiled::Header(..) => false,
        };
        self.checks.iter().chain(&self.fallback).any(looks)
            || self.takes.iter().any(TakeSource::wants_body)
    }

    /// Whether anything here looks at other headers than those that are always kept.
    #[must_use]
    pub fn wants_headers(&self) -> bool {
        let looks = |c: &Compiled| matches!(c, Compiled::Header(..));
        self.checks.iter().chain(&self.fallback).any(looks)
            || self
                .takes
                .iter()
                .any(|t| matches!(t, TakeSource::Header(_)))
    }

    /// Judges an answer that ended `after` its actual send, and hands out what is taken from it,
    /// in the order of the takes. A good answer from which something could not be taken has failed
    /// a check: the journey cannot go on with it.
    #[must_use]
    pub fn judge(&self, answer: &Answer, after: Duration) -> (Outcome, Vec<String>) {
        if let Some(outcome) = self.judge_status(answer, after) {
            return (outcome, Vec::new());
        }
        let body = Body {
            bytes: &answer.body,
            json: OnceCell::new(),
        };
        if !self.checks.iter().all(|c| c.holds(answer, &body)) {
            return (Outcome::CheckFailed, Vec::new());
        }
        let mut taken = Vec::with_capacity(self.takes.len());
        for take in &self.takes {
            match take.find(&answer.headers, &body) {
                Some(value) => taken.push(value),
                None => return (Outcome::CheckFailed, Vec::new()),
            }
        }
        if self.fallback.iter().any(|c| c.holds(answer, &body)) {
            (Outcome::Fallback, taken)
        } else {
            (Outcome::Ok, taken)
        }
    }

    /// What the status alone decides; `None` when it is a wanted one.
    fn judge_status(&self, answer: &Answer, after: Duration) -> Option<Outcome> {
        let status = answer.status;
        let wanted = if self.statuses.is_empty() {
            (200..400).contains(&status)
        } else {
            self.statuses.iter().all(|set| set.contains(status))
        };
        if wanted {
            return None;
        }
        let honest = status == 429 || (status == 503 && answer.headers.contains_key(RETRY_AFTER));
        Some(if honest && after <= SHED_WITHIN {
            Outcome::Shed
        } else if status >= 500 {
            Outcome::Http5xx
        } else {
            Outcome::Http4xx
        })
    }
}

impl Compiled {
    fn new(check: &Check) -> Result<Self, PatternError> {
        Ok(match check {
            Check::Status(set) => Self::Status(set.clone()),
            Check::BodyContains(text) => Self::BodyContains(text.clone()),
            Check::BodyMatches(expression) => Self::BodyMatches(regex(expression)?),
            Check::Json { path, equals } => Self::Json(compile(path)?, equals.clone()),
            Check::JsonAbsent(path) => Self::JsonAbsent(compile(path)?),
            Check::Header { name, equals } => Self::Header(name.clone(), equals.clone()),
        })
    }

    fn holds(&self, answer: &Answer, body: &Body<'_>) -> bool {
        match self {
            Self::Status(set) => set.contains(answer.status),
            Self::BodyContains(text) => contains(body.bytes, text.as_bytes()),
            Self::BodyMatches(regex) => regex.is_match(body.bytes),
            Self::Json(path, equals) => body.json().is_some_and(|json| {
                let found = path.query(json);
                match equals {
                    None => !found.is_empty(),
                    Some(wanted) => found.iter().any(|value| *value == wanted),
                }
            }),
            Self::JsonAbsent(path) => body.json().is_some_and(|json| path.query(json).is_empty()),
            Self::Header(name, equals) => match equals {
                None => answer.headers.contains_key(name.as_str()),
                Some(wanted) => answer
                    .headers
                    .get_all(name.as_str())
                    .iter()
                    .any(|value| value.as_bytes() == wanted.as_bytes()),
            },
        }
    }
}

impl TakeSource {
    fn new(from: &TakeFrom) -> Result<Self, PatternError> {
        Ok(match from {
            TakeFrom::Json(path) => Self::Json(compile(path)?),
            TakeFrom::Header(name) => Self::Header(name.clone()),
            TakeFrom::Cookie(name) => Self::Cookie(name.clone()),
            TakeFrom::Regex(expression) => Self::Regex(regex(expression)?),
        })
    }

    const fn wants_body(&self) -> bool {
        match self {
            Self::Json(_) | Self::Regex(_) => true,
            Self::Header(_) | Self::Cookie(_) => false,
        }
    }

    /// The first match as text: a JSON string without its quotes, anything else as JSON; of a
    /// regular expression the first group, or all of it where it has none.
    fn find(&self, headers: &HeaderMap, body: &Body<'_>) -> Option<String> {
        match self {
            Self::Json(path) => match path.query(body.json()?).first()? {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            },
            Self::Header(name) => {
                let value = headers.get(name.as_str())?;
                Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
            }
            Self::Cookie(name) => set_value(headers, name),
            Self::Regex(regex) => {
                let found = regex.captures(body.bytes)?;
                let group = if regex.captures_len() > 1 { 1 } else { 0 };
                let found = found.get(group)?.as_bytes();
                Some(String::from_utf8_lossy(found).into_owned())
            }
        }
    }
}

impl Body<'_> {
    fn json(&self) -> Option<&Value> {
        self.json
            .get_or_init(|| serde_json::from_slice(self.bytes).ok())
            .as_ref()
    }
}

fn compile(path: &str) -> Result<JsonPath, PatternError> {
    JsonPath::parse(path).map_err(|error| PatternError {
        text: path.to_owned(),
        what: "a JSONPath",
        why: error.to_string(),
    })
}

/// Matches bytes, since a body need not be text. It takes time in proportion to the body, whatever
/// the expression is.
fn regex(expression: &str) -> Result<Regex, PatternError> {
    Regex::new(expression).map_err(|error| PatternError {
        text: expression.to_owned(),
        what: "a regular expression",
        why: error.to_string(),
    })
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || haystack.windows(needle.len()).any(|part| part == needle)
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Answer {
        Answer {
            status,
            headers: headers
                .iter()
                .map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v)))
                .collect(),
            body: body.as_bytes().into(),
        }
    }

    fn outcome(checks: &[Check], fallback: &[Check], answer: &Answer, after_ms: u64) -> Outcome {
        let judge = Judge::new(checks, fallback, &[]).expect("paths are right");
        judge.judge(answer, Duration::from_millis(after_ms)).0
    }

    #[test]
    fn status_alone() {
        let retry: &[_] = &[("retry-after", "1")];
        for (status, headers, after_ms, expected) in [
            (200, &[][..], 1, Outcome::Ok),
            (302, &[], 1, Outcome::Ok),
            (404, &[], 1, Outcome::Http4xx),
            (500, &[], 1, Outcome::Http5xx),
            (503, &[], 1, Outcome::Http5xx),
            (503, retry, 1000, Outcome::Shed),
            (503, retry, 1001, Outcome::Http5xx),
            (429, &[], 1000, Outcome::Shed),
            (429, &[], 1001, Outcome::Http4xx),
        ] {
            let got = outcome(&[], &[], &answer(status, headers, ""), after_ms);
            assert_eq!(got, expected, "{status} {headers:?} after {after_ms} ms");
        }
    }

    #[test]
    fn a_wanted_status_is_good_whatever_it_is() {
        let wanted = [Check::Status(StatusSet(vec![(404, 404), (429, 429)]))];
        assert_eq!(outcome(&wanted, &[], &answer(404, &[], ""), 1), Outcome::Ok);
        assert_eq!(outcome(&wanted, &[], &answer(429, &[], ""), 1), Outcome::Ok);
        assert_eq!(
            outcome(&wanted, &[], &answer(200, &[], ""), 1),
            Outcome::Http4xx,
            "an unwanted status below 500"
        );
    }

    #[test]
    fn checks_and_fallback() {
        let full = answer(200, &[("x-degraded", "1")], r#"{"slots": [], "n": 2}"#);
        let json = |path: &str, equals: Option<Value>| Check::Json {
            path: path.into(),
            equals,
        };
        let header = |equals: Option<&str>| Check::Header {
            name: "x-degraded".into(),
            equals: equals.map(str::to_owned),
        };
        for (check, holds) in [
            (json("$.slots", None), true),
            (json("$.slots[0]", None), false),
            (json("$.n", Some(Value::from(2))), true),
            (json("$.n", Some(Value::from(3))), false),
            (Check::JsonAbsent("$.error".into()), true),
            (Check::JsonAbsent("$.n".into()), false),
            (Check::BodyMatches(r#""n": \d\b"#.into()), true),
            (Check::BodyMatches("^slots".into()), false),
            (Check::BodyContains("slots".into()), true),
            (Check::BodyContains("slits".into()), false),
            (header(None), true),
            (header(Some("1")), true),
            (header(Some("2")), false),
        ] {
            let expected = if holds {
                Outcome::Ok
            } else {
                Outcome::CheckFailed
            };
            let one = std::slice::from_ref(&check);
            assert_eq!(outcome(one, &[], &full, 1), expected, "{check:?}");
            let expected = if holds {
                Outcome::Fallback
            } else {
                Outcome::Ok
            };
            assert_eq!(outcome(&[], one, &full, 1), expected, "fallback {check:?}");
        }
        let garbled = answer(200, &[], "{not json");
        assert_eq!(
            outcome(&[Check::JsonAbsent("$.error".into())], &[], &garbled, 1),
            Outcome::CheckFailed,
            "nothing can be said to be absent from what is not JSON"
        );
    }

    #[test]
    fn takes_in_order_or_fails() {
        let take = |name: &str, from: TakeFrom| Take {
            name: name.into(),
            from,
        };
        let takes = [
            take("txn", TakeFrom::Json("$.txn".into())),
            take("n", TakeFrom::Json("$.n".into())),
            take("etag", TakeFrom::Header("etag".into())),
            take("sid", TakeFrom::Cookie("sid".into())),
            take("half", TakeFrom::Regex("t.n\": \"(a.)".into())),
            take("all", TakeFrom::Regex("b.".into())),
        ];
        let judge = Judge::new(&[], &[], &takes).expect("paths are right");
        assert!(judge.wants_body());
        let headers = [("etag", "v1"), ("set-cookie", "sid=s1; Path=/")];
        let good = answer(200, &headers, r#"{"txn": "abc", "n": 7}"#);
        let (outcome, taken) = judge.judge(&good, Duration::ZERO);
        assert_eq!(
            (outcome, taken),
            (
                Outcome::Ok,
                ["abc", "7", "v1", "s1", "ab", "bc"]
                    .map(str::to_owned)
                    .into()
            )
        );
        let without = answer(200, &[], r#"{"txn": "abc", "n": 7}"#);
        assert_eq!(
            judge.judge(&without, Duration::ZERO).0,
            Outcome::CheckFailed
        );
        let refused = answer(503, &[], "");
        assert_eq!(judge.judge(&refused, Duration::ZERO).0, Outcome::Http5xx);
    }

    #[test]
    fn a_wrong_path_is_told() {
        let wrong = [Check::JsonAbsent("slots[".into())];
        let error = Judge::new(&wrong, &[], &[]).expect_err("not a path");
        assert_eq!(error.text, "slots[");
    }
}
