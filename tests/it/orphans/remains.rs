//! What there is of a run on this machine, as the kernel tells it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use brownout::guardian::{ControlGroup, Controller};
use rustix::process::{Pid, Signal, kill_process};

/// A process that belongs to a run.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) pid: u32,
    /// As in `/proc/<pid>/stat`: `T` is stopped.
    state: char,
    pub(super) command: String,
}

impl Seen {
    /// Sends it SIGKILL.
    pub(super) fn kill(&self) -> rustix::io::Result<()> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process id"), Signal::KILL)
    }

    pub(super) fn stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }
}

/// Every process whose environment or arguments mention one of `marks`. Zombies are none: whoever
/// is the parent of all processes reaps them.
pub(super) fn processes(marks: &[String]) -> Vec<Seen> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| seen(pid, marks))
        .collect()
}

fn seen(pid: u32, marks: &[String]) -> Option<Seen> {
    // it may end between any two of these
    let text = |name| {
        let bytes = fs::read(format!("/proc/{pid}/{name}")).ok()?;
        Some(String::from_utf8_lossy(&bytes).replace('\0', " "))
    };
    let marked = |text: &str| marks.iter().any(|mark| text.contains(mark));
    let command = text("cmdline").filter(|command| !command.is_empty())?;
    if !marked(&command) && !marked(&text("environ")?) {
        return None;
    }
    let stat = text("stat")?;
    let (_, rest) = stat.rsplit_once(") ")?;
    let state = rest
        .chars()
        .next()
        .filter(|state| !matches!(state, 'Z' | 'X'))?;
    Some(Seen {
        pid,
        state,
        command,
    })
}

/// A protocol and a local port.
pub(super) type Listener = (&'static str, u16);

/// Every socket that waits for strangers, TCP or UDP, by inode.
pub(super) fn listeners() -> BTreeMap<u64, Listener> {
    // state 0A is LISTEN; an unconnected UDP socket is in state 07 (include/net/tcp_states.h)
    let tables = [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")];
    let mut all = BTreeMap::new();
    for (protocol, waiting) in tables {
        let table = fs::read_to_string(format!("/proc/net/{protocol}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let mut fields = line.split_ascii_whitespace();
            let (local, state) = (fields.nth(1).expect("local"), fields.nth(1).expect("state"));
            if state == waiting {
                let (_, port) = local.rsplit_once(':').expect("a port");
                let port = u16::from_str_radix(port, 16).expect("a number");
                let inode = fields.nth(5).and_then(|inode| inode.parse().ok());
                all.insert(inode.expect("an inode"), (protocol, port));
            }
        }
    }
    all
}

/// The listening sockets that these processes hold, by inode.
pub(super) fn held(processes: &[Seen]) -> BTreeSet<u64> {
    let listeners = listeners();
    processes
        .iter()
        .filter_map(|process| fs::read_dir(format!("/proc/{}/fd", process.pid)).ok())
        .flat_map(|entries| entries.flatten())
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?;
            target
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')?
                .parse()
                .ok()
        })
        .filter(|inode| listeners.contains_key(inode))
        .collect()
}

/// The mounts of this machine that mention `mark`.
pub(super) fn mounts(mark: &str) -> Vec<PathBuf> {
    let all = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let ours = all.lines().filter(|mount| mount.contains(mark));
    ours.map(PathBuf::from).collect()
}

/// The control groups by which a process looked what this machine allows, and that the next one
/// who looks does not take away.
pub(super) fn probes(pid: u32) -> Vec<PathBuf> {
    let begin = format!("brownout-probe-{pid}-");
    let mut left = Vec::new();
    for controller in [Controller::Cpu, Controller::Memory] {
        let Ok(group) = ControlGroup::plan(controller, "brownout-test") else {
            continue;
        };
        let group = group.to_string();
        let folder = Path::new(&group).parent().expect("a folder");
        let entries = fs::read_dir(folder).expect("groups").flatten();
        let probes = entries.map(|entry| entry.path()).filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(&begin))
        });
        left.extend(probes);
    }
    left
}
