//! A lane for each service and feature, coloured by state, with crashes and restarts on it.

use crate::{
    analysis::{Analysis, ServiceEvent, State, StateSpan, SubjectResult},
    report::{
        axis::Axis,
        numbers::{clock, instant},
        words,
    },
};

use super::backdrop::percent;

/// A lane.
#[derive(Debug, Clone)]
pub(super) struct Lane {
    /// `portal` or `portal/login`.
    pub(super) subject: String,
    /// `portal` or `login`.
    pub(super) name: String,
    /// Whether it is a feature of the service above it.
    pub(super) feature: bool,
    pub(super) segments: Vec<Segment>,
    pub(super) marks: Vec<Mark>,
    /// All of it in words.
    pub(super) alt: String,
    /// What judged it, where that is not its requests.
    pub(super) judged_by: Option<String>,
}

/// A stretch of one state.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) state: &'static str,
    pub(super) left: String,
    pub(super) width: String,
    pub(super) title: String,
}

/// An event on a lane.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    /// `crash`, `killed` or `restart`.
    pub(super) class: &'static str,
    pub(super) left: String,
    pub(super) title: String,
}

/// All lanes, each service before its features.
pub(super) fn lanes(analysis: &Analysis, axis: &Axis) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for (name, service) in &analysis.services {
        let marks = service
            .events
            .iter()
            .filter_map(|e| mark(axis, e))
            .collect();
        lanes.push(Lane {
            marks,
            ..lane(axis, name, name, &service.whole)
        });
        for (feature, subject) in &service.features {
            lanes.push(Lane {
                feature: true,
                ..lane(axis, &format!("{name}/{feature}"), feature, subject)
            });
        }
    }
    lanes
}

/// The states that occur, worst first, with their meaning: the legend.
pub(super) fn legend(analysis: &Analysis) -> Vec<(&'static str, &'static str)> {
    let subjects = analysis
        .services
        .values()
        .flat_map(|s| s.features.values().chain([&s.whole]));
    let seen: Vec<State> = subjects
        .flat_map(|s| s.states.iter().map(|span| span.state))
        .collect();
    words::STATES
        .into_iter()
        .filter(|s| seen.contains(s))
        .map(|s| (words::state(s), words::meaning(s)))
        .collect()
}

fn lane(axis: &Axis, subject: &str, name: &str, result: &SubjectResult) -> Lane {
    let said: Vec<String> = result.states.iter().map(say).collect();
    Lane {
        subject: subject.into(),
        name: name.into(),
        feature: false,
        segments: result.states.iter().map(|s| segment(axis, s)).collect(),
        marks: Vec::new(),
        alt: if said.is_empty() {
            "no data".into()
        } else {
            said.join(", ")
        },
        judged_by: match result.judged_by.as_str() {
            "requests" => None,
            "probe" => Some("by its probe".into()),
            _ => Some("no traffic, no probe".into()),
        },
    }
}

fn say(span: &StateSpan) -> String {
    format!(
        "{} from {} to {}",
        words::state(span.state),
        clock(span.from_s),
        clock(span.to_s)
    )
}

fn segment(axis: &Axis, span: &StateSpan) -> Segment {
    let (from, to) = (axis.share(span.from_s), axis.share(span.to_s));
    Segment {
        state: words::state(span.state),
        left: percent(from),
        width: percent((to - from).max(0.0)),
        title: say(span),
    }
}

fn mark(axis: &Axis, event: &ServiceEvent) -> Option<Mark> {
    let class = match (event.kind.as_str(), event.injected) {
        ("crash", false) => "crash",
        ("crash", true) | ("killed_by_us", _) => "killed",
        ("restart", _) => "restart",
        _ => return None,
    };
    let lead = match class {
        "killed" => "killed by a fault",
        other => other,
    };
    Some(Mark {
        class,
        left: percent(axis.share(event.at_s)),
        title: format!("{lead} at {}: {}", instant(Some(event.at_s)), event.detail),
    })
}
