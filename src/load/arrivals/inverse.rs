//! From mass back to time: where the integral of a piecewise linear rate reaches a value.

use crate::{plan::RateCurve, time::Offset};

/// A stretch of straight rate, in seconds, and the mass before and after it.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    from: f64,
    seconds: f64,
    start: f64,
    end: f64,
    mass_before: f64,
    mass_after: f64,
}

impl Stretch {
    /// The time at which the mass since the curve's begin reaches `mass`.
    ///
    /// Solves `start * x + slope * x^2 / 2 = m` in the form that never subtracts near-equal
    /// numbers: `x = 2m / (start + sqrt(start^2 + 2 * slope * m))`.
    fn time_at(&self, mass: f64) -> f64 {
        let mass = (mass - self.mass_before).clamp(0.0, self.mass_after - self.mass_before);
        let slope = (self.end - self.start) / self.seconds;
        let root = (self.start * self.start + 2.0 * slope * mass)
            .max(0.0)
            .sqrt();
        let divisor = self.start + root;
        let x = if divisor > 0.0 {
            2.0 * mass / divisor
        } else {
            0.0
        };
        self.from + x.min(self.seconds)
    }
}

/// The inverse of a curve's integral.
#[derive(Debug, Clone)]
pub(super) struct Inverse {
    /// Only stretches on which something comes, in order.
    stretches: Vec<Stretch>,
}

impl Inverse {
    pub(super) fn new(curve: &RateCurve) -> Self {
        let mut mass = 0.0;
        let stretches = curve
            .segments()
            .filter(|s| s.mass() > 0.0)
            .map(|s| {
                let before = mass;
                mass += s.mass();
                Stretch {
                    from: s.from.as_secs_f64(),
                    seconds: s.seconds(),
                    start: s.start.get(),
                    end: s.end.get(),
                    mass_before: before,
                    mass_after: mass,
                }
            })
            .collect();
        Self { stretches }
    }

    /// How much comes in all.
    pub(super) fn total(&self) -> f64 {
        self.stretches.last().map_or(0.0, |s| s.mass_after)
    }

    /// The time at which the mass is reached; past the total, the end of the last stretch.
    pub(super) fn time_at(&self, mass: f64) -> Offset {
        let index = self.stretches.partition_point(|s| s.mass_after < mass);
        self.time_on(index, mass)
    }

    /// The same for masses that never fall, `cursor` keeping the stretch of the last one.
    pub(super) fn time_after(&self, cursor: &mut usize, mass: f64) -> Offset {
        while self
            .stretches
            .get(*cursor)
            .is_some_and(|s| s.mass_after < mass)
        {
            *cursor += 1;
        }
        self.time_on(*cursor, mass)
    }

    fn time_on(&self, index: usize, mass: f64) -> Offset {
        self.stretches
            .get(index)
            .or(self.stretches.last())
            .map_or(Offset::ZERO, |s| Offset::from_secs_f64(s.time_at(mass)))
    }
}
