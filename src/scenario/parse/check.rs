//! What an answer must be: `check:` and `fallback:`, in steps and in a target's features.

use super::keys::CHECK;
use crate::{
    diagnostic::Spanned,
    document::{Fields, Kind, Mistakes, Node, Slip, Words},
    scenario::model::{Check, StatusSet},
};

/// The checks of a mapping; all that could be read.
pub(crate) fn checks(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Vec<Check> {
    let Some(fields) = Fields::open(node, &CHECK, mistakes) else {
        return Vec::new();
    };
    let mut checks = Vec::new();
    if let Some(node) = fields.get("status") {
        checks.extend(status_set(node, mistakes).map(Check::Status));
    }
    if let Some(node) = fields.get("contains") {
        let text = mistakes.string(node, "a text that the body contains");
        checks.extend(text.map(Check::BodyContains));
    }
    if let Some(node) = fields.get("matches") {
        checks.extend(regex(node, mistakes).map(Check::BodyMatches));
    }
    if let Some(node) = fields.get("json") {
        json_checks(node, &mut checks, mistakes);
    }
    if let Some(node) = fields.get("json_absent") {
        for node in mistakes.one_or_more(node) {
            checks.extend(json_path(node, mistakes).map(Check::JsonAbsent));
        }
    }
    if let Some(node) = fields.get("header") {
        header_checks(node, &mut checks, mistakes);
    }
    if matches!(&node.value, Node::Map(entries) if entries.is_empty()) {
        mistakes.expected(node, "at least one check");
    }
    checks
}

fn json_checks(node: &Spanned<Node>, checks: &mut Vec<Check>, mistakes: &mut Mistakes) {
    match &node.value {
        Node::Map(entries) => {
            for (path, value) in entries {
                let text = mistakes.key_text(path);
                if let Err(slip) = valid_path(text.value) {
                    mistakes.slip(&text, slip);
                    continue;
                }
                checks.push(Check::Json {
                    path: path.value.clone(),
                    equals: Some(plain_json(value)),
                });
            }
        }
        Node::Null | Node::Scalar(_) | Node::Seq(_) => {
            for node in mistakes.one_or_more(node) {
                let path = json_path(node, mistakes);
                checks.extend(path.map(|path| Check::Json { path, equals: None }));
            }
        }
    }
}

fn header_checks(node: &Spanned<Node>, checks: &mut Vec<Check>, mistakes: &mut Mistakes) {
    match &node.value {
        Node::Map(entries) => {
            for (name, value) in entries {
                let equals = mistakes.string(value, "the header's value");
                if header_name(name, mistakes) && equals.is_some() {
                    checks.push(Check::Header {
                        name: name.value.to_ascii_lowercase(),
                        equals,
                    });
                }
            }
        }
        Node::Null | Node::Scalar(_) | Node::Seq(_) => {
            for node in mistakes.one_or_more(node) {
                let Some(text) = mistakes.text(node, "the name of a header") else {
                    continue;
                };
                let name = Spanned::new(text.value.to_owned(), text.part(0..text.value.len()));
                if header_name(&name, mistakes) {
                    checks.push(Check::Header {
                        name: name.value.to_ascii_lowercase(),
                        equals: None,
                    });
                }
            }
        }
    }
}

/// Whether a header may be called so (a token of RFC 9110 section 5.6.2); notes when not.
pub(crate) fn header_name(name: &Spanned<String>, mistakes: &mut Mistakes) -> bool {
    let good = !name.value.is_empty()
        && name
            .value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
    if !good {
        mistakes.error(
            name.place,
            format!("`{}` is not the name of a header", name.value),
            "letters, digits and `-`",
        );
    }
    good
}

/// Whether a header may hold this value (RFC 9110 section 5.5: no control characters).
pub(crate) fn header_value(node: &Spanned<Node>, value: &str, mistakes: &mut Mistakes) -> bool {
    let good = value.chars().all(|c| c == '\t' || !c.is_control());
    if !good {
        mistakes.error(
            node.place,
            "a header's value has no line ends or other control characters",
            "this value",
        );
    }
    good
}

/// A regular expression.
pub(super) fn regex(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<String> {
    let text = mistakes.text(node, "a regular expression")?;
    match valid_regex(text.value) {
        Ok(()) => Some(text.value.to_owned()),
        Err(slip) => {
            mistakes.slip(&text, slip);
            None
        }
    }
}

/// That a text is a regular expression that can be used.
pub(super) fn valid_regex(text: &str) -> Result<(), Slip> {
    let Err(error) = regex::bytes::Regex::new(text) else {
        return Ok(());
    };
    let message = error.to_string();
    // its last line says what is wrong, those before it draw the place
    let why = message.lines().last().unwrap_or_default();
    let why = why.trim_start_matches("error: ").to_owned();
    Err(Slip::new(
        0..text.len(),
        format!("`{text}` is not a regular expression"),
        why,
    ))
}

/// A JSONPath.
pub(super) fn json_path(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<String> {
    let text = mistakes.text(node, "a JSONPath such as `$.token`")?;
    match valid_path(text.value) {
        Ok(()) => Some(text.value.to_owned()),
        Err(slip) => {
            mistakes.slip(&text, slip);
            None
        }
    }
}

/// That a text is a JSONPath (RFC 9535).
pub(super) fn valid_path(text: &str) -> Result<(), Slip> {
    let error = match serde_json_path::JsonPath::parse(text) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    // positions count from 1, and may lie one past the end
    let at = error.position().saturating_sub(1).min(text.len());
    let at = (0..=at)
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0);
    let len = text[at..].chars().next().map_or(0, char::len_utf8);
    let slip = Slip::new(
        at..at + len,
        format!("`{text}` is not a JSONPath (RFC 9535)"),
        match error.message() {
            "parser error" => "not understood from here on".to_owned(),
            message => message.to_owned(),
        },
    );
    Err(if text.starts_with('$') {
        slip
    } else {
        slip.hint(format!(
            "a JSONPath begins with `$`: `$.{}`",
            text.trim_start_matches('.')
        ))
    })
}

/// `200`, `2xx`, `200..204`, or a list of those.
pub(super) fn status_set(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<StatusSet> {
    const WHAT: &str = "a status such as `200`, `2xx` or `200..204`";
    let mut ranges = Vec::new();
    for item in mistakes.one_or_more(node) {
        ranges.push(mistakes.parse(item, WHAT, status_range)?);
    }
    if ranges.is_empty() {
        mistakes.expected(node, WHAT);
        return None;
    }
    Some(StatusSet(ranges))
}

/// `200`, `2xx` or `200..204`.
pub(super) fn status_range(words: &mut Words<'_>) -> Result<(u16, u16), Slip> {
    let (low, high) = status(words)?;
    if !words.accept("..") {
        words.end()?;
        return Ok((low, high));
    }
    let from = words.peek().range();
    let (_, top) = status(words)?;
    words.end()?;
    if top < low {
        return Err(Slip::new(
            from,
            "the range ends before it begins",
            "smaller",
        ));
    }
    Ok((low, top))
}

fn status(words: &mut Words<'_>) -> Result<(u16, u16), Slip> {
    let token = words.quantity("a status such as `200` or `2xx`")?;
    let class = token
        .text
        .strip_suffix("xx")
        .and_then(|digit| digit.parse::<u16>().ok());
    if let Some(class) = class.filter(|class| (1..=5).contains(class)) {
        return Ok((class * 100, class * 100 + 99));
    }
    match token.text.parse::<u16>() {
        Ok(code) if (100..=599).contains(&code) => Ok((code, code)),
        _ => Err(Slip::new(
            token.range(),
            format!("`{}` is not an HTTP status", token.text),
            "100 to 599, or a class such as `2xx`",
        )),
    }
}

/// A value as JSON, without templates.
pub(super) fn plain_json(node: &Spanned<Node>) -> serde_json::Value {
    use serde_json::{Number, Value};
    match &node.value {
        Node::Null => Value::Null,
        Node::Scalar(scalar) => match scalar.kind {
            Kind::Bool(value) => Value::Bool(value),
            Kind::Int(value) => i64::try_from(value)
                .map(Number::from)
                .or_else(|_| u64::try_from(value).map(Number::from))
                .map_or_else(|_| Value::String(scalar.text.clone()), Value::Number),
            Kind::Float(value) => Number::from_f64(value)
                .map_or_else(|| Value::String(scalar.text.clone()), Value::Number),
            Kind::Str => Value::String(scalar.text.clone()),
        },
        Node::Seq(items) => Value::Array(items.iter().map(plain_json).collect()),
        Node::Map(entries) => Value::Object(
            entries
                .iter()
                .map(|(key, value)| (key.value.clone(), plain_json(value)))
                .collect(),
        ),
    }
}
