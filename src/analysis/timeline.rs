//! When things really happened, as against when they were planned.

use std::time::Duration;

use crate::{
    event::{BaselineVerdict, ExitCause, RunEvent, StopReason},
    plan::{PlacePlan, Plan, Point, ServiceId, Trigger, whole_list},
    record::Record,
    scenario::model::{Edge, Effect},
    time::Offset,
};

/// How the run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// At its intended end.
    Complete,
    /// Early, on purpose.
    Stopped {
        /// Why.
        reason: StopReason,
        /// For people.
        detail: String,
    },
    /// Nobody knows: the record has no end.
    CutOff {
        /// What was found there.
        detail: String,
    },
}

/// The edges of a fault as they were.
#[derive(Debug, Clone, Default)]
pub(crate) struct FaultTimes {
    /// Acknowledged injection (t0), the first one.
    pub(crate) injected: Option<Offset>,
    /// Each time that it was in force, from its injection to its removal.
    pub(crate) spells: Vec<(Offset, Option<Offset>)>,
    /// Removal (t1, if verified), the last one; `None` while it is in force.
    pub(crate) removed: Option<Offset>,
    /// Whether the removal was looked at and seen.
    pub(crate) verified: bool,
    /// How, or what went wrong.
    pub(crate) detail: String,
    /// What could not be done.
    pub(crate) failed: Option<String>,
    /// What became of the condition that its start waited for.
    pub(crate) condition: Option<String>,
    /// What became of the one that its end waited for.
    pub(crate) end_condition: Option<String>,
    /// What it met.
    pub(crate) hits: u64,
    /// What it was meant for and could do nothing to.
    pub(crate) spared: u64,
}

/// The run's events, looked up.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    /// By fault.
    pub(crate) faults: Vec<FaultTimes>,
    /// How the run ended.
    pub(crate) ending: Ending,
    /// The last instant that was observed, at most the plan's end.
    pub(crate) end: Offset,
    /// How the baseline was judged during the run.
    pub(crate) baseline: Option<(BaselineVerdict, String)>,
    /// When launched processes were gone: service, from, to.
    pub(crate) absent: Vec<(String, Offset, Offset)>,
}

/// Why a point of the run is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// For people.
    pub(crate) reason: String,
}

impl Timeline {
    /// Reads the events of a record.
    pub(crate) fn new(record: &Record) -> Self {
        let plan = &record.header.plan;
        let mut faults = vec![FaultTimes::default(); plan.faults.len()];
        let mut baseline = None;
        let mut stopping = None;
        let mut ended = None;
        for (at, event) in &record.events {
            note_fault(&mut faults, *at, event);
            match event {
                RunEvent::Baseline { verdict, detail } => {
                    baseline = Some((*verdict, detail.clone()));
                }
                // the first reason is the cause; later ones follow from it
                RunEvent::Stopping { reason, detail } if stopping.is_none() => {
                    stopping = Some((*at, *reason, detail.clone()));
                }
                RunEvent::Ended { complete } => ended = Some((*at, *complete)),
                _ => {}
            }
        }
        for (times, fault) in faults.iter_mut().zip(&plan.faults) {
            // a kill is over as soon as it is done
            if fault.end.is_none() && times.removed.is_none() && times.injected.is_some() {
                times.removed = times.injected;
                times.verified = true;
                for (from, to) in &mut times.spells {
                    to.get_or_insert(*from);
                }
            }
        }
        let last = record.events.last().map_or(Offset::ZERO, |(at, _)| *at);
        let (ending, end) = match (stopping, ended, &record.cut_off) {
            (Some((at, reason, detail)), ..) => (Ending::Stopped { reason, detail }, at),
            (None, Some((_, true)), _) => (Ending::Complete, Offset(plan.length)),
            (None, _, Some(cut)) => {
                let detail = cut.detail.clone();
                (Ending::CutOff { detail }, cut.at)
            }
            (None, Some((at, false)), None) => {
                let detail = "it ended early without a reason".to_owned();
                (Ending::CutOff { detail }, at)
            }
            (None, None, None) => {
                let detail = "it has no end".to_owned();
                (Ending::CutOff { detail }, last)
            }
        };
        let end = end.min(Offset(plan.length));
        Self {
            absent: absences(record, end),
            faults,
            ending,
            end,
            baseline,
        }
    }

    /// When a point of the run was.
    ///
    /// # Errors
    /// When it is an edge of a fault that did not happen, or is not known to have happened.
    pub(crate) fn resolve(&self, plan: &Plan, point: &Point) -> Result<Offset, Missing> {
        let (fault, others, edge, plus) = match point {
            Point::At(at) => return Ok(*at),
            Point::Fault {
                fault,
                others,
                edge,
                plus,
            } => (*fault, others, *edge, *plus),
        };
        let each = whole_list(fault, others).into_iter();
        let each: Result<Vec<Offset>, Missing> = each.map(|f| self.edge(plan, f, edge)).collect();
        let each = each?.into_iter();
        let at = match edge {
            Edge::Start => each.min(),
            Edge::End => each.max(),
        };
        Ok(at.unwrap_or_default().plus(plus))
    }

    /// When a fault came to an edge.
    fn edge(&self, plan: &Plan, fault: usize, edge: Edge) -> Result<Offset, Missing> {
        let missing = |reason| Err(Missing { reason });
        let (Some(times), Some(planned)) = (self.faults.get(fault), plan.faults.get(fault)) else {
            return missing(format!("the plan has no fault number {fault}"));
        };
        let name = &planned.name;
        if let Some(why) = &times.failed {
            return missing(format!("{name} failed: {why}"));
        }
        match (edge, times.injected, times.removed) {
            (_, None, _) => missing(format!("{name} {}", self.never(plan, fault))),
            (Edge::Start, Some(at), _) => Ok(at),
            (Edge::End, _, None) => missing(format!("{name} was never removed")),
            (Edge::End, _, Some(_)) if !times.verified => {
                missing(format!("the removal of {name} was not verified"))
            }
            (Edge::End, _, Some(at)) => Ok(at),
        }
    }

    /// That a fault was never put in, and why, as far as it is known.
    pub(crate) fn never(&self, plan: &Plan, fault: usize) -> String {
        let why = self.why_never(plan, fault).unwrap_or_default();
        format!("was never put in{why}")
    }

    /// Why a fault was never put in, as the end of a sentence; `None` = nobody knows.
    pub(crate) fn why_never(&self, plan: &Plan, fault: usize) -> Option<String> {
        let (times, planned) = (self.faults.get(fault)?, plan.faults.get(fault)?);
        match (&times.condition, &planned.start) {
            (Some(why), _) => Some(format!(": {why}")),
            (None, Trigger::When { condition, .. }) => {
                Some(format!(": {} was not seen", condition.text))
            }
            (None, Trigger::After { fault, others, .. }) => {
                let awaited = whole_list(*fault, others);
                let absent = |f: &usize| self.faults.get(*f).is_some_and(|f| f.injected.is_none());
                let other = plan.fault_name(*fault, others);
                let all = awaited.iter().all(absent);
                all.then(|| format!(", as {other} was not"))
            }
            (None, Trigger::At(_)) => None,
        }
    }

    /// Each time that a fault was in force; to the end of the run when it was not removed.
    pub(crate) fn spells(&self, fault: usize) -> impl Iterator<Item = (Offset, Offset)> + '_ {
        let spells = self.faults.get(fault).map_or(&[][..], |f| &f.spells);
        let end = self.end;
        spells
            .iter()
            .map(move |(from, to)| (*from, to.unwrap_or(end).max(*from)))
    }

    /// The time from when a fault was first in force to when it was out for good; to the end of the
    /// run when it was not removed.
    pub(crate) fn in_force(&self, fault: usize) -> Option<(Offset, Offset)> {
        let times = self.faults.get(fault)?;
        let from = times.injected?;
        Some((from, times.removed.unwrap_or(self.end).max(from)))
    }

    /// The time in which any of several faults was in force, from the first start to the last end.
    pub(crate) fn any_in_force(&self, faults: &[usize]) -> Option<(Offset, Offset)> {
        let each = || faults.iter().filter_map(|fault| self.in_force(*fault));
        let from = each().map(|(from, _)| from).min()?;
        Some((from, each().map(|(_, to)| to).max()?))
    }

    /// The instants at which what the target sees may change at once.
    pub(crate) fn edges<'a>(&'a self, plan: &'a Plan) -> impl Iterator<Item = Offset> + 'a {
        let spells = self.faults.iter().flat_map(|f| &f.spells);
        let faults = spells.flat_map(|(from, to)| [Some(*from), *to]);
        let phases = plan.phases.iter().map(|p| Some(p.from));
        faults.chain(phases).flatten()
    }

    /// Whether a process fault of ours was on `service` at `at`, or had been within `reach`.
    pub(crate) fn tampered(
        &self,
        plan: &Plan,
        service: ServiceId,
        at: Offset,
        reach: Duration,
    ) -> bool {
        plan.faults.iter().enumerate().any(|(i, fault)| {
            fault.place == PlacePlan::Process(service)
                && matches!(fault.effect, Effect::Process(effect) if effect.takes_away())
                && self
                    .spells(i)
                    .any(|(from, to)| from <= at && at <= to.plus(reach))
        })
    }
}

fn note_fault(faults: &mut [FaultTimes], at: Offset, event: &RunEvent) {
    match event {
        RunEvent::FaultInjected { fault } => {
            if let Some(times) = faults.get_mut(*fault) {
                times.injected.get_or_insert(at);
                times.spells.push((at, None));
                // it is in again: what was seen of an earlier removal says nothing any more
                times.removed = None;
                times.verified = false;
            }
        }
        RunEvent::FaultRemoved {
            fault,
            verified,
            detail,
        } => {
            if let Some(times) = faults.get_mut(*fault) {
                // a second try may verify what the first could not
                if !times.verified {
                    times.removed = Some(at);
                    times.verified = *verified;
                    times.detail.clone_from(detail);
                    if let Some((_, to)) = times.spells.last_mut() {
                        *to = Some(at);
                    }
                }
            }
        }
        RunEvent::FaultFailed { fault, detail } => {
            if let Some(times) = faults.get_mut(*fault) {
                times.failed = Some(detail.clone());
            }
        }
        RunEvent::FaultCondition {
            fault,
            edge,
            detail,
            ..
        } => {
            if let Some(times) = faults.get_mut(*fault) {
                match edge {
                    Edge::Start => times.condition = Some(detail.clone()),
                    Edge::End => times.end_condition = Some(detail.clone()),
                }
            }
        }
        RunEvent::FaultTally {
            fault,
            hits,
            spared,
        } => {
            if let Some(times) = faults.get_mut(*fault) {
                times.hits = times.hits.max(*hits);
                times.spared = times.spared.max(*spared);
            }
        }
        _ => {}
    }
}

/// From each exit to the next start of the same service.
fn absences(record: &Record, end: Offset) -> Vec<(String, Offset, Offset)> {
    let mut absent: Vec<(String, Offset, Offset)> = Vec::new();
    for (at, event) in &record.events {
        match event {
            RunEvent::ProcessExited { service, cause, .. } if *cause != ExitCause::Shutdown => {
                absent.push((service.clone(), *at, end));
            }
            RunEvent::ProcessStarted { service, .. } => {
                for (who, _, to) in &mut absent {
                    if who == service && *to == end {
                        *to = *at;
                    }
                }
            }
            _ => {}
        }
    }
    absent
}
