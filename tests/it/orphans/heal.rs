//! Brownout and its guardian are killed together, so that nobody is left to clear up but `brownout heal`.

use std::{thread, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

use super::{Run, held, scenario};
use crate::support::expect_exit;

#[test]
fn heal_ends_what_nobody_else_can() {
    let mut run = Run::start();
    run.wait_for("fault_injected", scenario().1);
    // stopped, it does not see its guardian die
    let brownout = i32::try_from(run.child.id()).ok().and_then(Pid::from_raw);
    kill_process(brownout.expect("a process id"), Signal::STOP).expect("stopped");
    run.kill_the_guardian();
    run.child.kill().expect("killed");
    run.child.wait().expect("reaped");
    thread::sleep(Duration::from_millis(100));
    // the kernel itself hangs up on the gateway, which was stopped when its group was orphaned; the
    // one that crashes again and again may live just now
    let left = run.processes();
    let portal = |process: &super::Seen| process.command.contains("stage cowin ");
    let launched = |process: &super::Seen| process.command.contains("stage cowin");
    assert!(
        left.iter().any(portal) && left.iter().all(launched),
        "{left:#?}"
    );
    assert!(left.len() <= 2 && run.cut().exists(), "{left:#?}");
    assert_eq!(
        run.elsewhere.faults().len(),
        2,
        "both ways are broken there"
    );
    let listened = held(&left);
    assert!(!listened.is_empty());

    // a stranger that happens to have an id of the journal's would not be touched: the proof is shown
    let output = run.bench.output(&["heal", "latest", "--dry-run"]);
    expect_exit(&output, 1);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    for wanted in ["fault cut: mkdir cut", "ticks after boot"] {
        assert!(shown.contains(wanted), "{shown}");
    }
    for process in &left {
        assert!(
            shown.contains(&format!("process {} (", process.pid)),
            "{shown}"
        );
    }

    let output = run.bench.output(&["heal", "latest", "--yes"]);
    expect_exit(&output, 0);
    run.wait_until_clean(&listened);
    let output = run.bench.output(&["heal"]);
    expect_exit(&output, 0);
    assert_eq!(output.stdout, b"nothing is left behind\n");
}
