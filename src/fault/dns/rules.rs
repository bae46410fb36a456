//! DNS rules: which questions, and which fault answers them. Pure but for the counters.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    name::{WireName, is_within},
    zone::Zones,
};
use crate::{
    fault::{board::Posted, dose::Dose},
    scenario::model::{DnsAnswer, DnsEffect, OverTcp, ShareOf},
};

/// Which names a rule means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) name: WireName,
    /// Names below it too.
    pub(super) zone: bool,
}

impl Names {
    /// Whether `name` (as it travels, lower case) is meant.
    pub(super) fn mean(&self, name: &[u8]) -> bool {
        name == self.name.as_bytes() || (self.zone && is_within(name, self.name.as_bytes()))
    }
}

/// The way that a question came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    /// Over UDP rather than TCP.
    pub(super) udp: bool,
    /// The number of the server that was asked, from 0.
    pub(super) server: u32,
    /// It is a question of our own, to see whether a fault is gone: it is not counted, and no
    /// share spares it.
    pub(super) own: bool,
}

/// A rule in force.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) dose: Arc<Dose>,
    pub(super) names: Names,
    pub(super) effect: DnsEffect,
    /// Where in the share each known name of a rule over names lies: evenly spread, in an order
    /// that the seed decides.
    spots: HashMap<WireName, f64>,
    /// How many questions came that it means, since it was put in.
    came: AtomicU64,
    /// How many of them it met.
    met: AtomicU64,
}

impl Rule {
    pub(super) fn new(dose: Arc<Dose>, names: Names, effect: DnsEffect, zones: &Zones) -> Self {
        let spots = match effect.share_of {
            ShareOf::Questions => HashMap::new(),
            ShareOf::Names => spread(&dose, zones.meant(&names).map(|(_, name)| name)),
        };
        Self {
            dose,
            names,
            effect,
            spots,
            came: AtomicU64::new(0),
            met: AtomicU64::new(0),
        }
    }

    /// Whether this question falls under the rule.
    fn holds(&self, name: &[u8], way: Way) -> bool {
        if self.effect.servers.is_some_and(|some| way.server >= some) || !self.names.mean(name) {
            return false;
        }
        if way.own {
            return true;
        }
        let over_tcp = match self.effect.answer {
            DnsAnswer::Truncate { over_tcp } if !way.udp => Some(over_tcp),
            _ => None,
        };
        match (over_tcp, self.effect.share_of) {
            (Some(OverTcp::Answer), _) => false,
            (_, ShareOf::Names) => {
                let share = self.dose.current_share().get();
                let known = self.spots.get(name).copied();
                known.unwrap_or_else(|| self.dose.spot(name)) < share
            }
            // who comes over TCP was sent there
            (Some(OverTcp::Drop | OverTcp::Close), ShareOf::Questions) => {
                self.dose.current_share().get() > 0.0
            }
            (None, ShareOf::Questions) => self.is_its_turn(),
        }
    }

    /// Whether the next question is met, by its order and by the share.
    fn is_its_turn(&self) -> bool {
        let turns = self.dose.turns();
        if turns.is_all() {
            return self.dose.holds_next();
        }
        turns.is_due(self.came.fetch_add(1, Relaxed))
            && self.dose.holds_next()
            && turns.has_room(self.met.fetch_add(1, Relaxed))
    }

    /// How long this answer is held back.
    pub(super) fn delay(&self) -> Option<Duration> {
        let (low, high) = self.effect.delay?;
        // the number of the question that was met just now
        let draw = self.dose.seed().named("delay").indexed(self.dose.hits());
        Some(draw.stream().duration(low, high))
    }
}

fn spread<'a>(dose: &Dose, names: impl Iterator<Item = &'a WireName>) -> HashMap<WireName, f64> {
    let mut order: Vec<(f64, &WireName)> = names
        .map(|name| (dose.spot(name.as_bytes()), name))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.as_bytes().cmp(b.1.as_bytes())));
    order.dedup_by(|a, b| a.1 == b.1);
    let count = order.len() as f64;
    let spots = order.into_iter().enumerate();
    spots
        .map(|(rank, (_, name))| (name.clone(), (rank as f64 + 0.5) / count))
        .collect()
}

/// The rule that meets a question: of those that mean it, the one injected first whose share holds
/// it. Every such rule counts its questions, so that the choice of one does not depend on the
/// others.
pub(super) fn meet(posted: &Posted<Rule>, name: &[u8], way: Way) -> Option<Arc<Rule>> {
    let mut met: Option<&Arc<Rule>> = None;
    for rule in posted.iter() {
        if rule.holds(name, way) && met.is_none() {
            met = Some(rule);
        }
    }
    let rule = met?;
    if !way.own {
        rule.dose.hit();
    }
    Some(Arc::clone(rule))
}
