//! A run that goes on, and how it is killed.

use std::{
    fs,
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

use super::{Bench, eventually};

/// A run that goes on, killed at the end of the test at the latest.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Starts it; what it says goes to the file `talk`.
    pub(crate) fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut command = bench.brownout(arguments);
        let talk = fs::File::create(bench.path("talk")).expect("created");
        command.stdout(Stdio::null()).stderr(talk);
        Self(command.spawn().expect("starts"))
    }

    /// Stops brownout and its guardian, so that neither sees the other die, and kills both.
    pub(crate) fn kill_both(&mut self) {
        let brownout = self.0.id();
        let guardian = eventually("a guardian", || child_of(brownout));
        let both = [guardian, brownout];
        let send = |signal| {
            for pid in both {
                let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
                kill_process(pid.expect("a process id"), signal).expect("sent");
            }
        };
        send(Signal::STOP);
        // until the thread that takes the signal has run, the others go on
        eventually("both are stopped", || {
            both.into_iter().all(is_stopped).then_some(())
        });
        send(Signal::KILL);
        self.0.wait().expect("reaped");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The one child of a process.
fn child_of(parent: u32) -> Option<u32> {
    let children = format!("/proc/{parent}/task");
    let tasks = fs::read_dir(children).ok()?.flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .find_map(|pid| pid.parse().ok())
}

/// Whether all threads of a process are stopped (proc_pid_stat(5)).
fn is_stopped(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it lives");
    let mut states = tasks.flatten().map(|task| {
        let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
        // the name before it, in brackets, may hold anything
        stat.rsplit_once(") ")
            .and_then(|(_, rest)| rest.chars().next())
    });
    // a thread that has just ended tells nothing
    states.all(|state| matches!(state, Some('T') | None))
}
