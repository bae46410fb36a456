//! A TCP fault on a link's board: whom it holds, and which toxic it is to them.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    toxics::{Cut, Kind, Toxic},
    turn::Turn,
};
use crate::{
    fault::dose::Dose,
    scenario::model::{TcpEffect, TcpStream as Direction},
    seed::Stream,
    units::{ByteSize, Ratio},
};

/// A TCP fault in force on a link.
#[derive(Debug)]
pub(in crate::fault) struct Posting {
    dose: Arc<Dose>,
    action: Action,
    /// `None` = it meets all connections.
    turn: Option<Turn>,
}

/// What it does.
#[derive(Debug, Clone, Copy)]
enum Action {
    /// The link is down.
    Down,
    /// A toxic, in one direction or (`None`) in both.
    Toxic(Kind, Option<Direction>),
}

/// The toxic that an effect is, in one direction or (`None`) in both; `down` is none.
pub(in crate::fault) fn toxic_of(effect: &TcpEffect) -> Option<(Kind, Option<Direction>)> {
    let bytes = |size: ByteSize| usize::try_from(size.0).unwrap_or(usize::MAX);
    Some(match *effect {
        TcpEffect::Down => return None,
        TcpEffect::Reset { after } => (Kind::ResetPeer { after }, None),
        TcpEffect::Latency {
            latency,
            jitter,
            stream,
        } => (Kind::Latency { latency, jitter }, Some(stream)),
        TcpEffect::Bandwidth { rate, stream } => (Kind::Bandwidth { rate }, Some(stream)),
        TcpEffect::SlowClose { delay, stream } => (Kind::SlowClose { delay }, Some(stream)),
        TcpEffect::Timeout { timeout, stream } => (Kind::Timeout { timeout }, Some(stream)),
        TcpEffect::Slicer {
            size,
            variation,
            delay,
            stream,
        } => {
            let cut = Cut {
                average: bytes(size),
                variation: bytes(variation),
                delay,
            };
            (Kind::Slicer(cut), Some(stream))
        }
        TcpEffect::Corrupt { share, stream } => (Kind::Corrupt { share }, Some(stream)),
        TcpEffect::LimitData { bytes, stream } => (Kind::LimitData { bytes }, Some(stream)),
    })
}

impl Posting {
    /// What a scenario says, put in when so many connections had come.
    pub(super) fn new(dose: Arc<Dose>, effect: &TcpEffect, before: u64) -> Self {
        let action =
            toxic_of(effect).map_or(Action::Down, |(kind, stream)| Action::Toxic(kind, stream));
        let turn = Turn::new(dose.turns(), before);
        Self { dose, action, turn }
    }

    /// A toxic on one stream.
    pub(in crate::fault) const fn toxic(dose: Arc<Dose>, kind: Kind, stream: Direction) -> Self {
        Self {
            dose,
            action: Action::Toxic(kind, Some(stream)),
            turn: None,
        }
    }

    /// The fault's lasting state.
    pub(super) const fn dose(&self) -> &Arc<Dose> {
        &self.dose
    }

    /// Whether both are the same fault, perhaps with other attributes.
    pub(super) fn is_same_fault(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.dose, &other.dose)
    }

    pub(super) fn level(&self) -> Ratio {
        self.dose.level()
    }

    /// It met one more connection.
    pub(super) fn met(&self) {
        self.dose.hit();
    }

    const fn is_down(&self) -> bool {
        matches!(self.action, Action::Down)
    }

    /// Whether it is down for everybody, so that there is no need to listen.
    pub(super) fn closes(&self) -> bool {
        self.is_down() && self.dose.current_share() >= Ratio::ONE
    }

    /// Whether it is down for a part, so that each connection it holds is cut by itself.
    pub(super) fn cuts(&self) -> bool {
        self.is_down() && !self.closes()
    }

    /// Whether the connection of that number is in its share, and its turn has come. The level scales the share, but
    /// latency's amount and how many chunks are corrupt.
    pub(super) fn holds(&self, number: u64) -> bool {
        let share = match self.action {
            Action::Toxic(Kind::Latency { .. } | Kind::Corrupt { .. }, _) => self.dose.share(),
            Action::Toxic(..) | Action::Down => self.dose.current_share(),
        };
        let in_share = |number| self.dose.holds_nth(number, share);
        match &self.turn {
            None => in_share(number),
            Some(turn) => turn.holds(number, in_share),
        }
    }

    /// Whether it acts on the bytes of that direction.
    pub(super) fn acts_on(&self, direction: Direction) -> bool {
        match self.action {
            Action::Toxic(_, stream) => stream.is_none_or(|stream| stream == direction),
            Action::Down => false,
        }
    }

    /// Its toxic for one direction of a connection that it meets from now on.
    pub(super) fn build(&self, number: u64, direction: Direction, now: Instant) -> Option<Toxic> {
        let Action::Toxic(kind, stream) = &self.action else {
            return None;
        };
        // one that acts on both directions meets a connection once
        if stream.is_some() || direction == Direction::Upstream {
            self.met();
        }
        Some(Toxic::new(kind, direction, self.random(number), now))
    }

    /// Gives a toxic of the same fault its new attributes.
    pub(super) fn change(
        &self,
        toxic: &mut Toxic,
        number: u64,
        direction: Direction,
        now: Instant,
    ) {
        if let Action::Toxic(kind, _) = &self.action {
            toxic.change(kind, direction, self.random(number), now);
        }
    }

    fn random(&self, number: u64) -> Stream {
        self.dose.seed().named("jitter").indexed(number).stream()
    }
}
