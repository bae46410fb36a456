//! How late a request is: `12s`, `1s..3s`, or a mapping.

use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    scenario::{
        model::{HttpDelay, Spread},
        parse::keys::HTTP_DELAY,
    },
};

/// A delay.
pub(super) fn delay(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<HttpDelay> {
    let Node::Map(_) = &node.value else {
        let is_range = matches!(&node.value, Node::Scalar(scalar) if scalar.text.contains(".."));
        if !is_range {
            return mistakes.positive_span(node).map(HttpDelay::constant);
        }
        let (delay, most) = mistakes.span_range(node)?;
        let spread = Spread::Uniform { most };
        return Some(HttpDelay { delay, spread });
    };
    let fields = Fields::open(node, &HTTP_DELAY, mistakes)?;
    let (key, value) = fields.one_of(&["mean", "p50"], true, mistakes)?;
    let (other, wrong) = match key.value.as_str() {
        "mean" => ("deviation", "p99"),
        _ => ("p99", "deviation"),
    };
    if let Some((wrong, _)) = fields.entry(wrong) {
        mistakes.error(
            wrong.place,
            format!("`{}` does not go with `{}`", wrong.value, key.value),
            format!("`{other}` does"),
        );
        return None;
    }
    let Some(spread) = fields.get(other) else {
        mistakes.error(
            key.place,
            format!("`{}` needs `{other}` beside it", key.value),
            "how far do they spread?",
        );
        return None;
    };
    let delay = mistakes.positive_span(value)?;
    let far = mistakes.positive_span(spread)?;
    if key.value == "mean" {
        let spread = Spread::Normal { deviation: far };
        return Some(HttpDelay { delay, spread });
    }
    if far < delay {
        mistakes.expected(spread, "a 99th percentile above the median");
        return None;
    }
    let spread = Spread::LogNormal { p99: far };
    Some(HttpDelay { delay, spread })
}
