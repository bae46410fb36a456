//! The numbers are true: a target that fails in a known way at a known time is measured to within
//! one bin of the truth.
//!
//! The scripted server lives in the test and counts its time from the first request of the load,
//! which a uniform schedule sends half an interval after the run's zero.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::Value;
use tokio::time::Instant;

use crate::support::{
    Bench, eventually, expect_exit, free_address,
    server::{self, Reply},
};

/// Seconds of the script: `/gone` answers 500 here.
const GONE: (f64, f64) = (12.0, 18.0);
/// `/partly` answers 500 to every fifth request here.
const PARTLY: (f64, f64) = (12.0, 20.0);
/// The launched process is killed here.
const KILLED: f64 = 15.0;
/// The longest deviation that a bin of one second and a request's way allow.
const ONE_BIN: f64 = 1.25;

#[derive(Default)]
struct Script {
    zero: OnceLock<Instant>,
    partly: AtomicU64,
    requests: AtomicU64,
    retried: AtomicU64,
}

impl Script {
    fn answer(&self, path: &str, id: &str) -> u16 {
        if !id.starts_with("probe") && !id.is_empty() {
            self.zero.get_or_init(Instant::now);
            self.requests.fetch_add(1, Ordering::Relaxed);
            if !id.ends_with(".0") {
                self.retried.fetch_add(1, Ordering::Relaxed);
            }
        }
        let at = self
            .zero
            .get()
            .map_or(0.0, |zero| zero.elapsed().as_secs_f64());
        let within = |(from, to): (f64, f64)| (from..to).contains(&at);
        match path {
            "/gone" if within(GONE) => 500,
            "/partly" if within(PARTLY) => {
                let n = self.partly.fetch_add(1, Ordering::Relaxed);
                if n.is_multiple_of(5) { 500 } else { 200 }
            }
            _ => 200,
        }
    }
}

fn serve(script: &Arc<Script>) -> String {
    let script = Arc::clone(script);
    server::serve(move |path, id| Reply::Status(script.answer(path, id)))
}

#[test]
fn a_scripted_failure_is_measured_to_within_one_bin() {
    let script = Arc::new(Script::default());
    let scripted = serve(&script);
    let launched = free_address();
    let bench = Bench::new();
    bench.write("target.yaml", &target(&scripted, &launched));
    let scenario = bench.write("truth.yaml", SCENARIO);

    let mut run = bench
        .brownout(&["run", scenario.to_str().expect("utf-8"), "--live", "off"])
        .spawn()
        .expect("starts");
    let record = bench.run_folder().join("record.jsonl");
    let pid = eventually("the launched process", || {
        let text = std::fs::read_to_string(&record).ok()?;
        let line = text
            .lines()
            .find(|line| line.contains("\"process_started\""))?
            .to_owned();
        serde_json::from_str::<Value>(&line).ok()?["pid"].as_i64()
    });
    let zero = *eventually("the first request", || script.zero.get());
    std::thread::sleep(Duration::from_secs_f64(KILLED).saturating_sub(zero.elapsed()));
    let killed = std::process::Command::new("kill")
        .args(["-9", &pid.to_string()])
        .status();
    assert!(
        killed.expect("kill runs").success(),
        "the launched process was alive until then"
    );
    let status = run.wait().expect("ends");
    let report = bench.report();
    assert_eq!(
        status.code(),
        Some(1),
        "the crash fails a gate:\n{:#}",
        report["gates"]
    );

    counts_are_exact(&report, &script);
    total_loss_is_seen(&report);
    a_share_is_seen(&report);
    others_are_untouched(&report);
    death_is_seen(&report);
}

/// 3 populations of 60/s for 40 s, one of 30/s; every planned arrival came.
fn counts_are_exact(report: &Value, script: &Script) {
    let load = &report["load"];
    assert_eq!(load["planned"], 8400, "{load:#}");
    assert_eq!(load["began"], load["planned"], "{load:#}");
    let populations = &report["populations"];
    for (name, planned) in [
        ("gone", 2400),
        ("partly", 2400),
        ("fine", 2400),
        ("callers", 1200),
    ] {
        assert_eq!(populations[name]["first_attempts"], planned, "{name}");
    }
    let attempts: u64 = ["gone", "partly", "fine"]
        .iter()
        .map(|p| populations[p]["attempts"].as_u64().unwrap_or(0))
        .sum();
    assert_eq!(
        attempts,
        script.requests.load(Ordering::Relaxed),
        "attempts as the server saw them"
    );
    let retried = script.retried.load(Ordering::Relaxed);
    assert!(retried > 200, "the script makes clients retry: {retried}");
    // one retry for each failed first attempt of `partly`: its amplification is known
    let partly = &populations["partly"];
    let expected =
        partly["attempts"].as_f64().expect("n") / partly["first_attempts"].as_f64().expect("n");
    close(&partly["amplification"], expected, 1e-9, "amplification");
}

fn total_loss_is_seen(report: &Value) {
    let gone = &report["services"]["scripted"]["features"]["gone"];
    let incident = only_incident(gone);
    close(&incident["onset_s"], GONE.0, ONE_BIN, "onset");
    close(&incident["end_s"], GONE.1, ONE_BIN, "end");
    // alive, offered as much as ever, delivering nothing: a collapse by definition
    assert_eq!(incident["worst"], "collapse", "{incident:#}");
    close(&incident["depth"], 1.0, 0.05, "depth");
    // 60 first attempts a second are lost for 6 s, give or take a bin's worth
    let seconds = GONE.1 - GONE.0;
    close(
        &gone["lost_goodput"],
        60.0 * seconds,
        60.0 * ONE_BIN,
        "lost goodput",
    );
}

fn a_share_is_seen(report: &Value) {
    let partly = &report["services"]["scripted"]["features"]["partly"];
    let incident = only_incident(partly);
    close(&incident["onset_s"], PARTLY.0, ONE_BIN, "onset");
    close(&incident["end_s"], PARTLY.1, ONE_BIN, "end");
    assert_eq!(incident["worst"], "brownout", "{incident:#}");
}

fn others_are_untouched(report: &Value) {
    let fine = &report["services"]["scripted"]["features"]["fine"];
    assert_eq!(fine["incidents"], Value::Array(vec![]), "{fine:#}");
    assert_eq!(fine["success"], 1.0);
    assert_eq!(fine["lost_goodput"], 0.0);
}

fn death_is_seen(report: &Value) {
    let mortal = &report["services"]["mortal"];
    let crash = mortal["events"]
        .as_array()
        .expect("events")
        .iter()
        .find(|event| event["kind"] == "crash")
        .unwrap_or_else(|| panic!("no crash: {mortal:#}"));
    close(&crash["at_s"], KILLED, ONE_BIN, "crash");
    assert_eq!(crash["injected"], false);
    let gate = &report["gates"][0];
    assert_eq!(
        (gate["gate"].as_str(), gate["verdict"].as_str()),
        (Some("mortal never crashes"), Some("fail"))
    );
}

fn only_incident(subject: &Value) -> &Value {
    let incidents = subject["incidents"].as_array().expect("incidents");
    assert_eq!(incidents.len(), 1, "{subject:#}");
    &incidents[0]
}

#[track_caller]
fn close(value: &Value, truth: f64, tolerance: f64, what: &str) {
    let value = value
        .as_f64()
        .unwrap_or_else(|| panic!("{what} is {value}"));
    assert!(
        (value - truth).abs() <= tolerance,
        "{what}: {value}, in truth {truth}"
    );
}

fn target(scripted: &str, launched: &str) -> String {
    format!(
        r#"
brownout: 1
target: truth
environment: test
services:
  scripted:
    url: http://{scripted}
    features:
      gone: {{routes: [GET /gone]}}
      partly: {{routes: [GET /partly]}}
      fine: {{routes: [GET /fine]}}
  mortal:
    url: http://{launched}
    health: GET /healthz
launch:
  mortal: {{command: [brownout, stage, cowin-sms, --listen, "{launched}"], ready: GET /healthz, restart_after: 1s}}
"#
    )
}

const SCENARIO: &str = r#"
brownout: 1
scenario: truth
title: A target that fails as scripted
target: target.yaml
seed: 7
phases: [{calm: 12s}, {storm: 28s}]
measure: {warm_up: 2s, min_samples: 30, baseline_requests: 300, baseline_span: 8s, observe: 10s, hold: 5s, good_bins: 5}
load:
  gone: {journey: gone, arrivals: {calm: 60/s, storm: 60/s}, client: {timeout: 2s}}
  partly: {journey: partly, arrivals: {calm: 60/s, storm: 60/s}, client: {timeout: 2s, retry: {outcomes: [5xx], wait: 100ms..200ms, attempts: 2}}}
  fine: {journey: fine, arrivals: {calm: 60/s, storm: 60/s}, client: {timeout: 2s}}
  callers: {journey: mortal, arrivals: {calm: 30/s, storm: 30/s}, client: {timeout: 2s}}
journeys:
  gone: [{step: gone, get: "scripted:/gone"}]
  partly: [{step: partly, get: "scripted:/partly"}]
  fine: [{step: fine, get: "scripted:/fine"}]
  mortal: [{step: ask, get: "mortal:/healthz"}]
steady_state:
  - scripted success >= 99%
  - mortal success >= 99%
gates:
  - mortal never crashes
  - scripted/fine success >= 99.9%
"#;

/// A rate that no machine can send ends as inconclusive, not as a failure of the target.
#[test]
fn a_rate_beyond_the_harness_is_inconclusive() {
    let script = Arc::new(Script::default());
    let scripted = serve(&script);
    let bench = Bench::new();
    let target = format!(
        "brownout: 1\ntarget: t\nenvironment: test\nservices:\n  web: {{url: \"http://{scripted}\"}}\n"
    );
    bench.write("target.yaml", &target);
    let scenario = bench.write(
        "beyond.yaml",
        r#"
brownout: 1
scenario: beyond
title: More than this machine can send
target: target.yaml
phases: [{calm: 5s}, {beyond: 8s}]
measure: {warm_up: 1s, baseline_requests: 100, baseline_span: 3s}
load:
  crowd: {journey: look, arrivals: {calm: 50/s, beyond: 400_000/s}, client: {timeout: 1ms, reuse: shared}}
journeys:
  look: [{step: look, get: "web:/fine"}]
steady_state: [web success >= 50%]
gates: [web success >= 99%]
"#,
    );
    let output = bench.output(&["run", scenario.to_str().expect("utf-8"), "--live", "off"]);
    expect_exit(&output, 4);
    let report = bench.report();
    assert_eq!(report["verdict"], "inconclusive");
    let kinds: Vec<_> = report["warnings"]
        .as_array()
        .expect("warnings")
        .iter()
        .map(|w| w["kind"].clone())
        .collect();
    assert!(kinds.contains(&Value::from("not_sent")), "{kinds:?}");
    assert!(
        !report["load"]["not_sent"]
            .as_object()
            .expect("reasons")
            .is_empty()
    );
}
