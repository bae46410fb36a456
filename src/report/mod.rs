//! What people and CI read: the [`crate::analysis::Analysis`] of a run as text for a terminal, as
//! JSON (`docs/report-json.md`), as JUnit XML and as one self-contained HTML page.
//!
//! Every renderer is a pure function from an `Analysis` to a `String`; none of them measures or
//! judges. Words, numbers and the time axis are shared, so that all forms say the same thing.

pub mod html;
pub mod json;
pub mod junit;
pub mod terminal;

mod axis;
mod harness;
mod losses;
mod numbers;
mod words;

#[cfg(test)]
mod fixture;
