//! The guard is asked at every connect: a name that later resolves elsewhere is not followed.
//!
//! The test makes its own network (`unshare`), in which a name server of its own answers on port 53.

use std::process::{Command, Stdio};

use crate::support::{Bench, expect_exit};

const NAME_SERVER: &str = include_str!("guard/dns.py");

const TARGET: &str = r#"
brownout: 1
target: moving
environment: test
guard: {allow: [127.0.0.0/8]}
services:
  sms: {url: "http://moving.test:9400", health: GET /healthz}
"#;

const SCENARIO: &str = r#"
brownout: 1
scenario: moving
title: A name that moves
target: target.yaml
phases: [{calm: 6s}, {rest: 24s}]
measure: {warm_up: 1s, baseline: optional, baseline_requests: 100, baseline_span: 4s, observe: 5s, hold: 3s}
load:
  crowd: {journey: look, arrivals: {calm: 50/s, rest: 50/s}, client: {timeout: 2s}}
journeys:
  look: [{step: look, get: "sms:/healthz"}]
steady_state: [sms success >= 99%]
gates: [sms success >= 99%]
"#;

/// `$0` is brownout. The name moves outside the guard once the baseline was judged.
const SCRIPT: &str = r#"
ip link set lo up
echo nameserver 127.0.0.1 > resolv && mount --bind resolv /etc/resolv.conf || exit 99
echo 127.0.0.1 > address
python3 dns.py & names=$!
"$0" stage cowin-sms --listen 127.0.0.1:9400 2>stage & sms=$!
(until grep -q '"event":"baseline"' reports/*/record.jsonl 2>/dev/null; do sleep 0.1; done
 echo 10.9.9.9 > address) &
"$0" run moving.yaml --live plain
code=$?
kill $sms $names
exit $code
"#;

#[test]
fn a_name_that_moves_outside_the_guard_stops_the_run_and_nothing_is_sent_there() {
    let bench = Bench::new();
    bench.write("dns.py", NAME_SERVER);
    bench.write("target.yaml", TARGET);
    bench.write("moving.yaml", SCENARIO);
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "--net", "sh", "-c", SCRIPT])
        .arg(env!("CARGO_BIN_EXE_brownout"))
        .current_dir(bench.path("."))
        .stdin(Stdio::null())
        .output()
        .expect("unshare runs");
    expect_exit(&output, 3);
    let report = bench.report();
    let stopped = report["run"]["stopped"].as_str().expect("a reason");
    assert!(
        stopped.contains("10.9.9.9:9400 lies outside guard.allow"),
        "{stopped}"
    );
    // blocked is an outcome of its own: not one attempt went there and failed
    let errors = report["load"]["errors"].as_object().expect("classes");
    let only_blocked = errors.keys().all(|class| class == "blocked");
    assert!(only_blocked, "{:#}", report["load"]);
}
