//! What somebody wrote: a scenario file, checked but not yet resolved against its target.
//!
//! Text -> tree ([`crate::document`]) -> [`model::Scenario`], with all mistakes at once. The
//! grammar is in `docs/grammar.md`.

pub mod model;
pub(crate) mod parse;

pub use parse::{built_in_data, dns_effect, load, parse};

/// The JSON Schema (2020-12) of scenario files, for editors.
pub const SCHEMA: &str = include_str!("../../schemas/scenario.schema.json");
