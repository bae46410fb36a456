//! Faults that come at random: a schedule that the seed draws before the run.

use super::Anchor;
use crate::{diagnostic::Spanned, seed::Seed, time::Story};

/// `chaos: {of: [sms_late, died], from: opening, until: evening, every: 2m..5m, for: 20s..60s}`.
#[derive(Debug, Clone)]
pub struct Random {
    /// Its name, which means all that it draws.
    pub name: Spanned<String>,
    /// The faults that it draws from; of a list of places each place is one.
    pub of: Vec<Spanned<String>>,
    /// Nothing comes before.
    pub from: Spanned<Anchor>,
    /// Nothing is in force after.
    pub until: Spanned<Anchor>,
    /// From one coming to the next: the shortest and the longest.
    pub every: (Story, Story),
    /// How long each lasts: the shortest and the longest. One that is an instant counts as in force
    /// for so long.
    pub lasting: Spanned<(Story, Story)>,
    /// So many are in force at once, at most.
    pub at_most: u32,
    /// In place of the run's own.
    pub seed: Option<Seed>,
}
