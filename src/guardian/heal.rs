//! The second net: undoes what a journal says was left behind, when its guardian is gone too.
//!
//! A process is ended only with proof that it is one of ours: the id and the instant of its start
//! that the journal holds, or the mark that everything started by that guardian carries in its
//! environment. Blocking, and for a process that has no other children.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::Path,
    thread,
    time::Duration,
};

use tokio::time::Instant;

use super::{
    MARK, Owed, Pid, Signal, Undo, command, http,
    journal::{Entry, Journal, Leftovers, Started, leftovers},
    platform,
};

/// How long a process may take to end when it is asked to.
const GRACE: Duration = Duration::from_millis(500);
/// How long it is killed after that. Only a process stuck in the kernel lasts.
const INSIST: Duration = Duration::from_millis(1200);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What is left of a run, as far as can be seen now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remains {
    /// What is to be undone, the latest first.
    pub owed: Vec<Owed>,
    /// The processes that are still there.
    pub processes: Vec<Started>,
}

impl Remains {
    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.owed.is_empty() && self.processes.is_empty()
    }
}

/// Why nothing can be looked at or healed.
#[derive(Debug, thiserror::Error)]
pub enum HealError {
    /// Its guardian is at work.
    #[error("the run still goes on: its guardian keeps the journal")]
    Running,
    /// The journal cannot be read or written.
    #[error("the journal: {0}")]
    Journal(#[from] io::Error),
}

/// What is left of a run, now.
///
/// # Errors
/// [`HealError::Running`] while its guardian lives.
pub fn remains(journal: &Path) -> Result<Remains, HealError> {
    match File::open(journal)?.try_lock_shared() {
        Err(TryLockError::WouldBlock) => return Err(HealError::Running),
        // locks are not supported there
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    Ok(seen(&leftovers(journal)?))
}

/// What a journal says, held against this machine.
fn seen(left: &Leftovers) -> Remains {
    let same_boot = left.origin.as_ref().is_none_or(super::Origin::same_boot);
    let mut processes = Vec::new();
    if same_boot {
        let ours = |process: &&Started| process.born.is_some() && is_there(process);
        processes.extend(left.processes.iter().filter(ours).cloned());
        let marked = left
            .origin
            .iter()
            .flat_map(|origin| platform::marked(MARK, &origin.mark()));
        for pid in marked {
            if !processes.iter().any(|known| known.pid == pid) {
                processes.push(Started {
                    pid,
                    born: platform::born(pid),
                    program: program(pid),
                    errand: false,
                });
            }
        }
    }
    let owed = left.owed.iter().filter(|owed| match &owed.undo {
        Undo::None => false,
        Undo::Continue { pid } => processes.iter().any(|process| process.pid == *pid),
        Undo::Exec(_) | Undo::Http(_) => true,
        Undo::ControlGroup(group) => group.is_there(),
    });
    Remains {
        owed: owed.cloned().collect(),
        processes,
    }
}

/// Whether it is the very process, and has not ended.
fn is_there(process: &Started) -> bool {
    platform::alive(process.pid) && platform::born(process.pid) == process.born
}

/// The first word of its command line.
fn program(pid: Pid) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let first = line.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(first).into_owned()
}

/// Undoes everything that is owed, the latest first, then ends the processes; each thing that was
/// done or failed is told, and noted in the journal. Returns what is left after that.
///
/// # Errors
/// [`HealError::Running`] while its guardian, or another healer, is at work.
pub fn heal(journal: &Path, tell: &mut dyn FnMut(&str)) -> Result<Remains, HealError> {
    let file = OpenOptions::new().append(true).open(journal)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Err(HealError::Running),
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    let left = leftovers(journal)?;
    let mut journal_file = Journal::of(file);
    let before = seen(&left);
    // what still puts a fault in must not do so after it was taken out
    let (errands, _): (Vec<_>, Vec<_>) = before.processes.iter().partition(|p| p.errand);
    end(&errands.into_iter().cloned().collect::<Vec<_>>(), tell);
    let mark = left.origin.as_ref().map(super::Origin::mark);
    let undo = |owed: &Owed, journal: &mut Journal, tell: &mut dyn FnMut(&str)| -> io::Result<()> {
        let what = match &owed.undo {
            Undo::None => Ok(None),
            Undo::Continue { pid } => {
                if before.processes.iter().any(|process| process.pid == *pid) {
                    signal(*pid, Signal::Continue);
                    Ok(Some("continued".to_owned()))
                } else {
                    Ok(None)
                }
            }
            Undo::Exec(exec) => command::undo(exec, mark.as_deref()).map(Some),
            Undo::ControlGroup(group) => {
                let gone = group.take_away();
                gone.map(|()| Some("the control group is gone".to_owned()))
            }
            Undo::Http(undo) => http::undo(undo).map(Some),
        };
        match what {
            Ok(seen) => {
                if let Some(seen) = seen {
                    tell(&format!("undone: {}: {seen}", owed.note));
                }
                journal.undone(owed.entry)
            }
            Err(detail) => {
                tell(&format!("not undone: {}: {detail}", owed.note));
                let entry = owed.entry;
                journal.write(&Entry::NotUndone { entry, detail })
            }
        }
    };
    let (last, first): (Vec<_>, Vec<_>) = left.owed.iter().partition(|o| o.undo.comes_last());
    for owed in first {
        undo(owed, &mut journal_file, tell)?;
    }
    // again: undoing may have left something
    end(&seen(&left).processes, tell);
    for owed in last {
        undo(owed, &mut journal_file, tell)?;
    }
    let after = seen(&leftovers(journal)?);
    if after.is_empty() {
        journal_file.write(&Entry::Finished { clean: true })?;
    }
    Ok(after)
}

/// Asks processes to end, waits, kills.
fn end(processes: &[Started], tell: &mut dyn FnMut(&str)) {
    let living = || processes.iter().filter(|process| is_there(process));
    for process in living() {
        signal(process.pid, Signal::Terminate);
        // one that is stopped must run to obey
        signal(process.pid, Signal::Continue);
    }
    let begun = Instant::now();
    while living().next().is_some() && begun.elapsed() < GRACE + INSIST {
        if begun.elapsed() >= GRACE {
            living().for_each(|process| signal(process.pid, Signal::Kill));
        }
        thread::sleep(LOOK);
    }
    for process in processes {
        let Started { pid, program, .. } = process;
        let how = match is_there(process) {
            true => "not ended",
            false => "ended",
        };
        tell(&format!("{how}: process {pid} ({program})"));
    }
}

/// Signals a process and, where it leads one, its group.
fn signal(pid: Pid, signal: Signal) {
    let Some(raw) = pid.raw() else { return };
    if rustix::process::kill_process_group(raw, signal.into()).is_err() {
        // it leads none; when it has just ended, that is fine too
        let _ = rustix::process::kill_process(raw, signal.into());
    }
}
