//! The state of each fault, and the tasks that put them in and take them out. One fault's steps
//! never overtake each other; different faults do not wait for one another.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::{
    event::RunEvent,
    fault::Planes,
    plan::Plan,
    scenario::model::Edge,
    time::{Clock, Offset},
    units::Ratio,
};

/// Where a fault stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Arming,
    InForce,
    Removing,
    Done,
}

/// What a task did.
#[derive(Debug)]
enum Done {
    Injected(Result<(), String>),
    Removed(Result<(bool, String), String>),
}

/// Drives the fault planes for the dispatcher.
pub(super) struct FaultDesk {
    plan: Arc<Plan>,
    planes: Arc<Planes>,
    clock: Clock,
    stages: Vec<Stage>,
    /// Its removal came due while it was still being put in.
    remove_wanted: Vec<bool>,
    order: Vec<usize>,
    tasks: JoinSet<(usize, Offset, Done)>,
}

/// An event, and the edge that it marks.
pub(super) type Told = (Offset, RunEvent, Option<(usize, Edge)>);

impl FaultDesk {
    pub(super) fn new(plan: Arc<Plan>, planes: Arc<Planes>, clock: Clock) -> Self {
        let count = plan.faults.len();
        Self {
            plan,
            planes,
            clock,
            stages: vec![Stage::Waiting; count],
            remove_wanted: vec![false; count],
            order: Vec::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Begins to put a fault in. The caller has told `FaultArming` before.
    pub(super) fn inject(&mut self, fault: usize, level: Ratio) {
        self.stages[fault] = Stage::Arming;
        self.order.push(fault);
        let (planes, clock) = (Arc::clone(&self.planes), self.clock);
        self.tasks.spawn(async move {
            // a task of its own, so that a panic is the fault's failure and not the run's
            let task = tokio::spawn(async move { planes.inject(fault, level).await });
            let result = match task.await {
                Ok(result) => result.map_err(|error| error.to_string()),
                Err(panic) => Err(panic.to_string()),
            };
            (fault, clock.now(), Done::Injected(result))
        });
    }

    /// Sets the level of a fault that is in force.
    pub(super) async fn level(&self, fault: usize, level: Ratio) -> Option<Told> {
        if self.stages[fault] != Stage::InForce {
            return None;
        }
        let error = self.planes.level(fault, level).await.err()?;
        let detail = format!("cannot change its level: {error}");
        Some((
            self.clock.now(),
            RunEvent::FaultFailed { fault, detail },
            None,
        ))
    }

    /// Begins to take a fault out; does nothing unless it is in, or on its way in.
    pub(super) fn remove(&mut self, fault: usize) -> Option<RunEvent> {
        match self.stages[fault] {
            Stage::Arming => {
                self.remove_wanted[fault] = true;
                None
            }
            Stage::InForce => {
                self.stages[fault] = Stage::Removing;
                let (planes, clock) = (Arc::clone(&self.planes), self.clock);
                self.tasks.spawn(async move {
                    let task = tokio::spawn(async move { planes.remove(fault).await });
                    let result = match task.await {
                        Ok(Ok(removal)) => Ok((removal.verified, removal.detail)),
                        Ok(Err(error)) => Err(error.to_string()),
                        Err(panic) => Err(panic.to_string()),
                    };
                    (fault, clock.now(), Done::Removed(result))
                });
                Some(RunEvent::FaultRemoving { fault })
            }
            Stage::Waiting | Stage::Removing | Stage::Done => None,
        }
    }

    /// Waits for the next task to be done; pending for ever when there is none.
    pub(super) async fn next(&mut self) -> Vec<Told> {
        match self.tasks.join_next().await {
            None => std::future::pending().await,
            Some(Ok((fault, at, Done::Injected(result)))) => self.injected(fault, at, result),
            Some(Ok((fault, at, Done::Removed(result)))) => self.removed(fault, at, result),
            // the tasks themselves neither panic nor are aborted
            Some(Err(_)) => Vec::new(),
        }
    }

    fn injected(&mut self, fault: usize, at: Offset, result: Result<(), String>) -> Vec<Told> {
        if let Err(detail) = result {
            self.stages[fault] = Stage::Done;
            return vec![(at, RunEvent::FaultFailed { fault, detail }, None)];
        }
        let mut told = vec![(
            at,
            RunEvent::FaultInjected { fault },
            Some((fault, Edge::Start)),
        )];
        if self.plan.faults[fault].end.is_none() {
            self.stages[fault] = Stage::Done;
            let detail = "an instant: there is nothing to take out".to_owned();
            let event = RunEvent::FaultRemoved {
                fault,
                verified: true,
                detail,
            };
            told.push((at, event, Some((fault, Edge::End))));
            return told;
        }
        self.stages[fault] = Stage::InForce;
        if self.remove_wanted[fault]
            && let Some(event) = self.remove(fault)
        {
            told.push((at, event, None));
        }
        told
    }

    fn removed(
        &mut self,
        fault: usize,
        at: Offset,
        result: Result<(bool, String), String>,
    ) -> Vec<Told> {
        self.stages[fault] = Stage::Done;
        let hits = self.planes.hits(fault);
        let tally = (at, RunEvent::FaultTally { fault, hits }, None);
        match result {
            Ok((verified, detail)) => {
                let event = RunEvent::FaultRemoved {
                    fault,
                    verified,
                    detail,
                };
                vec![tally, (at, event, verified.then_some((fault, Edge::End)))]
            }
            Err(detail) => vec![tally, (at, RunEvent::FaultFailed { fault, detail }, None)],
        }
    }

    /// Faults that are in, or on their way in or out; the latest first.
    pub(super) fn not_yet_out(&self) -> Vec<usize> {
        let open = |f: &&usize| {
            matches!(
                self.stages[**f],
                Stage::Arming | Stage::InForce | Stage::Removing
            )
        };
        self.order.iter().rev().filter(open).copied().collect()
    }

    /// Tallies of the faults that are in force, for the record.
    pub(super) fn tallies(&self) -> Vec<RunEvent> {
        (0..self.stages.len())
            .filter(|fault| self.stages[*fault] != Stage::Waiting)
            .map(|fault| RunEvent::FaultTally {
                fault,
                hits: self.planes.hits(fault),
            })
            .collect()
    }
}
