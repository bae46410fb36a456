//! What a visitor does, step by step.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{RetryOn, Rows, Spanned, Template};

/// A journey: what one member of a population does from its arrival on.
#[derive(Debug, Clone)]
pub struct Journey {
    /// Its name.
    pub name: Spanned<String>,
    /// Its steps, in order, at least one of them a request.
    pub steps: Vec<Step>,
}

/// One step of a journey.
#[derive(Debug, Clone)]
pub enum Step {
    /// A request that counts as load.
    Request(RequestStep),
    /// Something that the visitor waits for outside the load (a phone that receives an SMS).
    WaitFor(WaitStep),
    /// A pause, drawn evenly from a range, in real time.
    Think {
        /// Shortest.
        min: Duration,
        /// Longest.
        max: Duration,
    },
}

/// A request.
#[derive(Debug, Clone)]
pub struct RequestStep {
    /// Its name, unique within the journey.
    pub name: Spanned<String>,
    /// The method.
    pub method: Method,
    /// The service that it goes to.
    pub service: Spanned<String>,
    /// The path and query.
    pub path: Template,
    /// Headers beside those of the target.
    pub headers: Vec<(String, Template)>,
    /// What is sent.
    pub body: Option<Body>,
    /// What is kept from the answer for later steps.
    pub take: Vec<Take>,
    /// What makes the answer good; all of them must hold.
    pub check: Vec<Check>,
    /// What marks a good answer as degraded; any of them suffices.
    pub fallback: Vec<Check>,
    /// Where the journey goes on when it ends in a certain way; the first that fits decides.
    /// Otherwise it goes on with the next step if the answer was good, and has failed if not.
    pub then: Vec<Branch<Goto>>,
}

/// A turn of the journey after a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Branch<To> {
    /// When it is taken.
    pub on: BranchOn,
    /// Where it leads.
    pub to: To,
}

/// How a request ended, after its last attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BranchOn {
    /// With an answer of one of these statuses, good or not.
    Status(StatusSet),
    /// With a failure of this family.
    Failed(RetryOn),
    /// With a good answer that is marked as degraded.
    Fallback,
}

/// Where a turn leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goto {
    /// The journey ends here, as if this had been its last step.
    Stop,
    /// On to a later step.
    Step(String),
}

/// Polls until an answer is good; not counted as load.
#[derive(Debug, Clone)]
pub struct WaitStep {
    /// Its name.
    pub name: Spanned<String>,
    /// The service that is asked, by GET.
    pub service: Spanned<String>,
    /// The path and query.
    pub path: Template,
    /// What is kept from the answer; the wait ends when the answer is 2xx and all of these are in it.
    pub take: Vec<Take>,
    /// How long it waits at most, real time; then the journey has failed.
    pub within: Duration,
    /// How often it asks, real time. Default 500 ms.
    pub every: Duration,
}

/// A body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// JSON whose strings are templates; sent with `content-type: application/json`. A string that
    /// is one hole alone stays a string.
    Json(serde_json::Value),
    /// Text.
    Text(Template),
}

/// Something kept from an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// The name that later templates use.
    pub name: String,
    /// Where it is found.
    pub from: TakeFrom,
}

/// Where a value is found in an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TakeFrom {
    /// A JSONPath (RFC 9535) into the body; the first match.
    Json(String),
    /// A header.
    Header(String),
    /// The value of a cookie that the answer sets.
    Cookie(String),
    /// A regular expression (syntax of the crate `regex`) on the body: its first group, or without
    /// one all that it matches.
    Regex(String),
}

/// Something that an answer must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The status is one of these.
    Status(StatusSet),
    /// The body contains this text.
    BodyContains(String),
    /// The body matches this regular expression (syntax of the crate `regex`) somewhere.
    BodyMatches(String),
    /// A JSONPath finds something; if `equals` is given, exactly this.
    Json {
        /// The path (RFC 9535).
        path: String,
        /// The wanted value.
        equals: Option<serde_json::Value>,
    },
    /// The JSONPath finds nothing.
    JsonAbsent(String),
    /// A header is there; if `equals` is given, with this value.
    Header {
        /// Its name.
        name: String,
        /// The wanted value.
        equals: Option<String>,
    },
}

/// A set of status codes: `200`, `2xx`, `200..204`, or a list of those.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusSet(pub Vec<(u16, u16)>);

impl StatusSet {
    /// Whether the status is in it.
    #[must_use]
    pub fn contains(&self, status: u16) -> bool {
        self.0
            .iter()
            .any(|&(low, high)| (low..=high).contains(&status))
    }
}

/// An HTTP method (RFC 9110 section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Options,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `GET /slots/:pin`: which requests a feature or a rule means. `:name` matches one segment,
/// a last `*` matches the rest. A path without a method matches every method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoutePattern {
    /// The method; `None` = any.
    pub method: Option<Method>,
    /// The path's segments.
    pub segments: Vec<String>,
}

impl RoutePattern {
    /// Whether a request with this path (without query) is meant.
    #[must_use]
    pub fn matches(&self, method: &str, path: &str) -> bool {
        if self.method.is_some_and(|m| m.as_str() != method) {
            return false;
        }
        let path = path.split('?').next().unwrap_or(path);
        let mut given = path.trim_start_matches('/').split('/');
        for (i, wanted) in self.segments.iter().enumerate() {
            if wanted == "*" && i + 1 == self.segments.len() {
                return true;
            }
            match given.next() {
                None => return false,
                Some(segment) if wanted.starts_with(':') => {
                    if segment.is_empty() {
                        return false;
                    }
                }
                Some(segment) if segment == wanted => {}
                Some(_) => return false,
            }
        }
        given.next().is_none()
    }

    /// How exact it is; among patterns that match, the greatest wins: literal segments count most,
    /// then a given method, then length.
    #[must_use]
    pub fn specificity(&self) -> (usize, usize, usize) {
        let literal = self
            .segments
            .iter()
            .filter(|s| !s.starts_with(':') && *s != "*")
            .count();
        (
            literal,
            usize::from(self.method.is_some()),
            self.segments.len(),
        )
    }
}

impl FromStr for RoutePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (method, path) = match text.split_once(char::is_whitespace) {
            Some((word, path)) => {
                let method = Method::ALL.iter().find(|m| m.as_str() == word).ok_or_else(|| {
                    format!("`{word}` is not a method (GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS)")
                })?;
                (Some(*method), path.trim())
            }
            None => (None, text),
        };
        if !path.starts_with('/') || path.contains(char::is_whitespace) || path.contains('?') {
            return Err(format!(
                "`{path}` is not a path: it begins with `/` and has no blanks or query"
            ));
        }
        let segments = path[1..].split('/').map(str::to_owned).collect();
        Ok(Self { method, segments })
    }
}

impl fmt::Display for RoutePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(method) = self.method {
            write!(f, "{method} ")?;
        }
        write!(f, "/{}", self.segments.join("/"))
    }
}

/// A seeded generator of test data, drawn once per arrival.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataSource {
    /// `{digits: 10, starts: "9"}`: so many digits, beginning with `starts`.
    Digits {
        /// How many in all.
        count: u8,
        /// The first ones.
        starts: String,
    },
    /// `{between: 1..1000}`: a whole number, both ends included.
    Between {
        /// Lowest.
        low: u64,
        /// Highest.
        high: u64,
    },
    /// `{one_of: [a, b]}`.
    OneOf(Vec<String>),
    /// `uuid`: a random (version 4) UUID, RFC 9562.
    Uuid,
    /// `counter`: the arrival's number in its population, from 0.
    Counter,
    /// `{csv: people.csv}`: rows of a file, whose cells stay together.
    Csv(CsvSource),
}

/// Data from a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CsvSource {
    /// The file, as seen from where brownout was started.
    pub path: PathBuf,
    /// The one column that is meant; otherwise a hole names it: `{{people.mobile}}`.
    pub column: Option<String>,
    /// Which row an arrival gets.
    pub order: RowOrder,
    /// What is in the file. It may be large and private, so it is not kept in the record.
    #[serde(skip)]
    pub rows: Arc<Rows>,
}

/// Which row an arrival gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowOrder {
    /// One after the other, by the arrival's number, and again from the first.
    #[default]
    Sequence,
    /// Drawn by the seed.
    Random,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_match_as_written() {
        let cases = [
            ("GET /slots/:pin", "GET", "/slots/110001", true),
            ("GET /slots/:pin", "GET", "/slots/110001?x=1", true),
            ("GET /slots/:pin", "POST", "/slots/110001", false),
            ("GET /slots/:pin", "GET", "/slots/", false),
            ("GET /slots/:pin", "GET", "/slots/1/2", false),
            ("/static/*", "GET", "/static/a/b", true),
            ("/", "GET", "/", true),
        ];
        for (pattern, method, path, expected) in cases {
            let route: RoutePattern = pattern.parse().expect(pattern);
            assert_eq!(
                route.matches(method, path),
                expected,
                "{pattern} {method} {path}"
            );
            assert_eq!(route.to_string(), pattern);
        }
        assert!("FETCH /x".parse::<RoutePattern>().is_err());
        assert!("slots".parse::<RoutePattern>().is_err());
    }
}
