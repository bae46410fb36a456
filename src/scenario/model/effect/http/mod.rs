//! What happens to HTTP requests on a link.

mod action;
mod delay;
mod matching;

use serde::{Deserialize, Serialize};

pub use self::{
    action::{Cut, HttpAction, HttpClose, JsonEdit, RateLimit, RateWindow},
    delay::{HttpDelay, Spread},
    matching::{FieldMatch, HttpMatch, JsonMatch, Person, Wanted},
};

/// A rule for HTTP requests: which ones, and what happens to them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HttpEffect {
    /// Which requests; those of the feature when the fault is `at: feature`.
    pub matching: HttpMatch,
    /// What happens to them.
    pub action: HttpAction,
}
