//! All launched processes of a run.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{
    guardian::{
        ControlGroup, Guardian, GuardianError, Limits, Pid, ProcessState, Signal, Undo,
        protocol::Refusal,
    },
    plan::model::{LaunchPlan, Plan, ServiceId},
    units::Ratio,
};

use super::{
    ControlError, DiskUse, LaunchError, Notice, Notices, Prober,
    own::Own,
    ports,
    ward::{Held, Marks, Ward},
};

/// How long a process may take to be seen killed, paused or resumed.
const SEEN_WITHIN: Duration = Duration::from_secs(2);
/// How long a process may take to end when a fault tells it to; after that it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What a supervisor needs.
pub struct LaunchSetup {
    /// The processes in the order in which to start them, each with its service's name.
    pub processes: Vec<(String, LaunchPlan)>,
    /// The parent of all processes.
    pub guardian: Arc<Guardian>,
    /// Asks whether a process is well.
    pub prober: Arc<dyn Prober>,
    /// Folder for the processes' output, one file each; made when missing.
    pub logs: PathBuf,
    /// brownout, which makes what a process has for itself alone.
    pub executable: PathBuf,
    /// What names our DNS servers to processes that shall ask them.
    pub resolv_conf: Option<PathBuf>,
}

impl LaunchSetup {
    /// What `plan` launches.
    #[must_use]
    pub fn of(
        plan: &Plan,
        guardian: Arc<Guardian>,
        prober: Arc<dyn Prober>,
        logs: PathBuf,
        executable: &Path,
    ) -> Self {
        let name = |launch: &LaunchPlan| match plan.services.get(usize::from(launch.service.0)) {
            Some(service) => service.name.clone(),
            // only a plan that was not made by the planner
            None => format!("service {}", launch.service.0),
        };
        Self {
            processes: plan.launch.iter().map(|p| (name(p), p.clone())).collect(),
            guardian,
            prober,
            logs,
            executable: executable.to_owned(),
            resolv_conf: None,
        }
    }
}

/// Starts, watches, restarts and ends the launched processes of a run.
///
/// [`Self::shutdown`] ends them; should it never be called, the guardian does when it is dropped.
pub struct Supervisor {
    wards: Vec<Arc<Ward>>,
    guardian: Arc<Guardian>,
    logs: PathBuf,
    stop: CancellationToken,
    tasks: tokio::sync::Mutex<JoinSet<()>>,
    notices: mpsc::UnboundedSender<(Instant, Notice)>,
}

impl Supervisor {
    /// Prepares; starts nothing.
    #[must_use]
    pub fn new(setup: LaunchSetup) -> (Self, Notices) {
        let LaunchSetup {
            processes,
            guardian,
            prober,
            logs,
            executable,
            resolv_conf,
        } = setup;
        let (notices, inbox) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let wards = processes
            .into_iter()
            .map(|(name, plan)| {
                Arc::new(Ward {
                    log: logs.join(format!("{name}.log")),
                    own: Own::new(&executable, resolv_conf.as_deref(), &plan),
                    plan,
                    name,
                    guardian: Arc::clone(&guardian),
                    prober: Arc::clone(&prober),
                    notices: notices.clone(),
                    stop: stop.clone(),
                    running: watch::Sender::new(None),
                    marks: Mutex::new(Marks::default()),
                    held: watch::Sender::new(Held::default()),
                    groups: OnceLock::new(),
                })
            })
            .collect();
        let supervisor = Self {
            wards,
            guardian,
            logs,
            stop,
            tasks: tokio::sync::Mutex::new(JoinSet::new()),
            notices,
        };
        (supervisor, inbox)
    }

    /// Starts the processes in the plan's order, each when the one before is ready. Cancel safe:
    /// when it is dropped half-way, [`Self::shutdown`] ends what was started.
    ///
    /// # Errors
    /// When one cannot be started or does not become ready; everything was ended again then.
    pub async fn start(&self) -> Result<(), LaunchError> {
        let busy = ports::busy(self.wards.iter().map(|w| (w.name.clone(), w.plan.listens)));
        if !busy.is_empty() {
            return Err(LaunchError::PortBusy(busy));
        }
        if !self.wards.is_empty() {
            std::fs::create_dir_all(&self.logs).map_err(LaunchError::Logs)?;
        }
        self.watch_guardian().await;
        for ward in &self.wards {
            let (tell, told) = oneshot::channel();
            self.tasks
                .lock()
                .await
                .spawn(Arc::clone(ward).watch_over(tell));
            let ready = told.await.unwrap_or_else(|_| {
                Err(if self.stop.is_cancelled() {
                    LaunchError::Stopped
                } else {
                    LaunchError::Guardian(GuardianError::Lost)
                })
            });
            if let Err(error) = ready {
                self.shutdown().await;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Tells when the guardian is lost.
    async fn watch_guardian(&self) {
        let notices = self.notices.clone();
        let (lost, stop) = (self.guardian.lost(), self.stop.clone());
        self.tasks.lock().await.spawn(async move {
            tokio::select! {
                () = lost.cancelled() => {
                    let _ = notices.send((Instant::now(), Notice::GuardianLost));
                }
                () = stop.cancelled() => {}
            }
        });
    }

    /// Whether `service` is one of the launched processes.
    #[must_use]
    pub fn launched(&self, service: ServiceId) -> bool {
        self.ward(service).is_ok()
    }

    /// Kills a process's group with SIGKILL, and returns when it has ended. Its ward starts it again,
    /// as it would after a crash, but its end is [`Cause::Injected`](super::Cause::Injected).
    ///
    /// # Errors
    /// [`ControlError::NotRunning`] when it was down already.
    pub async fn kill(&self, service: ServiceId) -> Result<(), ControlError> {
        let ward = self.ward(service)?;
        let mut running = ward.running.subscribe();
        let pid = (*running.borrow_and_update()).ok_or(ControlError::NotRunning)?;
        let entry = self
            .guardian
            .journal(Undo::None, &format!("kill {}", ward.name))
            .await?;
        ward.marks().killed = true;
        let sent = self.guardian.signal(pid, Signal::Kill).await;
        if sent.is_err() {
            // the mark must not pass to the next life
            ward.marks().killed = false;
        }
        let ended = running.wait_for(|now| *now != Some(pid));
        let ended = timeout(SEEN_WITHIN, ended).await.is_ok();
        self.guardian.undone(entry).await?;
        sent.map_err(gone)?;
        if ended {
            Ok(())
        } else {
            Err(ControlError::NotSeen("killed"))
        }
    }

    /// Stops a process's group with SIGSTOP, and returns when all of it was seen to be stopped.
    ///
    /// # Errors
    /// [`ControlError::NotRunning`] when it is down; [`ControlError::NotSeen`] when it was not seen to stop within 2 s. It may be paused then: resume it.
    pub async fn pause(&self, service: ServiceId) -> Result<(), ControlError> {
        let ward = self.ward(service)?;
        let pid = ward.pid().ok_or(ControlError::NotRunning)?;
        if ward.marks().paused.is_none() {
            let undo = Undo::Continue { pid };
            let entry = self
                .guardian
                .journal(undo, &format!("pause {}", ward.name))
                .await?;
            ward.marks().paused = Some(entry);
        }
        if let Err(error) = self.guardian.signal(pid, Signal::Stop).await {
            // nothing was done, so there is nothing to undo
            self.unmark(ward).await?;
            return Err(gone(error));
        }
        self.until(pid, "paused", |state| state == ProcessState::Stopped)
            .await
    }

    /// Continues a process's group with SIGCONT, and returns when it was seen to run. When the
    /// process ended while it was paused there is nothing to do, and that is fine.
    ///
    /// # Errors
    /// [`ControlError::NotSeen`] when it was not seen to run within 2 s.
    pub async fn resume(&self, service: ServiceId) -> Result<(), ControlError> {
        let ward = self.ward(service)?;
        let Some(pid) = ward.pid() else {
            return Ok(());
        };
        match self
            .guardian
            .signal(pid, Signal::Continue)
            .await
            .map_err(gone)
        {
            Ok(()) => {}
            Err(ControlError::NotRunning) => return Ok(()),
            Err(error) => return Err(error),
        }
        self.until(pid, "resumed", |state| state != ProcessState::Stopped)
            .await?;
        self.unmark(ward).await
    }

    /// Ends a process's group with SIGTERM, and with SIGKILL after 10 s; returns when it has ended. Its ward
    /// starts it again.
    ///
    /// # Errors
    /// [`ControlError::NotRunning`] when it was down already.
    pub async fn restart(&self, service: ServiceId) -> Result<(), ControlError> {
        self.tell_to_end(self.ward(service)?, "restart").await
    }

    /// Ends a process as [`Self::restart`] does and keeps it down, until [`Self::start_again`].
    ///
    /// # Errors
    /// [`ControlError::NotSeen`] when it did not end. It is kept down nevertheless.
    pub async fn keep_down(&self, service: ServiceId) -> Result<(), ControlError> {
        let ward = self.ward(service)?;
        ward.held.send_modify(|held| held.down = true);
        match self.tell_to_end(ward, "stop").await {
            // it was down, and stays so
            Err(ControlError::NotRunning) => Ok(()),
            other => other,
        }
    }

    /// Lets its ward start a process that was kept down, and returns when it was started.
    ///
    /// # Errors
    /// [`ControlError::NotSeen`] when it was not within 2 s; its ward goes on trying.
    pub async fn start_again(&self, service: ServiceId) -> Result<(), ControlError> {
        let ward = self.ward(service)?;
        let mut running = ward.running.subscribe();
        ward.held.send_modify(|held| held.down = false);
        match timeout(SEEN_WITHIN, running.wait_for(Option::is_some)).await {
            Ok(_) => Ok(()),
            Err(_) => Err(ControlError::NotSeen("started")),
        }
    }

    /// Kills a process, and again each time that it has become ready, until [`Self::let_live`].
    ///
    /// # Errors
    /// [`ControlError::NotSeen`] when it did not end.
    pub async fn crash_on(&self, service: ServiceId) -> Result<(), ControlError> {
        let ward = self.ward(service)?;
        let killed = self.kill(service).await;
        ward.held.send_modify(|held| held.crashing = true);
        match killed {
            // the next life is killed
            Err(ControlError::NotRunning) => Ok(()),
            other => other,
        }
    }

    /// Lets a process live again.
    ///
    /// # Errors
    /// When it was not launched.
    pub fn let_live(&self, service: ServiceId) -> Result<(), ControlError> {
        let held = &self.ward(service)?.held;
        held.send_modify(|held| held.crashing = false);
        Ok(())
    }

    /// Gives a process control groups of its own, for each of its lives; to be called before it is started.
    /// The guardian takes them away when everything has ended.
    ///
    /// # Errors
    /// [`ControlError::Limit`] with the system's reason.
    pub async fn confine(
        &self,
        service: ServiceId,
        groups: Vec<ControlGroup>,
    ) -> Result<(), ControlError> {
        let ward = self.ward(service)?;
        for group in &groups {
            let undo = Undo::ControlGroup(group.clone());
            let note = format!("control group of {}", ward.name);
            self.guardian.journal(undo, &note).await?;
            let made = group.make();
            made.map_err(|error| ControlError::Limit(format!("{group}: {error}")))?;
        }
        // the first ones given stay
        let _ = ward.groups.set(groups);
        Ok(())
    }

    /// Sets what a process may have of the machine, and returns when that was read back.
    ///
    /// # Errors
    /// [`ControlError::Limit`] with what was seen instead.
    pub async fn limit(&self, service: ServiceId, limits: Limits) -> Result<(), ControlError> {
        let ward = self.ward(service)?;
        let groups = ward.groups.get().cloned().unwrap_or_default();
        let pid = ward.pid();
        let set = move || {
            for group in &groups {
                group.limit(limits)?;
                let held = pid.map_or(Ok(true), |pid| group.holds(pid));
                // without limits it may be anywhere
                if limits != Limits::default() && !held.map_err(|error| error.to_string())? {
                    return Err(format!("the process is not in {group}"));
                }
            }
            Ok(())
        };
        // the kernel may take its time to take memory back
        let set = tokio::task::spawn_blocking(set).await;
        let set = set.unwrap_or_else(|error| Err(error.to_string()));
        set.map_err(ControlError::Limit)
    }

    /// Fills the disk that a process has for itself, until at least `used` of it is in use; `None` takes
    /// away what it was filled with. Returns how it was seen to be then.
    ///
    /// Nothing is journalled: what fills the disk is a file of ours without a name, which goes when this
    /// process ends, however it does.
    ///
    /// # Errors
    /// [`ControlError::Disk`] with what was seen instead.
    pub async fn fill(
        &self,
        service: ServiceId,
        used: Option<Ratio>,
    ) -> Result<DiskUse, ControlError> {
        let ward = Arc::clone(self.ward(service)?);
        // a large disk takes its time
        let filled = tokio::task::spawn_blocking(move || ward.own.fill(used)).await;
        let filled = filled.unwrap_or_else(|error| Err(error.to_string()));
        filled.map_err(ControlError::Disk)
    }

    /// SIGTERM, patience, SIGKILL; returns when it has ended.
    async fn tell_to_end(&self, ward: &Ward, what: &str) -> Result<(), ControlError> {
        let mut running = ward.running.subscribe();
        let pid = (*running.borrow_and_update()).ok_or(ControlError::NotRunning)?;
        let note = format!("{what} {}", ward.name);
        let entry = self.guardian.journal(Undo::None, &note).await?;
        ward.marks().told_to_end = true;
        let mut sent = self.guardian.signal(pid, Signal::Terminate).await;
        if sent.is_err() {
            // the mark must not pass to the next life
            ward.marks().told_to_end = false;
        }
        let mut ended = timeout(GRACE, running.wait_for(|now| *now != Some(pid)))
            .await
            .is_ok();
        if !ended {
            ward.marks().killed = true;
            sent = self.guardian.signal(pid, Signal::Kill).await;
            let gone = running.wait_for(|now| *now != Some(pid));
            ended = timeout(SEEN_WITHIN, gone).await.is_ok();
        }
        self.guardian.undone(entry).await?;
        sent.map_err(gone)?;
        if ended {
            Ok(())
        } else {
            Err(ControlError::NotSeen("ended"))
        }
    }

    /// How a process is; `Gone` while it is down.
    ///
    /// # Errors
    /// When it was not launched, or the guardian does not answer.
    pub async fn state(&self, service: ServiceId) -> Result<ProcessState, ControlError> {
        match self.ward(service)?.pid() {
            Some(pid) => Ok(self.guardian.state(pid).await?),
            None => Ok(ProcessState::Gone),
        }
    }

    /// Ends all processes: SIGTERM, then SIGKILL after 0.5 s. Returns when all have ended and all
    /// notices were given. Safe to call twice.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        let mut tasks = self.tasks.lock().await;
        while tasks.join_next().await.is_some() {}
    }

    fn ward(&self, service: ServiceId) -> Result<&Arc<Ward>, ControlError> {
        self.wards
            .iter()
            .find(|ward| ward.plan.service == service)
            .ok_or(ControlError::NotLaunched)
    }

    async fn unmark(&self, ward: &Ward) -> Result<(), ControlError> {
        let entry = ward.marks().paused.take();
        if let Some(entry) = entry {
            self.guardian.undone(entry).await?;
        }
        Ok(())
    }

    /// Looks until the state is as wanted.
    async fn until(
        &self,
        pid: Pid,
        what: &'static str,
        wanted: impl Fn(ProcessState) -> bool,
    ) -> Result<(), ControlError> {
        let begun = Instant::now();
        loop {
            let state = self.guardian.state(pid).await?;
            if wanted(state) {
                return Ok(());
            }
            if state == ProcessState::Gone {
                return Err(ControlError::NotRunning);
            }
            if begun.elapsed() > SEEN_WITHIN {
                return Err(ControlError::NotSeen(what));
            }
            sleep(LOOK).await;
        }
    }
}

impl Ward {
    fn pid(&self) -> Option<Pid> {
        *self.running.borrow()
    }
}

fn gone(error: GuardianError) -> ControlError {
    match error {
        GuardianError::Refused(Refusal::Gone) => ControlError::NotRunning,
        error => error.into(),
    }
}
