//! One launched process and its lives.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    guardian::{
        ControlGroup, ExitStatus, Guardian, GuardianError, JournalId, LaunchSpec, Pid, Process,
        Signal,
    },
    plan::model::{LaunchPlan, LivenessPlan, ProbePlan},
    units::Span,
};

use super::{Backoff, Cause, LaunchError, Notice, Prober, log, own::Own};

/// How often a starting process is asked whether it is ready.
const ASK: Duration = Duration::from_millis(50);
/// How long it may take to answer that.
const ANSWER: Duration = Duration::from_secs(1);
/// How long a process may take to end when it is asked to.
const GRACE: Duration = Duration::from_millis(500);

/// A process, its plan, and what others may know of it.
pub(super) struct Ward {
    pub(super) plan: LaunchPlan,
    /// The service's name.
    pub(super) name: String,
    pub(super) log: PathBuf,
    pub(super) guardian: Arc<Guardian>,
    pub(super) prober: Arc<dyn Prober>,
    pub(super) notices: mpsc::UnboundedSender<(Instant, Notice)>,
    pub(super) stop: CancellationToken,
    /// The process, while it runs.
    pub(super) running: watch::Sender<Option<Pid>>,
    pub(super) marks: Mutex<Marks>,
    pub(super) held: watch::Sender<Held>,
    /// The control groups that each life is taken into; none unless a fault needs them.
    pub(super) groups: OnceLock<Vec<ControlGroup>>,
    /// What it has for itself alone.
    pub(super) own: Own,
}

/// How faults hold the process, over all its lives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// It is kept down.
    pub(super) down: bool,
    /// It is killed each time that it has become ready.
    pub(super) crashing: bool,
}

/// What faults did to the current life.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// It was killed.
    pub(super) killed: bool,
    /// It was told to end.
    pub(super) told_to_end: bool,
    /// It is paused, says this entry of the journal.
    pub(super) paused: Option<JournalId>,
}

/// How a life ended, or what the ward does about it.
enum End {
    /// The process ended.
    Exited(ExitStatus, Cause),
    /// It never became ready, and was killed.
    NeverReady { seen: String, status: ExitStatus },
    /// The guardian was lost.
    Lost,
}

impl Ward {
    /// Lives one life after the other until it is told to stop. Tells `first` whether the first
    /// life became ready; unless it did, there is no second.
    pub(super) async fn watch_over(
        self: Arc<Self>,
        first: oneshot::Sender<Result<(), LaunchError>>,
    ) {
        let mut first = Some(first);
        let mut backoff = Backoff::new(self.plan.restart_after);
        let mut restarts = 0;
        while !self.stop.is_cancelled() {
            if !self.until_free().await {
                return;
            }
            let born = Instant::now();
            match self.guardian.launch(self.spec()).await {
                Ok(process) => {
                    let pid = process.pid;
                    for group in self.groups.get().into_iter().flatten() {
                        // when it is to be limited, it is looked whether it is in there
                        let _ = group.admit(pid);
                    }
                    self.begin(pid, restarts);
                    let end = self.live(process, born, &mut first).await;
                    if !self.bury(end, first.take()).await {
                        return;
                    }
                }
                Err(error) => {
                    let lost = matches!(error, GuardianError::Lost);
                    if let Some(first) = first.take() {
                        let _ = first.send(Err(self.not_started(error)));
                        return;
                    }
                    if lost {
                        return;
                    }
                    self.tell(Notice::StartFailed {
                        service: self.plan.service,
                        detail: error.to_string(),
                    });
                }
            }
            restarts += 1;
            if self.held.borrow().down {
                // it is started the moment that it is released
                continue;
            }
            tokio::select! {
                () = sleep(backoff.wait(born.elapsed())) => {}
                () = self.stop.cancelled() => return,
            }
        }
    }

    /// Waits while a fault keeps it down; false when it is to stop for good.
    async fn until_free(&self) -> bool {
        let mut held = self.held.subscribe();
        tokio::select! {
            // the sender lives in `self`, so waiting cannot fail
            _ = held.wait_for(|held| !held.down) => true,
            () = self.stop.cancelled() => false,
        }
    }

    /// Returns when a fault wants it to crash. The mark is set before.
    async fn until_doomed(&self) {
        let mut held = self.held.subscribe();
        let _ = held.wait_for(|held| held.crashing).await;
        self.marks().killed = true;
    }

    fn spec(&self) -> LaunchSpec {
        LaunchSpec {
            command: self.own.command(&self.plan.command),
            env: self.plan.env.clone(),
            directory: self.plan.directory.clone(),
            log: self.log.clone(),
            errand: false,
        }
    }

    fn begin(&self, pid: Pid, restarts: u32) {
        self.running.send_replace(Some(pid));
        self.tell(Notice::Started {
            service: self.plan.service,
            pid,
            restarts,
        });
    }

    /// From start to end.
    async fn live(
        &self,
        process: Process,
        born: Instant,
        first: &mut Option<oneshot::Sender<Result<(), LaunchError>>>,
    ) -> End {
        let Process { pid, mut exited } = process;
        tokio::select! {
            biased;
            status = &mut exited => return self.own_end(status.ok()),
            () = self.stop.cancelled() => return self.end_it(pid, exited).await,
            ready = self.become_ready(pid, born) => if let Err(seen) = ready {
                return match self.kill(pid, exited).await {
                    Some(status) => End::NeverReady { seen, status },
                    None => End::Lost,
                };
            }
        }
        self.tell(Notice::Ready {
            service: self.plan.service,
            took: born.elapsed(),
        });
        if let Some(first) = first.take() {
            let _ = first.send(Ok(()));
        }
        tokio::select! {
            biased;
            status = &mut exited => self.own_end(status.ok()),
            () = self.stop.cancelled() => self.end_it(pid, exited).await,
            () = self.until_doomed() => match self.kill(pid, exited).await {
                Some(status) => self.own_end(Some(status)),
                None => End::Lost,
            },
            paused = self.until_judged_dead() => {
                let cause = if paused { Cause::Injected } else { Cause::Liveness };
                match self.kill(pid, exited).await {
                    Some(status) if self.marks().killed => self.own_end(Some(status)),
                    Some(status) => End::Exited(status, cause),
                    None => End::Lost,
                }
            }
        }
    }

    /// An end that this ward did not bring about: a fault did, or nobody.
    fn own_end(&self, status: Option<ExitStatus>) -> End {
        let sigkill = ExitStatus::Signal(rustix::process::Signal::KILL.as_raw());
        match status {
            None => End::Lost,
            // it may have crashed just before the fault reached it
            Some(status) if status == sigkill && self.marks().killed => {
                End::Exited(status, Cause::Injected)
            }
            Some(status) if self.marks().told_to_end => End::Exited(status, Cause::Injected),
            // others were told to end already: it may have missed them
            Some(status) if self.stop.is_cancelled() => End::Exited(status, Cause::Shutdown),
            Some(status) => End::Exited(status, Cause::Own),
        }
    }

    /// Asks until it is ready; `Err` with what was seen last when time is up.
    async fn become_ready(&self, pid: Pid, born: Instant) -> Result<(), String> {
        let deadline = born + self.plan.ready_within;
        let mut seen = "it was never asked".to_owned();
        while Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = self.ask(self.plan.ready.as_ref(), left.min(ANSWER)).await;
            match answer {
                // what answers may be another's; a disk is there once it has been made
                Ok(()) => match self.own.hold(pid) {
                    Ok(()) => return Ok(()),
                    Err(why) => seen = why,
                },
                Err(what) => seen = what,
            }
            sleep(ASK).await;
        }
        Err(seen)
    }

    /// Sends one probe, and holds the prober to the time that it has.
    async fn ask(&self, probe: Option<&ProbePlan>, patience: Duration) -> Result<(), String> {
        timeout(patience, self.prober.ask(&self.plan, probe, patience))
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {}", Span(patience))))
    }

    /// Returns when it failed too many liveness probes in a row: whether a pause of ours had a part
    /// in that. Never returns without a liveness plan.
    async fn until_judged_dead(&self) -> bool {
        let Some(liveness) = &self.plan.liveness else {
            return std::future::pending().await;
        };
        let LivenessPlan {
            get,
            every,
            timeout,
            failures,
        } = liveness;
        // a plan never holds zero, which a timer would not take
        let every = (*every).max(Duration::from_millis(1));
        let mut ticks = interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut in_a_row = 0;
        let mut paused = false;
        loop {
            ticks.tick().await;
            let paused_before = self.marks().paused.is_some();
            match self.ask(Some(get), *timeout).await {
                Ok(()) => (in_a_row, paused) = (0, false),
                Err(seen) => {
                    in_a_row += 1;
                    paused |= paused_before || self.marks().paused.is_some();
                    let service = self.plan.service;
                    self.tell(Notice::LivenessFailed {
                        service,
                        in_a_row,
                        seen,
                    });
                    if in_a_row >= *failures {
                        return paused;
                    }
                }
            }
        }
    }

    /// Kills it at once; `None` when the guardian is lost.
    async fn kill(&self, pid: Pid, exited: oneshot::Receiver<ExitStatus>) -> Option<ExitStatus> {
        // when it has just ended by itself, how it ended tells so
        let _ = self.guardian.signal(pid, Signal::Kill).await;
        exited.await.ok()
    }

    /// Asks it to end, and insists.
    async fn end_it(&self, pid: Pid, mut exited: oneshot::Receiver<ExitStatus>) -> End {
        let _ = self.guardian.signal(pid, Signal::Terminate).await;
        // a paused one must run to obey
        let _ = self.guardian.signal(pid, Signal::Continue).await;
        let status = match timeout(GRACE, &mut exited).await {
            Ok(status) => status.ok(),
            Err(_) => self.kill(pid, exited).await,
        };
        status.map_or(End::Lost, |status| End::Exited(status, Cause::Shutdown))
    }

    /// Tells of an end. Returns whether there is to be another life.
    async fn bury(
        &self,
        end: End,
        first: Option<oneshot::Sender<Result<(), LaunchError>>>,
    ) -> bool {
        let service = self.plan.service;
        self.running.send_replace(None);
        let marks = std::mem::take(&mut *self.marks());
        if let Some(entry) = marks.paused {
            // what is dead is not paused; the guardian knows that too, should this fail
            let _ = self.guardian.undone(entry).await;
        }
        let (status, cause) = match &end {
            End::Exited(status, cause) => (*status, *cause),
            End::NeverReady { seen, status } => {
                let within = Span(self.plan.ready_within);
                let seen = format!("not ready within {within}: {seen}");
                self.tell(Notice::LivenessFailed {
                    service,
                    in_a_row: 1,
                    seen,
                });
                (*status, Cause::Liveness)
            }
            End::Lost => return false,
        };
        self.tell(Notice::Exited {
            service,
            status,
            cause,
        });
        if let Some(first) = first {
            let _ = first.send(Err(self.stillborn(end)));
            return false;
        }
        match cause {
            // what is kept down is started when it is released
            Cause::Own | Cause::Injected => self.plan.restart || self.held.borrow().down,
            Cause::Liveness => true,
            Cause::Shutdown => false,
        }
    }

    /// Why there was no first life.
    fn not_started(&self, error: GuardianError) -> LaunchError {
        match error {
            GuardianError::Refused(reason) => LaunchError::Start {
                service: self.name.clone(),
                reason: reason.to_string(),
            },
            error => error.into(),
        }
    }

    /// Why the first life never became ready.
    fn stillborn(&self, end: End) -> LaunchError {
        let service = self.name.clone();
        match end {
            End::Exited(_, Cause::Shutdown) => LaunchError::Stopped,
            End::Exited(status, Cause::Own | Cause::Liveness | Cause::Injected) => {
                LaunchError::Died {
                    service,
                    status,
                    log: log::tail(&self.log),
                }
            }
            End::NeverReady { seen, .. } => LaunchError::NotReady {
                service,
                within: self.plan.ready_within,
                seen,
                log: log::tail(&self.log),
            },
            End::Lost => LaunchError::Guardian(GuardianError::Lost),
        }
    }

    fn tell(&self, notice: Notice) {
        // a run that listens no more is ending
        let _ = self.notices.send((Instant::now(), notice));
    }

    /// Nothing panics while it holds this lock, so what it guards is whole.
    pub(super) fn marks(&self) -> MutexGuard<'_, Marks> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
