//! The mistakes of one file, while it is read.

use std::ops::Range;

use super::{
    node::{Kind, Node, Scalar},
    words::Slip,
};
use crate::diagnostic::{Diagnostic, Diagnostics, Place, Severity, Source, Spanned, closest};

/// Collects the mistakes of one source.
#[derive(Debug)]
pub(crate) struct Mistakes {
    source: Source,
    found: Vec<Diagnostic>,
    /// How many more there were than are told, and the last of them.
    more: usize,
    spare: Option<Diagnostic>,
    refused: bool,
}

/// More mistakes than this in one file are counted, not told.
const MOST_TOLD: usize = 100;

/// A scalar's text, which knows where each of its bytes stands in the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a> {
    /// The text, without quotes and escapes.
    pub(crate) value: &'a str,
    /// Where the whole scalar stands.
    pub(crate) place: Place,
    /// Where its first byte stands; `None` when it was written with escapes or over several
    /// lines, so that its bytes are not those of the file.
    first: Option<usize>,
}

impl Text<'_> {
    /// Where a part of it stands. A range that ends inside a character means the whole of it.
    pub(crate) fn part(&self, range: Range<usize>) -> Place {
        let Some(first) = self.first else {
            return self.place;
        };
        let start = self.value.floor_char_boundary(range.start);
        let end = self.value.ceil_char_boundary(range.end);
        Place {
            start: first + start,
            len: end - start,
        }
    }
}

impl Mistakes {
    /// No mistakes yet.
    pub(crate) const fn new(source: Source) -> Self {
        Self {
            source,
            found: Vec::new(),
            more: 0,
            spare: None,
            refused: false,
        }
    }

    /// The file.
    pub(crate) const fn source(&self) -> &Source {
        &self.source
    }

    /// Whether the file must be refused.
    pub(crate) const fn has_errors(&self) -> bool {
        self.refused
    }

    /// All of them, in the order of the file, each once (an alias repeats what it refers to).
    pub(crate) fn finish(mut self) -> Diagnostics {
        self.found.sort_by_key(|d| {
            d.labels
                .first()
                .map_or(usize::MAX, |(place, _)| place.start)
        });
        self.found
            .dedup_by(|a, b| a.labels == b.labels && a.message == b.message);
        if self.more > 0 {
            let message = format!("{} more mistakes are not shown", self.more);
            self.found.push(Diagnostic::error(&self.source, message));
        }
        Diagnostics(self.found)
    }

    /// Notes a mistake; the caller may add a hint or labels.
    pub(crate) fn error(
        &mut self,
        place: Place,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        let mistake = Diagnostic::error(&self.source, message).at(place, label);
        self.push(mistake)
    }

    /// Notes a warning.
    pub(crate) fn warning(
        &mut self,
        place: Place,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> &mut Diagnostic {
        let mistake = Diagnostic::warning(&self.source, message).at(place, label);
        self.push(mistake)
    }

    fn push(&mut self, mistake: Diagnostic) -> &mut Diagnostic {
        self.refused |= mistake.severity == Severity::Error;
        let at = self.found.len();
        if at >= MOST_TOLD {
            self.more += 1;
            return self.spare.insert(mistake);
        }
        self.found.push(mistake);
        &mut self.found[at]
    }

    /// Notes a slip inside a text.
    pub(crate) fn slip(&mut self, text: &Text<'_>, slip: Slip) {
        let place = text.part(slip.at);
        self.error(place, slip.message, slip.label).hint = slip.hint;
    }

    /// Notes that a node is not what was wanted.
    pub(crate) fn expected(&mut self, node: &Spanned<Node>, wanted: &str) -> &mut Diagnostic {
        let found = node.value.found();
        let short = match &node.value {
            Node::Null => "nothing is written here",
            Node::Scalar(_) => "not that",
            Node::Seq(_) => "a list begins here",
            Node::Map(_) => "a mapping begins here",
        };
        let mut place = node.place;
        if matches!(node.value, Node::Seq(_) | Node::Map(_)) {
            // the beginning says enough; a block may be pages long
            place.len = place.len.min(1);
        }
        self.error(place, format!("expected {wanted}, found {found}"), short)
    }

    /// The text of a scalar of any kind, or a complaint that `wanted` was expected.
    pub(crate) fn text<'a>(&mut self, node: &'a Spanned<Node>, wanted: &str) -> Option<Text<'a>> {
        match &node.value {
            Node::Scalar(scalar) => Some(self.locate(scalar, node.place)),
            Node::Null | Node::Seq(_) | Node::Map(_) => {
                self.expected(node, wanted);
                None
            }
        }
    }

    /// The text of a key.
    pub(crate) fn key_text<'a>(&self, key: &'a Spanned<String>) -> Text<'a> {
        self.find(&key.value, key.place)
    }

    fn locate<'a>(&self, scalar: &'a Scalar, place: Place) -> Text<'a> {
        match scalar.kind {
            Kind::Str => self.find(&scalar.text, place),
            Kind::Bool(_) | Kind::Int(_) | Kind::Float(_) => Text {
                value: &scalar.text,
                place,
                first: Some(place.start),
            },
        }
    }

    fn find<'a>(&self, value: &'a str, place: Place) -> Text<'a> {
        let file = &self.source.text;
        let first = [place.start, place.start + 1]
            .into_iter()
            .find(|&at| file.get(at..).is_some_and(|rest| rest.starts_with(value)));
        Text {
            value,
            place,
            first,
        }
    }
}

/// `did you mean ...?`, or the known words when they are few and none is near.
pub(crate) fn meant<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(near) = closest(word, known.clone()) {
        return Some(format!("did you mean `{near}`?"));
    }
    let all: Vec<&str> = known.into_iter().collect();
    let known: Vec<String> = all.iter().map(|k| format!("`{k}`")).collect();
    (1..=24)
        .contains(&all.len())
        .then(|| format!("known here: {}", known.join(", ")))
}
