//! What lies behind every plot and above them: phases, faults, ticks, and what was not observed.

use std::fmt::Write;

use crate::{
    analysis::Analysis,
    report::{
        axis::Axis,
        numbers::{clock, instant, long},
    },
};

use super::{scale::HEIGHT, series::WIDTH};

/// The most labels that a wide axis bears; every other one is left out on a phone.
const MOST_TICKS: usize = 10;

/// A labelled stretch of the axis; positions in percent.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Band {
    pub(super) name: String,
    /// The whole story, for a tooltip and for screen readers.
    pub(super) title: String,
    pub(super) left: String,
    pub(super) width: String,
    /// Whether there is more room for the label before the stretch than from its begin on.
    pub(super) late: bool,
}

/// A label on the time axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TimeTick {
    pub(super) left: String,
    pub(super) label: String,
    /// `first`, `last` or nothing: those at the edges are aligned inwards.
    pub(super) class: &'static str,
}

/// What all plots share.
#[derive(Debug, Clone)]
pub(super) struct Backdrop {
    pub(super) phases: Vec<Band>,
    pub(super) faults: Vec<Band>,
    /// Faults that never came into force, in a sentence each.
    pub(super) absent: Vec<String>,
    pub(super) real: Vec<TimeTick>,
    /// Empty when the two clocks are the same.
    pub(super) story: Vec<TimeTick>,
    /// SVG elements to draw first.
    pub(super) svg: String,
    /// The stretch that was planned but not observed.
    pub(super) unseen: Option<Band>,
}

impl Backdrop {
    pub(super) fn of(analysis: &Analysis, axis: &Axis) -> Self {
        let phases: Vec<Band> = analysis
            .phases
            .iter()
            .map(|p| {
                let title = format!(
                    "{}: {} to {} real, {} to {} in the story",
                    p.name,
                    instant(Some(p.from_s)),
                    instant(Some(p.to_s)),
                    p.story_from,
                    p.story_to
                );
                band(axis, &p.name, title, p.from_s, p.to_s)
            })
            .collect();
        let mut faults = Vec::new();
        let mut absent = Vec::new();
        for fault in &analysis.faults {
            let Some(from_s) = fault.injected_s else {
                absent.push(format!("{} never came into force", fault.name));
                continue;
            };
            let end = match fault.removed_s {
                Some(at) => format!("to {}", instant(Some(at))),
                None => "and not removed".into(),
            };
            let title = format!(
                "{} at {}: {}, from {} {end}",
                fault.name,
                fault.at,
                fault.effect,
                instant(Some(from_s))
            );
            for (from_s, to_s) in fault.stays() {
                let to_s = to_s.unwrap_or(axis.observed_s);
                faults.push(band(axis, &fault.name, title.clone(), from_s, to_s));
            }
        }
        let real_ticks = axis.ticks(MOST_TICKS);
        let story_ticks = if axis.compressed() {
            axis.story_ticks(MOST_TICKS)
        } else {
            Vec::new()
        };
        // A bin at the end may be under way when the run ends.
        let unseen = (axis.end_s - axis.observed_s > 1.5).then(|| {
            band(
                axis,
                "not observed",
                String::new(),
                axis.observed_s,
                axis.end_s,
            )
        });
        Self {
            svg: svg(analysis, axis, &real_ticks),
            real: labels(axis, &real_ticks, clock),
            story: labels(axis, &story_ticks, |t| long(axis.story(t))),
            phases,
            faults,
            absent,
            unseen,
        }
    }
}

/// A share of one as a CSS percentage.
pub(super) fn percent(share: f64) -> String {
    format!("{:.3}%", share * 100.0)
}

fn band(axis: &Axis, name: &str, title: String, from_s: f64, to_s: f64) -> Band {
    let (from, to) = (axis.share(from_s), axis.share(to_s));
    Band {
        name: name.into(),
        title,
        left: percent(from),
        width: percent((to - from).max(0.0)),
        late: from > 0.6,
    }
}

fn labels(axis: &Axis, ticks: &[f64], say: impl Fn(f64) -> String) -> Vec<TimeTick> {
    ticks
        .iter()
        .map(|t| {
            let share = axis.share(*t);
            TimeTick {
                left: percent(share),
                label: say(*t),
                class: match share {
                    s if s < 0.01 => "first",
                    s if s > 0.97 => "last",
                    _ => "",
                },
            }
        })
        .collect()
}

fn svg(analysis: &Analysis, axis: &Axis, ticks: &[f64]) -> String {
    let mut svg = String::new();
    let mut rect = |class: &str, from_s: f64, to_s: f64| {
        let x = WIDTH * axis.share(from_s);
        let width = WIDTH * axis.share(to_s) - x;
        if width > 0.0 {
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"0\" width=\"{width:.1}\" height=\"{HEIGHT}\"/>"
            );
        }
    };
    for phase in analysis.phases.iter().skip(1).step_by(2) {
        rect("phase", phase.from_s, phase.to_s);
    }
    for fault in &analysis.faults {
        for (from_s, to_s) in fault.stays() {
            rect("fault", from_s, to_s.unwrap_or(axis.observed_s));
        }
    }
    if axis.end_s - axis.observed_s > 1.5 {
        rect("unseen", axis.observed_s, axis.end_s);
    }
    let mut line = |class: &str, at_s: f64| {
        let x = WIDTH * axis.share(at_s);
        let _ = write!(svg, "<path class=\"{class}\" d=\"M{x:.1},0V{HEIGHT}\"/>");
    };
    for tick in ticks {
        line("grid", *tick);
    }
    for fault in &analysis.faults {
        for (from_s, to_s) in fault.stays() {
            line("edge", from_s);
            if let Some(to_s) = to_s {
                line("edge", to_s);
            }
        }
    }
    svg
}
