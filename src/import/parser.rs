//! One line, in whichever format.

use super::{
    access::Access,
    dates::Dates,
    entry::{Bad, Entry},
    json::Json,
};

/// Reads lines that each tell one request.
#[derive(Debug, Clone)]
pub(super) enum Parser {
    /// Common, combined, or a load balancer's.
    Access(Access),
    /// JSON objects.
    Json(Json),
    /// Times and nothing else.
    Times(Dates),
}

impl Parser {
    pub(super) fn parse<'a>(&'a mut self, line: &'a [u8]) -> Result<Entry<'a>, Bad> {
        match self {
            Self::Access(access) => access.parse(line),
            Self::Json(json) => json.parse(line),
            Self::Times(dates) => Ok(Entry {
                at: dates.read(line.trim_ascii()).ok_or(Bad::Time)?,
                method: b"GET",
                path: b"/",
                status: None,
            }),
        }
    }
}

/// Empty lines and comments are neither good nor bad.
pub(super) fn is_blank(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.is_empty() || line.starts_with(b"#")
}
