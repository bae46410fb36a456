//! The target stalls in the middle of a run; what is recorded must be what arithmetic says.

use std::{process::Stdio, time::Duration};

use brownout::{measure::PackedLatencies, record};
use tokio::time::Instant;

use crate::support::{
    Bench, eventually, expect_exit, free_address,
    nginx::{Nginx, static_answer},
};

/// Arrivals a second.
const RATE: f64 = 400.0;
const STALL: Duration = Duration::from_secs(2);
/// What a noisy machine may add to or take from a wait.
const NOISE: f64 = 0.2;

const SCENARIO: &str = r#"
brownout: 1
scenario: stall
target: target.yaml
phases: [{all: 12s}]
load:
  visitors: {journey: look, arrivals: 400/s, client: {timeout: 8s, reuse: shared}}
journeys: {look: [{step: page, get: "web:/"}]}
gates: [web success >= 99%]
measure: {baseline: optional}
"#;

/// In the open model everybody who arrives in a stall of length d waits for what is left of it: of
/// r arrivals a second, r (d - x) wait longer than x. A client that waits for one answer before it
/// sends the next request would have seen a handful of slow ones.
#[test]
fn a_real_stall_of_two_seconds_is_recorded_as_arithmetic_says() {
    let bench = Bench::new();
    let address = free_address();
    let nginx = Nginx::start(&bench, &static_answer(&address), &address);
    bench.write(
        "target.yaml",
        &format!(
            "brownout: 1\ntarget: stall\nenvironment: test\nservices:\n  web: {{url: \"http://{address}\"}}\n"
        ),
    );
    let scenario = bench.write("stall.yaml", SCENARIO);
    let scenario = scenario.to_str().expect("utf-8");
    let mut run = bench
        .brownout(&["run", scenario, "--live", "off"])
        .stdout(Stdio::null())
        .spawn()
        .expect("starts");
    let folder = bench.run_folder();
    let kept = folder.join(record::FILE_NAME);
    eventually("load", || {
        let text = std::fs::read_to_string(&kept).ok()?;
        (text.matches("\"event\":\"measured\"").count() >= 3).then_some(())
    });
    nginx.signal("STOP");
    let begun = Instant::now();
    std::thread::sleep(STALL);
    nginx.signal("CONT");
    let stall = begun.elapsed().as_secs_f64();

    let ended = run.wait().expect("ends");
    assert_eq!(ended.code(), Some(0), "no request was lost by waiting");
    expect_exit(&bench.output(&["report", "latest"]), 0);
    let record = record::read(&kept).expect("a record");
    let mut waits = PackedLatencies::default();
    for cell in record.cells.values() {
        waits.merge(&cell.response);
    }
    assert_eq!(waits.len(), 12 * 400, "every planned arrival");
    for x in [0.3, 0.6, 0.9, 1.2, 1.5, 1.8] {
        let seen = waits.count_above(Duration::from_secs_f64(x)) as f64;
        let expected = RATE * (stall - x);
        assert!(
            (seen - expected).abs() <= RATE * NOISE,
            "{seen} waited longer than {x} s, and not about {expected:.0}; stall {stall:.3} s"
        );
    }
}
