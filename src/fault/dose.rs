//! How much of a fault is in force, whom it meets, and how many it met.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::{plan::FaultPlan, scenario::model::Turns, seed::Seed, units::Ratio};

/// The lasting state of one fault: it outlives its injections, so that a fault that comes and goes
/// keeps one count and meets the same things again.
#[derive(Debug)]
pub(super) struct Dose {
    name: String,
    seed: Seed,
    turns: Turns,
    /// The share's `f64`, as bits.
    share: AtomicU64,
    /// The level's `f64`, as bits.
    level: AtomicU64,
    hits: AtomicU64,
    spared: AtomicU64,
    arrivals: AtomicU64,
}

impl Dose {
    pub(super) fn new(fault: &FaultPlan, seed: Seed) -> Self {
        Self {
            turns: fault.turns,
            ..Self::of(&fault.name, fault.share, seed)
        }
    }

    /// That of a fault which no plan knows.
    pub(super) fn of(name: &str, share: Ratio, seed: Seed) -> Self {
        Self {
            name: name.to_owned(),
            seed: seed.named(name),
            turns: Turns::default(),
            share: AtomicU64::new(share.get().to_bits()),
            level: AtomicU64::new(Ratio::ONE.get().to_bits()),
            hits: AtomicU64::new(0),
            spared: AtomicU64::new(0),
            arrivals: AtomicU64::new(0),
        }
    }

    /// The fault's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The fault's own seed.
    pub(super) const fn seed(&self) -> Seed {
        self.seed
    }

    /// Which of what comes are meant, by their order since it was put in.
    pub(super) const fn turns(&self) -> Turns {
        self.turns
    }

    /// The share as the plan has it.
    pub(super) fn share(&self) -> Ratio {
        Ratio::new(f64::from_bits(self.share.load(Relaxed))).unwrap_or(Ratio::ONE)
    }

    pub(super) fn set_share(&self, share: Ratio) {
        self.share.store(share.get().to_bits(), Relaxed);
    }

    /// The level that is in force now.
    pub(super) fn level(&self) -> Ratio {
        Ratio::new(f64::from_bits(self.level.load(Relaxed))).unwrap_or(Ratio::ONE)
    }

    pub(super) fn set_level(&self, level: Ratio) {
        self.level.store(level.get().to_bits(), Relaxed);
    }

    /// The share that is in force now: the plan's, scaled by the level.
    pub(super) fn current_share(&self) -> Ratio {
        self.share().of(self.level())
    }

    /// Whether `share` of what is numbered holds the one numbered `n`. As a share grows, those in
    /// it stay in it.
    pub(super) fn holds_nth(&self, n: u64, share: Ratio) -> bool {
        self.seed.indexed(n).falls_in(share)
    }

    /// Whether the share in force holds the request with this id.
    pub(super) fn holds_id(&self, id: &str) -> bool {
        self.seed.named(id).falls_in(self.current_share())
    }

    /// Where in 0..1 the thing of this name lies: a share holds what lies below it.
    pub(super) fn spot(&self, name: &[u8]) -> f64 {
        self.seed.named(&String::from_utf8_lossy(name)).unit()
    }

    /// Whether the share in force holds the next arrival, where order is all there is to go by.
    pub(super) fn holds_next(&self) -> bool {
        let n = self.arrivals.fetch_add(1, Relaxed);
        self.holds_nth(n, self.current_share())
    }

    /// It met one more.
    pub(super) fn hit(&self) {
        self.hits.fetch_add(1, Relaxed);
    }

    /// It could do nothing to one that it was meant for.
    pub(super) fn spare(&self) {
        self.spared.fetch_add(1, Relaxed);
    }

    /// To how many it could do nothing.
    pub(super) fn spared(&self) -> u64 {
        self.spared.load(Relaxed)
    }

    /// How many it met.
    pub(super) fn hits(&self) -> u64 {
        self.hits.load(Relaxed)
    }
}
