//! A process with files of its own: a mount namespace (mount_namespaces(7)) in which
//! `/etc/resolv.conf` is another file, or a disk of a given size stands in the place of a folder.
//!
//! The namespace is made by the process that then becomes the launched program (the hidden
//! subcommand `enter`), so the program keeps the id that the guardian knows. It dies with the
//! last process in it, and with whoever holds it: nothing is left to be undone.

use std::{
    io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::units::ByteSize;

#[cfg(target_os = "linux")]
mod linux;

/// What the C library reads, of all programs on this machine.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Why a process cannot have files of its own.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// The machine forbids it, or cannot do it.
    #[error("no mount namespace can be made here ({0}): it takes root, or user namespaces")]
    Namespace(String),
    /// The namespace of the process's earlier life could not be entered.
    #[error("cannot enter {place} again: {why}")]
    Again {
        /// The namespace.
        place: String,
        /// What the system said.
        why: String,
    },
    /// A file or disk could not be put in place.
    #[error("cannot put {what} in the place of {place}: {why}")]
    Mount {
        /// What should stand there.
        what: String,
        /// Where.
        place: String,
        /// What the system said.
        why: String,
    },
    /// The program could not be started.
    #[error("{program}: {source}")]
    Exec {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
}

/// A disk that a process gets for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDisk {
    /// The folder in whose place it stands, relative to the process's working folder.
    pub path: PathBuf,
    /// How much it holds.
    pub size: ByteSize,
    /// What it is called in the list of mounts, by which it is known from outside.
    pub mark: String,
}

/// What a process enters before it becomes its program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Room {
    /// A namespace that is made for it.
    New {
        /// What stands in the place of `/etc/resolv.conf`.
        resolv_conf: Option<PathBuf>,
        /// A disk of its own.
        disk: Option<NewDisk>,
    },
    /// The namespace of its earlier life.
    Again {
        /// The mount namespace.
        mounts: PathBuf,
        /// The user namespace that this belongs to, where that is another than ours.
        users: Option<PathBuf>,
    },
}

/// The command that runs `command` in `room`.
#[must_use]
pub fn entering(executable: &Path, room: &Room, command: &[String]) -> Vec<String> {
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let mut all = vec![text(executable), "enter".to_owned()];
    let mut option = |name: &str, value: String| all.extend([format!("--{name}"), value]);
    match room {
        Room::New { resolv_conf, disk } => {
            if let Some(file) = resolv_conf {
                option("resolv-conf", text(file));
            }
            if let Some(NewDisk { path, size, mark }) = disk {
                option("disk", text(path));
                option("size", size.0.to_string());
                option("mark", mark.clone());
            }
        }
        Room::Again { mounts, users } => {
            option("mounts", text(mounts));
            if let Some(users) = users {
                option("users", text(users));
            }
        }
    }
    all.push("--".to_owned());
    all.extend(command.iter().cloned());
    all
}

/// Whether this machine lets a process have a resolver of its own: tries it, in a process that ends
/// at once.
///
/// # Errors
/// What forbids it.
pub fn can_enter(executable: &Path) -> Result<(), String> {
    tried(
        executable,
        &Room::New {
            resolv_conf: Some(RESOLV_CONF.into()),
            disk: None,
        },
    )
}

/// Whether this machine lets a process have a disk of its own: tries it likewise.
///
/// # Errors
/// What forbids it.
pub fn can_mount(executable: &Path) -> Result<(), String> {
    tried(
        executable,
        &Room::New {
            resolv_conf: None,
            disk: Some(NewDisk {
                // a folder that every machine has, and no program lies in
                path: "/sys".into(),
                size: ByteSize(1_000_000),
                mark: "brownout-try".to_owned(),
            }),
        },
    )
}

fn tried(executable: &Path, room: &Room) -> Result<(), String> {
    let command = [
        executable.to_string_lossy().into_owned(),
        "--version".to_owned(),
    ];
    let command = entering(executable, room, &command);
    let tried = Command::new(executable)
        .args(&command[1..])
        .output()
        .map_err(|error| error.to_string())?;
    if tried.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&tried.stderr);
    let said = said.trim();
    Err(said.strip_prefix("error: ").unwrap_or(said).to_owned())
}

/// Turns this process, which must have no other threads, into `program` in `room`. Returns only when
/// that fails.
#[cfg(target_os = "linux")]
#[must_use]
pub fn enter(room: &Room, program: &str, arguments: &[String]) -> EnterError {
    use std::os::unix::process::CommandExt as _;

    if let Err(error) = linux::enter(room) {
        return error;
    }
    let source = Command::new(program).args(arguments).exec();
    EnterError::Exec {
        program: program.to_owned(),
        source,
    }
}

/// There are no mount namespaces here.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn enter(_room: &Room, _program: &str, _arguments: &[String]) -> EnterError {
    EnterError::Namespace("this is not Linux".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(room: &Room) -> Vec<String> {
        let command = ["python3".to_owned(), "-c".to_owned(), "a b".to_owned()];
        let whole = entering(Path::new("/b"), room, &command);
        assert_eq!(whole[whole.len() - 4..], ["--", "python3", "-c", "a b"]);
        whole[..whole.len() - 4].to_vec()
    }

    #[test]
    fn the_program_comes_last_and_whole() {
        let disk = NewDisk {
            path: "da ta".into(),
            size: ByteSize(5),
            mark: "m".to_owned(),
        };
        let new = Room::New {
            resolv_conf: Some("/r c".into()),
            disk: Some(disk),
        };
        let expected = [
            "/b",
            "enter",
            "--resolv-conf",
            "/r c",
            "--disk",
            "da ta",
            "--size",
            "5",
            "--mark",
            "m",
        ];
        assert_eq!(command(&new), expected);
        let again = Room::Again {
            mounts: "/m".into(),
            users: Some("/u".into()),
        };
        let expected = ["/b", "enter", "--mounts", "/m", "--users", "/u"];
        assert_eq!(command(&again), expected);
    }
}
