//! What an anchor means: one namespace of phases and faults.

use super::{
    mistakes::{File, Mistakes},
    model::{Phase, Plan, Point, Trigger},
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
    /// A fault, or all that were written as one for several places; at least one.
    Faults(Vec<usize>),
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
        if let Some(phase) = self.phases.iter().find(|p| p.name == name) {
            return Some(Named::Phase(phase));
        }
        let faults = self.called(name);
        (!faults.is_empty()).then_some(Named::Faults(faults))
    }

    /// The faults that a name means.
    pub(super) fn called(&self, name: &str) -> Vec<usize> {
        let faults = self.faults.iter().enumerate();
        let called = faults.filter(|(_, fault)| fault.is_called(name));
        called.map(|(index, _)| index).collect()
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
            Named::Faults(faults)
                if anchor.edge == Edge::End
                    && faults.iter().any(|index| is_instant(&self.faults[*index])) =>
            {
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
            Named::Faults(faults) => {
                let each = faults.iter().map(|fault| expected(*fault, anchor.edge));
                let each: Option<Vec<Offset>> = each.collect();
                let at = of_all(anchor.edge, each?.into_iter())?;
                let mut faults = faults.into_iter();
                let point = Point::Fault {
                    fault: faults.next()?,
                    others: faults.collect(),
                    edge: anchor.edge,
                    plus,
                };
                Some((point, at.plus(plus)))
            }
        }
    }
}

impl Plan {
    /// What a fault is called; or, with the others of its list, what the list is called; or, of
    /// several that a schedule drew, what that is called.
    #[must_use]
    pub fn fault_name(&self, fault: usize, others: &[usize]) -> &str {
        let Some(first) = self.faults.get(fault) else {
            return "the fault";
        };
        let names = others
            .iter()
            .filter_map(|o| Some(self.faults.get(*o)?.name.as_str()));
        let mut list = first.name.as_str();
        // `lost.a.1` and `lost.b.2` are of `lost`, `lost.a.1` and `lost.a.2` of `lost.a`
        while !others.is_empty() {
            let Some((shorter, _)) = list.rsplit_once('.') else {
                return first.drawn_by.as_deref().unwrap_or(list);
            };
            list = shorter;
            let of_list = |name: &str| {
                let rest = name.strip_prefix(list);
                rest.is_some_and(|rest| rest.starts_with('.'))
            };
            if names.clone().all(of_list) {
                break;
            }
        }
        list
    }
}

/// A fault and the others of its list.
pub(crate) fn whole_list(fault: usize, others: &[usize]) -> Vec<usize> {
    std::iter::once(fault)
        .chain(others.iter().copied())
        .collect()
}

impl Point {
    /// The same point, `span` later.
    #[must_use]
    pub(super) fn later(&self, span: std::time::Duration) -> Self {
        let mut later = self.clone();
        match &mut later {
            Self::At(at) => *at = at.plus(span),
            Self::Fault { plus, .. } => *plus = plus.saturating_add(span),
        }
        later
    }
}

/// The edge of several faults: the first start, or the last end. `None` of none.
pub(super) fn of_all(edge: Edge, each: impl Iterator<Item = Offset>) -> Option<Offset> {
    match edge {
        Edge::Start => each.min(),
        Edge::End => each.max(),
    }
}

/// When an edge of a fault should come, if all goes as planned.
pub(super) fn expected(start: &Trigger, end: Option<&Trigger>, edge: Edge) -> Option<Offset> {
    match edge {
        Edge::Start => Some(start.expected()),
        Edge::End => end.map(Trigger::expected),
    }
}
