//! What is done to a request or its answer.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{HttpDelay, Person};
use crate::units::{Rate, Ratio, Span};

/// What happens to a matched request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpAction {
    /// Answered by the proxy, never forwarded.
    Status {
        /// The status code.
        code: u16,
        /// Headers, for example `retry-after`.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// Forwarded after a delay (real time).
    Delay(HttpDelay),
    /// Never answered, until the fault is removed: then it is forwarded.
    Hang,
    /// Never forwarded: its connection is reset (RST).
    Reset,
    /// Its connection is closed.
    Close(HttpClose),
    /// The answer's body ends too early, and with it the connection.
    Truncate(Cut),
    /// The answer's body comes at so many bytes a second (real time).
    Slow(Rate),
    /// Fields of the answer's JSON are changed.
    Json(Vec<JsonEdit>),
    /// The answer is 200, and its JSON broken off.
    Malformed,
    /// The answer says that it is of this media type.
    ContentType(String),
    /// An answer that the same request got before the fault, if there was one.
    Stale,
    /// Refused as if there were too many.
    RateLimit(RateLimit),
}

/// When a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpClose {
    /// Without any answer; the request is not forwarded.
    BeforeHeaders,
    /// When the head of the answer has been sent.
    AfterHeaders,
}

/// How much of a body comes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// So many bytes.
    Bytes(u64),
    /// That part of it.
    Share(Ratio),
}

/// A change of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JsonEdit {
    /// The member `name` of each object at `parent` has this value, whether it was there or not.
    Set {
        /// JSONPath (RFC 9535) of objects.
        parent: String,
        /// The member.
        name: String,
        /// Its value.
        value: Value,
    },
    /// What is there has this value instead.
    Replace {
        /// JSONPath.
        path: String,
        /// The value.
        value: Value,
    },
    /// What is there is taken out.
    Remove {
        /// JSONPath.
        path: String,
    },
}

/// A rate limit that misfires.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    /// The status of a refusal: 429 or 403.
    pub status: u16,
    /// What the refusal says about when to come again.
    pub retry_after: Option<Duration>,
    /// Only what exceeds this is refused; `None` = everything, also of clients below any limit.
    pub window: Option<RateWindow>,
}

/// So many requests in each window of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateWindow {
    /// So many pass.
    pub limit: u64,
    /// In each span of this length (real time), counted from the injection.
    pub per: Duration,
    /// Whose requests are counted together; `None` = everybody's.
    pub by: Option<Person>,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes} bytes"),
            Self::Share(share) => write!(f, "{share} of it"),
        }
    }
}

/// In a few words, after "http:".
impl fmt::Display for HttpAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status { code, .. } => write!(f, "status {code}"),
            Self::Delay(delay) => write!(f, "delay {delay}"),
            Self::Hang => f.write_str("hang"),
            Self::Reset => f.write_str("reset"),
            Self::Close(HttpClose::BeforeHeaders) => f.write_str("closed before the headers"),
            Self::Close(HttpClose::AfterHeaders) => f.write_str("closed after the headers"),
            Self::Truncate(cut) => write!(f, "body cut off after {cut}"),
            Self::Slow(rate) => write!(f, "body at {} bytes/s", rate.get()),
            Self::Json(edits) => write!(f, "{} changes of JSON", edits.len()),
            Self::Malformed => f.write_str("200 with broken JSON"),
            Self::ContentType(media) => write!(f, "content type {media}"),
            Self::Stale => f.write_str("stale answers"),
            Self::RateLimit(limit) => {
                write!(f, "refused with {}", limit.status)?;
                let Some(RateWindow { limit, per, by }) = &limit.window else {
                    return Ok(());
                };
                write!(f, " above {limit} in {}", Span(*per))?;
                by.as_ref().map_or(Ok(()), |by| write!(f, " by {by}"))
            }
        }
    }
}
