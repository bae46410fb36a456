//! The descriptors, and the file that fills the disk.

use std::{
    fmt,
    fs::{self, File},
    io,
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use rustix::{
    fs::{
        FallocateFlags, FsWord, Mode, OFlags, StatVfs, fallocate, fstat, fstatfs, fstatvfs,
        ftruncate, makedev, open, openat,
    },
    io::Errno,
};

use super::DiskUse;
use crate::{
    guardian::Pid,
    launch::enter::Room,
    units::{ByteSize, Ratio},
};

/// `TMPFS_MAGIC` of statfs(2).
const TMPFS: FsWord = 0x0102_1994;
/// A disk is filled in steps of so much at first, and of a page at last.
const STEP: u64 = 8 << 20;
/// While it is filled, the process may give something back; so often it is tried again.
const TRIES: u32 = 5;

/// A process's disk, as long as anything holds it.
pub(in crate::launch) struct Held {
    /// Its mount namespace.
    mounts: File,
    /// The user namespace that this belongs to, where that is another than ours.
    users: Option<File>,
    root: OwnedFd,
    device: u64,
    /// The file that takes its room away.
    ballast: Mutex<Option<OwnedFd>>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

impl Held {
    /// Takes hold of the disk called `mark` of a living process.
    ///
    /// # Errors
    /// What was not found, for people.
    pub(in crate::launch) fn of(pid: Pid, mark: &str) -> Result<Self, String> {
        let told = |path: &Path| {
            let path = path.display().to_string();
            move |error: io::Error| format!("{path}: {error}")
        };
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let list = proc.join("mountinfo");
        let mounts = fs::read_to_string(&list).map_err(told(&list))?;
        let (device, place) = find(&mounts, mark)
            .ok_or_else(|| format!("{} has no disk of its own", list.display()))?;
        // `root` leads into the process's own namespace, whatever it calls its root
        let folder = proc.join("root").join(place.trim_start_matches('/'));
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let root = open(&folder, flags, Mode::empty())
            .map_err(io::Error::from)
            .map_err(told(&folder))?;
        let namespace = |kind: &str| {
            let path = proc.join("ns").join(kind);
            File::open(&path).map_err(told(&path))
        };
        let users = namespace("user")?;
        let held = Self {
            mounts: namespace("mnt")?,
            users: differs(&users, "/proc/self/ns/user").then_some(users),
            root,
            device,
            ballast: Mutex::new(None),
        };
        held.is_ours(&held.root)?;
        Ok(held)
    }

    /// How a later life gets there. To be used while this lives.
    pub(in crate::launch) fn room(&self) -> Room {
        let path = |file: &File| {
            let (process, descriptor) = (std::process::id(), file.as_raw_fd());
            PathBuf::from(format!("/proc/{process}/fd/{descriptor}"))
        };
        Room::Again {
            mounts: path(&self.mounts),
            users: self.users.as_ref().map(path),
        }
    }

    /// Sees to it that at least `used` of it is in use, as far as that is up to us; `None` takes away
    /// what we put there. Returns how it is then.
    ///
    /// # Errors
    /// What was seen instead, for people.
    pub(in crate::launch) fn fill(&self, used: Option<Ratio>) -> Result<DiskUse, String> {
        let mut ballast = self.ballast.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |error: Errno| format!("the disk of its own: {error}");
        let Some(used) = used else {
            if let Some(file) = ballast.take() {
                ftruncate(&file, 0).map_err(failed)?;
                let left = blocks(&file).map_err(failed)?;
                if left > 0 {
                    *ballast = Some(file);
                    return Err(format!(
                        "{left} bytes of what filled the disk are still there"
                    ));
                }
            }
            return self.usage().map_err(failed);
        };
        if ballast.is_none() {
            *ballast = Some(self.unnamed()?);
        }
        let Some(file) = ballast.as_ref() else {
            return Err("nothing could be put there".to_owned());
        };
        let mut seen = self.usage().map_err(failed)?;
        for _ in 0..TRIES {
            self.weigh(file, used).map_err(failed)?;
            seen = self.usage().map_err(failed)?;
            if seen.free.0 <= may_be_free(seen.size, used) {
                return Ok(seen);
            }
        }
        let (free, size) = (seen.free, seen.size);
        Err(format!(
            "{free} of {size} are still free: the process gives back what is taken"
        ))
    }

    /// Makes the ballast as heavy as it takes, the process's own files deducted.
    fn weigh(&self, file: &OwnedFd, used: Ratio) -> Result<(), Errno> {
        let disk = fstatvfs(&self.root)?;
        let DiskUse { size, free } = usage(&disk);
        let page = disk.f_frsize.max(1);
        let own = blocks(file)?;
        let others = (size.0 - free.0).saturating_sub(own);
        let wanted = (size.0 - may_be_free(size, used)).saturating_sub(others);
        let wanted = wanted.next_multiple_of(page);
        if wanted <= own {
            return ftruncate(file, wanted);
        }
        let (mut length, mut step) = (own, STEP);
        while length < wanted {
            let more = step.min(wanted - length);
            match fallocate(file, FallocateFlags::empty(), length, more) {
                Ok(()) => length += more,
                Err(Errno::INTR) => {}
                // the process was faster
                Err(Errno::NOSPC) if more > page => step = (more / 2).next_multiple_of(page),
                Err(Errno::NOSPC) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// A new file of no name, and proof that it lies there and nowhere else.
    fn unnamed(&self) -> Result<OwnedFd, String> {
        self.is_ours(&self.root)?;
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = openat(&self.root, ".", flags, Mode::RUSR | Mode::WUSR)
            .map_err(|error| format!("no file can be made on the disk of its own: {error}"))?;
        self.is_ours(&file)?;
        Ok(file)
    }

    /// That a descriptor leads to the file system in memory which carries our mark.
    fn is_ours(&self, there: &OwnedFd) -> Result<(), String> {
        let failed = |error: Errno| format!("the disk of its own: {error}");
        let device = fstat(there).map_err(failed)?.st_dev;
        let kind = fstatfs(there).map_err(failed)?.f_type;
        if device == self.device && kind == TMPFS {
            Ok(())
        } else {
            Err(
                "another file system stands in the place of its disk: nothing is written"
                    .to_owned(),
            )
        }
    }

    fn usage(&self) -> Result<DiskUse, Errno> {
        Ok(usage(&fstatvfs(&self.root)?))
    }
}

fn usage(disk: &StatVfs) -> DiskUse {
    DiskUse {
        size: ByteSize(disk.f_blocks * disk.f_frsize),
        free: ByteSize(disk.f_bfree * disk.f_frsize),
    }
}

/// How much of a disk may be free when `used` of it is in use.
fn may_be_free(size: ByteSize, used: Ratio) -> u64 {
    (size.0 as f64 * (1.0 - used.get())) as u64
}

/// What a file takes up; st_blocks counts 512 bytes each, whatever the file system (stat(2)).
fn blocks(file: impl AsFd) -> Result<u64, Errno> {
    Ok(u64::try_from(fstat(file)?.st_blocks).unwrap_or_default() * 512)
}

/// The device and the place of the file system in memory that is called `mark`, of a list of mounts
/// (proc_pid_mountinfo(5)).
fn find(mounts: &str, mark: &str) -> Option<(u64, String)> {
    mounts.lines().find_map(|line| {
        let (mount, source) = line.split_once(" - ")?;
        let mut source = source.split(' ');
        if source.next() != Some("tmpfs") || source.next() != Some(mark) {
            return None;
        }
        let mut mount = mount.split(' ').skip(2);
        let (major, minor) = mount.next()?.split_once(':')?;
        let device = makedev(major.parse().ok()?, minor.parse().ok()?);
        Some((device, plain(mount.nth(1)?)))
    })
}

/// Blanks, tabs, ends of lines and backslashes stand there as `\040` and the like.
fn plain(escaped: &str) -> String {
    let codes = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    let mut plain = escaped.to_owned();
    for (code, meant) in codes {
        plain = plain.replace(code, meant);
    }
    plain
}

fn differs(namespace: &File, own: &str) -> bool {
    let (there, here) = (namespace.metadata(), fs::metadata(own));
    !matches!((there, here), (Ok(there), Ok(here)) if there.ino() == here.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "\
24 1 254:0 / / rw,relatime - ext4 /dev/root rw
40 24 0:35 / /srv/other rw - tmpfs tmpfs rw,size=1000k
41 24 0:36 / /srv/da\\040ta/x rw,nosuid,nodev - tmpfs brownout-disk-7-0 rw,size=64000k
";

    #[test]
    fn a_disk_is_found_by_its_mark_alone() {
        let found = find(MOUNTS, "brownout-disk-7-0");
        assert_eq!(found, Some((makedev(0, 36), "/srv/da ta/x".to_owned())));
        assert_eq!(find(MOUNTS, "brownout-disk-7"), None);
        // somebody may call a real disk so
        let real = MOUNTS.replace("tmpfs brownout", "ext4 brownout");
        assert_eq!(find(&real, "brownout-disk-7-0"), None);
    }

    #[test]
    fn a_full_disk_has_no_room_and_a_part_has_the_rest() {
        let free = |used| may_be_free(ByteSize(1_000_000), Ratio::new(used).expect("a share"));
        assert_eq!([free(1.0), free(0.95), free(0.0)], [0, 50_000, 1_000_000]);
    }
}
