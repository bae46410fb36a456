//! `process:`.

use crate::{
    diagnostic::Spanned,
    document::{Mistakes, Node},
    scenario::model::ProcessEffect,
};

/// One of its words.
pub(super) fn effect(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<ProcessEffect> {
    let words = [
        ProcessEffect::Kill,
        ProcessEffect::Pause,
        ProcessEffect::Stop,
        ProcessEffect::Restart,
        ProcessEffect::CrashLoop,
    ]
    .map(|effect| (effect.word(), effect));
    mistakes.choice(node, "a process effect", &words)
}
