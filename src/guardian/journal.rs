//! The journal: what was put in and must come out. Each line is on its way to the disk before the
//! thing is done, so that whoever comes later knows at least as much as was done.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{ExitStatus, Pid, Undo};

/// A line of the journal file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// A process was started.
    Launched {
        /// Its id, which is its group's.
        pid: Pid,
        /// When it started, in clock ticks since boot: proof that an id was not used again.
        born: Option<u64>,
        /// The program.
        program: String,
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
    /// The guardian went.
    Finished {
        /// Nothing was left, as far as it could see.
        clean: bool,
    },
}

/// What the guardian remembers: in memory what is outstanding, in the file everything.
#[derive(Debug, Default)]
pub(super) struct Journal {
    file: Option<File>,
    outstanding: BTreeMap<u64, Undo>,
}

impl Journal {
    /// Opens the file for appending; without a path nothing outlives the guardian.
    pub(super) fn open(path: Option<&Path>) -> io::Result<Self> {
        let file = path
            .map(|path| OpenOptions::new().create(true).append(true).open(path))
            .transpose()?;
        Ok(Self {
            file,
            outstanding: BTreeMap::new(),
        })
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
    /// Processes without a recorded end: id, start in clock ticks since boot, program.
    pub processes: Vec<(Pid, Option<u64>, String)>,
    /// What was not undone, the latest first: how to undo it, and a word for people.
    pub undo: Vec<(Undo, String)>,
}

/// Reads what a journal says was left behind. A line that was cut off is passed over.
///
/// # Errors
/// When the file cannot be read.
pub fn leftovers(path: &Path) -> io::Result<Leftovers> {
    let mut processes = BTreeMap::new();
    let mut undo = BTreeMap::new();
    for line in std::fs::read_to_string(path)?.lines() {
        let Ok(entry) = serde_json::from_str(line) else {
            continue;
        };
        match entry {
            Entry::Launched { pid, born, program } => {
                processes.insert(pid, (born, program));
            }
            Entry::Exited { pid, .. } => {
                processes.remove(&pid);
            }
            Entry::Doing {
                entry,
                undo: how,
                note,
            } => {
                undo.insert(entry, (how, note));
            }
            Entry::Undone { entry } => {
                undo.remove(&entry);
            }
            // an unclean end leaves what it leaves
            Entry::Finished { clean } => {
                if clean {
                    processes.clear();
                    undo.clear();
                }
            }
        }
    }
    Ok(Leftovers {
        processes: processes
            .into_iter()
            .map(|(pid, (born, program))| (pid, born, program))
            .collect(),
        undo: undo.into_values().rev().collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_was_left_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let mut journal = Journal::open(Some(&path)).expect("opens");
        let launched = |pid, program: &str| Entry::Launched {
            pid: Pid(pid),
            born: Some(5),
            program: program.into(),
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
        // as if the disk had filled up in the middle of a line
        OpenOptions::new()
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(b"{\"undone\":{\"en"))
            .expect("appends");

        let left = leftovers(&path).expect("reads");
        assert_eq!(left.processes, [(Pid(11), Some(5), "b".to_owned())]);
        assert_eq!(
            left.undo,
            [
                (Undo::None, "three".to_owned()),
                (pause(11), "one".to_owned())
            ]
        );
    }

    #[test]
    fn a_clean_end_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal");
        let mut journal = Journal::open(Some(&path)).expect("opens");
        journal.doing(1, Undo::None, String::new()).expect("writes");
        journal
            .write(&Entry::Finished { clean: true })
            .expect("writes");
        assert_eq!(leftovers(&path).expect("reads"), Leftovers::default());
    }
}
