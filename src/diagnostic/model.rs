//! Sources, places, and mistakes.

use std::{path::PathBuf, sync::Arc};

/// A file's text, kept so that mistakes can be shown in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The path as the user gave it.
    pub path: PathBuf,
    /// The whole text.
    pub text: Arc<str>,
}

/// A place in a [`Source`]: bytes `start..start + len`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// First byte.
    pub start: usize,
    /// Number of bytes; 0 marks a point.
    pub len: usize,
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

impl Source {
    /// A text and the path that it came from.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }
}

impl<T> Spanned<T> {
    /// Joins a value and its place.
    pub const fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }

    /// The same place with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned {
            value: f(self.value),
            place: self.place,
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a look; the file is usable.
    Warning,
    /// The file is refused.
    Error,
}

/// One mistake.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// A lowercase fragment: what is wrong.
    pub message: String,
    /// The file it is in.
    pub source: Source,
    /// Where, with a word on each; the first is the main one.
    pub labels: Vec<(Place, String)>,
    /// What would help.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// A mistake for which the file is refused.
    #[must_use]
    pub fn error(source: &Source, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, source, message.into())
    }

    /// Something worth a look.
    #[must_use]
    pub fn warning(source: &Source, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, source, message.into())
    }

    fn new(severity: Severity, source: &Source, message: String) -> Self {
        Self {
            severity,
            message,
            source: source.clone(),
            labels: Vec::new(),
            hint: None,
        }
    }

    /// Points at a place with a word on it; the first place is the main one.
    #[must_use]
    pub fn at(mut self, place: Place, label: impl Into<String>) -> Self {
        self.labels.push((place, label.into()));
        self
    }

    /// Points at one more place.
    pub(crate) fn at_also(&mut self, place: Place, label: impl Into<String>) -> &mut Self {
        self.labels.push((place, label.into()));
        self
    }

    /// Says what would help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The mistakes of one or more files, in the order of their discovery.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

impl Diagnostics {
    /// Whether any of them is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }
}
