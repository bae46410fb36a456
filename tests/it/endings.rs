//! Every way a run can end has its exit code, its words, and leaves nothing behind.

use std::{
    net::TcpListener,
    path::PathBuf,
    process::{Child, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use crate::support::{Bench, eventually, exit_code, expect_exit, free_address};

/// A small launched target and a scenario of a minute against it.
struct Small {
    bench: Bench,
    scenario: PathBuf,
    listens: String,
}

fn small(extra: &str) -> Small {
    let bench = Bench::new();
    let listens = free_address();
    bench.write("target.yaml", &target(&listens));
    let scenario = bench.write("small.yaml", &format!("{SCENARIO}{extra}"));
    Small {
        bench,
        scenario,
        listens,
    }
}

fn target(listens: &str) -> String {
    format!(
        r#"
brownout: 1
target: small
environment: test
services:
  sms: {{url: "http://{listens}", health: GET /healthz}}
launch:
  sms: {{command: [brownout, stage, cowin-sms, --listen, "{listens}"], ready: GET /healthz}}
"#
    )
}

const SCENARIO: &str = r#"
brownout: 1
scenario: small
title: A small run
target: target.yaml
phases: [{calm: 6s}, {rest: 54s}]
# an unsteady machine must not end these runs before what they are about
measure: {warm_up: 1s, baseline: optional, baseline_requests: 100, baseline_span: 4s, observe: 5s, hold: 3s}
load:
  crowd: {journey: look, arrivals: {calm: 50/s, rest: 50/s}, client: {timeout: 2s}}
journeys:
  look: [{step: look, get: "sms:/healthz"}]
steady_state: [sms success >= 99%]
gates: [sms success >= 99%]
"#;

impl Small {
    fn scenario(&self) -> &str {
        self.scenario.to_str().expect("utf-8")
    }

    fn start(&self) -> Child {
        self.bench
            .brownout(&["run", self.scenario(), "--live", "plain"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts")
    }

    fn wait_for_event(&self, event: &str) {
        let record = self.bench.run_folder().join("record.jsonl");
        let wanted = format!("\"event\":\"{event}\"");
        eventually(event, || {
            std::fs::read_to_string(&record)
                .ok()?
                .contains(&wanted)
                .then_some(())
        });
    }

    fn nobody_listens(&self) {
        eventually("the target's port to be free", || {
            TcpListener::bind(&self.listens).ok()
        });
    }
}

fn signal(child: &Child, name: &str) {
    let status = std::process::Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(status.success());
}

#[test]
fn ctrl_c_once_stops_in_order_and_still_reports() {
    let small = small("faults:\n  held: {at: process sms, from: rest, for: 40s, process: pause}\n");
    let child = small.start();
    small.wait_for_event("fault_injected");
    signal(&child, "INT");
    let output = child.wait_with_output().expect("ends");
    expect_exit(&output, 3);
    let report = small.bench.report();
    assert_eq!(report["verdict"], "stopped");
    assert_eq!(
        report["faults"][0]["verified"], true,
        "{:#}",
        report["faults"]
    );
    small.nobody_listens();
}

#[test]
fn ctrl_c_twice_stops_at_once_and_the_guardian_undoes_the_rest() {
    let small = small("");
    let mut child = small.start();
    small.wait_for_event("started");
    signal(&child, "INT");
    signal(&child, "INT");
    let status = child.wait().expect("ends");
    assert_eq!(status.code(), Some(3));
    small.nobody_listens();
}

#[test]
fn a_stop_condition_ends_the_run() {
    let small = small(
        "faults:\n  held: {at: process sms, from: rest, for: 40s, process: pause}\nstop: [sms success < 50% for 3s]\n",
    );
    let begun = Instant::now();
    let output = small
        .bench
        .output(&["run", small.scenario(), "--live", "off"]);
    assert!(begun.elapsed() < Duration::from_secs(50), "it ended early");
    let report = small.bench.report();
    assert_eq!(report["run"]["complete"], false);
    let why = report["run"]["stopped"].as_str().expect("a reason");
    assert!(why.contains("sms success < 50%"), "{why}");
    // the failed gate comes before the stop condition in precedence
    assert!([1, 3].contains(&exit_code(&output)));
    small.nobody_listens();
}

#[test]
fn a_busy_port_is_said_before_anything_starts() {
    let small = small("");
    let _holder = TcpListener::bind(&small.listens).expect("was free");
    let output = small.bench.output(&["run", small.scenario()]);
    expect_exit(&output, 2);
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(
        talk.contains(&small.listens) && talk.contains("hint:"),
        "{talk}"
    );
    assert!(!small.bench.path("reports").exists(), "nothing was begun");
}

#[test]
fn an_unwritable_reports_folder_is_said_before_anything_starts() {
    let small = small("");
    let file = small.bench.write("not-a-folder", "");
    let reports = file.join("reports");
    let output = small.bench.output(&[
        "run",
        small.scenario(),
        "--reports",
        reports.to_str().expect("utf-8"),
    ]);
    expect_exit(&output, 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--reports"));
    small.nobody_listens();
}

#[test]
fn an_unreachable_target_is_inconclusive() {
    let small = small("");
    let target = format!(
        "brownout: 1\ntarget: gone\nenvironment: test\nservices:\n  sms: {{url: \"http://{}\"}}\n",
        small.listens
    );
    small.bench.write("target.yaml", &target);
    let output = small
        .bench
        .output(&["run", small.scenario(), "--live", "plain"]);
    expect_exit(&output, 4);
    let report = small.bench.report();
    assert!(
        report["run"]["stopped"]
            .as_str()
            .expect("a reason")
            .contains("sms"),
        "{report:#}"
    );
    assert_eq!(report["load"]["began"], 0, "nothing was sent");
}

#[test]
fn a_target_that_dies_before_it_is_ready_fails() {
    let small = small("");
    let dying = target(&small.listens).replace(
        "[brownout, stage, cowin-sms, --listen,",
        "[sh, -c, \"echo no database >&2; exit 7\",",
    );
    small.bench.write("target.yaml", &dying);
    let output = small
        .bench
        .output(&["run", small.scenario(), "--live", "plain"]);
    expect_exit(&output, 1);
    let stopped = small.bench.report()["run"]["stopped"].clone();
    assert!(
        stopped.as_str().expect("a reason").contains("exit code 7"),
        "{stopped}"
    );
}

#[test]
fn an_address_outside_the_guard_is_a_mistake_of_the_file() {
    let small = small("");
    let outside = target(&small.listens)
        .replace("services:", "guard: {allow: [127.0.0.1/32]}\nservices:")
        .replace(
            "launch:",
            "  far: {url: \"http://far.test:9\", at: 127.0.0.2:9}\nlaunch:",
        );
    small.bench.write("target.yaml", &outside);
    let output = small.bench.output(&["run", small.scenario()]);
    expect_exit(&output, 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("guard.allow"));
}

#[test]
fn a_full_disk_stops_the_run_and_takes_everything_down() {
    let small = small("");
    let script = "mkdir -p reports && mount -t tmpfs -o size=32k tmpfs reports && exec \"$0\" run \"$1\" --live off";
    let output = std::process::Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script])
        .args([env!("CARGO_BIN_EXE_brownout"), small.scenario()])
        .current_dir(small.bench.path("."))
        .stdin(Stdio::null())
        .output()
        .expect("unshare runs");
    expect_exit(&output, 5);
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(talk.contains("cannot write the record"), "{talk}");
    small.nobody_listens();
}

#[test]
fn a_report_can_be_made_again_from_the_record_alone() {
    let small = small("");
    let child = small.start();
    small.wait_for_event("baseline");
    signal(&child, "INT");
    expect_exit(&child.wait_with_output().expect("ends"), 3);
    let folder = small.bench.run_folder();
    let first = std::fs::read_to_string(folder.join("report.json")).expect("there");
    for name in ["report.json", "report.html", "junit.xml"] {
        std::fs::remove_file(folder.join(name)).expect("was written");
    }
    let output = small
        .bench
        .output(&["report", "latest", "--format", "json"]);
    expect_exit(&output, 0);
    assert_eq!(String::from_utf8_lossy(&output.stdout), first);
    for format in ["terminal", "junit", "html"] {
        let output = small
            .bench
            .output(&["report", "latest", "--format", format]);
        expect_exit(&output, 0);
        assert!(!output.stdout.is_empty(), "{format}");
    }
    let runs = small.bench.output(&["runs"]);
    expect_exit(&runs, 0);
    assert!(String::from_utf8_lossy(&runs.stdout).contains("stopped"));
    let unknown = small.bench.output(&["report", "no-such-run"]);
    expect_exit(&unknown, 2);
    let _: Value = serde_json::from_str(&first).expect("valid JSON");
}

#[test]
fn a_sample_portal_keeps_its_data_over_a_crash_and_removes_them_at_an_orderly_end() {
    let bench = Bench::new();
    let listens = free_address();
    let start = || {
        let portal = bench
            .brownout(&[
                "stage",
                "cowin",
                "--listen",
                &listens,
                "--sms",
                "http://127.0.0.1:9",
            ])
            .env("TMPDIR", bench.path("."))
            .stderr(Stdio::null())
            .spawn()
            .expect("starts");
        eventually("the portal", || std::net::TcpStream::connect(&listens).ok());
        portal
    };
    let databases = || {
        let entries = std::fs::read_dir(bench.path("."))
            .expect("a folder")
            .flatten();
        entries
            .filter(|entry| entry.path().join("portal.db").is_file())
            .count()
    };
    let mut crashed = start();
    crashed.kill().expect("was alive");
    crashed.wait().expect("ends");
    assert_eq!(databases(), 1, "a crash keeps what was stored");
    let mut orderly = start();
    signal(&orderly, "TERM");
    orderly.wait().expect("ends");
    assert_eq!(databases(), 0, "an orderly end leaves nothing behind");
}
