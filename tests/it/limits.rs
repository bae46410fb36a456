//! Limits of processor and memory for a launched process, with real control groups.
//!
//! Where the machine allows none, `brownout` has to say so before it starts anything; then that is what is
//! tested.

use std::{fs, path::Path};

use brownout::guardian::{FILE_NAME, leftovers};

use crate::support::{
    Bench, control_groups, eventually, expect_exit, free_address, may_limit, running::Running,
};

const RUN: [&str; 4] = ["run", "limits.yaml", "--live", "plain"];

fn case() -> Bench {
    let bench = Bench::new();
    let at = free_address();
    bench.write(
        "target.yaml",
        &format!(
            r#"
brownout: 1
target: gateway
environment: test
services: {{sms: {{url: "http://{at}", health: GET /healthz}}}}
launch: {{sms: {{command: [brownout, stage, cowin-sms, --listen, "{at}"], ready: GET /healthz}}}}
"#
        ),
    );
    bench.write(
        "limits.yaml",
        r#"
brownout: 1
scenario: limits
target: target.yaml
phases: [{calm: 1s}, {squeezed: 8s}, {after: 1s}]
measure: {baseline: optional, observe: 200ms, hold: 200ms, min_samples: 5}
load: {visitors: {journey: look, arrivals: 20/s, client: {timeout: 1s}}}
journeys: {look: [{step: look, get: "sms:/healthz"}]}
faults:
  slow: {at: process sms, from: squeezed, for: 8s, process: {cpu: 20%, memory: 64MB}}
  slower: {at: process sms, from: squeezed, for: 4s, process: {cpu: 5%}}
"#,
    );
    bench
}

fn limit(group: &Path) -> Option<String> {
    let files = [
        "cpu.max",
        "cpu.cfs_quota_us",
        "memory.max",
        "memory.limit_in_bytes",
    ];
    let mut texts = files
        .iter()
        .map(|file| fs::read_to_string(group.join(file)));
    texts
        .find_map(Result::ok)
        .map(|text| text.trim().to_owned())
}

/// Waits until a group says that.
fn until_limited(bench: &Bench, said: &str) {
    eventually(said, || {
        let limits: Vec<_> = control_groups(&bench.path("reports"))
            .iter()
            .filter_map(|g| limit(g))
            .collect();
        limits
            .iter()
            .any(|limit| limit.starts_with(said))
            .then_some(())
    });
}

#[test]
fn a_process_is_held_to_its_limits_and_let_go() {
    let bench = case();
    if !may_limit() {
        let output = bench.output(&RUN);
        expect_exit(&output, 2);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains("it limits cpu") && said.contains("--here"),
            "{said}"
        );
        assert!(!bench.path("reports").exists());
        return;
    }
    let mut running = Running::start(&bench, &RUN);
    // of two limits the tighter holds; then the other is left
    until_limited(&bench, "5000");
    until_limited(&bench, "20000");
    let (memory, procs): (Vec<String>, Vec<String>) = control_groups(&bench.path("reports"))
        .iter()
        .filter_map(|group| {
            let procs = fs::read_to_string(group.join("cgroup.procs")).ok()?;
            Some((limit(group)?, procs))
        })
        .unzip();
    assert!(
        procs.iter().all(|procs| procs.lines().count() == 1),
        "{procs:?}"
    );
    let pages = |limit: &String| {
        limit
            .parse()
            .is_ok_and(|n: u64| n.abs_diff(64_000_000) < 65_536)
    };
    assert!(memory.iter().any(pages), "{memory:?}");
    let status = running.0.wait().expect("ends");
    let talk = fs::read_to_string(bench.path("talk")).unwrap_or_default();
    assert_eq!(status.code(), Some(0), "{talk}");
    let report = bench.report();
    for fault in report["faults"].as_array().expect("faults") {
        assert_eq!(fault["verified"], true, "{fault:#}");
    }
    let made = control_groups(&bench.path("reports"));
    assert_eq!(made.len(), 2);
    assert!(made.iter().all(|group| !group.exists()), "{made:?}");
    assert!(
        leftovers(&bench.run_folder().join(FILE_NAME))
            .expect("reads")
            .owed
            .is_empty()
    );
}

#[test]
fn no_control_group_outlives_its_run() {
    if !may_limit() {
        return;
    }
    // brownout is killed: its guardian takes them away
    let bench = case();
    let mut running = Running::start(&bench, &RUN);
    until_limited(&bench, "5000");
    running.0.kill().expect("killed");
    let gone = || {
        control_groups(&bench.path("reports"))
            .iter()
            .all(|group| !group.exists())
            .then_some(())
    };
    eventually("the groups are gone", gone);

    // both are killed: `heal` does
    let bench = case();
    let mut running = Running::start(&bench, &RUN);
    until_limited(&bench, "5000");
    running.kill_both();
    assert!(
        control_groups(&bench.path("reports"))
            .iter()
            .all(|group| group.exists())
    );
    let output = bench.output(&["heal", "latest", "--yes"]);
    expect_exit(&output, 0);
    let left = control_groups(&bench.path("reports"));
    assert!(
        left.len() == 2 && left.iter().all(|group| !group.exists()),
        "{left:?}"
    );
}
