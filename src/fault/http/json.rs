//! Changes of JSON bodies: pure.

use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json_path::{JsonPath, PathElement};

use crate::scenario::model::JsonEdit;

/// Edits, ready to use.
#[derive(Debug)]
pub(super) struct Edits(Vec<Edit>);

#[derive(Debug)]
enum Edit {
    Set(JsonPath, String, Value),
    Replace(JsonPath, Value),
    Remove(JsonPath),
}

/// A step on the way to a value; in this order, so that what lies deeper or further back can be
/// taken out first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Name(String),
    Index(usize),
}

impl Edits {
    /// Makes edits ready.
    ///
    /// # Errors
    /// When a path is no JSONPath.
    pub(super) fn new(edits: &[JsonEdit]) -> Result<Self, String> {
        let compile = |path: &str| {
            JsonPath::parse(path).map_err(|error| format!("`{path}` is not a JSONPath: {error}"))
        };
        let edits = edits.iter().map(|edit| {
            Ok(match edit {
                JsonEdit::Set {
                    parent,
                    name,
                    value,
                } => Edit::Set(compile(parent)?, name.clone(), value.clone()),
                JsonEdit::Replace { path, value } => Edit::Replace(compile(path)?, value.clone()),
                JsonEdit::Remove { path } => Edit::Remove(compile(path)?),
            })
        });
        Ok(Self(edits.collect::<Result<_, String>>()?))
    }

    /// The body as the edits make it; `None` when it is no JSON, or nothing in it is met.
    pub(super) fn apply(&self, body: &[u8]) -> Option<Vec<u8>> {
        let mut json: Value = serde_json::from_slice(body).ok()?;
        let mut changed = false;
        for edit in &self.0 {
            changed |= edit.apply(&mut json);
        }
        changed.then(|| json.to_string().into_bytes())
    }
}

impl Edit {
    fn apply(&self, json: &mut Value) -> bool {
        let (Self::Set(path, ..) | Self::Replace(path, _) | Self::Remove(path)) = self;
        let mut changed = false;
        for place in places(path, json) {
            changed |= match self {
                Self::Set(_, name, value) => match find(json, &place) {
                    Some(Value::Object(members)) => {
                        members.insert(name.clone(), value.clone());
                        true
                    }
                    _ => false,
                },
                Self::Replace(_, value) => match find(json, &place) {
                    Some(found) => {
                        *found = value.clone();
                        true
                    }
                    None => false,
                },
                Self::Remove(_) => remove(json, &place),
            };
        }
        changed
    }
}

/// Where a path leads, each place once, the deeper and the later ones first.
fn places(path: &JsonPath, json: &Value) -> Vec<Vec<Step>> {
    let found = path.query_located(json);
    let mut places: Vec<Vec<Step>> = found
        .locations()
        .map(|place| {
            let steps = place.iter().map(|step| match step {
                PathElement::Name(name) => Step::Name((*name).to_owned()),
                PathElement::Index(index) => Step::Index(*index),
            });
            steps.collect()
        })
        .collect();
    places.sort_unstable();
    places.dedup();
    places.reverse();
    places
}

fn find<'a>(json: &'a mut Value, place: &[Step]) -> Option<&'a mut Value> {
    place.iter().try_fold(json, |at, step| match (at, step) {
        (Value::Object(members), Step::Name(name)) => members.get_mut(name),
        (Value::Array(items), Step::Index(index)) => items.get_mut(*index),
        _ => None,
    })
}

/// Takes a value out; the whole document becomes null.
fn remove(json: &mut Value, place: &[Step]) -> bool {
    let Some((last, parent)) = place.split_last() else {
        *json = Value::Null;
        return true;
    };
    match (find(json, parent), last) {
        (Some(Value::Object(members)), Step::Name(name)) => members.shift_remove(name).is_some(),
        (Some(Value::Array(items)), Step::Index(index)) if *index < items.len() => {
            items.remove(*index);
            true
        }
        _ => false,
    }
}

/// The body broken off so that no parser takes it for JSON.
pub(super) fn broken_off(body: &[u8]) -> Vec<u8> {
    let mut broken = body[..body.len() / 2].to_vec();
    if broken.is_empty() || serde_json::from_slice::<IgnoredAny>(&broken).is_ok() {
        broken.extend_from_slice(b"{\"");
    }
    broken
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn set(parent: &str, name: &str, value: Value) -> JsonEdit {
        JsonEdit::Set {
            parent: parent.into(),
            name: name.into(),
            value,
        }
    }

    fn replace(path: &str, value: Value) -> JsonEdit {
        let path = path.into();
        JsonEdit::Replace { path, value }
    }

    fn remove(path: &str) -> JsonEdit {
        JsonEdit::Remove { path: path.into() }
    }

    fn check(edits: &[JsonEdit], before: &Value, after: Option<Value>) {
        let edits = Edits::new(edits).expect("paths");
        let body = edits.apply(before.to_string().as_bytes());
        let got = body.map(|body| serde_json::from_slice::<Value>(&body).expect("JSON"));
        assert_eq!(got, after);
    }

    #[test]
    fn fields_are_set_replaced_and_taken_out() {
        let before = json!({"a": 1, "list": [{"n": 1}, {"n": 2}, 3], "deep": {"er": {"a": 2}}});
        check(&[], &before, None);
        check(&[replace("$.nothing", json!(0))], &before, None);
        check(&[set("$.a", "b", json!(0))], &before, None);
        check(
            &[
                set("$.list[*]", "n", json!(null)),
                set("$", "new", json!([])),
            ],
            &before,
            Some(
                json!({"a": 1, "list": [{"n": null}, {"n": null}, 3], "deep": {"er": {"a": 2}},
                "new": []}),
            ),
        );
        check(
            &[replace("$..a", json!("x"))],
            &before,
            Some(json!({"a": "x", "list": [{"n": 1}, {"n": 2}, 3], "deep": {"er": {"a": "x"}}})),
        );
        check(
            &[
                remove("$.list[0,2,0]"),
                remove("$..er"),
                remove("$.deep.er.a"),
            ],
            &before,
            Some(json!({"a": 1, "list": [{"n": 2}], "deep": {}})),
        );
        check(&[remove("$")], &before, Some(json!(null)));
        check(&[remove("$..*")], &before, Some(json!({})));
    }

    #[test]
    fn what_is_no_json_stays() {
        let edits = Edits::new(&[remove("$.a")]).expect("a path");
        let deep = "[".repeat(10_000);
        for body in ["", "{", "<html>", deep.as_str()] {
            assert_eq!(edits.apply(body.as_bytes()), None);
        }
        assert!(Edits::new(&[remove("a b")]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_broken_off_is_no_json(body in "[\\[\\]{}\":,a1 ]{0,40}") {
            let broken = broken_off(body.as_bytes());
            prop_assert!(serde_json::from_slice::<Value>(&broken).is_err());
            let list = ["[", &body, "]"].concat();
            prop_assert!(broken_off(list.as_bytes()).len() < body.len() + 4);
        }
    }
}
