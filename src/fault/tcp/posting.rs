//! A TCP fault on a link's board: whom it holds, and which toxic it is to them.

use std::sync::Arc;

use tokio::time::Instant;

use super::toxics::{Latency, Reset, Timeout, Toxic};
use crate::{
    fault::dose::Dose,
    scenario::model::{TcpEffect, TcpStream as Direction},
    units::Ratio,
};

/// A TCP fault in force on a link.
#[derive(Debug)]
pub(super) struct Posting {
    dose: Arc<Dose>,
    effect: TcpEffect,
}

impl Posting {
    pub(super) const fn new(dose: Arc<Dose>, effect: TcpEffect) -> Self {
        Self { dose, effect }
    }

    /// The fault's lasting state.
    pub(super) const fn dose(&self) -> &Arc<Dose> {
        &self.dose
    }

    pub(super) fn level(&self) -> Ratio {
        self.dose.level()
    }

    /// It met one more connection.
    pub(super) fn met(&self) {
        self.dose.hit();
    }

    const fn is_down(&self) -> bool {
        matches!(self.effect, TcpEffect::Down)
    }

    /// Whether it is down for everybody, so that there is no need to listen.
    pub(super) fn closes(&self) -> bool {
        self.is_down() && self.dose.current_share() >= Ratio::ONE
    }

    /// Whether it is down for a part, so that each connection it holds is cut by itself.
    pub(super) fn cuts(&self) -> bool {
        self.is_down() && !self.closes()
    }

    /// Whether the connection of that number is in its share. The level scales the share, but
    /// latency's amount.
    pub(super) fn holds(&self, number: u64) -> bool {
        let share = match self.effect {
            TcpEffect::Latency { .. } => self.dose.share(),
            TcpEffect::Timeout { .. } | TcpEffect::Down | TcpEffect::Reset { .. } => {
                self.dose.current_share()
            }
        };
        self.dose.holds_nth(number, share)
    }

    /// Whether it acts on the bytes of that direction.
    pub(super) fn acts_on(&self, direction: Direction) -> bool {
        match self.effect {
            TcpEffect::Latency { stream, .. } | TcpEffect::Timeout { stream, .. } => {
                stream == direction
            }
            TcpEffect::Reset { .. } => true,
            TcpEffect::Down => false,
        }
    }

    /// Its toxic for one direction of a connection that it meets from now on.
    pub(super) fn toxic(&self, number: u64, direction: Direction, now: Instant) -> Option<Toxic> {
        let toxic = match self.effect {
            TcpEffect::Latency {
                latency, jitter, ..
            } => {
                let random = self.dose.seed().named("jitter").indexed(number).stream();
                Toxic::Latency(Latency::new(latency, jitter, random))
            }
            TcpEffect::Timeout { timeout, stream } => {
                Toxic::Timeout(Timeout::new(timeout, stream, now))
            }
            TcpEffect::Reset { after } => {
                if direction == Direction::Downstream {
                    // counted where it acts on the other direction
                    return Some(Toxic::Reset(Reset::new(after)));
                }
                Toxic::Reset(Reset::new(after))
            }
            TcpEffect::Down => return None,
        };
        self.dose.hit();
        Some(toxic)
    }
}
