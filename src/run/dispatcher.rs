//! The dispatcher: one loop that owns the run's state and puts load, faults, probes, signals and
//! ticks into one order.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    faults::{FaultDesk, Leave, Told},
    harness::{Schedule, SelfWatch},
    prepare::{Options, RunError, RunErrorKind, Witnesses},
    stop::StopWatch,
    target::{ManagedTarget, TargetEvent},
    timeline::{Action, Timeline},
    undo,
    waits::Waits,
};
use crate::{
    analysis,
    client::Network,
    event::{BaselineVerdict, RunEvent, StopReason},
    fault::Planes,
    load::{Drained, LoadHandle, LoadSetup},
    measure::{BinDelta, PackedCell},
    plan::{Plan, SeriesId},
    probe::ProbeHandle,
    scenario::model::Edge,
    time::{Clock, Offset},
};

/// How often measurements are collected and written. Real time.
const TICK: Duration = Duration::from_secs(1);

/// The state of a run that has begun.
pub(super) struct Dispatcher {
    plan: Arc<Plan>,
    options: Options,
    clock: Clock,
    witnesses: Witnesses,
    timeline: Timeline,
    faults: FaultDesk,
    target: ManagedTarget,
    load: Option<LoadHandle>,
    probes: ProbeHandle,
    cancel: CancellationToken,
    watch: SelfWatch,
    network: Arc<Network>,
    /// Of the load, since the last tick.
    schedule: Schedule,
    stops: StopWatch,
    waits: Waits,
    /// What the baseline is judged by; packed, for it may last as long as the run, and emptied then.
    baseline: Option<BTreeMap<(u32, SeriesId), PackedCell>>,
    complete: bool,
    stopping: bool,
}

impl Dispatcher {
    pub(super) fn new(
        plan: &Arc<Plan>,
        options: &Options,
        network: &Arc<Network>,
        planes: &Arc<Planes>,
        target: ManagedTarget,
        witnesses: Witnesses,
        clock: Clock,
    ) -> Result<Self, RunError> {
        let internal = |error: &dyn std::fmt::Display| {
            RunError::new(
                RunErrorKind::Internal,
                format!("cannot start the load: {error}"),
            )
        };
        let cancel = CancellationToken::new();
        let load = crate::load::spawn(LoadSetup {
            plan: Arc::clone(plan),
            network: Arc::clone(network),
            clock,
            workers: options.workers,
            cancel: cancel.clone(),
            arrivals: crate::load::planned(plan),
        })
        .map_err(|error| internal(&error))?;
        let probes = crate::probe::spawn(plan, Arc::clone(network), clock, cancel.clone())
            .map_err(|error| internal(&error))?;
        Ok(Self {
            plan: Arc::clone(plan),
            options: options.clone(),
            clock,
            witnesses,
            timeline: Timeline::new(plan),
            faults: FaultDesk::new(Arc::clone(plan), Arc::clone(planes), clock),
            target,
            load: Some(load),
            probes,
            cancel,
            watch: SelfWatch::new(clock, plan),
            network: Arc::clone(network),
            schedule: Schedule::default(),
            stops: StopWatch::new(plan),
            waits: Waits::new(plan),
            baseline: Some(BTreeMap::new()),
            complete: false,
            stopping: false,
        })
    }

    pub(super) fn parts(self) -> (ManagedTarget, Witnesses) {
        (self.target, self.witnesses)
    }

    /// Runs the plan to its end, or to the first reason to stop.
    pub(super) async fn work(&mut self) {
        tokio::time::sleep_until(self.clock.instant(Offset::ZERO)).await;
        self.tell(RunEvent::Started);
        let mut next_tick = Offset::ZERO.plus(TICK);
        while !self.complete && !self.stopping {
            let next_due = self.timeline.next().unwrap_or(next_tick).min(next_tick);
            tokio::select! {
                biased;
                () = self.options.interrupt.raised() => {
                    self.stop(StopReason::Operator, "stopped by the operator".into());
                }
                told = self.faults.next() => self.take_edges(told),
                Some(event) = self.target.next_event() => self.take_target(event),
                () = tokio::time::sleep_until(self.clock.instant(next_due)) => {
                    if self.clock.now() >= next_tick {
                        self.tick().await;
                        next_tick = next_tick.plus(TICK);
                    }
                    while !self.stopping
                        && let Some(action) = self.timeline.pop_due(self.clock.now())
                    {
                        self.act(action).await;
                    }
                }
            }
            if let Some(error) = self.witnesses.failure() {
                let detail = error.to_string();
                self.stop(StopReason::Internal, detail);
            }
        }
    }

    fn tell(&mut self, event: RunEvent) {
        self.witnesses.tell(self.clock.now(), &event);
    }

    fn take_target(&mut self, event: TargetEvent) {
        match event {
            TargetEvent::Told(event) => self.tell(event),
            TargetEvent::GuardianLost => {
                let detail = "the guardian died, so nothing would undo the faults".to_owned();
                self.stop(StopReason::Internal, detail);
            }
        }
    }

    fn take_edges(&mut self, told: impl IntoIterator<Item = Told>) {
        for (at, event, edge) in told {
            if let Some(event) = event {
                self.witnesses.tell(at, &event);
            }
            if let Some((fault, edge)) = edge {
                self.timeline.reached(fault, edge, at);
            }
        }
    }

    fn stop(&mut self, reason: StopReason, detail: String) {
        if !self.stopping {
            self.stopping = true;
            self.tell(RunEvent::Stopping { reason, detail });
        }
    }

    async fn act(&mut self, action: Action) {
        match action {
            Action::Phase(index) => self.tell(RunEvent::Phase { index }),
            Action::JudgeBaseline => {
                // collect what was measured until now first, also when no tick is due
                self.collect().await;
                self.judge_baseline();
            }
            Action::Inject(fault, level) => {
                let told = self.faults.inject(fault, level);
                self.take_edges(told);
            }
            Action::Level(fault, level) => {
                let told = self.faults.level(fault, level).await;
                self.take_edges(told);
            }
            Action::Lift(fault) => {
                let told = self.faults.remove(fault, Leave::ForNow);
                self.take_edges(told);
            }
            Action::Remove(fault) => {
                let told = self.faults.remove(fault, Leave::ForGood);
                self.take_edges(told);
                // one that is over does not begin any more
                self.give_up(fault, Edge::Start);
            }
            Action::Watch(fault, edge) => self.waits.watch(fault, edge, self.clock.now()),
            Action::GiveUp(fault, edge) => {
                let waited = !self.waits.is_over(fault, edge);
                self.give_up(fault, edge);
                if waited && edge == Edge::End {
                    self.timeline.came(fault, edge, self.clock.now());
                }
            }
            Action::End => self.complete = true,
        }
    }

    /// Waits no longer for the condition of an edge, if it has one.
    fn give_up(&mut self, fault: usize, edge: Edge) {
        if let Some(event) = self.waits.give_up(fault, edge) {
            self.tell(event);
        }
    }

    /// Once a second: collect, look at ourselves, and look for a reason to stop.
    async fn tick(&mut self) {
        let (delta, blocked) = self.collect().await;
        let now = self.clock.now();
        if let Some(text) = self.stops.take(now, TICK, &delta) {
            self.stop(StopReason::Condition, text);
        }
        for (fault, edge, event) in self.waits.take(now, TICK, &delta) {
            self.tell(event);
            self.timeline.came(fault, edge, now);
        }
        if let Some(detail) = blocked {
            self.stop(StopReason::Guard, detail);
        }
        let schedule = std::mem::take(&mut self.schedule);
        let harness = self.watch.tick(&schedule, &self.network);
        self.tell(RunEvent::Harness(harness));
        for event in self.faults.tallies() {
            self.tell(event);
        }
    }

    async fn collect(&mut self) -> (BinDelta, Option<String>) {
        match &self.load {
            Some(load) => {
                let drained = load.drain().await;
                self.take_in(drained)
            }
            None => self.take_in(Drained::default()),
        }
    }

    fn take_in(&mut self, mut drained: Drained) -> (BinDelta, Option<String>) {
        let mut delta = std::mem::take(&mut drained.delta);
        let blocked = drained.blocked.take();
        let failed = drained.failed.take();
        self.schedule.take_in(drained);
        let probed = self.probes.drain();
        delta.cells.extend(probed.cells);
        delta.journeys.extend(probed.journeys);
        if let Some(baseline) = &mut self.baseline {
            for cell in &delta.cells {
                let sum = baseline.entry((cell.bin, cell.series)).or_default();
                sum.merge(&cell.into());
            }
        }
        if !delta.cells.is_empty() || !delta.journeys.is_empty() {
            self.tell(RunEvent::Measured(delta.clone()));
        }
        if let Some(detail) = failed {
            self.stop(StopReason::Internal, detail);
        }
        (delta, blocked)
    }

    fn judge_baseline(&mut self) {
        let Some(cells) = self.baseline.take() else {
            return;
        };
        let (verdict, result) = analysis::judge_baseline(&self.plan, &cells);
        let detail = result.detail;
        self.tell(RunEvent::Baseline {
            verdict,
            detail: detail.clone(),
        });
        match verdict {
            BaselineVerdict::Good | BaselineVerdict::Waived => {}
            BaselineVerdict::BelowSteadyState | BaselineVerdict::Unsteady => {
                self.stop(StopReason::Baseline, detail);
            }
        }
    }

    /// Stops the load, takes every fault out, collects the rest. Returns the last instant and
    /// whether the run was complete.
    pub(super) async fn undo(&mut self) -> (Offset, bool) {
        if self.stopping {
            self.cancel.cancel();
        }
        undo::take_out(&mut self.faults, &mut self.witnesses, self.clock).await;
        if !self.stopping {
            self.wait_for_last_answers().await;
        }
        self.cancel.cancel();
        if let Some(load) = self.load.take() {
            let drained = load.finish().await;
            self.take_in(drained);
        }
        for event in self.faults.tallies() {
            self.tell(event);
        }
        (self.clock.now(), self.complete && !self.stopping)
    }

    /// What was sent before the end may still be answered until the longest client timeout; a
    /// second Ctrl-C is not needed to shorten this: the first one does.
    async fn wait_for_last_answers(&mut self) {
        let longest = self.plan.populations.iter().map(|p| p.client.timeout).max();
        let deadline = Instant::now() + longest.unwrap_or_default();
        let mut ticks = tokio::time::interval(TICK);
        ticks.tick().await;
        loop {
            self.collect().await;
            if self.schedule.in_flight == 0 || Instant::now() >= deadline {
                return;
            }
            tokio::select! {
                _ = ticks.tick() => {}
                () = self.options.interrupt.raised() => return,
                Some(event) = self.target.next_event() => self.take_target(event),
            }
        }
    }
}
