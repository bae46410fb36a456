//! What only Linux can tell or do. Elsewhere the guardian still ends the process groups that it
//! started, but cannot find a process that left its group, and takes the state of a process to be
//! what it was last told to be.

#[cfg(target_os = "linux")]
pub(super) use linux::{adopt_orphans, alive, boot, born, children, group_state, marked, members};
#[cfg(not(target_os = "linux"))]
pub(super) use portable::{
    adopt_orphans, alive, boot, born, children, group_state, marked, members,
};

/// A child of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(
    not(target_os = "linux"),
    expect(dead_code, reason = "only /proc tells")
)]
pub(super) struct ChildSeen {
    /// Its id.
    pub(super) pid: super::Pid,
    /// It has ended and waits to be reaped.
    pub(super) ended: bool,
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;

    use super::ChildSeen;
    use crate::guardian::{Pid, ProcessState};

    /// The fields of `/proc/<pid>/stat` (proc_pid_stat(5)) that matter here.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Stat {
        pub(super) state: u8,
        pub(super) parent: u32,
        pub(super) group: u32,
        pub(super) born: u64,
    }

    impl Stat {
        /// Parses one line. The command's name, in brackets, may itself hold brackets and spaces.
        pub(super) fn parse(text: &str) -> Option<Self> {
            let (_, rest) = text.rsplit_once(") ")?;
            let mut fields = rest.split_ascii_whitespace();
            let state = fields.next()?.bytes().next()?;
            let parent = fields.next()?.parse().ok()?;
            let group = fields.next()?.parse().ok()?;
            // field 22 of the line; the state was field 3, the group field 5
            let born = fields.nth(22 - 6)?.parse().ok()?;
            Some(Self {
                state,
                parent,
                group,
                born,
            })
        }

        fn of(pid: u32) -> Option<Self> {
            Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
        }

        fn ended(&self) -> bool {
            matches!(self.state, b'Z' | b'X' | b'x')
        }

        fn stopped(&self) -> bool {
            matches!(self.state, b'T' | b't')
        }
    }

    fn all() -> impl Iterator<Item = (u32, Stat)> {
        fs::read_dir("/proc")
            .into_iter()
            .flatten()
            .filter_map(Result::ok)
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(|pid| Some((pid, Stat::of(pid)?)))
    }

    /// Makes this process the parent of every descendant whose own parent dies.
    pub(in crate::guardian) fn adopt_orphans() -> std::io::Result<()> {
        let this = rustix::process::getpid();
        Ok(rustix::process::set_child_subreaper(Some(this))?)
    }

    /// The children of this process, launched and adopted.
    pub(in crate::guardian) fn children() -> Vec<ChildSeen> {
        let this = std::process::id();
        all()
            .filter(|(_, stat)| stat.parent == this)
            .map(|(pid, stat)| ChildSeen {
                pid: Pid(pid),
                ended: stat.ended(),
            })
            .collect()
    }

    /// How a process group is; `None` when the system does not tell.
    pub(in crate::guardian) fn group_state(group: Pid) -> Option<ProcessState> {
        let mut seen = false;
        let mut state = ProcessState::Gone;
        for (_, stat) in all() {
            seen = true;
            if stat.group != group.0 || stat.ended() {
                continue;
            }
            if !stat.stopped() {
                return Some(ProcessState::Running);
            }
            state = ProcessState::Stopped;
        }
        seen.then_some(state)
    }

    /// The living processes of a group.
    pub(in crate::guardian) fn members(group: Pid) -> Vec<Pid> {
        all()
            .filter(|(_, stat)| stat.group == group.0 && !stat.ended())
            .map(|(pid, _)| Pid(pid))
            .collect()
    }

    /// When a process started, in clock ticks since boot.
    pub(in crate::guardian) fn born(pid: Pid) -> Option<u64> {
        Some(Stat::of(pid.0)?.born)
    }

    /// Whether a process is there and has not ended.
    pub(in crate::guardian) fn alive(pid: Pid) -> bool {
        Stat::of(pid.0).is_some_and(|stat| !stat.ended())
    }

    /// Names this boot of this machine: ids of processes mean nothing beyond it.
    pub(in crate::guardian) fn boot() -> Option<String> {
        let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(id.trim().to_owned())
    }

    /// The living processes whose environment, when they began, held `name=value`. Those of other
    /// users cannot be read.
    pub(in crate::guardian) fn marked(name: &str, value: &str) -> Vec<Pid> {
        let mark = format!("{name}={value}").into_bytes();
        let has = |pid: u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|one| one == mark)
        };
        all()
            .filter(|(pid, stat)| !stat.ended() && has(*pid))
            .map(|(pid, _)| Pid(pid))
            .collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn reads_a_stat_line_with_a_spiteful_name() {
            let line = "4711 (a) R 1 (b) T 4710 4700 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 3 0 \
                        99887 1000 20 18446744073709551615\n";
            let stat = Stat::parse(line).expect("parses");
            assert_eq!(
                stat,
                Stat {
                    state: b'T',
                    parent: 4710,
                    group: 4700,
                    born: 99887
                }
            );
            assert!(stat.stopped() && !stat.ended());
            assert_eq!(Stat::parse("4711 (a"), None);
        }

        #[test]
        fn knows_itself() {
            let this = Pid(std::process::id());
            assert!(born(this).is_some() && alive(this) && !alive(Pid(1 << 23)));
            assert!(boot().is_some_and(|boot| boot.len() == 36));
            let path = std::env::var("PATH").expect("set");
            assert!(marked("PATH", &path).contains(&this));
            assert!(!marked("PATH", "/nowhere").contains(&this));
            let group = Stat::of(this.0).expect("this process exists").group;
            assert_eq!(group_state(Pid(group)), Some(ProcessState::Running));
            // above the kernel's limit of process ids
            assert_eq!(group_state(Pid(1 << 23)), Some(ProcessState::Gone));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod portable {
    use super::ChildSeen;
    use crate::guardian::{Pid, ProcessState};

    /// There is no such thing here: orphans go to init.
    pub(in crate::guardian) fn adopt_orphans() -> std::io::Result<()> {
        Ok(())
    }

    /// Nothing is adopted, and the launched ones are known.
    pub(in crate::guardian) fn children() -> Vec<ChildSeen> {
        Vec::new()
    }

    /// Not known.
    pub(in crate::guardian) fn group_state(_group: Pid) -> Option<ProcessState> {
        None
    }

    /// Not known.
    pub(in crate::guardian) fn born(_pid: Pid) -> Option<u64> {
        None
    }

    /// Whether a process takes signals: all that can be told.
    pub(in crate::guardian) fn alive(pid: Pid) -> bool {
        pid.raw()
            .is_some_and(|raw| rustix::process::test_kill_process(raw).is_ok())
    }

    /// Not known.
    pub(in crate::guardian) fn boot() -> Option<String> {
        None
    }

    /// Not known: environments cannot be read.
    pub(in crate::guardian) fn marked(_name: &str, _value: &str) -> Vec<Pid> {
        Vec::new()
    }

    /// Not known.
    pub(in crate::guardian) fn members(_group: Pid) -> Vec<Pid> {
        Vec::new()
    }
}
