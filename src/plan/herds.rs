//! Herds: when they come, and what they add to a curve.

use super::{
    anchors::{Names, whole_list},
    course::Course,
    mistakes::{File, Mistakes},
    model::{HerdPlan, Point, RateCurve},
};
use crate::{
    scenario::model::{Edge, Herd},
    time::Offset,
    units::{Rate, Span},
};

/// What herds are resolved against.
pub(super) struct Ground<'a> {
    pub(super) names: &'a Names<'a>,
    /// When an edge of a fault should come, if all goes as planned.
    pub(super) expected: &'a dyn Fn(usize, Edge) -> Option<Offset>,
    /// Whether nobody knows beforehand when an edge of a fault comes.
    pub(super) open: &'a dyn Fn(usize, Edge) -> bool,
    /// The end of the run.
    pub(super) end: Offset,
    pub(super) load_scale: f64,
}

/// The herds of a population. They come when the plan says, since arrivals are planned before the
/// run: a fault that is taken out late does not move them.
pub(super) fn resolve(
    herds: &[Herd],
    ground: &Ground<'_>,
    out: &mut Mistakes<'_>,
) -> Vec<HerdPlan> {
    let mut plans = Vec::new();
    for herd in herds {
        let anchor = &herd.at.value;
        let Some((point, at)) = ground.names.point(anchor, ground.expected, out) else {
            continue;
        };
        if let Point::Fault {
            fault,
            others,
            edge,
            ..
        } = &point
            && whole_list(*fault, others)
                .into_iter()
                .any(|fault| (ground.open)(fault, *edge))
        {
            out.error(
                File::Scenario,
                herd.at.place,
                "nobody knows when",
                format!(
                    "arrivals are planned before the run, but `{}` waits for a condition",
                    anchor.of.value
                ),
            )
            .hint("let the herd come at a phase, or at a fault that waits for nothing");
            continue;
        }
        if at.plus(herd.over) > ground.end {
            out.error(
                File::Scenario,
                herd.at.place,
                "after the end",
                format!(
                    "the herd comes from {at} on for {}, real time; the run ends at {}",
                    Span(herd.over),
                    ground.end
                ),
            )
            .hint("let it come earlier or make the last phase longer");
            continue;
        }
        plans.push(HerdPlan {
            count: f64::from(herd.count) * ground.load_scale,
            at,
            over: herd.over,
        });
    }
    plans
}

/// Adds herds to a population's traffic.
pub(super) fn on_top(course: &mut Course, herds: &[HerdPlan]) {
    if herds.is_empty() {
        return;
    }
    let curve = std::mem::take(&mut course.curve);
    course.curve = raised(curve, herds);
    course.arrivals = match &mut course.replay {
        None => course.curve.count(),
        // the lines of logs come at their own times
        Some(replay) => {
            replay.rest = raised(std::mem::take(&mut replay.rest), herds);
            replay.rest.count() + replay.replayed
        }
    };
}

fn raised(curve: RateCurve, herds: &[HerdPlan]) -> RateCurve {
    herds.iter().fold(curve, |curve, herd| {
        let rate = Rate::per_second(herd.count / herd.over.as_secs_f64()).unwrap_or_default();
        curve.raised(herd.at, herd.at.plus(herd.over), rate)
    })
}
