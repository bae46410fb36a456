//! The tree.

use crate::diagnostic::Spanned;

/// A value of a YAML document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// Nothing, `~` or `null`.
    Null,
    /// A text, a number, or true or false.
    Scalar(Scalar),
    /// A list.
    Seq(Vec<Spanned<Node>>),
    /// A mapping, in the order of the file. Keys are unique.
    Map(Vec<Entry>),
}

/// A key and its value.
pub(crate) type Entry = (Spanned<String>, Spanned<Node>);

/// A value without parts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scalar {
    /// As it was written (texts: without quotes and escapes).
    pub(crate) text: String,
    /// What YAML takes it for.
    pub(crate) kind: Kind,
}

/// What YAML takes a scalar for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Another number.
    Float(f64),
    /// Anything else.
    Str,
}

impl Node {
    /// What it is, for messages.
    pub(crate) fn found(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Scalar(scalar) => match scalar.kind {
                Kind::Bool(value) => format!("`{value}`"),
                Kind::Int(_) | Kind::Float(_) => format!("the number `{}`", scalar.text),
                Kind::Str if scalar.text.is_empty() => "an empty text".to_owned(),
                Kind::Str => format!("the text `{}`", scalar.text),
            },
            Self::Seq(_) => "a list".to_owned(),
            Self::Map(_) => "a mapping".to_owned(),
        }
    }
}
