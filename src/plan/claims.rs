//! Claims resolved: names checked against what is there, and every time made real.

use std::time::Duration;

use super::{
    anchors::Names,
    mistakes::{File, Mistakes},
    model::{ClaimPlan, ConditionPlan, Point, Rule, WindowPlan},
    subjects::{Need, Subjects},
};
use crate::{
    diagnostic::{Place, Source, Spanned},
    scenario::model::{
        Anchor, Claim, Edge, Fault, Happening, Limit, StopCondition, Subject, Until, Window,
    },
    time::{Offset, Story},
};

/// Which list of the scenario a claim stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Real time.
    SteadyState,
    /// Story time: they tell what history saw.
    Symptom,
    /// Real time.
    Gate,
}

/// What claims are resolved against.
pub(super) struct Claims<'a> {
    pub(super) source: &'a Source,
    pub(super) names: &'a Names<'a>,
    pub(super) subjects: &'a Subjects<'a>,
    /// When an edge of a fault should come; `None` where the fault itself is wrong.
    pub(super) expected: &'a dyn Fn(usize, Edge) -> Option<Offset>,
    /// After the warm-up.
    pub(super) begin: Offset,
    /// The run's end.
    pub(super) end: Offset,
    /// How long health must last to be a recovery.
    pub(super) hold: Duration,
}

impl Claims<'_> {
    /// Resolves a list of claims; those with mistakes are left out.
    pub(super) fn resolve(
        &self,
        claims: &[Spanned<Claim>],
        role: Role,
        out: &mut Mistakes<'_>,
    ) -> Vec<ClaimPlan> {
        claims
            .iter()
            .filter_map(|claim| {
                Some(ClaimPlan {
                    rule: self.rule(claim, role, out)?,
                    text: self.text(claim.place),
                })
            })
            .collect()
    }

    /// Resolves the stop conditions.
    pub(super) fn stops(
        &self,
        stops: &[Spanned<StopCondition>],
        out: &mut Mistakes<'_>,
    ) -> Vec<ConditionPlan> {
        stops
            .iter()
            .filter_map(|stop| {
                let condition = &stop.value.condition;
                Some(ConditionPlan {
                    text: self.text(stop.place),
                    subject: self.live(stop, out)?,
                    measure: condition.measure,
                    comparison: condition.comparison,
                    limit: condition.limit,
                    lasting: stop.value.lasting,
                })
            })
            .collect()
    }

    /// Checks the conditions that faults wait for.
    pub(super) fn waits(&self, faults: &[Fault], out: &mut Mistakes<'_>) {
        let each = faults.iter().flat_map(|fault| {
            let ends = fault.until.as_ref().and_then(|until| match &until.value {
                Until::When(when) => Some(when),
                Until::For(_) | Until::At(_) => None,
            });
            fault.when.iter().chain(ends)
        });
        // what was written once for several places is complained about once
        let mut seen: Vec<Place> = Vec::new();
        for when in each {
            if !seen.contains(&when.condition.place) {
                seen.push(when.condition.place);
                let _ = self.live(&when.condition, out);
            }
        }
    }

    /// The subject of a condition that is judged while the run goes on.
    fn live(&self, stop: &Spanned<StopCondition>, out: &mut Mistakes<'_>) -> Option<Subject> {
        let condition = &stop.value.condition;
        if let Limit::OfBaseline(_) | Limit::OfCapacity(_) = condition.limit {
            out.error(
                File::Scenario,
                stop.place,
                "a share of something",
                "what is judged while the run goes on is compared with a number",
            )
            .hint("write the number: `portal p99 > 1s for 10s`, `portal goodput < 80/s for 10s`");
            return None;
        }
        let need = Need::Measure(condition.measure, condition.limit);
        self.subjects.resolve(&condition.subject, need, out)
    }

    /// The words as written, without quotes and line breaks.
    fn text(&self, place: Place) -> String {
        let end = place.start.saturating_add(place.len);
        let written = self.source.text.get(place.start..end).unwrap_or_default();
        let words: Vec<&str> = written.split_whitespace().collect();
        words.join(" ").trim_matches(['"', '\'']).to_owned()
    }

    fn rule(&self, claim: &Spanned<Claim>, role: Role, out: &mut Mistakes<'_>) -> Option<Rule> {
        let subjects = self.subjects;
        match &claim.value {
            Claim::Measured {
                subject,
                measure,
                comparison,
                limit,
                window,
            } => {
                let subject = subjects.resolve(subject, Need::Measure(*measure, *limit), out);
                let window = self.window(window.as_ref(), claim.place, role, out);
                Some(Rule::Measured {
                    subject: subject?,
                    measure: *measure,
                    comparison: *comparison,
                    limit: *limit,
                    window: window?,
                })
            }
            Claim::Never {
                subject,
                what,
                window,
            } => {
                let subject = subjects.resolve(subject, need(*what), out);
                let window = self.window(window.as_ref(), claim.place, role, out);
                Some(Rule::Never {
                    subject: subject?,
                    what: *what,
                    window: window?,
                })
            }
            Claim::Happens {
                subject,
                what,
                window,
            } => {
                let subject = subjects.resolve(subject, need(*what), out);
                let window = self.window(window.as_ref(), claim.place, role, out);
                Some(Rule::Happens {
                    subject: subject?,
                    what: *what,
                    window: window?,
                })
            }
            Claim::Recovers {
                subject,
                within,
                of,
            } => {
                let subject = subjects.resolve(subject, Need::State, out);
                let of = self.recovery(*within, of, claim.place, role, out);
                let (within, of) = of?;
                Some(Rule::Recovers {
                    subject: subject?,
                    within,
                    of,
                })
            }
            Claim::Tolerates { subject, fault } => {
                let subject = subjects.resolve(subject, Need::State, out);
                let faults = self.lasting_faults(fault, out);
                let mut faults = faults.into_iter();
                Some(Rule::Tolerates {
                    subject: subject?,
                    fault: faults.next()?,
                    others: faults.collect(),
                })
            }
            Claim::ReturnsBefore { first, second } => {
                let first = subjects.resolve(first, Need::State, out);
                let second = subjects.resolve(second, Need::State, out);
                Some(Rule::ReturnsBefore {
                    first: first?,
                    second: second?,
                })
            }
        }
    }

    /// Real length of a span that a claim names.
    fn real(&self, span: Duration, role: Role) -> Duration {
        match role {
            Role::Symptom => self.names.time.real(Story(span)),
            Role::SteadyState | Role::Gate => span,
        }
    }

    fn recovery(
        &self,
        within: Duration,
        of: &Anchor,
        place: Place,
        role: Role,
        out: &mut Mistakes<'_>,
    ) -> Option<(Duration, Point)> {
        let within = self.real(within, role);
        let (point, expected) = self.names.point(of, self.expected, out)?;
        // one bin of slack: a run that ends on the dot may still be judged
        let needed = expected
            .plus(within)
            .plus(self.hold)
            .since(self.end)
            .saturating_sub(Duration::from_secs(1));
        if role == Role::Gate && !needed.is_zero() {
            let seconds = needed.as_secs_f64().ceil() + 1.0;
            let missing = self.names.time.story(Duration::from_secs_f64(seconds));
            out.error(
                File::Scenario,
                place,
                "cannot be judged",
                "the run ends before this recovery could be seen",
            )
            .hint(format!(
                "health must last {}s to count: lengthen the last phase by {missing}",
                self.hold.as_secs_f64()
            ));
        }
        Some((within, point))
    }

    /// The faults that a name means; none when a mistake was noted.
    fn lasting_faults(&self, fault: &Spanned<String>, out: &mut Mistakes<'_>) -> Vec<usize> {
        let faults = self.names.faults;
        let called = self.names.called(&fault.value);
        if called.is_empty() {
            let known = faults.iter().map(|f| f.name.value.as_str());
            out.unknown(File::Scenario, fault.place, "fault", &fault.value, known);
        }
        if called
            .iter()
            .any(|index| super::windows::is_instant(&faults[*index]))
        {
            let name = &fault.value;
            out.error(
                File::Scenario,
                fault.place,
                "has no duration",
                format!("`{name}` is a kill: there is no time in which it could be tolerated"),
            )
            .hint(format!(
                "write `recovers within 20s of {name}` or `success >= 99% from {name} to …`"
            ));
            return Vec::new();
        }
        called
    }

    fn window(
        &self,
        window: Option<&Window>,
        place: Place,
        role: Role,
        out: &mut Mistakes<'_>,
    ) -> Option<WindowPlan> {
        let (from, to, begins, ends) = match window {
            None => {
                return Some(WindowPlan {
                    from: Point::At(self.begin.min(self.end)),
                    to: Point::At(self.end),
                });
            }
            Some(Window::During(name)) => {
                let anchor = |edge| Anchor {
                    of: name.clone(),
                    edge,
                    plus: Story::default(),
                };
                let (from, begins) = self.names.point(&anchor(Edge::Start), self.expected, out)?;
                let (to, ends) = self.names.point(&anchor(Edge::End), self.expected, out)?;
                (from, to, begins, ends)
            }
            Some(Window::Within { span, of }) => {
                let (from, begins) = self.names.point(of, self.expected, out)?;
                let span = self.real(*span, role);
                (from.clone(), from.later(span), begins, begins.plus(span))
            }
            Some(Window::Between(from, to)) => {
                let from = self.names.point(from, self.expected, out);
                let to = self.names.point(to, self.expected, out);
                let ((from, begins), (to, ends)) = (from?, to?);
                (from, to, begins, ends)
            }
        };
        if ends <= begins {
            out.error(
                File::Scenario,
                place,
                "an empty stretch",
                "the window of this claim ends before it begins",
            )
            .hint("`from A to B` needs B after A");
            return None;
        }
        if begins >= self.end {
            out.error(
                File::Scenario,
                place,
                "after the run",
                "the window of this claim begins when the run is over",
            );
            return None;
        }
        Some(WindowPlan { from, to })
    }
}

/// What a happening needs of its subject.
const fn need(what: Happening) -> Need {
    match what {
        Happening::Crash => Need::Process,
        Happening::Collapse
        | Happening::Outage
        | Happening::Unhealthy
        | Happening::Shedding
        | Happening::Graceful => Need::State,
    }
}
