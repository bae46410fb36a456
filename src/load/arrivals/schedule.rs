//! The schedule of one population's arrivals, and a worker's part of it.

use std::sync::Arc;

use super::{
    inverse::Inverse,
    poisson::{self, Points},
};
use crate::{plan::RateCurve, scenario::model::Spacing, seed::Seed, time::Offset};

/// When each arrival of a population comes. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Schedule {
    inverse: Arc<Inverse>,
    arrivals: u64,
    spacing: Spacing,
    seed: Seed,
}

impl Schedule {
    /// The schedule of `arrivals` arrivals (normally [`RateCurve::count`]) along `curve`. A curve
    /// on which nothing comes has an empty schedule.
    #[must_use]
    pub fn new(curve: &RateCurve, arrivals: u64, spacing: Spacing, seed: Seed) -> Self {
        let inverse = Inverse::new(curve);
        let arrivals = if inverse.total() > 0.0 { arrivals } else { 0 };
        Self {
            inverse: Arc::new(inverse),
            arrivals,
            spacing,
            seed,
        }
    }

    /// How many arrivals there are.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.arrivals
    }

    /// Whether nobody comes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.arrivals == 0
    }

    /// When arrival `index` (from 0) comes; `None` past the last. Cheap for uniform spacing; for
    /// Poisson it draws about `len / 32` numbers, so walk a [`Shard`] instead.
    #[must_use]
    pub fn at(&self, index: u64) -> Option<Offset> {
        if index >= self.arrivals {
            return None;
        }
        let mass = match self.spacing {
            Spacing::Uniform => self.uniform_mass(index),
            Spacing::Poisson => {
                poisson::point(self.seed, self.arrivals, index)? * self.inverse.total()
            }
        };
        Some(self.inverse.time_at(mass))
    }

    /// The arrivals `i` with `i % workers == worker`, in order, as `(i, when)`. Together the
    /// shards of any number of workers hold each arrival once, at the same instant. Memory is
    /// constant; a Poisson shard also draws (some 10 ns each) the arrivals of the other workers.
    #[must_use]
    pub fn shard(&self, worker: u64, workers: u64) -> Shard {
        let points = match self.spacing {
            Spacing::Uniform => None,
            Spacing::Poisson => Some(Points::new(self.seed, self.arrivals)),
        };
        Shard {
            schedule: self.clone(),
            next: worker,
            step: workers.max(1),
            stretch: 0,
            points,
            drawn: 0,
        }
    }

    /// All arrivals in order.
    #[must_use]
    pub fn iter(&self) -> Shard {
        self.shard(0, 1)
    }

    /// Half an arrival before it would be complete; scaled when the count asked for is not the
    /// curve's own, so that it always fills the whole run.
    fn uniform_mass(&self, index: u64) -> f64 {
        let total = self.inverse.total();
        let mass = index as f64 + 0.5;
        if total.round() as u64 == self.arrivals {
            mass.min(total)
        } else {
            mass * total / self.arrivals as f64
        }
    }
}

impl IntoIterator for &Schedule {
    type Item = (u64, Offset);
    type IntoIter = Shard;

    fn into_iter(self) -> Shard {
        self.iter()
    }
}

/// A worker's part of a [`Schedule`]. It owns all it needs, so it may move to a thread.
#[derive(Debug, Clone)]
pub struct Shard {
    schedule: Schedule,
    next: u64,
    step: u64,
    /// Where the last arrival lay on the curve: arrivals only move forward.
    stretch: usize,
    points: Option<Points>,
    /// How many points were taken.
    drawn: u64,
}

impl Iterator for Shard {
    type Item = (u64, Offset);

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next;
        if index >= self.schedule.arrivals {
            return None;
        }
        let mass = match &mut self.points {
            None => self.schedule.uniform_mass(index),
            Some(points) => {
                let skip = usize::try_from(index - self.drawn).ok()?;
                self.drawn = index + 1;
                points.nth(skip)? * self.schedule.inverse.total()
            }
        };
        self.next = index.saturating_add(self.step);
        Some((
            index,
            self.schedule.inverse.time_after(&mut self.stretch, mass),
        ))
    }
}
