//! Text with holes: `/slots/{{pin}}`.

use serde::{Deserialize, Serialize};

/// A text with named holes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Template {
    /// Its pieces in order.
    pub pieces: Vec<TemplatePiece>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TemplatePiece {
    /// Stands as it is.
    Text(String),
    /// Filled in with the value of that name.
    Hole(String),
}

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `{{` without `}}`.
    #[error("`{{{{` is never closed by `}}}}`")]
    Open,
    /// Nothing, or not a name, between the braces.
    #[error("`{0}` is not a name: letters, digits and `_`, beginning with a letter")]
    Name(String),
}

impl Template {
    /// Parses a text.
    ///
    /// # Errors
    /// When a hole is not closed or holds no name.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find("{{") {
            let (before, after) = rest.split_at(open);
            let close = after.find("}}").ok_or(TemplateError::Open)?;
            let name = after[2..close].trim();
            let (datum, column) = name.split_once('.').unwrap_or((name, "column"));
            if !is_hole_name(datum) || !is_hole_name(column) {
                return Err(TemplateError::Name(name.to_owned()));
            }
            if !before.is_empty() {
                pieces.push(TemplatePiece::Text(before.to_owned()));
            }
            pieces.push(TemplatePiece::Hole(name.to_owned()));
            rest = &after[close + 2..];
        }
        if !rest.is_empty() {
            pieces.push(TemplatePiece::Text(rest.to_owned()));
        }
        Ok(Self { pieces })
    }

    /// The names of its holes.
    pub fn holes(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            TemplatePiece::Hole(name) => Some(name.as_str()),
            TemplatePiece::Text(_) => None,
        })
    }

    /// Writes it out with each hole filled by `value`, which appends to the text it is given.
    pub fn render_with(&self, out: &mut String, mut value: impl FnMut(&str, &mut String)) {
        for piece in &self.pieces {
            match piece {
                TemplatePiece::Text(text) => out.push_str(text),
                TemplatePiece::Hole(name) => value(name, out),
            }
        }
    }
}

/// Whether a hole or a column can be called so.
pub(crate) fn is_hole_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for piece in &self.pieces {
            match piece {
                TemplatePiece::Text(text) => f.write_str(text)?,
                TemplatePiece::Hole(name) => write!(f, "{{{{{name}}}}}")?,
            }
        }
        Ok(())
    }
}
