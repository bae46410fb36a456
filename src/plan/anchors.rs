//! What an anchor means: one namespace of phases and faults.

use super::{
    mistakes::{File, Mistakes},
    model::{Phase, Point, Trigger},
    windows::is_instant,
};
use crate::{
    scenario::model::{Anchor, Edge, Fault},
    time::{Compression, Offset},
};

/// The names that anchors may use.
pub(super) struct Names<'a> {
    pub(super) phases: &'a [Phase],
    pub(super) faults: &'a [Fault],
    pub(super) time: Compression,
}

/// What a name stands for.
pub(super) enum Named<'a> {
    Phase(&'a Phase),
    Fault(usize),
}

impl Phase {
    /// Its start or end in real time.
    #[must_use]
    pub const fn edge(&self, edge: Edge) -> Offset {
        match edge {
            Edge::Start => self.from,
            Edge::End => self.to,
        }
    }
}

impl<'a> Names<'a> {
    /// The phase or fault called `name`.
    pub(super) fn lookup(&self, name: &str) -> Option<Named<'a>> {
        let fault = || self.faults.iter().position(|f| f.name.value == name);
        match self.phases.iter().find(|p| p.name == name) {
            Some(phase) => Some(Named::Phase(phase)),
            None => fault().map(Named::Fault),
        }
    }

    /// All of them, for hints.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let faults = self.faults.iter().map(|f| f.name.value.as_str());
        self.phases.iter().map(|p| p.name.as_str()).chain(faults)
    }

    /// What an anchor is about; the end of a fault that has none is a mistake.
    pub(super) fn find(&self, anchor: &Anchor, out: &mut Mistakes<'_>) -> Option<Named<'a>> {
        let (name, place) = (&anchor.of.value, anchor.of.place);
        let Some(named) = self.lookup(name) else {
            out.unknown(File::Scenario, place, "phase or fault", name, self.all());
            return None;
        };
        match named {
            Named::Fault(index) if anchor.edge == Edge::End && is_instant(&self.faults[index]) => {
                out.error(
                    File::Scenario,
                    place,
                    "has no end",
                    format!("`{name}` is a kill: it happens at one instant and has no end"),
                )
                .hint(format!("write `{name}`, which is the instant of the kill"));
                None
            }
            named => Some(named),
        }
    }

    /// A point of the run, and when it should come.
    pub(super) fn point(
        &self,
        anchor: &Anchor,
        expected: &dyn Fn(usize, Edge) -> Option<Offset>,
        out: &mut Mistakes<'_>,
    ) -> Option<(Point, Offset)> {
        let plus = self.time.real(anchor.plus);
        match self.find(anchor, out)? {
            Named::Phase(phase) => {
                let at = phase.edge(anchor.edge).plus(plus);
                Some((Point::At(at), at))
            }
            Named::Fault(fault) => {
                let point = Point::Fault {
                    fault,
                    edge: anchor.edge,
                    plus,
                };
                Some((point, expected(fault, anchor.edge)?.plus(plus)))
            }
        }
    }
}

impl Point {
    /// The same point, `span` later.
    #[must_use]
    pub(super) fn later(&self, span: std::time::Duration) -> Self {
        match *self {
            Self::At(at) => Self::At(at.plus(span)),
            Self::Fault { fault, edge, plus } => Self::Fault {
                fault,
                edge,
                plus: plus.saturating_add(span),
            },
        }
    }
}

/// When an edge of a fault should come, if all goes as planned.
pub(super) fn expected(start: &Trigger, end: Option<&Trigger>, edge: Edge) -> Option<Offset> {
    match edge {
        Edge::Start => Some(start.expected()),
        Edge::End => end.map(Trigger::expected),
    }
}
