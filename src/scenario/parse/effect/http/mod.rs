//! `http:`.

mod action;
mod delay;
mod matching;

#[cfg(test)]
mod tests;

pub(crate) use self::matching::route;

use self::{action::action, matching::matching};
use super::is_word;
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    scenario::{
        model::{HttpAction, HttpEffect, HttpMatch, RateLimit},
        parse::keys::HTTP,
    },
};

/// The status of a refusal unless another is given.
const TOO_MANY: u16 = 429;

/// A word for an effect that needs no more, or a mapping with one effect and its conditions.
pub(super) fn effect(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<HttpEffect> {
    if let Some(action) = word(node) {
        return Some(HttpEffect {
            matching: HttpMatch::default(),
            action,
        });
    }
    let fields = Fields::open(node, &HTTP, mistakes)?;
    let matching = matching(&fields, mistakes);
    let action = action(&fields, mistakes);
    Some(HttpEffect {
        matching: matching?,
        action: action?,
    })
}

/// The effects that are one word.
fn word(node: &Spanned<Node>) -> Option<HttpAction> {
    let words = [
        ("hang", HttpAction::Hang),
        ("reset", HttpAction::Reset),
        ("malformed", HttpAction::Malformed),
        ("stale", HttpAction::Stale),
        ("rate_limit", HttpAction::RateLimit(misfire())),
    ];
    let mut words = words.into_iter();
    words
        .find(|(word, _)| is_word(node, word))
        .map(|(_, action)| action)
}

/// A limiter that refuses everybody.
const fn misfire() -> RateLimit {
    RateLimit {
        status: TOO_MANY,
        retry_after: None,
        window: None,
    }
}
