//! The state of each fault, and the tasks that put them in and take them out. One fault's steps
//! never overtake each other; different faults do not wait for one another.

use std::{sync::Arc, time::Duration};

use tokio::task::JoinSet;

use crate::{
    event::RunEvent,
    fault::Planes,
    plan::Plan,
    scenario::model::{Edge, Effect},
    time::{Clock, Offset},
    units::Ratio,
};

/// Where a fault stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Never put in so far.
    Waiting,
    Arming,
    InForce,
    Removing,
    /// Out since then, verified; it may come again.
    Away(Offset),
    Done,
}

/// What came due while a fault was on its way in or out.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wanted {
    In(Ratio),
    Out,
}

/// Whether a fault that is taken out may come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// It comes and goes.
    ForNow,
    /// Its end has come.
    ForGood,
}

/// One fault, as the desk knows it.
#[derive(Debug, Clone, Copy)]
struct Desk {
    stage: Stage,
    wanted: Option<Wanted>,
    /// It was in force before.
    begun: bool,
    /// Its end has come.
    ended: bool,
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
    faults: Vec<Desk>,
    order: Vec<usize>,
    tasks: JoinSet<(usize, Offset, Done)>,
}

/// An event, if there is one to tell, and the edge of a fault that was reached.
pub(super) type Told = (Offset, Option<RunEvent>, Option<(usize, Edge)>);

impl FaultDesk {
    pub(super) fn new(plan: Arc<Plan>, planes: Arc<Planes>, clock: Clock) -> Self {
        let count = plan.faults.len();
        Self {
            plan,
            planes,
            clock,
            faults: vec![
                Desk {
                    stage: Stage::Waiting,
                    wanted: None,
                    begun: false,
                    ended: false,
                };
                count
            ],
            order: Vec::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Begins to put a fault in, or remembers that it is wanted while it is still on its way out.
    pub(super) fn inject(&mut self, fault: usize, level: Ratio) -> Option<Told> {
        let desk = &mut self.faults[fault];
        match desk.stage {
            Stage::Waiting | Stage::Away(_) => {}
            Stage::Arming => {
                desk.wanted.take_if(|_| !desk.ended);
                return None;
            }
            Stage::Removing if !desk.ended => {
                desk.wanted = Some(Wanted::In(level));
                return None;
            }
            Stage::Removing | Stage::InForce | Stage::Done => return None,
        }
        desk.stage = Stage::Arming;
        self.order.retain(|other| *other != fault);
        self.order.push(fault);
        let (planes, clock) = (Arc::clone(&self.planes), self.clock);
        let arming = (clock.now(), Some(RunEvent::FaultArming { fault }), None);
        self.tasks.spawn(async move {
            // a task of its own, so that a panic is the fault's failure and not the run's
            let task = tokio::spawn(async move { planes.inject(fault, level).await });
            let result = match task.await {
                Ok(result) => result.map_err(|error| error.to_string()),
                Err(panic) => Err(panic.to_string()),
            };
            (fault, clock.now(), Done::Injected(result))
        });
        Some(arming)
    }

    /// Sets the level of a fault that is in force.
    pub(super) async fn level(&self, fault: usize, level: Ratio) -> Option<Told> {
        if self.faults[fault].stage != Stage::InForce {
            return None;
        }
        let error = self.planes.level(fault, level).await.err()?;
        let detail = format!("cannot change its level: {error}");
        Some((
            self.clock.now(),
            Some(RunEvent::FaultFailed { fault, detail }),
            None,
        ))
    }

    /// Begins to take a fault out; does nothing unless it is in, or on its way in. The end of one
    /// that is away was its last removal.
    pub(super) fn remove(&mut self, fault: usize, leave: Leave) -> Option<Told> {
        let desk = &mut self.faults[fault];
        desk.ended |= leave == Leave::ForGood;
        match desk.stage {
            Stage::Arming => {
                desk.wanted = Some(Wanted::Out);
                None
            }
            Stage::InForce => {
                desk.stage = Stage::Removing;
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
                let now = self.clock.now();
                Some((now, Some(RunEvent::FaultRemoving { fault }), None))
            }
            Stage::Removing => {
                desk.wanted = None;
                None
            }
            Stage::Away(since) if desk.ended => {
                desk.stage = Stage::Done;
                Some((since, None, Some((fault, Edge::End))))
            }
            Stage::Waiting | Stage::Away(_) | Stage::Done => None,
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
        let desk = &mut self.faults[fault];
        let wanted = desk.wanted.take();
        if let Err(detail) = result {
            desk.stage = Stage::Done;
            return vec![(at, Some(RunEvent::FaultFailed { fault, detail }), None)];
        }
        let first = !std::mem::replace(&mut desk.begun, true);
        let edge = first.then_some((fault, Edge::Start));
        let mut told = vec![(at, Some(RunEvent::FaultInjected { fault }), edge)];
        if self.plan.faults[fault].end.is_none() {
            desk.stage = Stage::Done;
            let detail = "an instant: there is nothing to take out".to_owned();
            let event = RunEvent::FaultRemoved {
                fault,
                verified: true,
                detail,
            };
            told.push((at, Some(event), Some((fault, Edge::End))));
            return told;
        }
        desk.stage = Stage::InForce;
        if wanted == Some(Wanted::Out) {
            told.extend(self.remove(fault, Leave::ForNow));
        }
        told
    }

    fn removed(
        &mut self,
        fault: usize,
        at: Offset,
        result: Result<(bool, String), String>,
    ) -> Vec<Told> {
        let tally = RunEvent::FaultTally {
            fault,
            hits: self.planes.hits(fault),
            spared: self.planes.spared(fault),
        };
        let desk = &mut self.faults[fault];
        let wanted = desk.wanted.take();
        let mut told = vec![(at, Some(tally), None)];
        // one that is not seen to be gone does not come again
        desk.stage = Stage::Done;
        match result {
            Ok((verified, detail)) => {
                let event = RunEvent::FaultRemoved {
                    fault,
                    verified,
                    detail,
                };
                let edge = (verified && desk.ended).then_some((fault, Edge::End));
                told.push((at, Some(event), edge));
                if verified && !desk.ended {
                    desk.stage = Stage::Away(at);
                    if let Some(Wanted::In(level)) = wanted {
                        told.extend(self.inject(fault, level));
                    }
                }
            }
            Err(detail) => told.push((at, Some(RunEvent::FaultFailed { fault, detail }), None)),
        }
        told
    }

    /// Faults that are in, or on their way in or out; the latest first.
    pub(super) fn not_yet_out(&self) -> Vec<usize> {
        let open = |f: &&usize| {
            matches!(
                self.faults[**f].stage,
                Stage::Arming | Stage::InForce | Stage::Removing
            )
        };
        self.order.iter().rev().filter(open).copied().collect()
    }

    /// How long the commands that take faults out may last: they run at the same time, each after the
    /// one that puts its fault in.
    pub(super) fn commands_last(&self) -> Duration {
        let each = self.plan.faults.iter().map(|fault| match &fault.effect {
            Effect::Exec(exec) => exec.timeout.saturating_mul(4),
            Effect::Http(_)
            | Effect::Tcp(_)
            | Effect::Tls(_)
            | Effect::Dns(_)
            | Effect::Process(_) => Duration::ZERO,
        });
        each.max().unwrap_or_default()
    }

    /// Tallies of the faults that are in force, for the record.
    pub(super) fn tallies(&self) -> Vec<RunEvent> {
        (0..self.faults.len())
            .filter(|fault| self.faults[*fault].stage != Stage::Waiting)
            .map(|fault| RunEvent::FaultTally {
                fault,
                hits: self.planes.hits(fault),
                spared: self.planes.spared(fault),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
