//! A process with a resolver of its own: a mount namespace in which `/etc/resolv.conf` is another
//! file (mount_namespaces(7)).
//!
//! The namespace is made by the process that then becomes the launched program (the hidden
//! subcommand `enter`), so the program keeps the id that the guardian knows. It dies with the
//! program: nothing is left to be undone.

use std::{io, path::Path, process::Command};

/// What the C library reads, of all programs on this machine.
pub(super) const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Why a process cannot have a resolver of its own.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// The machine forbids it, or cannot do it.
    #[error("no mount namespace can be made here ({0}): it takes root, or user namespaces")]
    Namespace(String),
    /// The file could not be put in place.
    #[error("cannot put {file} in the place of {place}: {why}")]
    Mount {
        /// What should stand there.
        file: String,
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

/// The command that runs `command` with `resolv_conf` (an absolute path) as its resolver's file.
#[must_use]
pub fn entering(executable: &Path, resolv_conf: &Path, command: &[String]) -> Vec<String> {
    let (executable, file) = (executable.to_string_lossy(), resolv_conf.to_string_lossy());
    let own = [&executable, "enter", "--resolv-conf", &file, "--"];
    let own = own.into_iter().map(str::to_owned);
    own.chain(command.iter().cloned()).collect()
}

/// Whether this machine lets a process have a resolver of its own: tries it, in a process that ends
/// at once.
///
/// # Errors
/// What forbids it.
pub fn can_enter(executable: &Path) -> Result<(), String> {
    let tried = Command::new(executable)
        .args(["enter", "--resolv-conf", RESOLV_CONF, "--"])
        .arg(executable)
        .arg("--version")
        .output()
        .map_err(|error| error.to_string())?;
    if tried.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&tried.stderr);
    let said = said.trim();
    Err(said.strip_prefix("error: ").unwrap_or(said).to_owned())
}

/// Turns this process, which must have no other threads, into `command`, with `resolv_conf` in the
/// place of `RESOLV_CONF`. Returns only when that fails.
#[cfg(target_os = "linux")]
#[must_use]
pub fn enter(resolv_conf: &Path, program: &str, arguments: &[String]) -> EnterError {
    use std::os::unix::process::CommandExt as _;

    if let Err(error) = linux::enter(resolv_conf) {
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
pub fn enter(_resolv_conf: &Path, _program: &str, _arguments: &[String]) -> EnterError {
    EnterError::Namespace("this is not Linux".into())
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{fs, path::Path};

    use nix::{
        errno::Errno,
        mount::{MsFlags, mount},
        sched::{CloneFlags, unshare},
        unistd::{getgid, getuid},
    };

    use super::{EnterError, RESOLV_CONF};

    /// Services that the C library asks before, or instead of, the servers of resolv.conf: its
    /// cache, and systemd's resolver. Where nobody answers it goes on to the servers.
    const SHORT_CUTS: [&str; 3] = [
        "/run/nscd/socket",
        "/var/run/nscd/socket",
        "/run/systemd/resolve/io.systemd.Resolve",
    ];

    pub(super) fn enter(resolv_conf: &Path) -> Result<(), EnterError> {
        separate().map_err(|why| EnterError::Namespace(why.to_owned()))?;
        let none: Option<&str> = None;
        let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        // what is mounted from here on must not be seen outside
        mount(none, "/", none, private, none)
            .map_err(|error| EnterError::Namespace(error.desc().to_owned()))?;
        bind(resolv_conf, Path::new(RESOLV_CONF))?;
        for socket in SHORT_CUTS.map(Path::new) {
            if socket.exists() {
                bind(Path::new("/dev/null"), socket)?;
            }
        }
        Ok(())
    }

    /// Leaves the mount namespace, if need be by way of a user namespace of its own, in which the
    /// process stays who it is.
    fn separate() -> Result<(), String> {
        let (user, group) = (getuid(), getgid());
        match unshare(CloneFlags::CLONE_NEWNS) {
            Ok(()) => return Ok(()),
            Err(Errno::EPERM) => {}
            Err(error) => return Err(error.desc().to_owned()),
        }
        let flags = CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS;
        unshare(flags).map_err(|error| error.desc().to_owned())?;
        // in this order (user_namespaces(7)); one who is not root may map only himself
        for (file, text) in [
            ("setgroups", "deny".to_owned()),
            ("uid_map", format!("{user} {user} 1")),
            ("gid_map", format!("{group} {group} 1")),
        ] {
            let path = format!("/proc/self/{file}");
            fs::write(&path, text).map_err(|error| format!("{path}: {error}"))?;
        }
        Ok(())
    }

    fn bind(file: &Path, place: &Path) -> Result<(), EnterError> {
        let none: Option<&str> = None;
        mount(Some(file), place, none, MsFlags::MS_BIND, none).map_err(|error| EnterError::Mount {
            file: file.display().to_string(),
            place: place.display().to_string(),
            why: error.desc().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_comes_last_and_whole() {
        let command = ["python3".to_owned(), "-c".to_owned(), "a b".to_owned()];
        let entering = entering(Path::new("/b"), Path::new("/r c"), &command);
        let expected = [
            "/b",
            "enter",
            "--resolv-conf",
            "/r c",
            "--",
            "python3",
            "-c",
            "a b",
        ];
        assert_eq!(entering, expected);
    }
}
