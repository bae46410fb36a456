//! Generators of test data: `data:`, and those that are always there.

use super::{
    csv::csv,
    keys::{BETWEEN, CSV, DIGITS, ONE_OF},
};
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node, Slip, closest_hint},
    scenario::model::{DataSource, is_hole_name},
};

/// The data that templates may always use, by name. `data:` may give one of them anew.
#[must_use]
pub fn built_in_data() -> Vec<(&'static str, DataSource)> {
    let names = [
        "Aarav", "Ananya", "Arjun", "Diya", "Fatima", "Gurpreet", "Ishaan", "Kavya", "Lakshmi",
        "Meera", "Mohammed", "Priya", "Rahul", "Sana", "Vikram", "Zoya",
    ];
    let digits = |count: u8, starts: &str| DataSource::Digits {
        count,
        starts: starts.to_owned(),
    };
    vec![
        ("mobile", digits(10, "9")),
        ("pin", digits(6, "1")),
        ("name", DataSource::OneOf(names.map(str::to_owned).into())),
        (
            "birth_year",
            DataSource::Between {
                low: 1940,
                high: 2003,
            },
        ),
        ("uuid", DataSource::Uuid),
        ("counter", DataSource::Counter),
    ]
}

/// The section `data:`.
pub(super) fn section(
    node: &Spanned<Node>,
    mistakes: &mut Mistakes,
) -> Vec<(Spanned<String>, DataSource)> {
    let mut data = Vec::new();
    for (name, node) in mistakes.entries(node, "a mapping of names to sources of data") {
        if !template_name(name, mistakes) {
            continue;
        }
        if let Some(source) = source(node, mistakes) {
            data.push((name.clone(), source));
        }
    }
    data
}

/// The holes that a datum fills.
pub(super) fn holes(name: &str, source: &DataSource) -> Vec<String> {
    match source {
        DataSource::Csv(csv) if csv.column.is_none() => {
            let columns = csv.rows.columns().iter();
            let usable = columns.filter(|column| is_hole_name(column));
            usable.map(|column| format!("{name}.{column}")).collect()
        }
        DataSource::Digits { .. }
        | DataSource::Between { .. }
        | DataSource::OneOf(_)
        | DataSource::Uuid
        | DataSource::Counter
        | DataSource::Csv(_) => vec![name.to_owned()],
    }
}

/// Whether a template can have a hole of this name; notes when not.
pub(super) fn template_name(name: &Spanned<String>, mistakes: &mut Mistakes) -> bool {
    let good = is_hole_name(&name.value);
    if !good {
        mistakes.error(
            name.place,
            format!("`{}` cannot be a hole of a template", name.value),
            "letters, digits and `_`, beginning with a letter",
        );
    }
    good
}

fn source(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<DataSource> {
    const SOURCES: [&str; 6] = ["digits", "between", "one_of", "csv", "uuid", "counter"];
    let entries = match &node.value {
        Node::Map(entries) => entries,
        Node::Null | Node::Scalar(_) | Node::Seq(_) => {
            let words = [
                ("uuid", DataSourceWord::Uuid),
                ("counter", DataSourceWord::Counter),
            ];
            let what = "a source of data (`uuid`, `counter`, or a mapping with `digits`, `between`, `one_of` or `csv`)";
            return mistakes.choice(node, what, &words).map(|word| match word {
                DataSourceWord::Uuid => DataSource::Uuid,
                DataSourceWord::Counter => DataSource::Counter,
            });
        }
    };
    let has = |wanted: &str| entries.iter().any(|(key, _)| key.value == wanted);
    if has("digits") {
        digits(&Fields::open(node, &DIGITS, mistakes)?, mistakes)
    } else if has("between") {
        between(&Fields::open(node, &BETWEEN, mistakes)?, mistakes)
    } else if has("one_of") {
        one_of(&Fields::open(node, &ONE_OF, mistakes)?, mistakes)
    } else if has("csv") {
        csv(&Fields::open(node, &CSV, mistakes)?, mistakes).map(DataSource::Csv)
    } else {
        let mistake = mistakes.expected(node, "a source of data");
        mistake.hint = entries
            .first()
            .and_then(|(key, _)| closest_hint(&key.value, SOURCES));
        None
    }
}

#[derive(Clone, Copy)]
enum DataSourceWord {
    Uuid,
    Counter,
}

fn digits(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<DataSource> {
    let count = mistakes.count(fields.get("digits")?, 1..=64)?;
    let starts = match fields.get("starts") {
        Some(node) => {
            let text = mistakes.text(node, "the first digits")?;
            let good = text.value.bytes().all(|b| b.is_ascii_digit());
            if !good || text.value.len() > count as usize {
                let wanted = format!("at most {count} digits");
                mistakes.expected(node, &wanted);
                return None;
            }
            text.value.to_owned()
        }
        None => String::new(),
    };
    Some(DataSource::Digits {
        count: u8::try_from(count).ok()?,
        starts,
    })
}

fn between(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<DataSource> {
    const WHAT: &str = "a range of whole numbers such as `1..1000`";
    mistakes.parse(fields.get("between")?, WHAT, |words| {
        let number = |words: &mut crate::document::Words<'_>| {
            let token = words.quantity("a whole number")?;
            token.text.replace('_', "").parse::<u64>().map_err(|_| {
                Slip::new(
                    token.range(),
                    format!("`{}` is not a whole number", token.text),
                    "not that",
                )
            })
        };
        let low = number(words)?;
        words.expect("..", "1..1000")?;
        let last = words.peek();
        let high = number(words)?;
        words.end()?;
        if high < low {
            return Err(Slip::new(
                last.range(),
                "the range ends before it begins",
                "smaller",
            ));
        }
        Ok(DataSource::Between { low, high })
    })
}

fn one_of(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<DataSource> {
    let node = fields.get("one_of")?;
    let items = mistakes.list(node, "a list of texts");
    let texts: Vec<String> = items
        .iter()
        .filter_map(|item| mistakes.text(item, "a text").map(|t| t.value.to_owned()))
        .collect();
    if texts.is_empty() {
        if items.is_empty() {
            mistakes.expected(node, "at least one text");
        }
        return None;
    }
    Some(DataSource::OneOf(texts))
}
