//! The phases on both clocks, and a curve over one of them.

use super::{
    mistakes::{File, Mistakes},
    model::Phase,
};
use crate::{
    diagnostic::Spanned,
    scenario::model::{Curve, Demand, Piece, ScenarioPhase},
    time::{Compression, Offset, Story},
    units::Rate,
};

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
pub(super) fn check_names(demand: &Demand, phases: &[Phase], out: &mut Mistakes<'_>) {
    let curves = demand.phases.iter().map(|given| &given.phase);
    let files = demand.recorded.iter().filter_map(|r| r.phase.as_ref());
    for given in curves.chain(files) {
        if !phases.iter().any(|p| p.name == given.value) {
            let names = phases.iter().map(|p| p.name.as_str());
            out.unknown(File::Scenario, given.place, "phase", &given.value, names);
        }
    }
}

/// The knots of a curve over its phase, each rate times `factor`.
pub(super) fn one_phase(
    curve: &Spanned<Curve>,
    phase: &Phase,
    time: Compression,
    factor: f64,
    knots: &mut Vec<(Offset, Rate)>,
    out: &mut Mistakes<'_>,
) {
    let mut story = phase.story_from;
    let mut rate = curve.value.start.scaled(factor);
    knots.push((phase.from, rate));
    for piece in &curve.value.pieces {
        let (to, span) = match *piece {
            Piece::Ramp { to, over } => (to.scaled(factor), over),
            Piece::Hold { span } => (rate, span),
            Piece::Step { to } => (to.scaled(factor), Story::default()),
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
        rate = to;
        // a phase's last knot is its end exactly, whatever the compression rounds to
        let at = if story == phase.story_to {
            phase.to
        } else {
            Offset(time.real(story))
        };
        knots.push((at, rate));
    }
    knots.push((phase.to, rate));
}
