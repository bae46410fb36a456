//! The journal: what was put in and must come out. Each line is on its way to the disk before the
//! thing is done, so that whoever comes later knows at least as much as was done.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{ExitStatus, Pid, Undo, platform};

/// The journal's name in a run's folder.
pub const FILE_NAME: &str = "journal.jsonl";

/// A line of the journal file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// A guardian began to keep it.
    Began(Origin),
    /// A process was started.
    Launched {
        /// Its id, which is its group's.
        pid: Pid,
        /// When it started, in clock ticks since boot: proof that an id was not used again.
        born: Option<u64>,
        /// The program.
        program: String,
        /// It is a command of a fault.
        #[serde(default)]
        errand: bool,
    },
    /// It ended.
    Exited {
        /// Its id.
        pid: Pid,
        /// How.
        status: ExitStatus,
    },
    /// Something is about to be done.
    Doing {
        /// Names it.
        entry: u64,
        /// How to undo it.
        undo: Undo,
        /// For people.
        note: String,
    },
    /// It was undone.
    Undone {
        /// Its name.
        entry: u64,
    },
    /// It was tried to undo it, in vain.
    NotUndone {
        /// Its name.
        entry: u64,
        /// What was seen.
        detail: String,
    },
    /// The guardian went.
    Finished {
        /// Nothing was left, as far as it could see.
        clean: bool,
    },
}

/// Who keeps a journal, and when and where: the proof that a process is one of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The guardian.
    pub guardian: Pid,
    /// When it started, in clock ticks since boot.
    pub born: Option<u64>,
    /// Names the boot, beyond which process ids mean nothing.
    pub boot: Option<String>,
}

impl Origin {
    /// This process.
    pub(super) fn here() -> Self {
        let guardian = Pid(std::process::id());
        Self {
            guardian,
            born: platform::born(guardian),
            boot: platform::boot(),
        }
    }

    /// What everything that it starts carries in its environment, and its descendants too.
    pub(super) fn mark(&self) -> String {
        let born = self.born.unwrap_or_default();
        let boot = self.boot.as_deref().unwrap_or("unknown");
        format!("{}-{born}-{boot}", self.guardian)
    }

    /// Whether the machine was not started anew since.
    pub(super) fn same_boot(&self) -> bool {
        self.boot == platform::boot()
    }
}

/// What the guardian remembers: in memory what is outstanding, in the file everything.
#[derive(Debug, Default)]
pub(super) struct Journal {
    file: Option<File>,
    outstanding: BTreeMap<u64, Undo>,
}

impl Journal {
    /// Opens the file for appending, and holds its lock: nobody heals what is still guarded. Without
    /// a path nothing outlives the guardian.
    pub(super) fn open(path: Option<&Path>, origin: Origin) -> io::Result<Self> {
        let file = path
            .map(|path| OpenOptions::new().create(true).append(true).open(path))
            .transpose()?;
        if let Some(file) = &file {
            // where locks are not supported, the journal works without
            let _ = file.try_lock();
        }
        let mut journal = Self {
            file,
            outstanding: BTreeMap::new(),
        };
        journal.write(&Entry::Began(origin))?;
        Ok(journal)
    }

    /// A file that is open already, with nothing outstanding.
    pub(super) fn of(file: File) -> Self {
        Self {
            file: Some(file),
            outstanding: BTreeMap::new(),
        }
    }

    /// Writes one line with one write call, so that a reader never sees half of it unless the disk
    /// is full.
    pub(super) fn write(&mut self, entry: &Entry) -> io::Result<()> {
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        file.write_all(&line)
    }

    /// Remembers what is about to be done. When that cannot be written down, it must not be done.
    pub(super) fn doing(&mut self, entry: u64, undo: Undo, note: String) -> io::Result<()> {
        self.write(&Entry::Doing {
            entry,
            undo: undo.clone(),
            note,
        })?;
        self.outstanding.insert(entry, undo);
        Ok(())
    }

    /// Forgets what was undone.
    pub(super) fn undone(&mut self, entry: u64) -> io::Result<()> {
        self.outstanding.remove(&entry);
        self.write(&Entry::Undone { entry })
    }

    /// What is still to be undone, the latest first.
    pub(super) fn to_undo(&self) -> Vec<(u64, Undo)> {
        self.outstanding
            .iter()
            .rev()
            .map(|(entry, undo)| (*entry, undo.clone()))
            .collect()
    }
}

/// What a journal says was left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leftovers {
    /// Who kept it, unless nothing was left.
    pub origin: Option<Origin>,
    /// Processes without a recorded end.
    pub processes: Vec<Started>,
    /// What was not undone, the latest first.
    pub owed: Vec<Owed>,
}

/// A process that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Its id.
    pub pid: Pid,
    /// When it started, in clock ticks since boot.
    pub born: Option<u64>,
    /// The program.
    pub program: String,
    /// It is a command of a fault.
    pub errand: bool,
}

/// Something that was not undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    /// Names it in the journal.
    pub entry: u64,
    /// How to undo it.
    pub undo: Undo,
    /// For people.
    pub note: String,
    /// What was seen when it was tried.
    pub tried: Option<String>,
}

/// Reads what a journal says was left behind. A line that was cut off is passed over.
///
/// # Errors
/// When the file cannot be read.
pub fn leftovers(path: &Path) -> io::Result<Leftovers> {
    Ok(Leftovers::of(&std::fs::read(path)?))
}

impl Leftovers {
    /// What the bytes of a journal say. What was cut off may end within a character.
    pub(crate) fn of(journal: &[u8]) -> Self {
        let mut left = Self::default();
        for line in journal.split(|byte| *byte == b'\n') {
            if let Ok(entry) = serde_json::from_slice(line) {
                left.take(entry);
            }
        }
        left.owed.reverse();
        left
    }

    fn take(&mut self, entry: Entry) {
        match entry {
            Entry::Began(origin) => self.origin = Some(origin),
            Entry::Launched {
                pid,
                born,
                program,
                errand,
            } => {
                self.processes.retain(|process| process.pid != pid);
                self.processes.push(Started {
                    pid,
                    born,
                    program,
                    errand,
                });
            }
            Entry::Exited { pid, .. } => self.processes.retain(|process| process.pid != pid),
            Entry::Doing { entry, undo, note } => self.owed.push(Owed {
                entry,
                undo,
                note,
                tried: None,
            }),
            Entry::Undone { entry } => self.owed.retain(|owed| owed.entry != entry),
            Entry::NotUndone { entry, detail } => {
                if let Some(owed) = self.owed.iter_mut().find(|owed| owed.entry == entry) {
                    owed.tried = Some(detail);
                }
            }
            // an unclean end leaves what it leaves
            Entry::Finished { clean } => {
                if clean {
                    *self = Self::default();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(path: &Path) -> Journal {
        Journal::open(Some(path), Origin::here()).expect("opens")
    }

    #[test]
    fn tells_what_was_left_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let mut journal = opened(&path);
        let launched = |pid, program: &str| Entry::Launched {
            pid: Pid(pid),
            born: Some(5),
            program: program.into(),
            errand: false,
        };
        journal.write(&launched(10, "a")).expect("writes");
        journal.write(&launched(11, "b")).expect("writes");
        journal
            .write(&Entry::Exited {
                pid: Pid(10),
                status: ExitStatus::Code(0),
            })
            .expect("writes");
        let pause = |pid| Undo::Continue { pid: Pid(pid) };
        journal.doing(1, pause(11), "one".into()).expect("writes");
        journal.doing(2, pause(11), "two".into()).expect("writes");
        journal
            .doing(3, Undo::None, "three".into())
            .expect("writes");
        journal.undone(2).expect("writes");
        assert_eq!(journal.to_undo(), [(3, Undo::None), (1, pause(11))]);
        let failed = Entry::NotUndone {
            entry: 1,
            detail: "no luck".into(),
        };
        journal.write(&failed).expect("writes");
        // as if the disk had filled up in the middle of a letter
        OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(b"{\"doing\":{\"note\":\"\xc3"))
            .expect("appends");

        let left = leftovers(&path).expect("reads");
        assert_eq!(left.origin, Some(Origin::here()));
        let process = Started {
            pid: Pid(11),
            born: Some(5),
            program: "b".into(),
            errand: false,
        };
        assert_eq!(left.processes, [process]);
        let owed = |entry, undo, note: &str, tried: Option<&str>| Owed {
            entry,
            undo,
            note: note.into(),
            tried: tried.map(str::to_owned),
        };
        assert_eq!(
            left.owed,
            [
                owed(3, Undo::None, "three", None),
                owed(1, pause(11), "one", Some("no luck"))
            ]
        );
    }

    #[test]
    fn a_clean_end_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let mut journal = opened(&path);
        journal.doing(1, Undo::None, String::new()).expect("writes");
        journal
            .write(&Entry::Finished { clean: true })
            .expect("writes");
        assert_eq!(leftovers(&path).expect("reads"), Leftovers::default());
    }
}
