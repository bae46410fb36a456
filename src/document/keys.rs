//! Mappings with a fixed set of keys. The tables are what the parser knows, and what the tests
//! hold the committed schemas against.

use super::{
    mistakes::Mistakes,
    node::{Entry, Node},
};
use crate::diagnostic::{Place, Spanned};

/// The keys of one kind of mapping.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name in the schema's `$defs`.
    pub(crate) name: &'static str,
    /// What the mapping is, for messages: `a fault`.
    pub(crate) what: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [Key],
}

/// A key.
#[derive(Debug)]
pub(crate) struct Key {
    /// As it is written.
    pub(crate) name: &'static str,
    /// Whether it must be there.
    pub(crate) needed: bool,
}

/// A key that must be there.
pub(crate) const fn needs(name: &'static str) -> Key {
    Key { name, needed: true }
}

/// A key that may be there.
pub(crate) const fn may(name: &'static str) -> Key {
    Key {
        name,
        needed: false,
    }
}

/// A mapping that was opened against its table.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    table: &'static Table,
    entries: &'a [Entry],
    /// Where the mapping stands.
    pub(crate) place: Place,
}

impl<'a> Fields<'a> {
    /// Opens a mapping: notes keys that are unknown, missing, or have no value. `None` when it is
    /// no mapping at all.
    pub(crate) fn open(
        node: &'a Spanned<Node>,
        table: &'static Table,
        mistakes: &mut Mistakes,
    ) -> Option<Self> {
        let entries: &[Entry] = match &node.value {
            Node::Map(entries) => entries,
            Node::Null | Node::Scalar(_) | Node::Seq(_) => {
                let keys: Vec<String> =
                    table.keys.iter().map(|k| format!("`{}`", k.name)).collect();
                mistakes
                    .expected(node, &format!("{} (a mapping)", table.what))
                    .hint = Some(format!("its keys are {}", keys.join(", ")));
                return None;
            }
        };
        let fields = Self {
            table,
            entries,
            place: node.place,
        };
        fields.complain(mistakes);
        Some(fields)
    }

    fn complain(&self, mistakes: &mut Mistakes) {
        let table = self.table;
        let free: Vec<&str> = table
            .keys
            .iter()
            .map(|known| known.name)
            .filter(|name| !self.has(name))
            .collect();
        for (key, value) in self.entries {
            if !table.keys.iter().any(|known| known.name == key.value) {
                let hint = super::mistakes::meant(&key.value, free.iter().copied());
                mistakes
                    .error(
                        key.place,
                        format!("unknown key `{}`", key.value),
                        format!("not a key of {}", table.what),
                    )
                    .hint = hint;
            } else if value.value == Node::Null {
                mistakes
                    .error(
                        key.place,
                        format!("`{}` has no value", key.value),
                        "nothing is written after this key",
                    )
                    .hint = Some("write its value, or leave the key out".to_owned());
            }
        }
        for key in table.keys.iter().filter(|key| key.needed) {
            if !self.entries.iter().any(|(k, _)| k.value == key.name) {
                mistakes.error(
                    self.beginning(),
                    format!("missing key `{}`", key.name),
                    format!("{} needs `{}`", table.what, key.name),
                );
            }
        }
    }

    /// The first key's place, or the mapping's.
    pub(crate) fn beginning(&self) -> Place {
        self.entries.first().map_or(
            Place {
                start: self.place.start,
                len: self.place.len.min(1),
            },
            |(key, _)| key.place,
        )
    }

    /// A key's value, if it is there and is not nothing.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Spanned<Node>> {
        self.entry(key).map(|(_, value)| value)
    }

    /// A key and its value, if it is there and is not nothing.
    pub(crate) fn entry(&self, key: &str) -> Option<&'a Entry> {
        debug_assert!(
            self.table.keys.iter().any(|known| known.name == key),
            "`{key}` is missing in the table {}",
            self.table.name
        );
        self.entries
            .iter()
            .find(|(k, v)| k.value == key && v.value != Node::Null)
    }

    /// Whether the key is written at all.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(k, _)| k.value == key)
    }

    /// The one of `keys` that is there. More than one, or (when `needed`) none, is a mistake.
    pub(crate) fn one_of(
        &self,
        keys: &[&'static str],
        needed: bool,
        mistakes: &mut Mistakes,
    ) -> Option<&'a Entry> {
        let given: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|(k, _)| keys.contains(&k.value.as_str()))
            .collect();
        let names: Vec<String> = keys.iter().map(|k| format!("`{k}`")).collect();
        match given[..] {
            [] if needed => {
                mistakes.error(
                    self.beginning(),
                    format!("{} needs one of {}", self.table.what, names.join(", ")),
                    "none of them is here",
                );
                None
            }
            [] => None,
            [one] => (one.1.value != Node::Null).then_some(one),
            [first, second, ..] => {
                mistakes
                    .error(
                        second.0.place,
                        format!(
                            "`{}` and `{}` exclude each other",
                            first.0.value, second.0.value
                        ),
                        "the second",
                    )
                    .at_also(first.0.place, "the first");
                Some(first)
            }
        }
    }
}

/// Holds a committed schema to the tables: the same keys in each mapping, and the same needed
/// ones; and the reference in docs/ names each. `root` is the table of the whole file.
#[cfg(test)]
pub(crate) fn assert_schema_knows(schema: &str, root: &Table, tables: &[&Table]) {
    use std::collections::BTreeSet;

    let schema: serde_json::Value = serde_json::from_str(schema).expect("the schema is JSON");
    let mut mappings: BTreeSet<&str> = schema["$defs"]
        .as_object()
        .expect("$defs")
        .iter()
        .filter(|(_, def)| def.get("additionalProperties") == Some(&serde_json::Value::Bool(false)))
        .map(|(name, _)| name.as_str())
        .collect();
    for table in tables {
        let def = if table.name == root.name {
            &schema
        } else {
            mappings.remove(table.name);
            &schema["$defs"][table.name]
        };
        let keys = |value: &serde_json::Value| -> BTreeSet<String> {
            match value {
                serde_json::Value::Object(map) => map.keys().cloned().collect(),
                serde_json::Value::Array(items) => items
                    .iter()
                    .filter_map(|item| item.as_str().map(str::to_owned))
                    .collect(),
                _ => BTreeSet::new(),
            }
        };
        let known: BTreeSet<String> = table.keys.iter().map(|k| k.name.to_owned()).collect();
        let needed: BTreeSet<String> = table
            .keys
            .iter()
            .filter(|key| key.needed)
            .map(|key| key.name.to_owned())
            .collect();
        for key in table.keys {
            let reference = include_str!("../../docs/grammar.md");
            assert!(
                reference.contains(key.name),
                "docs/grammar.md lacks `{}`",
                key.name
            );
        }
        assert_eq!(keys(&def["properties"]), known, "keys of {}", table.name);
        assert_eq!(
            keys(&def["required"]),
            needed,
            "needed keys of {}",
            table.name
        );
        assert_eq!(
            def["additionalProperties"],
            serde_json::Value::Bool(false),
            "{} refuses unknown keys",
            table.name
        );
    }
    assert!(mappings.is_empty(), "the parser does not know {mappings:?}");
}
