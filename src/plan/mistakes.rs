//! Collects what is wrong, each with its place; nothing stops at the first mistake.

use crate::diagnostic::{Diagnostic, Diagnostics, Place, Severity, Source, closest};

/// Which of the two files a place is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum File {
    Scenario,
    Target,
}

/// The mistakes found so far.
#[derive(Debug)]
pub(super) struct Mistakes<'a> {
    scenario: &'a Source,
    target: &'a Source,
    found: Vec<Diagnostic>,
}

/// The mistake just added, to say more about it.
pub(super) struct Added<'m>(&'m mut Diagnostic);

impl<'a> Mistakes<'a> {
    pub(super) const fn new(scenario: &'a Source, target: &'a Source) -> Self {
        Self {
            scenario,
            target,
            found: Vec::new(),
        }
    }

    /// Adds an error at a place, with a word on it.
    pub(super) fn error(
        &mut self,
        file: File,
        place: Place,
        label: impl Into<String>,
        message: impl Into<String>,
    ) -> Added<'_> {
        self.add(Severity::Error, file, place, label.into(), message.into())
    }

    /// Adds a warning at a place, with a word on it.
    pub(super) fn warning(
        &mut self,
        file: File,
        place: Place,
        label: impl Into<String>,
        message: impl Into<String>,
    ) -> Added<'_> {
        self.add(Severity::Warning, file, place, label.into(), message.into())
    }

    /// Adds the mistake that `name` is no `kind`; the hint names the nearest of `known`, or all.
    pub(super) fn unknown<'n>(
        &mut self,
        file: File,
        place: Place,
        kind: &str,
        name: &str,
        known: impl IntoIterator<Item = &'n str>,
    ) {
        let hint = suggest(kind, name, known);
        self.error(
            file,
            place,
            format!("no such {kind}"),
            format!("unknown {kind} `{name}`"),
        )
        .hint(hint);
    }

    fn add(
        &mut self,
        severity: Severity,
        file: File,
        place: Place,
        label: String,
        message: String,
    ) -> Added<'_> {
        let source = match file {
            File::Scenario => self.scenario,
            File::Target => self.target,
        };
        let at = self.found.len();
        self.found.push(Diagnostic {
            severity,
            message,
            source: source.clone(),
            labels: vec![(place, label)],
            hint: None,
        });
        Added(&mut self.found[at])
    }

    pub(super) fn has_errors(&self) -> bool {
        self.found.iter().any(|d| d.severity == Severity::Error)
    }

    /// All of them; what was written once and means several faults is wrong once.
    pub(super) fn finish(self) -> Diagnostics {
        let mut told: Vec<Diagnostic> = Vec::new();
        for found in self.found {
            let same = |other: &Diagnostic| {
                (other.severity, &other.message, &other.labels)
                    == (found.severity, &found.message, &found.labels)
            };
            if !told.iter().any(same) {
                told.push(found);
            }
        }
        Diagnostics(told)
    }
}

impl Added<'_> {
    /// Says what would help.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Points at another place of the same file.
    pub(super) fn also(self, place: Place, label: impl Into<String>) -> Self {
        self.0.labels.push((place, label.into()));
        self
    }
}

/// The nearest known name, or the list of them.
fn suggest<'n>(kind: &str, name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match closest(name, known.iter().copied()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None if known.is_empty() => format!("there is no {kind} at all"),
        None => format!("there is: {}", known.join(", ")),
    }
}
