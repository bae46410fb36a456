//! Which of the two file formats a file is in.

use std::path::Path;

use super::{mistakes::Mistakes, node::Node, read::read, yaml::tree};
use crate::diagnostic::{Diagnostics, Place};

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// It has `scenario:`.
    Scenario,
    /// It has `target:` or `services:`, and no `scenario:`.
    Target,
}

/// The format of a file, by its top-level keys.
///
/// # Errors
/// When it cannot be read, is no YAML, or has neither key.
pub fn kind_of(path: &Path) -> Result<FileKind, Diagnostics> {
    let mut mistakes = Mistakes::new(read(path)?);
    let Some(node) = tree(&mut mistakes) else {
        return Err(mistakes.finish());
    };
    let keys: Vec<&str> = match &node.value {
        Node::Map(entries) => entries.iter().map(|(key, _)| key.value.as_str()).collect(),
        Node::Null | Node::Scalar(_) | Node::Seq(_) => Vec::new(),
    };
    let has = |names: &[&str]| keys.iter().any(|key| names.contains(key));
    if has(&["scenario"]) {
        Ok(FileKind::Scenario)
    } else if has(&["services", "environment", "launch"]) {
        Ok(FileKind::Target)
    } else if has(&["phases", "journeys", "load", "gates"]) {
        Ok(FileKind::Scenario)
    } else if has(&["target"]) {
        Ok(FileKind::Target)
    } else {
        mistakes
            .error(
                Place::default(),
                "neither a scenario nor a target file",
                "no `scenario:` and no `target:` in here",
            )
            .hint = Some("a scenario has `scenario: NAME`, a target has `target: NAME`".to_owned());
        Err(mistakes.finish())
    }
}
