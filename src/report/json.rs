//! `report.json`: the analysis as it is, for programs. The format is described in
//! `docs/report-json.md`.

use serde_json::Value;

use crate::analysis::Analysis;

/// Indented JSON with a final newline. The same analysis always gives the same text, keys stand in
/// the order of the types, an array of numbers stands on one line (curves are long), and a
/// number that could not be computed is `null`.
pub fn render(analysis: &Analysis) -> String {
    let value = serde_json::to_value(analysis)
        .expect("an analysis has string keys only, and its numbers become null where not finite");
    let mut text = String::new();
    write(&value, 0, &mut text);
    text.push('\n');
    text
}

fn write(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Array(items) if items.iter().any(|v| !v.is_number() && !v.is_null()) => {
            let items = items.iter().map(|item| (None, item));
            block(('[', ']'), items, depth, out);
        }
        Value::Object(fields) if !fields.is_empty() => {
            let fields = fields.iter().map(|(key, item)| (Some(key.as_str()), item));
            block(('{', '}'), fields, depth, out);
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                out.push_str(&item.to_string());
            }
            out.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
            out.push_str(&value.to_string());
        }
    }
}

/// One entry a line, between brackets.
fn block<'v>(
    (open, close): (char, char),
    entries: impl Iterator<Item = (Option<&'v str>, &'v Value)>,
    depth: usize,
    out: &mut String,
) {
    out.push(open);
    for (i, (key, item)) in entries.enumerate() {
        out.push_str(if i > 0 { ",\n" } else { "\n" });
        indent(depth + 1, out);
        if let Some(key) = key {
            out.push_str(&Value::from(key).to_string());
            out.push_str(": ");
        }
        write(item, depth + 1, out);
    }
    out.push('\n');
    indent(depth, out);
    out.push(close);
}

fn indent(depth: usize, out: &mut String) {
    for _ in 0..depth {
        out.push_str("  ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn snapshot() {
        insta::assert_snapshot!(render(&fixture::small()));
    }

    #[test]
    fn reads_back_as_what_it_was() {
        let cowin = fixture::cowin();
        let text = render(&cowin);
        let back: Analysis = serde_json::from_str(&text).unwrap();
        assert_eq!(render(&back), text);
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            serde_json::to_value(&cowin).unwrap()
        );
    }

    #[test]
    fn is_the_same_every_time_and_ends_with_a_newline() {
        let text = render(&fixture::cowin());
        assert_eq!(text, render(&fixture::cowin()));
        assert!(text.ends_with("}\n"));
    }

    #[test]
    fn hostile_names_stay_strings() {
        let hostile = fixture::hostile();
        let back: Analysis = serde_json::from_str(&render(&hostile)).unwrap();
        assert_eq!(back.run.title, hostile.run.title);
        assert_eq!(
            back.services.keys().collect::<Vec<_>>(),
            hostile.services.keys().collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_not_finite_is_null() {
        let mut broken = fixture::cowin();
        broken.amplification = f64::NAN;
        let value: Value = serde_json::from_str(&render(&broken)).unwrap();
        assert!(value["amplification"].is_null());
    }
}
