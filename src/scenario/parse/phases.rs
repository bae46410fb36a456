//! `phases:` and `scale:`.

use super::keys::SCALE;
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node, Slip, Words},
    scenario::model::ScenarioPhase,
    time::{Compression, Story},
};

/// The section `phases:`, a list of mappings with one entry each.
pub(super) fn section(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Vec<ScenarioPhase> {
    const WHAT: &str = "a list of phases such as `[{calm: 20m}, {opening: 1h}]`";
    let mut phases = Vec::new();
    let items = mistakes.list(node, WHAT);
    if items.is_empty() && matches!(node.value, Node::Seq(_)) {
        mistakes.expected(node, "at least one phase");
    }
    for item in items {
        match &item.value {
            Node::Map(entries) if entries.len() == 1 => {
                for (name, length) in entries {
                    if let Some(span) = mistakes.positive_span(length) {
                        phases.push(ScenarioPhase {
                            name: name.clone(),
                            length: Spanned::new(Story(span), length.place),
                        });
                    }
                }
            }
            Node::Map(_) | Node::Null | Node::Scalar(_) | Node::Seq(_) => {
                mistakes.expected(item, "a phase with its length").hint =
                    Some("one a list item: `- {calm: 20m}`".to_owned());
            }
        }
    }
    phases
}

/// The section `scale:`.
pub(super) fn scale(node: &Spanned<Node>, mistakes: &mut Mistakes) -> (f64, Compression) {
    let fields = Fields::open(node, &SCALE, mistakes);
    let fields = fields.as_ref();
    let load = fields.and_then(|f| f.get("load")).and_then(|node| {
        const WHAT: &str = "a scale of load such as `1%`, `0.01` or `2x`";
        mistakes.parse(node, WHAT, |words| factor(words, WHAT, true))
    });
    let time = fields.and_then(|f| f.get("time")).and_then(|node| {
        const WHAT: &str = "a scale of time such as `60x`";
        let factor = mistakes.parse(node, WHAT, |words| factor(words, WHAT, false))?;
        Compression::new(factor)
    });
    (load.unwrap_or(1.0), time.unwrap_or(Compression::NONE))
}

/// `2x`, `0.5`, and `1%` where that makes sense. Above zero, at most a million.
pub(super) fn factor(words: &mut Words<'_>, wanted: &str, percent: bool) -> Result<f64, Slip> {
    let token = words.quantity(wanted)?;
    words.end()?;
    let (number, unit) = match (token.text.strip_suffix('x'), token.text.strip_suffix('%')) {
        (Some(number), _) => (number, 1.0),
        (None, Some(number)) if percent => (number, 0.01),
        _ => (token.text, 1.0),
    };
    let good = number
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b'.' || b == b'_');
    let value = good
        .then(|| number.replace('_', "").parse::<f64>().ok())
        .flatten();
    value
        .map(|value| value * unit)
        .filter(|value| *value > 0.0 && *value <= 1e6)
        .ok_or_else(|| {
            Slip::new(
                token.range(),
                format!("expected {wanted}, found `{}`", token.text),
                "not a scale",
            )
        })
}
