//! The bridge to everything else: a fault that a command puts in and another takes out.

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;

use super::{FaultError, Injector, Removal, dose::Dose};
use crate::{scenario::model::ExecEffect, units::Ratio};

/// What is to be run, where, and under which name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecJob {
    /// The fault's name.
    pub fault: String,
    /// The commands.
    pub effect: ExecEffect,
    /// Where they run.
    pub folder: PathBuf,
}

/// Why a command, or a line of the journal, came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecFailure {
    /// The command could not be started: nothing was done.
    #[error("{0}")]
    NotBegun(String),
    /// It ran and did not end well, or was ended: who knows what it did.
    #[error("{0}")]
    Failed(String),
}

/// Power to run commands.
#[async_trait]
pub trait ExecControl: Send + Sync {
    /// Writes down how to undo it, before anything is done.
    ///
    /// # Errors
    /// When it could not be written down; then nothing may be done.
    async fn promise(&self, job: &ExecJob) -> Result<(), ExecFailure>;

    /// Strikes that out.
    ///
    /// # Errors
    /// When that could not be written.
    async fn keep(&self, job: &ExecJob) -> Result<(), ExecFailure>;

    /// Runs one of its commands until it has ended with exit code 0.
    ///
    /// # Errors
    /// How else it ended, what it said last, or that its time was up.
    async fn run(&self, job: &ExecJob, command: &[String]) -> Result<(), ExecFailure>;
}

/// Who runs the commands of a run's faults.
#[derive(Default)]
pub(super) struct Commands(OnceLock<Arc<dyn ExecControl>>);

impl Commands {
    /// Gives power to run commands; the first one given stays.
    pub(super) fn set_control(&self, control: Arc<dyn ExecControl>) {
        let _ = self.0.set(control);
    }
}

/// How often a check is asked again that says "not yet".
const ASK: std::time::Duration = std::time::Duration::from_millis(200);

/// A fault that commands put in and take out. It has neither share nor level.
pub(super) struct ExecInjector {
    commands: Arc<Commands>,
    job: ExecJob,
    dose: Arc<Dose>,
}

impl ExecInjector {
    pub(super) const fn new(commands: Arc<Commands>, job: ExecJob, dose: Arc<Dose>) -> Self {
        Self {
            commands,
            job,
            dose,
        }
    }

    /// Asks the check until it says yes or time is up; what was seen last.
    async fn look(&self, control: &dyn ExecControl, check: &[String]) -> Result<(), ExecFailure> {
        let deadline = tokio::time::Instant::now() + self.job.effect.timeout;
        loop {
            let seen = control.run(&self.job, check).await;
            // one that cannot be started will not be later
            let says_not_yet = matches!(seen, Err(ExecFailure::Failed(_)));
            if !says_not_yet || tokio::time::Instant::now() + ASK >= deadline {
                return seen;
            }
            tokio::time::sleep(ASK).await;
        }
    }
}

#[async_trait]
impl Injector for ExecInjector {
    async fn inject(&self, _: Ratio) -> Result<(), FaultError> {
        let failed = |detail: String| FaultError::NotInjected {
            fault: self.job.fault.clone(),
            detail,
        };
        let control = self.commands.0.get();
        let control = control.ok_or_else(|| failed("commands are not allowed here".into()))?;
        let promised = control.promise(&self.job).await;
        promised.map_err(|error| failed(error.to_string()))?;
        match control.run(&self.job, &self.job.effect.inject).await {
            Ok(()) => {
                self.dose.hit();
                Ok(())
            }
            Err(ExecFailure::NotBegun(detail)) => {
                // nothing was done, so there is nothing to undo
                let _ = control.keep(&self.job).await;
                Err(failed(detail))
            }
            Err(ExecFailure::Failed(detail)) => Err(failed(detail)),
        }
    }

    async fn level(&self, _: Ratio) -> Result<(), FaultError> {
        Ok(())
    }

    async fn remove(&self) -> Result<Removal, FaultError> {
        let Some(control) = self.commands.0.get() else {
            return Ok(Removal::verified("it was not in force"));
        };
        let undone = control.run(&self.job, &self.job.effect.undo).await;
        let detail = match (&self.job.effect.check, undone) {
            (None, Ok(())) => "its undo command ended with exit code 0; no check looked".to_owned(),
            // the journal keeps it: it is tried again at the end, and by `brownout heal`
            (None, Err(error)) => {
                return Ok(Removal::doubtful(format!("{error}; no check looked")));
            }
            (Some(check), undone) => match self.look(control.as_ref(), check).await {
                Ok(()) => "its check ended with exit code 0".to_owned(),
                Err(seen) => {
                    let detail = match undone {
                        Ok(()) => format!("the check says no: {seen}"),
                        Err(error) => format!("{error}; and the check says no: {seen}"),
                    };
                    return Err(FaultError::NotRemoved {
                        fault: self.job.fault.clone(),
                        detail,
                    });
                }
            },
        };
        match control.keep(&self.job).await {
            Ok(()) => Ok(Removal::verified(detail)),
            Err(error) => Ok(Removal::verified(format!("{detail} ({error})"))),
        }
    }

    fn hits(&self) -> u64 {
        self.dose.hits()
    }
}

#[cfg(test)]
mod tests;
