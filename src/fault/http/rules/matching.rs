//! Whom a rule means.

use std::{borrow::Cow, net::IpAddr};

use hyper::{HeaderMap, header};
use regex::bytes::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use crate::scenario::model::{FieldMatch, HttpMatch, Method, Person, RoutePattern, Wanted};

/// What is known of a request when it comes.
#[derive(Debug, Clone, Copy)]
pub(in crate::fault::http) struct Seen<'a> {
    pub(in crate::fault::http) method: &'a str,
    /// Without the query.
    pub(in crate::fault::http) path: &'a str,
    pub(in crate::fault::http) query: &'a str,
    /// Path and query.
    pub(in crate::fault::http) target: &'a str,
    pub(in crate::fault::http) headers: &'a HeaderMap,
    /// Its body, if it is JSON and somebody asked for it.
    pub(in crate::fault::http) json: Option<&'a Value>,
    /// The client's address.
    pub(in crate::fault::http) from: IpAddr,
    /// The name that a client of ours gave it.
    pub(in crate::fault::http) id: Option<&'a str>,
}

/// The conditions of a rule, ready to use.
#[derive(Debug)]
pub(in crate::fault::http) struct Matcher {
    routes: Vec<RoutePattern>,
    methods: Vec<Method>,
    headers: Vec<Field>,
    query: Vec<Field>,
    json: Vec<(JsonPath, Option<Value>)>,
    every: Option<u64>,
    first: Option<u64>,
    sticky: Option<Person>,
}

#[derive(Debug)]
struct Field {
    name: String,
    wanted: Test,
}

#[derive(Debug)]
enum Test {
    Present,
    Equals(String),
    Matches(Regex),
}

impl Matcher {
    /// Makes conditions ready.
    ///
    /// # Errors
    /// For a pattern or path that cannot be used.
    pub(in crate::fault::http) fn prepare(matching: &HttpMatch) -> Result<Self, String> {
        let fields = |fields: &[FieldMatch]| -> Result<Vec<Field>, String> {
            fields.iter().map(Field::new).collect()
        };
        let path = |path: &str| {
            JsonPath::parse(path).map_err(|error| format!("`{path}` is not a JSONPath: {error}"))
        };
        let json = matching.json.iter();
        Ok(Self {
            routes: matching.routes.clone(),
            methods: matching.methods.clone(),
            headers: fields(&matching.headers)?,
            query: fields(&matching.query)?,
            json: json
                .map(|one| Ok((path(&one.path)?, one.equals.clone())))
                .collect::<Result<_, String>>()?,
            every: matching.every,
            first: matching.first,
            sticky: matching.sticky.clone(),
        })
    }

    /// Whether the conditions that need no body hold.
    pub(in crate::fault::http) fn means_head(&self, seen: &Seen<'_>) -> bool {
        let route = |route: &RoutePattern| route.matches(seen.method, seen.path);
        let method = |method: &Method| method.as_str() == seen.method;
        let header = |field: &Field| {
            let mut values = seen.headers.get_all(field.name.as_str()).iter();
            values.any(|value| field.wanted.holds(value.as_bytes()))
        };
        let parameter = |field: &Field| {
            let mut pairs = parameters(seen.query);
            pairs.any(|(name, value)| name == field.name && field.wanted.holds(value.as_bytes()))
        };
        (self.routes.is_empty() || self.routes.iter().any(route))
            && (self.methods.is_empty() || self.methods.iter().any(method))
            && self.headers.iter().all(header)
            && self.query.iter().all(parameter)
    }

    /// Whether any condition is about the body.
    pub(super) const fn wants_body(&self) -> bool {
        !self.json.is_empty()
    }

    /// Whether the conditions about the body hold.
    pub(super) fn means_body(&self, seen: &Seen<'_>) -> bool {
        self.json.iter().all(|(path, equals)| {
            let found = seen.json.map(|json| path.query(json).all());
            found.is_some_and(|found| match equals {
                None => !found.is_empty(),
                Some(wanted) => found.contains(&wanted),
            })
        })
    }

    /// Whether it is the turn of the `nth` (from 0) of those that meet the conditions.
    pub(super) fn is_due(&self, nth: u64) -> bool {
        self.every
            .is_none_or(|every| (nth + 1).is_multiple_of(every))
    }

    /// Whether the rule has not yet met as many as it may; `met` counts one more.
    pub(super) fn is_within(&self, met: impl FnOnce() -> u64) -> bool {
        self.first.is_none_or(|first| met() < first)
    }

    /// Who sends the request, where the share is one of people.
    pub(super) fn person<'a>(&self, seen: &Seen<'a>) -> Option<Cow<'a, str>> {
        person(self.sticky.as_ref()?, seen)
    }
}

/// Who sends a request; `None` when it does not say.
pub(super) fn person<'a>(by: &Person, seen: &Seen<'a>) -> Option<Cow<'a, str>> {
    match by {
        Person::Header(name) => {
            let value = seen.headers.get(name.as_str())?;
            Some(String::from_utf8_lossy(value.as_bytes()))
        }
        Person::Cookie(wanted) => seen
            .headers
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| Cow::Borrowed(value)),
        Person::Address => Some(Cow::Owned(seen.from.to_canonical().to_string())),
    }
}

impl Field {
    fn new(field: &FieldMatch) -> Result<Self, String> {
        let wanted = match &field.wanted {
            Wanted::Present => Test::Present,
            Wanted::Equals(value) => Test::Equals(value.clone()),
            Wanted::Matches(regex) => Test::Matches(
                Regex::new(regex)
                    .map_err(|error| format!("`{regex}` is not a regular expression: {error}"))?,
            ),
        };
        let name = field.name.clone();
        Ok(Self { name, wanted })
    }
}

impl Test {
    fn holds(&self, value: &[u8]) -> bool {
        match self {
            Self::Present => true,
            Self::Equals(wanted) => wanted.as_bytes() == value,
            Self::Matches(regex) => regex.is_match(value),
        }
    }
}

/// Names and values of a query, as forms write them (URL Standard, section 5.1): `+` is a blank,
/// `%20` a byte; what is no UTF-8 is replaced.
fn parameters(query: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after
            .get(..2)
            .and_then(|two| std::str::from_utf8(two).ok())
            .filter(|two| two.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match (first, digits) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::model::JsonMatch;

    fn holds(matching: &HttpMatch, head: &str, json: Option<Value>) -> bool {
        let mut lines = head.lines();
        let (method, target) = lines
            .next()
            .and_then(|l| l.split_once(' '))
            .expect("a line");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a field");
            let name: header::HeaderName = name.parse().expect("a name");
            headers.append(name, value.parse().expect("a value"));
        }
        let seen = Seen {
            method,
            path,
            query,
            target,
            headers: &headers,
            json: json.as_ref(),
            from: [127, 0, 0, 1].into(),
            id: None,
        };
        let matcher = Matcher::prepare(matching).expect("patterns that work");
        matcher.means_head(&seen) && matcher.means_body(&seen)
    }

    fn field(name: &str, wanted: Wanted) -> FieldMatch {
        let name = name.into();
        FieldMatch { name, wanted }
    }

    #[test]
    fn all_conditions_must_hold() {
        let matching = HttpMatch {
            routes: vec!["/slots/:pin".parse().expect("a route")],
            methods: vec![Method::Get, Method::Put],
            headers: vec![field("authorization", Wanted::Matches("^Bearer ".into()))],
            query: vec![field("page", Wanted::Equals("2".into()))],
            ..HttpMatch::default()
        };
        let good = "GET /slots/1?page=2\nAuthorization: Bearer x";
        assert!(holds(&matching, good, None));
        for (from, to) in [
            ("GET", "POST"),
            ("slots/", "slot/"),
            ("page=2", "page=3"),
            ("?page=2", ""),
            ("Bearer", "Basic"),
            ("Authorization", "Other"),
        ] {
            assert!(!holds(&matching, &good.replace(from, to), None), "{to}");
        }
    }

    #[test]
    fn fields_may_come_several_times_and_coded() {
        let present = |name: &str| HttpMatch {
            query: vec![field(name, Wanted::Present)],
            ..HttpMatch::default()
        };
        assert!(holds(&present("a b"), "GET /?x=1&a+b", None));
        assert!(holds(&present("a b"), "GET /?a%20b=%zz%", None));
        assert!(!holds(&present("a b"), "GET /?ab", None));
        let second = HttpMatch {
            query: vec![field("q", Wanted::Equals("é&".into()))],
            headers: vec![field("x-kind", Wanted::Equals("b".into()))],
            ..HttpMatch::default()
        };
        let head = "GET /?q=1&q=%C3%A9%26\nX-Kind: a\nx-kind: b";
        assert!(holds(&second, head, None));
    }

    #[test]
    fn bodies_are_looked_into() {
        let json = |path: &str, equals: Option<Value>| HttpMatch {
            json: vec![JsonMatch {
                path: path.into(),
                equals,
            }],
            ..HttpMatch::default()
        };
        let body = || Some(serde_json::json!({"kind": "adult", "ids": [1, 2]}));
        for (matching, expected) in [
            (json("$.kind", None), true),
            (json("$.kind", Some("adult".into())), true),
            (json("$.kind", Some("child".into())), false),
            (json("$.ids[*]", Some(2.into())), true),
            (json("$.ids[2]", None), false),
        ] {
            assert_eq!(holds(&matching, "POST /", body()), expected, "{matching:?}");
            assert!(!holds(&matching, "POST /", None), "no body");
        }
    }

    #[test]
    fn people_are_told_apart() {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer x".parse().expect("a value"));
        headers.insert("cookie", "a=1; session=abc".parse().expect("a value"));
        let seen = Seen {
            method: "GET",
            path: "/",
            query: "",
            target: "/",
            headers: &headers,
            json: None,
            from: "::ffff:127.0.0.2".parse().expect("an address"),
            id: None,
        };
        let who = |by: &Person| person(by, &seen).map(Cow::into_owned);
        for (by, expected) in [
            (Person::Header("authorization".into()), Some("Bearer x")),
            (Person::Header("x-user".into()), None),
            (Person::Cookie("session".into()), Some("abc")),
            (Person::Cookie("b".into()), None),
            (Person::Address, Some("127.0.0.2")),
        ] {
            assert_eq!(who(&by).as_deref(), expected, "{by}");
        }
    }
}
