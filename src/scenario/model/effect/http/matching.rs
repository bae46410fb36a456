//! Which requests a rule means.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scenario::model::{Method, RoutePattern};

/// Which requests an HTTP rule means: all conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpMatch {
    /// One of these routes; empty = every request.
    pub routes: Vec<RoutePattern>,
    /// One of these methods; empty = every method.
    #[serde(default)]
    pub methods: Vec<Method>,
    /// Header fields.
    #[serde(default)]
    pub headers: Vec<FieldMatch>,
    /// Parameters of the query.
    #[serde(default)]
    pub query: Vec<FieldMatch>,
    /// What the request's body holds.
    #[serde(default)]
    pub json: Vec<JsonMatch>,
    /// Every so-many-th of those that meet all that; `None` = each.
    #[serde(default)]
    pub every: Option<u64>,
    /// Only so many in all; `None` = no end.
    #[serde(default)]
    pub first: Option<u64>,
    /// The share is one of people, who are always met or never; `None` = of requests.
    #[serde(default)]
    pub sticky: Option<Person>,
}

/// A condition on a field with a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldMatch {
    /// The name; of a header in lower case.
    pub name: String,
    /// What its value must be.
    pub wanted: Wanted,
}

/// What a value must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// Whatever, but there.
    Present,
    /// Exactly this.
    Equals(String),
    /// A regular expression (crate `regex`) matches somewhere in it.
    Matches(String),
}

/// A condition on a JSON body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JsonMatch {
    /// JSONPath (RFC 9535) that finds something.
    pub path: String,
    /// And one of what it finds is this.
    pub equals: Option<Value>,
}

/// What tells one person's requests from another's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Person {
    /// The value of a header, in lower case.
    Header(String),
    /// The value of a cookie.
    Cookie(String),
    /// The client's address, without its port.
    Address,
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "header {name}"),
            Self::Cookie(name) => write!(f, "cookie {name}"),
            Self::Address => f.write_str("client address"),
        }
    }
}

/// The conditions beside routes, each with a comma before it.
impl fmt::Display for HttpMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.methods.is_empty() {
            let methods: Vec<&str> = self.methods.iter().map(|m| m.as_str()).collect();
            write!(f, ", only {}", methods.join(" and "))?;
        }
        for (what, fields) in [("header", &self.headers), ("query", &self.query)] {
            for FieldMatch { name, wanted } in fields {
                match wanted {
                    Wanted::Present => write!(f, ", with {what} {name}")?,
                    Wanted::Equals(value) => write!(f, ", with {what} {name} = {value}")?,
                    Wanted::Matches(regex) => write!(f, ", with {what} {name} ~ {regex}")?,
                }
            }
        }
        for JsonMatch { path, equals } in &self.json {
            match equals {
                None => write!(f, ", with {path}")?,
                Some(value) => write!(f, ", with {path} = {value}")?,
            }
        }
        if let Some(every) = self.every {
            write!(f, ", one in {every}")?;
        }
        if let Some(first) = self.first {
            write!(f, ", the first {first}")?;
        }
        if let Some(person) = &self.sticky {
            write!(f, ", by {person}")?;
        }
        Ok(())
    }
}
