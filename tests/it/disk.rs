//! A staging system whose disk is full: a real database that gets `ENOSPC`.
//!
//! It takes root or user namespaces; where both are missing, what is said is tested instead.

use std::{fs, path::Path, process::Command};

use brownout::{run::own_disks, units::ByteSize};

use crate::support::{Bench, eventually, expect_exit, free_address, running::Running};

const RUN: [&str; 4] = ["run", "full.yaml", "--live", "plain"];

/// A disk that is full for a while, and another fault.
fn case(length: &str, other: &str) -> Bench {
    let bench = Bench::new();
    let (portal, sms) = (free_address(), free_address());
    fs::create_dir(bench.path("data")).expect("made");
    bench.write(
        "target.yaml",
        &format!(
            r#"
brownout: 1
target: portal
environment: test
services:
  portal: {{url: "http://{portal}", health: GET /healthz}}
  sms: {{url: "http://{sms}", health: GET /healthz}}
launch:
  sms: {{command: [brownout, stage, cowin-sms, --listen, "{sms}"]}}
  portal:
    command: [brownout, stage, cowin, --listen, "{portal}", --sms, "http://{sms}", --db, data/portal.db]
    disk: {{path: data, size: 16MB}}
    needs: [sms]
    ready: GET /healthz
"#
        ),
    );
    bench.write(
        "full.yaml",
        &format!(
            r#"
brownout: 1
scenario: full
target: target.yaml
phases: [{{calm: 2s}}, {{full: {length}}}, {{after: 4s}}]
measure: {{baseline: optional, observe: 3s, hold: 1s, min_samples: 5, good_bins: 2}}
load:
  writers: {{journey: write, arrivals: 20/s, client: {{timeout: 5s}}}}
  readers: {{journey: read, arrivals: 20/s, client: {{timeout: 5s}}}}
journeys:
  write: [{{step: write, post: "portal:/otp/generate", json: {{mobile: "{{{{mobile}}}}"}}}}]
  read: [{{step: read, get: "portal:/slots/110001"}}]
faults:
  disk_full: {{at: process portal, from: full, for: {length}, process: {{disk: full}}}}
{other}
gates:
  - writers success <= 5% from full + 1s to disk_full.end
  - readers success >= 95%
  - writers success >= 95% from disk_full.end + 1s to after + 4s
  - portal never crashes
"#
        ),
    );
    bench
}

/// Why this machine allows no such disks.
fn refusal() -> Option<String> {
    let executable = Path::new(env!("CARGO_BIN_EXE_brownout"));
    own_disks(executable, [ByteSize(1_000_000)]).err()
}

#[test]
fn a_portal_whose_disk_is_full_answers_what_needs_no_room_and_comes_back() {
    let bench = case("4s", "");
    let output = bench.output(&RUN);
    if let Some(why) = refusal() {
        expect_exit(&output, 2);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains(&why) && said.contains("hint: run as root"),
            "{said}"
        );
        return;
    }
    expect_exit(&output, 0);
    let report = bench.report();
    let fault = &report["faults"][0];
    assert_eq!(fault["verified"], true, "{fault:#}");
    // SQLite says so, and the portal tells its visitors that it is its own fault
    let errors = report["load"]["errors"].as_object().expect("errors");
    let classes: Vec<&String> = errors.keys().collect();
    assert_eq!(classes, ["http_5xx"], "{errors:?}");
    assert_eq!(fs::read_dir(bench.path("data")).expect("there").count(), 0);
}

/// Whether a process of this machine sees a disk of this run.
fn seen(running: &Running) -> bool {
    let mark = format!(" brownout-disk-{}-", running.0.id());
    let all = fs::read_dir("/proc").expect("there").flatten();
    let mut mounts =
        all.filter_map(|entry| fs::read_to_string(entry.path().join("mountinfo")).ok());
    mounts.any(|mounts| mounts.contains(&mark))
}

/// A run that has filled the disk.
fn filled(bench: &Bench) -> Running {
    let running = Running::start(bench, &RUN);
    let record = bench.run_folder().join("record.jsonl");
    eventually("the disk is full", || {
        let record = fs::read_to_string(&record).ok()?;
        record.contains("fault_injected").then_some(())
    });
    assert!(seen(&running));
    running
}

#[test]
fn no_disk_outlives_its_run() {
    if refusal().is_some() {
        return;
    }
    // brownout is killed: its guardian ends the process, and with it goes the disk
    let bench = case("60s", "");
    let mut running = filled(&bench);
    running.0.kill().expect("killed");
    running.0.wait().expect("reaped");
    eventually("the disk is gone", || (!seen(&running)).then_some(()));

    // both are killed: the process lives on, and so does its disk, until `heal` ends it
    let bench = case("60s", "");
    let mut running = filled(&bench);
    running.kill_both();
    assert!(seen(&running));
    let output = bench.output(&["heal", "latest", "--yes"]);
    expect_exit(&output, 0);
    assert!(!seen(&running));
    assert_eq!(fs::read_dir(bench.path("data")).expect("there").count(), 0);
}

/// Who is not root gets his disk by way of a user namespace, which each later life has to enter, too.
#[test]
fn without_root_a_user_namespace_will_do() {
    if !rustix::process::getuid().is_root() {
        return; // the tests above have done so
    }
    let died = "  died: {at: process portal, from: disk_full + 2s, process: kill}";
    let bench = case("4s", died);
    let executable = bench.path("brownout");
    fs::copy(env!("CARGO_BIN_EXE_brownout"), &executable).expect("copied");
    let folder = executable.parent().expect("a folder");
    let chown = Command::new("chown")
        .args(["-R", "65534:65534"])
        .arg(folder)
        .status();
    assert!(chown.expect("runs").success());
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&executable)
        .args(RUN)
        .current_dir(folder);
    let output = command.output().expect("setpriv runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if said.contains("cannot have a disk of its own") {
        expect_exit(&output, 2);
        return;
    }
    let report = bench.report();
    // who asked while it was down was refused
    let gates = report["gates"].as_array().expect("gates").iter();
    for gate in gates.filter(|gate| gate["gate"] != "readers success >= 95%") {
        assert_eq!(gate["verdict"], "pass", "{gate:#}\n{said}");
    }
    for fault in report["faults"].as_array().expect("faults") {
        assert_eq!(fault["verified"], true, "{fault:#}");
    }
    let record = fs::read_to_string(bench.run_folder().join("record.jsonl")).expect("there");
    let lives = record.matches(r#""process_ready","service":"portal""#);
    assert_eq!(lives.count(), 2, "{said}");
}
