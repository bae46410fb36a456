//! From a file's text to a tree of nodes that know their places. What the keys mean is said by
//! [`crate::scenario`] and [`crate::target`]; this module reads, and helps them to complain well.

mod command;
mod keys;
mod kind;
mod mistakes;
mod node;
mod read;
mod scalar;
mod words;
mod yaml;

#[cfg(test)]
pub(crate) use keys::assert_schema_knows;
pub(crate) use keys::{Fields, Table, may, needs};
pub use kind::{FileKind, kind_of};
pub(crate) use mistakes::{Mistakes, Text, meant as closest_hint};
pub(crate) use node::{Entry, Kind, Node};
pub(crate) use read::beside;
pub use read::{LARGEST_FILE, read};
pub(crate) use words::{Slip, Token, TokenKind, Words, is_domain, is_name};
pub(crate) use yaml::tree;
