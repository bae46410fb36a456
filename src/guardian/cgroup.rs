//! Control groups: what of the processor and of memory a launched process may have.
//!
//! Both versions are known, since machines have both: version 2 (`cpu.max`, `memory.max`; kernel
//! documentation, cgroup-v2) and version 1, a hierarchy for each controller (`cpu.cfs_quota_us`,
//! `memory.limit_in_bytes`). A process is in its group from its start, since memory is charged to the
//! group in which it was asked for; limits come and go while it runs.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{Pid, platform};
use crate::units::{ByteSize, Ratio};

/// The period in which a quota of the processor is given, in microseconds: the kernel's default.
const PERIOD: u64 = 100_000;
/// The kernel rounds a limit of memory to whole pages, of at most so many bytes.
const PAGE: u64 = 65_536;
/// How often it is tried to take a group away whose processes have just ended.
const TRIES: u32 = 100;
/// How long between two tries.
const PAUSE: Duration = Duration::from_millis(10);

/// How the groups begin that are made only to see whether that can be done; a process id follows.
const PROBE: &str = "brownout-probe-";

static PROBES: AtomicU32 = AtomicU32::new(0);

/// Something that a group can limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Controller {
    /// Time of the processor.
    Cpu,
    /// Memory.
    Memory,
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        })
    }
}

/// What a process may have; `None` = as much as it wants.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// So much of one processor.
    pub cpu: Option<Ratio>,
    /// So much memory.
    pub memory: Option<ByteSize>,
}

/// A group of ours, in one hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlGroup {
    controller: Controller,
    folder: PathBuf,
    /// Of version 2.
    unified: bool,
}

impl ControlGroup {
    /// Where a group called `name` would be; nothing is made yet.
    ///
    /// # Errors
    /// Why this machine allows none, for people.
    pub fn plan(controller: Controller, name: &str) -> Result<Self, String> {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (mounts, own) = (read("/proc/self/mounts"), read("/proc/self/cgroup"));
        Self::plan_in(places(controller, &mounts, &own), controller, name)
    }

    /// The same, in the first of some places where it can be made.
    fn plan_in(places: Vec<Place>, controller: Controller, name: &str) -> Result<Self, String> {
        // several may look at the same time
        let nth = PROBES.fetch_add(1, Ordering::Relaxed);
        let probe = format!("{PROBE}{}-{nth}", std::process::id());
        let mut reasons = Vec::new();
        for place in places {
            sweep(&place.folder);
            let group = Self {
                controller,
                folder: place.folder.join(&probe),
                unified: place.unified,
            };
            match group.make().and_then(|()| remove(&group.folder)) {
                Ok(()) => {
                    let folder = place.folder.join(name);
                    return Ok(Self { folder, ..group });
                }
                Err(error) => reasons.push(format!("{}: {error}", place.folder.display())),
            }
        }
        Err(match reasons.is_empty() {
            true => format!("no control groups with the controller `{controller}` are mounted"),
            false => format!("no control group can be made ({})", reasons.join("; ")),
        })
    }

    /// Makes it. Being there already is as good.
    ///
    /// # Errors
    /// The system's.
    pub fn make(&self) -> io::Result<()> {
        match fs::create_dir(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        if self.unified && !self.folder.join(self.file()).exists() {
            // its parent has to hand the controller down
            let parent = self.folder.parent().unwrap_or(Path::new("/"));
            let control = parent.join("cgroup.subtree_control");
            let handed = fs::write(control, format!("+{}", self.controller));
            if let Err(error) = handed {
                let _ = fs::remove_dir(&self.folder);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Whether there is such a group.
    pub(super) fn is_there(&self) -> bool {
        self.folder.is_dir()
    }

    /// Takes a process and the rest of its group in.
    ///
    /// # Errors
    /// The system's.
    pub fn admit(&self, leader: Pid) -> io::Result<()> {
        let procs = self.folder.join("cgroup.procs");
        fs::write(&procs, leader.to_string())?;
        for pid in platform::members(leader) {
            // one that has ended meanwhile needs no limit
            let _ = fs::write(&procs, pid.to_string());
        }
        Ok(())
    }

    /// Whether a process is in it.
    ///
    /// # Errors
    /// The system's.
    pub fn holds(&self, pid: Pid) -> io::Result<bool> {
        let procs = fs::read_to_string(self.folder.join("cgroup.procs"))?;
        Ok(procs.lines().any(|line| line == pid.to_string()))
    }

    /// Sets its limit, and reads it back. May last while the kernel takes memory back.
    ///
    /// # Errors
    /// What was seen instead, for people.
    pub fn limit(&self, limits: Limits) -> Result<(), String> {
        let failed = |error: io::Error| format!("{}: {error}", self.folder.display());
        let wanted = self.wanted(limits);
        let file = self.folder.join(self.file());
        if self.controller == Controller::Cpu && !self.unified {
            let period = self.folder.join("cpu.cfs_period_us");
            fs::write(period, PERIOD.to_string()).map_err(failed)?;
        }
        let text = match (wanted, self.unified) {
            (Some(wanted), false) => wanted.to_string(),
            (None, false) => "-1".to_owned(),
            (Some(quota), true) if self.controller == Controller::Cpu => {
                format!("{quota} {PERIOD}")
            }
            (Some(bytes), true) => bytes.to_string(),
            (None, true) => "max".to_owned(),
        };
        fs::write(&file, text).map_err(failed)?;
        let seen = fs::read_to_string(&file).map_err(failed)?;
        if self.agrees(&seen, wanted) {
            Ok(())
        } else {
            Err(format!("{} says {}", file.display(), seen.trim()))
        }
    }

    /// Takes it away; what may still be in it is let out.
    ///
    /// # Errors
    /// Why it is still there, for people.
    pub(super) fn take_away(&self) -> Result<(), String> {
        let mut last = String::new();
        for _ in 0..TRIES {
            match remove(&self.folder) {
                Ok(()) => return Ok(()),
                Err(error) => last = format!("{}: {error}", self.folder.display()),
            }
            let procs = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
            let parent = self.folder.parent().unwrap_or(Path::new("/"));
            for pid in procs.lines() {
                let _ = fs::write(parent.join("cgroup.procs"), pid);
            }
            thread::sleep(PAUSE);
        }
        Err(last)
    }

    /// Microseconds of a period, or bytes.
    fn wanted(&self, limits: Limits) -> Option<u64> {
        match self.controller {
            Controller::Cpu => limits
                .cpu
                .map(|cpu| (cpu.get() * PERIOD as f64).round() as u64),
            Controller::Memory => limits.memory.map(|memory| memory.0),
        }
    }

    const fn file(&self) -> &'static str {
        match (self.controller, self.unified) {
            (Controller::Cpu, true) => "cpu.max",
            (Controller::Cpu, false) => "cpu.cfs_quota_us",
            (Controller::Memory, true) => "memory.max",
            (Controller::Memory, false) => "memory.limit_in_bytes",
        }
    }

    fn agrees(&self, seen: &str, wanted: Option<u64>) -> bool {
        let first = seen.split_whitespace().next().unwrap_or_default();
        match (wanted, self.controller) {
            (Some(wanted), Controller::Cpu) => first == wanted.to_string(),
            (Some(wanted), Controller::Memory) => first
                .parse()
                .is_ok_and(|seen: u64| wanted.abs_diff(seen) < PAGE),
            (None, Controller::Cpu) => first == "max" || first == "-1",
            // version 1 shows the largest number of whole pages
            (None, Controller::Memory) => {
                first == "max" || first.parse().is_ok_and(|seen: u64| seen > u64::MAX / 4)
            }
        }
    }
}

impl fmt::Display for ControlGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.folder.display().fmt(f)
    }
}

/// Removes an empty group. Being gone already is as good.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes the probes of processes that were killed while they looked: nobody else would.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker = name.to_str().and_then(|name| name.strip_prefix(PROBE));
        let maker = maker.and_then(|rest| rest.split_once('-')?.0.parse().ok());
        if maker.is_some_and(|pid| !platform::alive(Pid(pid))) {
            // one that cannot be removed is in nobody's way
            let _ = remove(&entry.path());
        }
    }
}

/// A folder in which a group might be made.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    folder: PathBuf,
    unified: bool,
}

/// Where a group with a controller might be made, the best first: below this process's own group, so
/// that what holds for brownout holds for what it launches; then below the groups above it.
fn places(controller: Controller, mounts: &str, own: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(1);
        let (Some(at), Some(kind), Some(options)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let named = options
            .split(',')
            .any(|option| option == controller.to_string());
        let unified = kind == "cgroup2";
        let old = kind == "cgroup" && named;
        if !unified && !old {
            continue;
        }
        let path = own.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            let (controllers, path) = (parts.next()?, parts.next()?);
            let here = match unified {
                true => controllers.is_empty(),
                false => controllers
                    .split(',')
                    .any(|one| one == controller.to_string()),
            };
            here.then_some(path)
        });
        let below = Path::new(path.unwrap_or("/"))
            .strip_prefix("/")
            .unwrap_or(Path::new(""));
        for ancestor in below.ancestors() {
            let folder = Path::new(at).join(ancestor);
            // a mount of version 2 may hold none of the controllers, when version 1 has them
            let has = !unified
                || fs::read_to_string(folder.join("cgroup.controllers")).is_ok_and(|all| {
                    all.split_whitespace()
                        .any(|one| one == controller.to_string())
                });
            if has && folder.is_dir() {
                places.push(Place { folder, unified });
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a machine says, with its hierarchies below a folder.
    fn mounts(root: &Path) -> String {
        let root = root.display();
        format!(
            "tmpfs /x tmpfs rw 0 0\ncgroup {root}/cpu cgroup rw,relatime,cpu 0 0\n\
             cgroup {root}/memory cgroup rw,memory 0 0\ncgroup2 {root}/unified cgroup2 rw 0 0\n"
        )
    }

    const OWN: &str = "4:memory:/api/run\n2:cpuacct:/\n1:cpu:/\n0::/user/me\n";

    #[test]
    fn finds_its_own_group_first() {
        let root = tempfile::tempdir().expect("a folder");
        for folder in ["cpu", "memory/api/run", "unified/user/me"] {
            fs::create_dir_all(root.path().join(folder)).expect("made");
        }
        let mounts = mounts(root.path());
        let found = |controller| {
            let places = places(controller, &mounts, OWN);
            let of = |place: &Place| {
                let folder = place.folder.strip_prefix(root.path()).expect("below");
                format!("{} {}", folder.display(), place.unified)
            };
            places.iter().map(of).collect::<Vec<_>>()
        };
        assert_eq!(found(Controller::Cpu), ["cpu false"]);
        assert_eq!(
            found(Controller::Memory),
            ["memory/api/run false", "memory/api false", "memory false"]
        );
        let controllers = root.path().join("unified/user/cgroup.controllers");
        fs::write(controllers, "cpuset cpu\n").expect("written");
        assert_eq!(found(Controller::Cpu), ["cpu false", "unified/user true"]);
    }

    #[test]
    fn sweeps_away_the_probes_of_the_dead() {
        let root = tempfile::tempdir().expect("a folder");
        // beyond the largest process id of Linux
        let dead = format!("{PROBE}4194305-0");
        let living = format!("{PROBE}{}-4000000000", std::process::id());
        for name in [&dead, &living, "brownout-run-4194305-0"] {
            fs::create_dir(root.path().join(name)).expect("made");
        }
        let place = Place {
            folder: root.path().to_owned(),
            unified: false,
        };
        let group = ControlGroup::plan_in(vec![place], Controller::Memory, "wanted");
        assert_eq!(group.expect("planned").folder, root.path().join("wanted"));
        let entries = fs::read_dir(root.path()).expect("there").flatten();
        let mut left: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        left.sort();
        assert_eq!(left, [living.as_str(), "brownout-run-4194305-0"]);
    }

    fn group(folder: &Path, controller: Controller, unified: bool) -> ControlGroup {
        ControlGroup {
            controller,
            folder: folder.to_owned(),
            unified,
        }
    }

    #[test]
    fn writes_limits_as_each_version_wants_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let limits = Limits {
            cpu: Ratio::new(0.2),
            memory: Some(ByteSize(64_000_000)),
        };
        for (controller, unified, file, set, unset) in [
            (Controller::Cpu, true, "cpu.max", "20000 100000", "max"),
            (Controller::Cpu, false, "cpu.cfs_quota_us", "20000", "-1"),
            (Controller::Memory, true, "memory.max", "64000000", "max"),
        ] {
            let group = group(folder.path(), controller, unified);
            let read = || fs::read_to_string(folder.path().join(file)).expect("written");
            assert_eq!(group.limit(limits), Ok(()));
            assert_eq!(read(), set);
            assert_eq!(group.limit(Limits::default()), Ok(()));
            assert_eq!(read(), unset);
        }
        // the kernel shows no limit as a number there
        let old = group(folder.path(), Controller::Memory, false);
        assert_eq!(old.limit(limits), Ok(()));
        assert!(
            old.limit(Limits::default()).is_err(),
            "-1 is what was written"
        );
        assert!(old.agrees("9223372036854771712\n", None));
        // and what it rounds is the same, but not what it ignores
        assert!(old.agrees("63999999\n", Some(64_000_000)) && !old.agrees("1\n", Some(64_000_000)));
    }

    #[test]
    fn holds_what_it_admitted_and_goes_when_it_is_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        let group = group(&folder.path().join("group"), Controller::Cpu, false);
        group.make().expect("made");
        group.make().expect("it is there");
        let this = Pid(std::process::id());
        // a plain file keeps the last write only
        group.admit(Pid(1 << 23)).expect("admitted");
        assert!(group.holds(Pid(1 << 23)).expect("read") && !group.holds(this).expect("read"));
        fs::remove_file(group.folder.join("cgroup.procs")).expect("removed");
        assert_eq!(group.take_away(), Ok(()));
        assert_eq!(group.take_away(), Ok(()), "it is gone");
    }
}
