//! HTTP rules, and what they mean for a request at an instant: pure.
//!
//! [`matching`] says whom a rule means, [`action`] what it does, this file what follows from
//! several rules together.

mod action;
mod answer;
#[cfg(fuzzing)]
pub(crate) mod laws;
mod limiter;
mod matching;

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::time::Instant;

pub(super) use self::{
    action::{Action, Change, Ending},
    answer::Answer,
    matching::{Matcher, Seen},
};
use super::copies::Copied;
use crate::fault::{
    board::{Posted, is_posted},
    dose::Dose,
};

/// A rule in force.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) dose: Arc<Dose>,
    matcher: Arc<Matcher>,
    action: Action,
    /// Requests that met its conditions, since its injection.
    meant: AtomicU64,
    /// Requests that it met, since its injection.
    met: AtomicU64,
}

/// A rule that met a request, and what it does to it.
#[derive(Debug)]
pub(super) struct Met {
    pub(super) rule: Arc<Rule>,
    does: Does,
}

/// What a rule does to one request.
#[derive(Debug)]
enum Does {
    /// Holds it so long from its arrival; `None` = until the rule is gone.
    Hold(Option<Duration>),
    /// Answers.
    Answer(Arc<Answer>),
    /// Answers with an earlier answer.
    Copy(Copied),
    /// Ends its connection.
    End(Ending),
    /// Changes the answer.
    Change(Change),
}

impl Rule {
    pub(super) const fn new(dose: Arc<Dose>, matcher: Arc<Matcher>, action: Action) -> Self {
        Self {
            dose,
            matcher,
            action,
            meant: AtomicU64::new(0),
            met: AtomicU64::new(0),
        }
    }

    /// Whether the request's body must be known to say whether it is met.
    pub(super) fn wants_body(&self, seen: &Seen<'_>) -> bool {
        self.matcher.wants_body() && self.matcher.means_head(seen)
    }

    /// What the rule does to a request, if it meets it.
    fn meet(&self, seen: &Seen<'_>, now: Instant) -> Option<Does> {
        if !self.matcher.means_head(seen) || !self.matcher.means_body(seen) {
            return None;
        }
        // its place in the order is taken even when the share then spares it
        let nth = self.meant.fetch_add(1, Relaxed);
        if !self.matcher.is_due(nth) || !self.holds(seen) {
            return None;
        }
        let does = self.does(seen, now)?;
        self.matcher
            .is_within(|| self.met.fetch_add(1, Relaxed))
            .then_some(does)
    }

    /// Whether the request is in the rule's share. A sticky rule decides by person; requests of our
    /// own clients are chosen by (seed, fault, id), so that the same ones are met on every run;
    /// others by order of arrival.
    fn holds(&self, seen: &Seen<'_>) -> bool {
        match (self.matcher.person(seen), seen.id) {
            (Some(person), _) => self.dose.holds_id(&person),
            (None, Some(id)) => self.dose.holds_id(id),
            (None, None) => self.dose.holds_next(),
        }
    }

    fn does(&self, seen: &Seen<'_>, now: Instant) -> Option<Does> {
        Some(match &self.action {
            Action::Answer(answer) => Does::Answer(Arc::clone(answer)),
            Action::Hang => Does::Hold(None),
            Action::Delay(delay) => {
                let seed = self.dose.seed().named("delay");
                let seed = match seen.id {
                    Some(id) => seed.named(id),
                    None => seed.indexed(self.meant.load(Relaxed)),
                };
                Does::Hold(Some(delay.draw(seed)))
            }
            Action::End(ending) => Does::End(*ending),
            Action::Change(change) => Does::Change(change.clone()),
            Action::Stale(copies) => match copies.get(seen.method, seen.target) {
                Some(copied) => Does::Copy(copied),
                None => {
                    self.dose.spare();
                    return None;
                }
            },
            Action::Limit(limiter, answer) => {
                if !limiter.refuses(seen, now) {
                    return None;
                }
                Does::Answer(Arc::clone(answer))
            }
        })
    }
}

impl Met {
    /// Whether it makes the request wait.
    pub(super) const fn waits(&self) -> bool {
        matches!(self.does, Does::Hold(_))
    }
}

/// The rules that meet a request as it comes, in order of injection. This is settled once: rules
/// that come later do not meet it, rules that go let go of it.
pub(super) fn meet(posted: &Posted<Rule>, seen: &Seen<'_>, now: Instant) -> Vec<Met> {
    let mut met = Vec::new();
    for rule in posted.iter() {
        if let Some(does) = rule.meet(seen, now) {
            rule.dose.hit();
            let rule = Arc::clone(rule);
            met.push(Met { rule, does });
        }
    }
    met
}

/// What happens to a request.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing, until that instant or, if there is none, until a rule goes.
    Wait(Option<Instant>),
    /// The proxy answers, because of that fault.
    Answer(hyper::Response<bytes::Bytes>, String),
    /// Its connection ends.
    End(Ending),
    /// It goes to the upstream, and its answer is changed by these, as far as they are still in
    /// force then.
    Forward(Vec<(Weak<Rule>, Change)>),
}

/// What happens next to a request that came at `arrived` and met `met`: rules no longer posted are
/// dropped from it. Hanging comes first, then all delays together, counted from its arrival; then
/// the earliest injected answer or end, if any; then all changes of the answer, in order of
/// injection.
pub(super) fn step(
    met: &mut Vec<Met>,
    posted: &Posted<Rule>,
    arrived: Instant,
    now: Instant,
) -> Step {
    met.retain(|met| is_posted(posted, &met.rule));
    let mut delay = Duration::ZERO;
    for met in met.iter() {
        match met.does {
            Does::Hold(None) => return Step::Wait(None),
            Does::Hold(Some(more)) => delay = delay.saturating_add(more),
            Does::Answer(_) | Does::Copy(_) | Does::End(_) | Does::Change(_) => {}
        }
    }
    match arrived.checked_add(delay) {
        None => return Step::Wait(None),
        Some(due) if due > now => return Step::Wait(Some(due)),
        Some(_) => {}
    }
    let mut changes = Vec::new();
    for Met { rule, does } in met.iter() {
        let name = || rule.dose.name().to_owned();
        match does {
            Does::Hold(_) => {}
            Does::Answer(answer) => return Step::Answer(answer.response(), name()),
            Does::Copy(copied) => return Step::Answer(copied.response(now), name()),
            Does::End(ending) => return Step::End(*ending),
            Does::Change(change) => changes.push((Arc::downgrade(rule), change.clone())),
        }
    }
    Step::Forward(changes)
}
