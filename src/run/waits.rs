//! The conditions that faults wait for: when each is watched, and what became of it. Pure, told the
//! time and fed with each second's measurements.

use std::time::Duration;

use super::condition::Condition;
use crate::{
    event::RunEvent,
    measure::BinDelta,
    plan::{Plan, Trigger},
    scenario::model::Edge,
    time::Offset,
};

/// Watches the conditions that faults of a plan wait for.
#[derive(Debug)]
pub(super) struct Waits {
    waits: Vec<Wait>,
}

/// One edge of a fault that waits for a condition.
#[derive(Debug)]
struct Wait {
    fault: usize,
    edge: Edge,
    condition: Condition,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is not watched so far.
    Before,
    /// It is watched since then.
    Watched(Offset),
    /// It came true, or was given up.
    Over,
}

impl Waits {
    pub(super) fn new(plan: &Plan) -> Self {
        let faults = plan.faults.iter().enumerate();
        let waits = faults.flat_map(|(fault, given)| {
            let edges = [
                (Edge::Start, Some(&given.start)),
                (Edge::End, given.end.as_ref()),
            ];
            edges.into_iter().filter_map(move |(edge, trigger)| {
                let Some(Trigger::When { condition, .. }) = trigger else {
                    return None;
                };
                Some(Wait {
                    fault,
                    edge,
                    condition: Condition::new(plan, condition),
                    stage: Stage::Before,
                })
            })
        });
        Self {
            waits: waits.collect(),
        }
    }

    fn of(&mut self, fault: usize, edge: Edge) -> Option<&mut Wait> {
        let mut waits = self.waits.iter_mut();
        waits.find(|wait| (wait.fault, wait.edge) == (fault, edge))
    }

    /// The condition of an edge is watched from now on.
    pub(super) fn watch(&mut self, fault: usize, edge: Edge, now: Offset) {
        if let Some(wait) = self.of(fault, edge)
            && wait.stage == Stage::Before
        {
            wait.stage = Stage::Watched(now);
        }
    }

    /// Whether the condition of an edge has come true, or was given up.
    pub(super) fn is_over(&mut self, fault: usize, edge: Edge) -> bool {
        let wait = self.of(fault, edge);
        wait.is_none_or(|wait| wait.stage == Stage::Over)
    }

    /// The condition of an edge is no longer waited for; the event that says so, unless that was so
    /// before, or the fault whose end waits is not in force.
    pub(super) fn give_up(&mut self, fault: usize, edge: Edge) -> Option<RunEvent> {
        let wait = self.of(fault, edge)?;
        let stage = std::mem::replace(&mut wait.stage, Stage::Over);
        match (stage, edge) {
            (Stage::Over, _) | (Stage::Before, Edge::End) => return None,
            (Stage::Watched(_), _) | (Stage::Before, Edge::Start) => {}
        }
        Some(RunEvent::FaultCondition {
            fault,
            edge,
            came: false,
            value: None,
            detail: wait.condition.never(),
        })
    }

    /// Takes the attempts that completed in the last second; returns which edges come, and why.
    pub(super) fn take(
        &mut self,
        now: Offset,
        second: Duration,
        delta: &BinDelta,
    ) -> Vec<(usize, Edge, RunEvent)> {
        let mut came = Vec::new();
        for wait in &mut self.waits {
            let Stage::Watched(from) = wait.stage else {
                continue;
            };
            let Some(value) = wait.condition.take(now, second, from, delta) else {
                continue;
            };
            wait.stage = Stage::Over;
            let event = RunEvent::FaultCondition {
                fault: wait.fault,
                edge: wait.edge,
                came: true,
                value: Some(value),
                detail: wait.condition.came(value),
            };
            came.push((wait.fault, wait.edge, event));
        }
        came
    }
}

#[cfg(test)]
mod tests;
