//! Units as types: no bare number of milliseconds or requests a second crosses a module.
//! Each parses what people write and prints text that parses back to the same value.

mod bytes;
mod rate;
mod ratio;
mod span;
mod users;

pub use bytes::{ByteRate, ByteSize};
pub use rate::Rate;
pub use ratio::Ratio;
pub use span::{Span, parse_span};
pub use users::Users;

use std::fmt;

/// Why a text is not a quantity of the wanted unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found `{found}`")]
pub struct UnitError {
    /// What would have been right, with an example.
    pub expected: &'static str,
    /// What stood there.
    pub found: String,
}

impl UnitError {
    fn new(expected: &'static str, found: impl fmt::Display) -> Self {
        Self {
            expected,
            found: found.to_string(),
        }
    }
}

/// Parses a decimal number that may use `_` between digits (`45_000`, `0.5`); never negative.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    if text.is_empty() || text.starts_with('_') || text.ends_with('_') || text.contains("__") {
        return None;
    }
    if !text
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b'_' || b == b'.')
    {
        return None;
    }
    let value: f64 = text.replace('_', "").parse().ok()?;
    value.is_finite().then_some(value)
}
