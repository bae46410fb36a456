//! `tls:`.

use crate::{
    diagnostic::Spanned,
    document::{Mistakes, Node},
    scenario::model::TlsEffect,
};

/// What is wrong with the certificate, in a word.
pub(super) fn effect(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<TlsEffect> {
    let words = TlsEffect::ALL.map(|effect| (effect.word(), effect));
    mistakes.choice(node, "a flaw of a certificate", &words)
}
