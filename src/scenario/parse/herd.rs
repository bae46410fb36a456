//! `herd:`: many who come at the same time.

use std::time::Duration;

use super::{names::Names, place::anchor};
use crate::{
    diagnostic::Spanned,
    document::{Mistakes, Node, Slip, Text, Words},
    scenario::model::Herd,
};

/// They come within so much real time when they do not say.
const OVER: Duration = Duration::from_secs(1);

/// One herd, or a list of herds.
pub(super) fn herds(node: &Spanned<Node>, names: &Names, mistakes: &mut Mistakes) -> Vec<Herd> {
    let mut herds = Vec::new();
    for item in mistakes.one_or_more(node) {
        let Some(text) = mistakes.text(item, "a herd such as `500 at opening + 2m`") else {
            continue;
        };
        match herd(&text, item, names) {
            Ok(herd) => herds.push(herd),
            Err(slip) => mistakes.slip(&text, slip),
        }
    }
    herds
}

/// `COUNT at ANCHOR [in SPAN]`.
fn herd(text: &Text<'_>, item: &Spanned<Node>, names: &Names) -> Result<Herd, Slip> {
    let mut words = Words::new(text.value);
    let number = words.quantity("how many come")?;
    let count = number.text.replace('_', "").parse();
    let count = count.ok().filter(|count| *count > 0).ok_or_else(|| {
        let message = format!("`{}` is not a number of people", number.text);
        Slip::new(number.range(), message, "a whole number above zero")
    })?;
    words.expect("at", "500 at opening + 2m")?;
    let at = anchor(&mut words, text, names)?;
    let over = if words.accept("in") {
        let span = words.peek().range();
        let over = words.span()?;
        if over.is_zero() {
            return Err(Slip::new(span, "nobody comes in no time", "above zero"));
        }
        over
    } else {
        OVER
    };
    words.end()?;
    Ok(Herd {
        count,
        at: Spanned::new(at, item.place),
        over,
    })
}
