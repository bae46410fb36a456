//! The phases on both clocks, and a curve over one of them, or over all.

use super::{
    mistakes::{File, Mistakes},
    model::Phase,
};
use crate::{
    diagnostic::Spanned,
    scenario::model::{Curve, PhaseCurve, Piece, ScenarioPhase},
    time::{Compression, Offset, Story},
    units::{Rate, Users},
};

/// What a curve tells: something that a load scale multiplies. The default is none of it.
pub(super) trait Quantity: Copy + Default + PartialEq {
    /// So many times as much.
    fn times(self, factor: f64) -> Self;
}

impl Quantity for Rate {
    fn times(self, factor: f64) -> Self {
        self.scaled(factor)
    }
}

impl Quantity for Users {
    fn times(self, factor: f64) -> Self {
        self.scaled(factor)
    }
}

/// Lays the phases one after the other. Real times come from the story's sums, so that rounding
/// never adds up and no gap opens.
pub(super) fn resolve(
    phases: &[ScenarioPhase],
    time: Compression,
    out: &mut Mistakes<'_>,
) -> Vec<Phase> {
    let mut from = Story::default();
    phases
        .iter()
        .map(|phase| {
            if phase.length.value.0.is_zero() {
                out.error(
                    File::Scenario,
                    phase.length.place,
                    "no time at all",
                    format!("phase `{}` has no length", phase.name.value),
                );
            }
            let to = Story(from.0.saturating_add(phase.length.value.0));
            let resolved = Phase {
                name: phase.name.value.clone(),
                story_from: from,
                story_to: to,
                from: Offset(time.real(from)),
                to: Offset(time.real(to)),
            };
            from = to;
            resolved
        })
        .collect()
}

/// Refuses curves and files of phases that are not there.
pub(super) fn check_names<'a>(
    given: impl Iterator<Item = &'a Spanned<String>>,
    phases: &[Phase],
    out: &mut Mistakes<'_>,
) {
    for given in given {
        if !phases.iter().any(|p| p.name == given.value) {
            let names = phases.iter().map(|p| p.name.as_str());
            out.unknown(File::Scenario, given.place, "phase", &given.value, names);
        }
    }
}

/// The knots of some phases' curves over the whole run, each value times `factor`.
pub(super) fn knots<Q: Quantity>(
    curves: &[PhaseCurve<Q>],
    phases: &[Phase],
    time: Compression,
    factor: f64,
    out: &mut Mistakes<'_>,
) -> Vec<(Offset, Q)> {
    check_names(curves.iter().map(|given| &given.phase), phases, out);
    let mut knots = Vec::new();
    for phase in phases {
        let given = curves.iter().find(|g| g.phase.value == phase.name);
        match given {
            Some(given) => one_phase(&given.curve, phase, time, factor, &mut knots, out),
            None => knots.extend([(phase.from, Q::default()), (phase.to, Q::default())]),
        }
    }
    knots.dedup();
    knots
}

/// The knots of a curve over its phase, each value times `factor`.
pub(super) fn one_phase<Q: Quantity>(
    curve: &Spanned<Curve<Q>>,
    phase: &Phase,
    time: Compression,
    factor: f64,
    knots: &mut Vec<(Offset, Q)>,
    out: &mut Mistakes<'_>,
) {
    let mut story = phase.story_from;
    let mut value = curve.value.start.times(factor);
    knots.push((phase.from, value));
    for piece in &curve.value.pieces {
        let (to, span) = match *piece {
            Piece::Ramp { to, over } => (to.times(factor), over),
            Piece::Hold { span } => (value, span),
            Piece::Step { to } => (to.times(factor), Story::default()),
        };
        story = Story(story.0.saturating_add(span.0));
        if story > phase.story_to {
            let length = Story(phase.story_to.0.saturating_sub(phase.story_from.0));
            let taken = Story(story.0.saturating_sub(phase.story_from.0));
            out.error(
                File::Scenario,
                curve.place,
                format!("takes at least {taken}"),
                format!(
                    "the curve is longer than its phase `{}`, which lasts {length}",
                    phase.name
                ),
            )
            .hint("shorten the curve, or give the rest of it to the next phase");
            return;
        }
        value = to;
        // a phase's last knot is its end exactly, whatever the compression rounds to
        let at = if story == phase.story_to {
            phase.to
        } else {
            Offset(time.real(story))
        };
        knots.push((at, value));
    }
    knots.push((phase.to, value));
}
