//! When each fault begins and ends: anchors resolved, also through other faults.

use std::time::Duration;

use super::{
    anchors::{Named, Names, of_all, whole_list},
    mistakes::{File, Mistakes},
    model::{ConditionPlan, Trigger},
    shapes,
};
use crate::{
    diagnostic::Spanned,
    scenario::model::{Anchor, Edge, Effect, Fault, Until, When},
    time::{Offset, Story},
    units::Span,
};

/// What compression may round away.
const TOLERANCE: Duration = Duration::from_micros(1);

/// A fault's two triggers.
#[derive(Debug, Clone)]
pub(super) struct Times {
    pub(super) start: Trigger,
    pub(super) end: Option<Trigger>,
}

/// Whether a fault happens at one instant and has no end of its own.
pub(super) fn is_instant(fault: &Fault) -> bool {
    matches!(fault.effect.value, Effect::Process(effect) if effect.is_instant())
}

/// The times of all faults, in order; `None` where a mistake was reported.
pub(super) fn resolve(
    faults: &[Fault],
    names: &Names<'_>,
    length: Duration,
    out: &mut Mistakes<'_>,
) -> Vec<Option<Times>> {
    let mut search = Search {
        faults,
        names,
        end: Offset(length),
        memo: vec![[State::New, State::New]; faults.len()],
        path: Vec::new(),
    };
    (0..faults.len())
        .map(|index| {
            let start = search.trigger(index, Edge::Start, out);
            let end = search.end(index, out);
            let mut times = Times {
                start: start?,
                end: end?,
            };
            check(&faults[index], &mut times, names, length, out);
            Some(times)
        })
        .collect()
}

/// Whether an edge of a fault waits, perhaps through other faults, for a condition that is judged
/// while the run goes on. What faults wait for has no circles.
pub(super) fn waits_for_condition(times: &[Option<Times>], fault: usize, edge: Edge) -> bool {
    let Some(Some(times_of)) = times.get(fault) else {
        return false;
    };
    let trigger = match edge {
        Edge::Start => Some(&times_of.start),
        Edge::End => times_of.end.as_ref(),
    };
    match trigger {
        None | Some(Trigger::At(_)) => false,
        Some(Trigger::When { .. }) => true,
        Some(Trigger::After {
            fault,
            others,
            edge,
            ..
        }) => {
            let awaited = whole_list(*fault, others);
            let mut awaited = awaited.into_iter();
            awaited.any(|fault| waits_for_condition(times, fault, *edge))
        }
    }
}

#[derive(Debug, Clone)]
enum State {
    New,
    Busy,
    Done(Option<Trigger>),
}

/// A depth-first walk over the edges of faults that other edges wait for.
struct Search<'a> {
    faults: &'a [Fault],
    names: &'a Names<'a>,
    /// Of the run.
    end: Offset,
    memo: Vec<[State; 2]>,
    path: Vec<usize>,
}

impl Search<'_> {
    /// The end of a fault: `Some(None)` when it is an instant, `None` when it is wrong.
    fn end(&mut self, index: usize, out: &mut Mistakes<'_>) -> Option<Option<Trigger>> {
        let fault = &self.faults[index];
        match (&fault.until, is_instant(fault)) {
            (None, true) => Some(None),
            (Some(until), true) => {
                let name = &fault.name.value;
                out.warning(
                    File::Scenario,
                    until.place,
                    "ignored",
                    format!("`{name}` happens at one instant and has no end"),
                );
                Some(None)
            }
            (None, false) => {
                out.error(
                    File::Scenario,
                    fault.name.place,
                    "never ends",
                    format!("fault `{}` has no end", fault.name.value),
                )
                .hint("say how long: `for: 5m`, or until when: `until: evening`");
                None
            }
            (Some(_), false) => self.trigger(index, Edge::End, out).map(Some),
        }
    }

    fn trigger(&mut self, index: usize, edge: Edge, out: &mut Mistakes<'_>) -> Option<Trigger> {
        let slot = usize::from(edge == Edge::End);
        match &self.memo[index][slot] {
            State::Done(done) => return done.clone(),
            State::Busy => {
                self.report_cycle(index, out);
                return None;
            }
            State::New => {}
        }
        self.memo[index][slot] = State::Busy;
        self.path.push(index);
        let fault = &self.faults[index];
        let found = match (edge, &fault.until) {
            (Edge::Start, _) => self.start(index, out),
            (Edge::End, Some(Spanned { value, .. })) => match value {
                Until::For(span) => {
                    let start = self.trigger(index, Edge::Start, out);
                    let span = shapes::lasting(fault, self.names.time.real(*span), self.names.time);
                    start.map(|start| later(index, start, span))
                }
                Until::When(when) => self
                    .trigger(index, Edge::Start, out)
                    .and_then(|start| self.end_when(index, when, &start, out)),
                Until::At(anchor) => match (self.anchor(anchor, out), fault.shape.flap) {
                    (Some(Trigger::At(end)), Some(_)) => {
                        self.trigger(index, Edge::Start, out).map(|start| {
                            Trigger::At(match start {
                                // only then is it known beforehand when it goes for the last time
                                Trigger::At(at) => {
                                    at.plus(shapes::lasting(fault, end.since(at), self.names.time))
                                }
                                Trigger::After { .. } | Trigger::When { .. } => end,
                            })
                        })
                    }
                    (end, _) => end,
                },
            },
            (Edge::End, None) => None,
        };
        self.path.pop();
        self.memo[index][slot] = State::Done(found.clone());
        found
    }

    fn start(&mut self, index: usize, out: &mut Mistakes<'_>) -> Option<Trigger> {
        let fault = &self.faults[index];
        let after = self.anchor(&fault.from.value, out)?;
        let Some(when) = &fault.when else {
            return Some(after);
        };
        let plus = self.names.time.real(when.plus);
        let before = match (&when.before, &fault.until) {
            (Some(anchor), _) => self.anchor(anchor, out)?,
            (None, Some(until)) => {
                let takes = match until.value {
                    Until::For(span) => self.names.time.real(span).saturating_add(plus),
                    Until::At(_) | Until::When(_) => plus,
                };
                Trigger::At(Offset(self.end.0.saturating_sub(takes)))
            }
            (None, None) => Trigger::At(self.end),
        };
        let lasting = when.condition.value.lasting;
        let earliest = after.expected().plus(lasting);
        if earliest > before.expected() {
            let watched = Span(before.expected().since(after.expected())).whole_millis();
            out.error(
                File::Scenario,
                when.condition.place,
                format!("must hold for {}", Span(lasting)),
                format!(
                    "fault `{}` never comes: its condition is watched for {watched} of real time",
                    fault.name.value
                ),
            )
            .hint("let it be watched from an earlier instant, or let the fault be shorter");
            return None;
        }
        Some(Trigger::When {
            condition: condition(when),
            after: Box::new(after),
            before: Box::new(before),
            plus,
            expected: earliest.plus(plus),
        })
    }

    /// The end of a fault that goes when a condition has come true, watched from its start on.
    fn end_when(
        &mut self,
        index: usize,
        when: &When,
        start: &Trigger,
        out: &mut Mistakes<'_>,
    ) -> Option<Trigger> {
        let before = match &when.before {
            Some(anchor) => self.anchor(anchor, out)?,
            None => Trigger::At(self.end),
        };
        let plus = self.names.time.real(when.plus);
        let expected = before.expected().plus(plus).min(self.end);
        Some(Trigger::When {
            condition: condition(when),
            after: Box::new(after_start(index, start, Duration::ZERO)),
            before: Box::new(before),
            plus,
            expected,
        })
    }

    fn anchor(&mut self, anchor: &Anchor, out: &mut Mistakes<'_>) -> Option<Trigger> {
        let plus = self.names.time.real(anchor.plus);
        match self.names.find(anchor, out)? {
            Named::Phase(phase) => Some(Trigger::At(phase.edge(anchor.edge).plus(plus))),
            Named::Faults(faults) => {
                let edges = faults.iter().map(|f| self.trigger(*f, anchor.edge, out));
                let edges: Vec<Option<Trigger>> = edges.collect();
                let edges: Option<Vec<Trigger>> = edges.into_iter().collect();
                let at = of_all(anchor.edge, edges?.iter().map(Trigger::expected))?;
                let mut faults = faults.into_iter();
                Some(Trigger::After {
                    fault: faults.next()?,
                    others: faults.collect(),
                    edge: anchor.edge,
                    plus,
                    expected: at.plus(plus),
                })
            }
        }
    }

    fn report_cycle(&self, again: usize, out: &mut Mistakes<'_>) {
        let begin = self.path.iter().position(|i| *i == again).unwrap_or(0);
        let names: Vec<&str> = self.path[begin..]
            .iter()
            .chain([&again])
            .map(|i| self.faults[*i].name.value.as_str())
            .collect();
        out.error(
            File::Scenario,
            self.faults[again].from.place,
            "never comes",
            format!("the windows wait for each other: {}", names.join(" -> ")),
        )
        .hint("let one of them begin at a phase");
    }
}

fn condition(when: &When) -> ConditionPlan {
    let condition = &when.condition.value.condition;
    ConditionPlan {
        text: when.text.clone(),
        subject: condition.subject.value.clone(),
        measure: condition.measure,
        comparison: condition.comparison,
        limit: condition.limit,
        lasting: when.condition.value.lasting,
    }
}

/// So long after a fault is in force.
fn after_start(fault: usize, start: &Trigger, plus: Duration) -> Trigger {
    Trigger::After {
        fault,
        others: Vec::new(),
        edge: Edge::Start,
        plus,
        expected: start.expected().plus(plus),
    }
}

/// `span` later than a fault's start.
fn later(fault: usize, mut start: Trigger, span: Duration) -> Trigger {
    match &mut start {
        Trigger::At(at) => *at = at.plus(span),
        Trigger::After { plus, expected, .. } => {
            *plus = plus.saturating_add(span);
            *expected = expected.plus(span);
        }
        Trigger::When { .. } => return after_start(fault, &start, span),
    }
    start
}

/// The window lies in the run, and the ramps in the window.
fn check(
    fault: &Fault,
    times: &mut Times,
    names: &Names<'_>,
    length: Duration,
    out: &mut Mistakes<'_>,
) {
    let time = names.time;
    let name = &fault.name.value;
    let run_end = Offset(length);
    let story_end = time.story(length);
    let from = times.start.expected();
    if from >= run_end {
        out.error(
            File::Scenario,
            fault.from.place,
            format!("{} into the story", time.story(from.0)),
            format!("fault `{name}` begins when the run is over"),
        )
        .hint(format!("the phases last {story_end} in all"));
        return;
    }
    let (Some(end), Some(until)) = (&mut times.end, &fault.until) else {
        return;
    };
    let to = end.expected();
    if to <= from {
        out.error(
            File::Scenario,
            until.place,
            format!("{} into the story", time.story(to.0)),
            format!("fault `{name}` ends before it begins"),
        )
        .also(
            fault.from.place,
            format!("{} into the story", time.story(from.0)),
        );
    } else if to.0 > length.saturating_add(TOLERANCE) {
        out.error(
            File::Scenario,
            until.place,
            format!("{} into the story", time.story(to.0)),
            format!("fault `{name}` ends after the run does"),
        )
        .hint(format!(
            "the phases last {story_end} in all; shorten the fault or lengthen the last phase"
        ));
    } else if let (Trigger::At(at), true) = (end, to > run_end) {
        *at = run_end;
    }
    shapes::check(fault, to.since(from), time, out);
    let ramps = Story(fault.ramp.0.saturating_add(fault.ramp_out.0));
    if to > from && time.real(ramps) > to.since(from).saturating_add(TOLERANCE) {
        out.error(
            File::Scenario,
            until.place,
            format!("{} long", time.story(to.since(from))),
            format!("the ramps of fault `{name}` take {ramps}, longer than its window"),
        )
        .hint("ramps lie inside the window: lengthen it, or shorten `ramp` and `ramp_out`");
    }
}
