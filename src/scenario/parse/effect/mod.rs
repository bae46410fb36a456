//! What a fault does: `http:`, `tcp:`, `tls:`, `dns:`, `process:` and `exec:`, one file a plane.

mod dns;
mod exec;
mod http;
mod process;
mod tcp;
mod tls;

pub(crate) use self::http::route;

use crate::{
    diagnostic::{Diagnostics, Source, Spanned},
    document::{Entry, Mistakes, Node, tree},
    scenario::model::{DnsEffect, Effect},
};

/// Reads what stands under `dns:` in a fault, alone.
///
/// # Errors
/// All mistakes of the text.
pub fn dns_effect(source: Source) -> Result<DnsEffect, Diagnostics> {
    let mut mistakes = Mistakes::new(source);
    let effect = tree(&mut mistakes).and_then(|node| {
        if let Some(place) = super::turns::place(&node) {
            mistakes.error(
                place,
                "whose turn it is only a scenario says",
                "leave this out",
            );
        }
        dns::effect(&node, &mut mistakes)
    });
    match effect {
        Some(effect) if !mistakes.has_errors() => Ok(effect),
        _ => Err(mistakes.finish()),
    }
}

/// The effect under one of the six keys.
pub(super) fn effect(entry: &Entry, mistakes: &mut Mistakes) -> Option<Effect> {
    let (key, node) = entry;
    match key.value.as_str() {
        "http" => http::effect(node, mistakes).map(Effect::Http),
        "tcp" => tcp::effect(node, mistakes).map(Effect::Tcp),
        "tls" => tls::effect(node, mistakes).map(Effect::Tls),
        "exec" => exec::effect(node, mistakes).map(Effect::Exec),
        "dns" => dns::effect(node, mistakes).map(Effect::Dns),
        _ => process::effect(node, mistakes).map(Effect::Process),
    }
}

/// Whether the effect is that one word.
fn is_word(node: &Spanned<Node>, word: &str) -> bool {
    matches!(&node.value, Node::Scalar(scalar) if scalar.text == word)
}
