//! `dns:`.

use crate::{
    diagnostic::Spanned,
    document::{Mistakes, Node},
    scenario::model::DnsEffect,
};

/// One of its words.
pub(super) fn effect(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<DnsEffect> {
    let words = [
        ("servfail", DnsEffect::Servfail),
        ("nxdomain", DnsEffect::Nxdomain),
        ("refused", DnsEffect::Refused),
        ("no_data", DnsEffect::NoData),
        ("drop", DnsEffect::Drop),
    ];
    mistakes.choice(node, "a dns effect", &words)
}
