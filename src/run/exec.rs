//! The commands of faults, run by the guardian, so that they end when brownout does.

use std::{
    collections::HashMap,
    fs,
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use super::chain;
use crate::{
    fault::{ExecControl, ExecFailure, ExecJob},
    guardian::{
        ExecUndo, ExitStatus, Guardian, GuardianError, JournalId, LaunchSpec, Signal, Undo,
        command::{fill_in, open_log, own_environment},
    },
    units::Span,
};

/// How much of what a command said goes into a message.
const SAID: u64 = 400;

/// Runs commands through the guardian, and keeps its journal.
pub(super) struct Commands {
    guardian: Arc<Guardian>,
    /// Folder for their output, one file a fault.
    logs: PathBuf,
    promised: Mutex<HashMap<String, JournalId>>,
}

impl Commands {
    pub(super) fn new(guardian: &Arc<Guardian>, logs: &Path) -> Self {
        Self {
            guardian: Arc::clone(guardian),
            logs: logs.to_owned(),
            promised: Mutex::default(),
        }
    }

    fn log(&self, job: &ExecJob) -> PathBuf {
        self.logs.join(format!("fault-{}.log", job.fault))
    }

    /// Nothing panics while it holds this lock, so what it guards is whole.
    fn promised(&self) -> std::sync::MutexGuard<'_, HashMap<String, JournalId>> {
        self.promised.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_begun(error: &dyn std::error::Error) -> ExecFailure {
    ExecFailure::NotBegun(chain(error))
}

#[async_trait]
impl ExecControl for Commands {
    async fn promise(&self, job: &ExecJob) -> Result<(), ExecFailure> {
        if self.promised().contains_key(&job.fault) {
            return Ok(());
        }
        fs::create_dir_all(&self.logs).map_err(|error| not_begun(&error))?;
        // whoever undoes it may stand in another folder
        let absolute = |path: &Path| std::path::absolute(path).map_err(|error| not_begun(&error));
        let undo = Undo::Exec(ExecUndo {
            undo: job.effect.undo.clone(),
            check: job.effect.check.clone(),
            directory: absolute(&job.folder)?,
            log: absolute(&self.log(job))?,
            timeout: job.effect.timeout,
        });
        let note = format!("fault {}: {}", job.fault, job.effect.inject.join(" "));
        let entry = self.guardian.journal(undo, &note).await;
        let entry = entry.map_err(|error| not_begun(&error))?;
        self.promised().insert(job.fault.clone(), entry);
        Ok(())
    }

    async fn keep(&self, job: &ExecJob) -> Result<(), ExecFailure> {
        let entry = self.promised().remove(&job.fault);
        match entry {
            Some(entry) => self
                .guardian
                .undone(entry)
                .await
                .map_err(|error| not_begun(&error)),
            None => Ok(()),
        }
    }

    async fn run(&self, job: &ExecJob, command: &[String]) -> Result<(), ExecFailure> {
        let log = self.log(job);
        drop(open_log(&log, command).map_err(|error| not_begun(&error))?);
        let before = fs::metadata(&log).map_or(0, |data| data.len());
        let spec = LaunchSpec {
            command: fill_in(command, &own_environment).map_err(ExecFailure::NotBegun)?,
            env: Vec::new(),
            directory: job.folder.clone(),
            log: log.clone(),
            errand: true,
        };
        let process = self.guardian.launch(spec).await;
        let mut process = process.map_err(|error| not_begun(&error))?;
        let shown = command.join(" ");
        let limit = job.effect.timeout;
        let status = match tokio::time::timeout(limit, &mut process.exited).await {
            Ok(Ok(status)) => status,
            Ok(Err(_)) => return Err(ExecFailure::Failed(chain(&GuardianError::Lost))),
            Err(_) => {
                // when it has just ended by itself, that is as good
                let _ = self.guardian.signal(process.pid, Signal::Kill).await;
                let _ = process.exited.await;
                let limit = Span(limit);
                return Err(ExecFailure::Failed(format!(
                    "`{shown}` did not end within {limit}"
                )));
            }
        };
        if status == ExitStatus::Code(0) {
            return Ok(());
        }
        let said = said(&log, before).map_or_else(String::new, |said| format!(": {said}"));
        Err(ExecFailure::Failed(format!(
            "`{shown}` ended with {status}{said}"
        )))
    }
}

/// The end of what was written into a file since it had a length, in one line.
fn said(log: &Path, since: u64) -> Option<String> {
    let mut file = fs::File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(since.max(length.saturating_sub(SAID))))
        .ok()?;
    let mut bytes = Vec::new();
    file.take(SAID).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let words: Vec<&str> = text.split_whitespace().collect();
    (!words.is_empty()).then(|| words.join(" "))
}
