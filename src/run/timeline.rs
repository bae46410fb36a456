//! What is to be done when: pure, told the time and what happened.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

use crate::{
    plan::{FaultPlan, Plan, Trigger, whole_list},
    scenario::model::Edge,
    time::Offset,
    units::Ratio,
};

/// Something that the dispatcher has to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Action {
    /// A phase begins.
    Phase(usize),
    /// Put a fault in at this level.
    Inject(usize, Ratio),
    /// Set the level of a fault that grows or shrinks.
    Level(usize, Ratio),
    /// Take a fault out that will come again.
    Lift(usize),
    /// Take a fault out for good.
    Remove(usize),
    /// Watch the condition that an edge of a fault waits for.
    Watch(usize, Edge),
    /// Wait for that condition no longer.
    GiveUp(usize, Edge),
    /// Say whether the baseline is good enough to go on.
    JudgeBaseline,
    /// The last phase is over.
    End,
}

/// The agenda of a run.
#[derive(Debug)]
pub(super) struct Timeline {
    agenda: BinaryHeap<Reverse<Entry>>,
    waiting: Vec<Waiting>,
    faults: Vec<FaultPlan>,
    /// When each fault goes for good, as far as that is known.
    ends: Vec<Option<Offset>>,
    sequence: u32,
}

/// An action with its time; entries of one instant keep the order in which they were entered.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    at: Offset,
    sequence: u32,
    action: Action,
}

impl Eq for Entry {}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// An edge of a fault that waits for the edge of another.
#[derive(Debug, Clone)]
struct Waiting {
    /// The faults whose edge has not been reached: of several the first start counts, or the last
    /// end.
    faults: Vec<usize>,
    edge: Edge,
    plus: Duration,
    then: Next,
}

/// What follows a trigger, for which fault and which of its edges.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// It comes to that edge.
    Comes(usize, Edge),
    /// The condition of that edge is watched.
    Watch(usize, Edge),
    /// The condition of that edge is given up.
    GiveUp(usize, Edge),
}

/// Levels change at most so often, and at least in twenty steps.
const LEVEL_STEP: Duration = Duration::from_millis(250);

impl Timeline {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut timeline = Self {
            agenda: BinaryHeap::new(),
            waiting: Vec::new(),
            faults: plan.faults.clone(),
            ends: vec![None; plan.faults.len()],
            sequence: 0,
        };
        for (index, phase) in plan.phases.iter().enumerate() {
            timeline.enter(phase.from, Action::Phase(index));
        }
        // Before anything that happens at the baseline's end, so that a bad one injects nothing.
        timeline.enter(plan.baseline_window().1, Action::JudgeBaseline);
        for fault in 0..timeline.faults.len() {
            timeline.trigger(fault, Edge::Start);
            timeline.trigger(fault, Edge::End);
        }
        timeline.enter(Offset::ZERO.plus(plan.length), Action::End);
        timeline
    }

    fn enter(&mut self, at: Offset, action: Action) {
        let sequence = self.sequence;
        self.sequence += 1;
        self.agenda.push(Reverse(Entry {
            at,
            sequence,
            action,
        }));
    }

    fn trigger(&mut self, fault: usize, edge: Edge) {
        let plan = &self.faults[fault];
        let trigger = match edge {
            Edge::Start => Some(&plan.start),
            Edge::End => plan.end.as_ref(),
        };
        match trigger.cloned() {
            None => {}
            Some(Trigger::When { after, before, .. }) => {
                self.once(&after, Next::Watch(fault, edge));
                self.once(&before, Next::GiveUp(fault, edge));
            }
            Some(trigger) => self.once(&trigger, Next::Comes(fault, edge)),
        }
    }

    /// Enters what follows a trigger, or lets it wait.
    fn once(&mut self, trigger: &Trigger, then: Next) {
        match trigger {
            Trigger::At(at) => self.follow(then, *at),
            Trigger::After {
                fault,
                others,
                edge,
                plus,
                ..
            } => self.waiting.push(Waiting {
                faults: whole_list(*fault, others),
                edge: *edge,
                plus: *plus,
                then,
            }),
            // what it waits for is told by `came`; none lies inside another
            Trigger::When { .. } => {}
        }
    }

    fn follow(&mut self, then: Next, at: Offset) {
        match then {
            Next::Comes(fault, edge) => self.schedule(fault, edge, at),
            Next::Watch(fault, edge) => self.enter(at, Action::Watch(fault, edge)),
            Next::GiveUp(fault, edge) => self.enter(at, Action::GiveUp(fault, edge)),
        }
    }

    /// The condition that an edge of a fault waits for has come true, or an end waits for it no
    /// longer.
    pub(super) fn came(&mut self, fault: usize, edge: Edge, at: Offset) {
        let plan = &self.faults[fault];
        let trigger = match edge {
            Edge::Start => Some(&plan.start),
            Edge::End => plan.end.as_ref(),
        };
        if let Some(Trigger::When { plus, .. }) = trigger {
            let at = at.plus(*plus);
            self.schedule(fault, edge, at);
        }
    }

    /// An edge of a fault was reached.
    pub(super) fn reached(&mut self, fault: usize, edge: Edge, at: Offset) {
        for waiting in self.waiting.iter_mut().filter(|w| w.edge == edge) {
            let awaited = waiting.faults.contains(&fault);
            match edge {
                Edge::Start if awaited => waiting.faults.clear(),
                Edge::Start => {}
                Edge::End => waiting.faults.retain(|other| *other != fault),
            }
        }
        let waiting = std::mem::take(&mut self.waiting);
        let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|w| w.faults.is_empty());
        self.waiting = later;
        for waiting in now {
            self.follow(waiting.then, at.plus(waiting.plus));
        }
    }

    fn schedule(&mut self, fault: usize, edge: Edge, at: Offset) {
        let FaultPlan { ramp, ramp_out, .. } = self.faults[fault];
        match edge {
            Edge::Start if !self.faults[fault].shape.steps.is_empty() => self.stairs(fault, at),
            Edge::Start if ramp.is_zero() => self.enter(at, Action::Inject(fault, Ratio::ONE)),
            Edge::Start => {
                self.enter(at, Action::Inject(fault, Ratio::ZERO));
                self.slope(fault, at, ramp, |part| part);
            }
            Edge::End => {
                if !ramp_out.is_zero() {
                    let from = Offset(at.0.saturating_sub(ramp_out));
                    self.slope(fault, from, ramp_out, |part| 1.0 - part);
                }
                self.ends[fault] = Some(at);
                self.enter(at, Action::Remove(fault));
            }
        }
    }

    fn stairs(&mut self, fault: usize, at: Offset) {
        let steps = self.faults[fault].shape.steps.clone();
        for (after, share) in steps {
            let action = match after.is_zero() {
                true => Action::Inject(fault, share),
                false => Action::Level(fault, share),
            };
            self.enter(at.plus(after), action);
        }
    }

    fn slope(&mut self, fault: usize, from: Offset, over: Duration, level: fn(f64) -> f64) {
        let steps = (over.as_nanos() / LEVEL_STEP.as_nanos()).clamp(20, 2000) as u32;
        for step in 1..=steps {
            let part = f64::from(step) / f64::from(steps);
            let level = Ratio::new(level(part).clamp(0.0, 1.0)).unwrap_or(Ratio::ONE);
            self.enter(from.plus(over.mul_f64(part)), Action::Level(fault, level));
        }
    }

    /// When the next action is due.
    pub(super) fn next(&self) -> Option<Offset> {
        self.agenda.peek().map(|Reverse(entry)| entry.at)
    }

    /// The next action that is due by now.
    pub(super) fn pop_due(&mut self, now: Offset) -> Option<Action> {
        while self.next()? <= now {
            let Reverse(entry) = self.agenda.pop()?;
            if self.goes_on(&entry) {
                return Some(entry.action);
            }
        }
        None
    }

    /// Enters what follows a coming or going of a fault that flaps, counted from when it was due,
    /// so that nothing drifts. `false` = the fault is gone for good, and this is not to be done.
    fn goes_on(&mut self, entry: &Entry) -> bool {
        let (fault, coming) = match entry.action {
            Action::Inject(fault, _) => (fault, true),
            Action::Lift(fault) => (fault, false),
            Action::Phase(_)
            | Action::Level(..)
            | Action::Remove(_)
            | Action::Watch(..)
            | Action::GiveUp(..)
            | Action::JudgeBaseline
            | Action::End => return true,
        };
        let Some(flap) = self.faults[fault].shape.flap else {
            return true;
        };
        let end = self.ends[fault];
        let over = |at: Offset| end.is_some_and(|end| end <= at);
        if over(entry.at) {
            return false;
        }
        let (stays, then) = match coming {
            true => (flap.within, Action::Lift(fault)),
            false => (flap.out, Action::Inject(fault, Ratio::ONE)),
        };
        let next = entry.at.plus(stays);
        if !over(next) {
            self.enter(next, then);
        }
        true
    }
}

#[cfg(test)]
mod tests;
