//! Local ports run out: towards a loopback target there are further source addresses, towards any
//! other the harness could not send, and says so instead of judging.
//!
//! Each test makes its own network (`unshare`), in which there are 500 local ports and none is used
//! again within the minute that a closed connection holds it.

use std::process::{Command, Output, Stdio};

use crate::support::{Bench, expect_exit};

const SERVER: &str = include_str!("ports/server.py");

/// A hundred connections a second for ten seconds, each dialled anew: twice as many as ports.
const SCENARIO: &str = r#"
brownout: 1
scenario: anew
title: Every request dials anew
target: target.yaml
phases: [{calm: 5s}, {rest: 5s}]
measure: {baseline: optional, warm_up: 0s, hold: 1s, observe: 1s}
load:
  crowd: {journey: look, arrivals: {calm: 100/s, rest: 100/s}, client: {timeout: 3s, patience: 3s, reuse: none}}
journeys:
  look: [{step: look, get: "web:/"}]
steady_state: [web success >= 99%]
gates: [web success >= 99%]
"#;

/// `$0` is brownout.
const SCRIPT: &str = r#"
ip link set lo up && ip addr add 10.9.9.9/32 dev lo || exit 99
echo 32768 33267 > /proc/sys/net/ipv4/ip_local_port_range || exit 99
echo 0 > /proc/sys/net/ipv4/tcp_tw_reuse || exit 99
python3 server.py & server=$!
"$0" run anew.yaml --live plain
code=$?
kill $server
exit $code
"#;

fn run(bench: &Bench, host: &str) -> Output {
    let target = format!(
        "brownout: 1\ntarget: web\nenvironment: test\nguard: {{allow: [127.0.0.0/8, 10.9.9.9/32]}}\n\
         services:\n  web: {{url: \"http://{host}:9400\", health: GET /}}\n"
    );
    bench.write("server.py", SERVER);
    bench.write("target.yaml", &target);
    bench.write("anew.yaml", SCENARIO);
    Command::new("unshare")
        .args(["--map-root-user", "--net", "sh", "-c", SCRIPT])
        .arg(env!("CARGO_BIN_EXE_brownout"))
        .current_dir(bench.path("."))
        .stdin(Stdio::null())
        .output()
        .expect("unshare runs")
}

#[test]
fn a_loopback_target_is_dialled_from_further_addresses() {
    let bench = Bench::new();
    let output = run(&bench, "127.0.0.1");
    let talk = String::from_utf8_lossy(&output.stderr);
    let report = bench.report();
    // an unsteady machine may send late, but never for want of ports
    assert!(report["load"]["not_sent"]["ports"].is_null(), "{talk}");
    let opened = report["load"]["sent"].as_u64().expect("a count");
    assert!(opened > 500, "{talk}");
    let sources = report["harness"]["sources"].as_u64().expect("a count");
    assert!(sources >= opened / 500, "{sources} for {opened}");
    let told = report["warnings"].to_string();
    assert!(told.contains("the ports of one address ran out"), "{told}");
}

#[test]
fn any_other_target_leaves_the_run_inconclusive_with_the_reason() {
    let bench = Bench::new();
    let output = run(&bench, "10.9.9.9");
    expect_exit(&output, 4);
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(talk.contains("may use up the 500 local ports"), "{talk}");
    let report = bench.report();
    let unsent = report["load"]["not_sent"]["ports"].as_u64();
    assert!(unsent.is_some_and(|n| n > 0), "{:#}", report["load"]);
    let gate = &report["gates"][0];
    assert_eq!(gate["verdict"], "inconclusive");
    let why = gate["detail"].as_str().expect("a reason");
    assert!(why.contains("the harness failed to send"), "{why}");
    let told = report["warnings"].to_string();
    assert!(told.contains("requests found no free ports"), "{told}");
}
