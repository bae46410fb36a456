//! From text to a tree, by way of serde-saphyr. Nothing else here names that crate.

#[cfg(test)]
mod tests;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{
    Error, Location, MessageFormatter as _, UserMessageFormatter,
    options::{DuplicateKeyPolicy, MergeKeyPolicy},
};

use super::{
    mistakes::Mistakes,
    node::{Entry, Kind, Node, Scalar},
};
use crate::diagnostic::{Place, Spanned};

/// As the YAML library gives it: keys may be anything.
enum Raw {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(String),
    Seq(Vec<serde_yaml::Spanned<Raw>>),
    Map(Vec<(serde_yaml::Spanned<Raw>, serde_yaml::Spanned<Raw>)>),
}

/// Parses the text of `mistakes`' source; `None` when it is no YAML (then that was noted).
pub(crate) fn tree(mistakes: &mut Mistakes) -> Option<Spanned<Node>> {
    let source = mistakes.source().clone();
    let options = serde_yaml::options! {
        strict_booleans: true,
        underscored_numbers_as_strings: true,
        leading_zero_numbers_as_strings: true,
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Merge,
        with_snippet: false,
        // a scenario has a few hundred nodes, and no person nests deeper than ten
        budget: serde_yaml::budget! {
            max_depth: 32,
            flow_nesting_limit: 32,
            max_documents: 1,
            max_nodes: 20_000,
            max_events: 100_000,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_recorded_anchor_events: 20_000,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: 20_000,
            max_replay_stack_depth: 16,
        },
    };
    match serde_yaml::from_str_with_options::<serde_yaml::Spanned<Raw>>(&source.text, options) {
        Ok(raw) => Some(convert(raw, mistakes)),
        Err(error) => {
            note(&error, mistakes);
            None
        }
    }
}

/// Turns the library's own error into one of ours.
fn note(error: &Error, mistakes: &mut Mistakes) {
    let error = error.without_snippet();
    let place = error
        .location()
        .map_or(Place::default(), |l| place_of(l, mistakes));
    let text = UserMessageFormatter.format_message(error).into_owned();
    let source = mistakes.source().clone();
    let line = source.line_at(place.start);
    let text_says_documents = matches!(error, Error::MultipleDocuments { .. })
        || matches!(error, Error::Budget { .. }) && text.contains("Documents");
    let (message, label) = match error {
        _ if text_says_documents => (
            "a file holds one document".to_owned(),
            "a second one begins here".to_owned(),
        ),
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => (
            "the file is built to be larger or deeper than a file by a person".to_owned(),
            text,
        ),
        _ => (format!("not YAML: {text}"), "here".to_owned()),
    };
    let message_says_unclosed = ["illegal placement", "quoted scalar", "expected ',' or"]
        .iter()
        .any(|part| message.contains(part));
    let mistake = mistakes.error(place, message, label);
    if line.contains("{{") && line.contains("}}") {
        mistake.hint = Some("a value with `{{` must be quoted: \"{{name}}\"".to_owned());
    } else if message_says_unclosed {
        mistake.hint = Some("is a `[`, a `{` or a quote above this never closed?".to_owned());
    } else if line.contains('\t') {
        mistake.hint = Some("YAML is indented with blanks, never with tabs".to_owned());
    } else if line.matches(": ").count() > 1 && !line.contains('{') {
        mistake.hint = Some("a text that contains `: ` must be quoted".to_owned());
    }
}

fn place_of(location: Location, mistakes: &Mistakes) -> Place {
    let span = location.span();
    let source = mistakes.source();
    let text = &source.text;
    match (span.byte_offset(), span.byte_len()) {
        (Some(start), len) => {
            let start = usize::try_from(start).unwrap_or(0).min(text.len());
            let len = usize::try_from(len.unwrap_or(0)).unwrap_or(0);
            Place {
                start,
                len: len.min(text.len() - start),
            }
        }
        // the scanner counts in characters only
        (None, _) => {
            let text = &source.text;
            let skipped = usize::try_from(span.offset()).unwrap_or(0);
            let start = text
                .char_indices()
                .nth(skipped)
                .map_or(text.len(), |(at, _)| at);
            let len = text[start..].chars().next().map_or(0, char::len_utf8);
            Place { start, len }
        }
    }
}

fn convert(raw: serde_yaml::Spanned<Raw>, mistakes: &mut Mistakes) -> Spanned<Node> {
    // where a value was written, not where an alias repeats it: that is where it is mended
    let place = place_of(raw.defined, mistakes);
    let written = |mistakes: &Mistakes| {
        let text = &mistakes.source().text;
        text.get(place.start..place.start + place.len)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let scalar = |text: String, kind: Kind| Node::Scalar(Scalar { text, kind });
    let node = match raw.value {
        Raw::Null => Node::Null,
        Raw::Bool(value) => scalar(written(mistakes), Kind::Bool(value)),
        Raw::Int(value) => scalar(written(mistakes), Kind::Int(value)),
        Raw::Float(value) => scalar(written(mistakes), Kind::Float(value)),
        Raw::Str(text) => scalar(text, Kind::Str),
        Raw::Seq(items) => Node::Seq(items.into_iter().map(|i| convert(i, mistakes)).collect()),
        Raw::Map(entries) => return map(entries, place, mistakes),
    };
    Spanned::new(node, place)
}

fn map(
    entries: Vec<(serde_yaml::Spanned<Raw>, serde_yaml::Spanned<Raw>)>,
    place: Place,
    mistakes: &mut Mistakes,
) -> Spanned<Node> {
    let mut out: Vec<Entry> = Vec::with_capacity(entries.len());
    let mut seen = std::collections::HashMap::new();
    for (key, value) in entries {
        let key = convert(key, mistakes);
        let value = convert(value, mistakes);
        match key.value {
            Node::Scalar(Scalar { text, .. }) => {
                let key = Spanned::new(text, key.place);
                if let Some(first) = seen.insert(key.value.clone(), key.place) {
                    mistakes
                        .error(
                            key.place,
                            format!("the key `{}` is given twice", key.value),
                            "again here",
                        )
                        .labels
                        .push((first, "first here".to_owned()));
                } else {
                    out.push((key, value));
                }
            }
            Node::Map(_) => {
                // `{{name}}` without quotes is a mapping whose key is a mapping
                mistakes
                    .error(
                        key.place,
                        "a mapping cannot be a key",
                        "`{` begins a mapping here",
                    )
                    .hint = Some("a value with `{{` must be quoted: \"{{name}}\"".to_owned());
                return Spanned::new(Node::Null, place);
            }
            Node::Seq(_) | Node::Null => {
                let found = key.value.found();
                mistakes.error(
                    key.place,
                    format!("a key must be a text, found {found}"),
                    "not a key",
                );
            }
        }
    }
    Spanned::new(Node::Map(out), place)
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Int(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Int(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Int(i128::try_from(value).unwrap_or(i128::MAX)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Str(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Str(value))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
