//! The staging system: what it is made of, how it is reached, and how it is started.
//!
//! Text -> tree ([`crate::document`]) -> [`model::Target`], with all mistakes at once.

pub mod model;
pub(crate) mod parse;

pub use parse::{load, parse};

/// The JSON Schema (2020-12) of target files, for editors.
pub const SCHEMA: &str = include_str!("../../schemas/target.schema.json");
