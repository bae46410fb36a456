//! The process plane: signals to launched processes, through whoever launched them.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::Instant;

use super::{FaultError, Injector, Removal, dose::Dose};
use crate::{
    plan::ServiceId,
    scenario::model::ProcessEffect,
    units::{ByteSize, Ratio},
};

/// What a process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProcessState {
    /// It runs (or could).
    Running,
    /// It is stopped by a signal.
    Stopped,
    /// There is none.
    Gone,
}

/// A signal could not be delivered, or a process not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ProcessFailure {
    /// Why.
    pub detail: String,
}

/// What keeps a process from living on, until it is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProcessHold {
    /// It is told to end, and not started again.
    Down,
    /// It is killed each time that it has become ready.
    Crashing,
}

/// What a process may have of the machine; `None` = as much as it wants.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ProcessLimits {
    /// So much of one processor.
    pub cpu: Option<Ratio>,
    /// So much memory.
    pub memory: Option<ByteSize>,
}

impl ProcessLimits {
    /// Both together: the tighter of each.
    fn with(self, other: Self) -> Self {
        let tighter = |one: Option<Ratio>, other: Option<Ratio>| match (one, other) {
            (Some(one), Some(other)) if other.get() < one.get() => Some(other),
            (one, other) => one.or(other),
        };
        Self {
            cpu: tighter(self.cpu, other.cpu),
            memory: self.memory.into_iter().chain(other.memory).min(),
        }
    }
}

/// How much room there is on a process's own disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessRoom {
    /// What it holds.
    pub size: ByteSize,
    /// What is free of that.
    pub free: ByteSize,
}

/// Power over launched processes: each call means the whole process group of a service.
#[async_trait]
pub trait ProcessControl: Send + Sync {
    /// SIGKILL; returns when the signal was delivered.
    ///
    /// # Errors
    /// When it was not.
    async fn kill(&self, service: ServiceId) -> Result<(), ProcessFailure>;

    /// SIGSTOP.
    ///
    /// # Errors
    /// When it was not delivered.
    async fn pause(&self, service: ServiceId) -> Result<(), ProcessFailure>;

    /// SIGCONT.
    ///
    /// # Errors
    /// When it was not delivered.
    async fn resume(&self, service: ServiceId) -> Result<(), ProcessFailure>;

    /// SIGTERM, then SIGKILL; returns when it has ended. It is started again.
    ///
    /// # Errors
    /// When it did not end.
    async fn restart(&self, service: ServiceId) -> Result<(), ProcessFailure>;

    /// Holds it; returns when the process of that moment has ended.
    ///
    /// # Errors
    /// When it did not end. It is held nevertheless: release it.
    async fn hold(&self, service: ServiceId, hold: ProcessHold) -> Result<(), ProcessFailure>;

    /// Releases it; returns when that is seen: one that was down has been started.
    ///
    /// # Errors
    /// When it was not seen.
    async fn release(&self, service: ServiceId, hold: ProcessHold) -> Result<(), ProcessFailure>;

    /// Sets what it may have, now and in its next lives; returns when that was read back.
    ///
    /// # Errors
    /// What was seen instead.
    async fn limit(&self, service: ServiceId, limits: ProcessLimits) -> Result<(), ProcessFailure>;

    /// Fills the disk of its own until at least `used` of it is in use; `None` takes away what it was
    /// filled with. Returns how it was seen to be then.
    ///
    /// # Errors
    /// What was seen instead.
    async fn fill(
        &self,
        service: ServiceId,
        used: Option<Ratio>,
    ) -> Result<ProcessRoom, ProcessFailure>;

    /// What it is doing now.
    ///
    /// # Errors
    /// When that cannot be found out.
    async fn state(&self, service: ServiceId) -> Result<ProcessState, ProcessFailure>;
}

/// Stopping and continuing take effect asynchronously; this long is waited to see it.
const SEEN_WITHIN: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What the process faults of a run share.
#[derive(Default)]
pub(super) struct Processes {
    control: OnceLock<Arc<dyn ProcessControl>>,
    /// How many faults pause each service now: only the last one's removal resumes it.
    paused: tokio::sync::Mutex<HashMap<ServiceId, usize>>,
    /// Likewise, how many hold it in each way.
    held: tokio::sync::Mutex<HashMap<(ServiceId, ProcessHold), usize>>,
    /// The limits in force, with the faults that set them.
    limits: tokio::sync::Mutex<Vec<(ServiceId, String, ProcessLimits)>>,
    /// Likewise, how full they want disks to be.
    disks: tokio::sync::Mutex<Vec<(ServiceId, String, Ratio)>>,
}

impl Processes {
    /// Gives power over the processes; the first one given stays.
    pub(super) fn set_control(&self, control: Arc<dyn ProcessControl>) {
        let _ = self.control.set(control);
    }
}

/// A fault on a launched process. But for a disk that fills up it has neither share nor level: it is or
/// it is not.
pub(super) struct ProcessInjector {
    processes: Arc<Processes>,
    service: ServiceId,
    effect: ProcessEffect,
    dose: Arc<Dose>,
}

impl ProcessInjector {
    pub(super) const fn new(
        processes: Arc<Processes>,
        service: ServiceId,
        effect: ProcessEffect,
        dose: Arc<Dose>,
    ) -> Self {
        Self {
            processes,
            service,
            effect,
            dose,
        }
    }

    fn not_injected(&self, detail: impl Into<String>) -> FaultError {
        FaultError::NotInjected {
            fault: self.dose.name().to_owned(),
            detail: detail.into(),
        }
    }

    fn not_removed(&self, detail: impl Into<String>) -> FaultError {
        FaultError::NotRemoved {
            fault: self.dose.name().to_owned(),
            detail: detail.into(),
        }
    }

    fn control(&self) -> Option<&Arc<dyn ProcessControl>> {
        self.processes.control.get()
    }

    /// Waits until the process is as wanted; what it was at last.
    async fn watch(
        &self,
        control: &dyn ProcessControl,
        wanted: impl Fn(ProcessState) -> bool,
    ) -> Result<ProcessState, ProcessFailure> {
        let deadline = Instant::now() + SEEN_WITHIN;
        loop {
            let state = control.state(self.service).await?;
            if wanted(state) || Instant::now() >= deadline {
                return Ok(state);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn pause(&self, control: &dyn ProcessControl) -> Result<(), FaultError> {
        let mut paused = self.processes.paused.lock().await;
        control
            .pause(self.service)
            .await
            .map_err(|error| self.not_injected(error.detail))?;
        // from here on a resume is owed, whatever is seen
        *paused.entry(self.service).or_default() += 1;
        let state = self
            .watch(control, |state| state != ProcessState::Running)
            .await
            .map_err(|error| self.not_injected(error.detail))?;
        match state {
            ProcessState::Stopped => Ok(()),
            ProcessState::Running => Err(self.not_injected("the process still runs after SIGSTOP")),
            ProcessState::Gone => Err(self.not_injected("there is no such process")),
        }
    }

    async fn resume(&self, control: &dyn ProcessControl) -> Result<Removal, FaultError> {
        let mut paused = self.processes.paused.lock().await;
        let others = match paused.get_mut(&self.service) {
            None => return Ok(Removal::verified("it was not in force")),
            Some(count) => *count - 1,
        };
        if others > 0 {
            paused.insert(self.service, others);
            let detail = format!("gone; {others} other faults still pause the process");
            return Ok(Removal::verified(detail));
        }
        let failed = |error: ProcessFailure| self.not_removed(error.detail);
        if control.state(self.service).await.map_err(failed)? == ProcessState::Stopped {
            control.resume(self.service).await.map_err(failed)?;
        }
        let state = self
            .watch(control, |state| state != ProcessState::Stopped)
            .await
            .map_err(failed)?;
        match state {
            ProcessState::Stopped => Err(self.not_removed("the process is stopped after SIGCONT")),
            ProcessState::Running => {
                paused.remove(&self.service);
                Ok(Removal::verified("gone; the process is not stopped"))
            }
            ProcessState::Gone => {
                paused.remove(&self.service);
                Ok(Removal::verified("gone, and so is the process"))
            }
        }
    }
}

impl ProcessInjector {
    async fn hold(
        &self,
        control: &dyn ProcessControl,
        hold: ProcessHold,
    ) -> Result<(), FaultError> {
        let mut held = self.processes.held.lock().await;
        let others = held.entry((self.service, hold)).or_default();
        // from here on a release is owed, whatever is seen
        *others += 1;
        if *others > 1 {
            return Ok(());
        }
        let held = control.hold(self.service, hold).await;
        held.map_err(|error| self.not_injected(error.detail))
    }

    async fn release(
        &self,
        control: &dyn ProcessControl,
        hold: ProcessHold,
    ) -> Result<Removal, FaultError> {
        let mut held = self.processes.held.lock().await;
        let Some(count) = held.get_mut(&(self.service, hold)) else {
            return Ok(Removal::verified("it was not in force"));
        };
        if *count > 1 {
            *count -= 1;
            let detail = format!("gone; {count} other faults still do the same");
            return Ok(Removal::verified(detail));
        }
        let released = control.release(self.service, hold).await;
        released.map_err(|error| self.not_removed(error.detail))?;
        held.remove(&(self.service, hold));
        Ok(Removal::verified(match hold {
            ProcessHold::Down => "gone; the process was started again",
            ProcessHold::Crashing => "gone; nothing kills the process any more",
        }))
    }
}

impl ProcessInjector {
    async fn limit(
        &self,
        control: &dyn ProcessControl,
        limits: ProcessLimits,
    ) -> Result<(), FaultError> {
        let mut all = self.processes.limits.lock().await;
        // from here on a removal is owed, whatever is seen
        all.push((self.service, self.dose.name().to_owned(), limits));
        let set = control.limit(self.service, self.in_force(&all)).await;
        set.map_err(|error| self.not_injected(error.detail))
    }

    async fn unlimit(&self, control: &dyn ProcessControl) -> Result<Removal, FaultError> {
        let mut all = self.processes.limits.lock().await;
        let before = all.clone();
        all.retain(|(_, fault, _)| fault != self.dose.name());
        let left = self.in_force(&all);
        if let Err(error) = control.limit(self.service, left).await {
            *all = before;
            return Err(self.not_removed(error.detail));
        }
        Ok(Removal::verified(match left == ProcessLimits::default() {
            true => "gone; the kernel says that there is no limit",
            false => "gone; the limits of other faults stay",
        }))
    }

    fn in_force(&self, all: &[(ServiceId, String, ProcessLimits)]) -> ProcessLimits {
        let ours = all.iter().filter(|(service, ..)| *service == self.service);
        ours.fold(ProcessLimits::default(), |sum, (.., limits)| {
            sum.with(*limits)
        })
    }
}

#[async_trait]
impl Injector for ProcessInjector {
    async fn inject(&self, level: Ratio) -> Result<(), FaultError> {
        let control = self
            .control()
            .ok_or_else(|| self.not_injected("nothing was launched that could be signalled"))?;
        match self.effect {
            ProcessEffect::Kill => control
                .kill(self.service)
                .await
                .map_err(|error| self.not_injected(error.detail))?,
            ProcessEffect::Pause => self.pause(control.as_ref()).await?,
            ProcessEffect::Restart => control
                .restart(self.service)
                .await
                .map_err(|error| self.not_injected(error.detail))?,
            ProcessEffect::Limit { cpu, memory } => {
                self.limit(control.as_ref(), ProcessLimits { cpu, memory })
                    .await?;
            }
            ProcessEffect::Stop => self.hold(control.as_ref(), ProcessHold::Down).await?,
            ProcessEffect::CrashLoop => {
                self.hold(control.as_ref(), ProcessHold::Crashing).await?;
            }
            ProcessEffect::Disk { used } => self.fill(control.as_ref(), used.of(level)).await?,
        }
        self.dose.hit();
        Ok(())
    }

    async fn level(&self, level: Ratio) -> Result<(), FaultError> {
        match self.effect {
            ProcessEffect::Disk { used } => match self.control() {
                Some(control) => self.fill(control.as_ref(), used.of(level)).await,
                None => Ok(()),
            },
            ProcessEffect::Kill
            | ProcessEffect::Pause
            | ProcessEffect::Stop
            | ProcessEffect::Restart
            | ProcessEffect::CrashLoop
            | ProcessEffect::Limit { .. } => Ok(()),
        }
    }

    async fn remove(&self) -> Result<Removal, FaultError> {
        let Some(control) = self.control().map(Arc::as_ref) else {
            return Ok(Removal::verified("it was not in force"));
        };
        match self.effect {
            ProcessEffect::Kill | ProcessEffect::Restart => {
                Ok(Removal::verified("an instant: nothing stays behind"))
            }
            ProcessEffect::Pause => self.resume(control).await,
            ProcessEffect::Stop => self.release(control, ProcessHold::Down).await,
            ProcessEffect::CrashLoop => self.release(control, ProcessHold::Crashing).await,
            ProcessEffect::Limit { .. } => self.unlimit(control).await,
            ProcessEffect::Disk { .. } => self.empty(control).await,
        }
    }

    fn hits(&self) -> u64 {
        self.dose.hits()
    }
}

mod disk;
#[cfg(test)]
mod tests;
