//! DNS rules: which names, and which fault answers. Pure but for the counters.

use std::sync::Arc;

use crate::{
    fault::{board::Posted, dose::Dose},
    scenario::model::DnsEffect,
};

/// Which names a rule means; lower case, no final dot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) name: String,
    /// Names below it too.
    pub(super) zone: bool,
}

impl Names {
    /// Whether `name` (lower case, no final dot) is meant.
    pub(super) fn mean(&self, name: &str) -> bool {
        name == self.name || (self.zone && is_below(name, &self.name))
    }
}

/// Whether `name` lies below `zone`, label by label.
pub(super) fn is_below(name: &str, zone: &str) -> bool {
    zone.is_empty()
        || name
            .strip_suffix(zone)
            .is_some_and(|head| head.ends_with('.') && head.len() > 1)
}

/// A rule in force.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) dose: Arc<Dose>,
    pub(super) names: Names,
    pub(super) effect: DnsEffect,
}

/// The effect that meets a question: of the rules that mean the name, the one injected first whose
/// share holds this question. Every such rule counts its questions, so that the choice of one does
/// not depend on the others.
pub(super) fn meet(posted: &Posted<Rule>, name: &str) -> Option<DnsEffect> {
    let mut met: Option<&Arc<Rule>> = None;
    for rule in posted.iter().filter(|rule| rule.names.mean(name)) {
        if rule.dose.holds_next() && met.is_none() {
            met = Some(rule);
        }
    }
    let rule = met?;
    rule.dose.hit();
    Some(rule.effect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_means_what_is_below_it() {
        let zone = Names {
            name: "cowin.test".into(),
            zone: true,
        };
        let name = Names {
            zone: false,
            ..zone.clone()
        };
        for (asked, in_zone, in_name) in [
            ("cowin.test", true, true),
            ("portal.cowin.test", true, false),
            ("a.b.cowin.test", true, false),
            ("mycowin.test", false, false),
            (".cowin.test", false, false),
            ("test", false, false),
            ("cowin.test.evil", false, false),
        ] {
            assert_eq!(zone.mean(asked), in_zone, "{asked}");
            assert_eq!(name.mean(asked), in_name, "{asked}");
        }
    }
}
