//! `process:`.

use crate::{
    diagnostic::Spanned,
    document::{Mistakes, Node},
    scenario::model::ProcessEffect,
};

/// One of its words.
pub(super) fn effect(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<ProcessEffect> {
    let words = [
        ("kill", ProcessEffect::Kill),
        ("pause", ProcessEffect::Pause),
    ];
    mistakes.choice(node, "a process effect", &words)
}
