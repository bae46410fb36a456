//! The system calls.

use std::{
    env,
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sched::{CloneFlags, setns, unshare},
    unistd::{getgid, getuid},
};

use super::{EnterError, NewDisk, RESOLV_CONF, Room};

/// Services that the C library asks before, or instead of, the servers of resolv.conf: its
/// cache, and systemd's resolver. Where nobody answers it goes on to the servers.
const SHORT_CUTS: [&str; 3] = [
    "/run/nscd/socket",
    "/var/run/nscd/socket",
    "/run/systemd/resolve/io.systemd.Resolve",
];

pub(super) fn enter(room: &Room) -> Result<(), EnterError> {
    let folder = env::current_dir();
    match room {
        Room::New { resolv_conf, disk } => {
            separate().map_err(|why| EnterError::Namespace(why.to_owned()))?;
            if let Some(file) = resolv_conf {
                resolve_by(file)?;
            }
            if let Some(disk) = disk {
                put(disk)?;
            }
        }
        Room::Again { mounts, users } => {
            // both are opened first: who has entered a user namespace may not look at brownout any more
            let mounts = Door::open(mounts, CloneFlags::CLONE_NEWNS)?;
            let users = users.as_deref();
            let users = users.map(|users| Door::open(users, CloneFlags::CLONE_NEWUSER));
            if let Some(users) = users {
                users?.enter()?;
            }
            mounts.enter()?;
        }
    }
    // entering leads to the root, and below a new disk one stands in what it hides
    let there = folder.and_then(env::set_current_dir);
    there.map_err(|error| EnterError::Namespace(format!("the working folder: {error}")))
}

fn resolve_by(file: &Path) -> Result<(), EnterError> {
    bind(file, Path::new(RESOLV_CONF))?;
    for socket in SHORT_CUTS.map(Path::new) {
        if socket.exists() {
            bind(Path::new("/dev/null"), socket)?;
        }
    }
    Ok(())
}

/// Leaves the mount namespace, if need be by way of a user namespace of its own, in which the
/// process stays who it is. What is mounted from here on is not seen outside.
fn separate() -> Result<(), String> {
    let (user, group) = (getuid(), getgid());
    match unshare(CloneFlags::CLONE_NEWNS) {
        Ok(()) => return keep_to_itself(),
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
    keep_to_itself()
}

fn keep_to_itself() -> Result<(), String> {
    let none: Option<&str> = None;
    let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(none, "/", none, private, none).map_err(|error| error.desc().to_owned())
}

fn bind(file: &Path, place: &Path) -> Result<(), EnterError> {
    let none: Option<&str> = None;
    mount(Some(file), place, none, MsFlags::MS_BIND, none)
        .map_err(|error| not_mounted(file.display(), place, error.desc()))
}

/// Mounts a file system in memory (tmpfs(5)) over a folder, whose owner and mode it takes on.
fn put(disk: &NewDisk) -> Result<(), EnterError> {
    let NewDisk { path, size, mark } = disk;
    let failed = |why: &str| not_mounted(format!("a disk of {size}"), path, why);
    let hidden = fs::metadata(path).map_err(|error| failed(&error.to_string()))?;
    let mut options = format!("size={},mode={:o}", size.0, hidden.mode() & 0o7777);
    // in a user namespace of one's own there is nobody else whom it could belong to
    if getuid().is_root() {
        options += &format!(",uid={},gid={}", hidden.uid(), hidden.gid());
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(
        Some(mark.as_str()),
        path,
        Some("tmpfs"),
        flags,
        Some(options.as_str()),
    )
    .map_err(|error| failed(error.desc()))
}

fn not_mounted(what: impl ToString, place: &Path, why: &str) -> EnterError {
    EnterError::Mount {
        what: what.to_string(),
        place: place.display().to_string(),
        why: why.to_owned(),
    }
}

/// The way into a namespace.
struct Door<'a> {
    path: &'a Path,
    file: File,
    kind: CloneFlags,
}

impl<'a> Door<'a> {
    fn open(path: &'a Path, kind: CloneFlags) -> Result<Self, EnterError> {
        let file = File::open(path).map_err(|error| again(path, error.to_string()))?;
        Ok(Self { path, file, kind })
    }

    fn enter(&self) -> Result<(), EnterError> {
        setns(&self.file, self.kind).map_err(|error| again(self.path, error.desc()))
    }
}

fn again(namespace: &Path, why: impl Into<String>) -> EnterError {
    EnterError::Again {
        place: namespace.display().to_string(),
        why: why.into(),
    }
}
