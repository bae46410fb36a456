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
        for signal in [Signal::STOP, Signal::KILL] {
            for pid in [guardian, brownout] {
                let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
                kill_process(pid.expect("a process id"), signal).expect("sent");
            }
        }
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
