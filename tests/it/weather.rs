//! Everything that decides when a fault comes, in one run of the real executable: instants, places one
//! after the other, a flap, conditions that come true or do not, and a schedule that is drawn.

use serde_json::Value;

use crate::support::{
    Bench, expect_exit,
    server::{Reply, serve},
};

const SCENARIO: &str = r#"
brownout: 1
scenario: weather
title: A stormy day
target: target.yaml
phases: [{calm: 6s}, {storm: 20s}, {after: 8s}]
measure: {baseline: optional, warm_up: 1s, min_samples: 5, observe: 2s, hold: 1s}
load:
  visitors: {journey: look, arrivals: 20/s, client: {timeout: 3s}}
journeys:
  look:
    - {step: home, get: "web:/"}
    - {step: slots, get: "web:/slots"}
    - {step: aside, get: "side:/"}
faults:
  slow: {at: service web, from: storm, for: 6s, http: {delay: 600ms}}
  straw: {at: service side, from: {when: web p50 > 300ms for 2s, after: storm}, until: {when: side errors > 90% for 2s, before: storm + 12s}, http: {status: 500}}
  after_straw: {at: service side, from: straw.end, for: 1s, http: {delay: 5ms}}
  ghost: {at: service side, from: {when: web p50 > 20s for 2s, before: storm.end}, for: 2s, http: hang}
  follows: {at: service side, from: ghost.end, for: 2s, http: hang}
  flaps: {at: service web, from: storm + 8s, for: 5s, flap: {in: 1s, out: 1s}, http: {status: 500}}
  pair: {at: [service web, service side], from: storm + 14s, stagger: 1s, for: 2s, tcp: {latency: 20ms, first: 10}}
  lost: {lose: web/slots, from: storm + 17s, for: 2s}
  late: {at: service side, http: {delay: 20ms}}
  odd: {at: service side, http: {delay: 30ms, every: 2}}
random:
  gusts: {of: [late, odd], from: storm, until: storm.end, every: 2s..4s, for: 1s..2s, seed: 7}
steady_state: [web success >= 95%]
gates:
  - side recovers within 10s of straw.end
  - web tolerates ghost
  - web recovers within 5s of follows.end
  - side tolerates gusts
"#;

fn fault<'r>(report: &'r Value, name: &str) -> &'r Value {
    let faults = report["faults"].as_array().expect("faults");
    let found = faults.iter().find(|fault| fault["name"] == name);
    found.unwrap_or_else(|| panic!("no fault {name}: {faults:#?}"))
}

fn gate<'r>(report: &'r Value, text: &str) -> &'r Value {
    let gates = report["gates"].as_array().expect("gates");
    let found = gates.iter().find(|gate| gate["gate"] == text);
    found.unwrap_or_else(|| panic!("no gate {text}: {gates:#?}"))
}

fn said<'r>(value: &'r Value, key: &str) -> &'r str {
    value[key].as_str().unwrap_or_default()
}

#[test]
fn faults_come_at_instants_by_conditions_and_at_random() {
    let bench = Bench::new();
    let (web, side) = (
        serve(|_, _| Reply::Status(200)),
        serve(|_, _| Reply::Status(200)),
    );
    bench.write(
        "target.yaml",
        &format!(
            "brownout: 1\ntarget: town\nenvironment: test\nservices:\n  \
             web: {{url: \"http://{web}\", features: {{slots: {{routes: [GET /slots]}}}}}}\n  \
             side: {{url: \"http://{side}\"}}\n"
        ),
    );
    bench.write("weather.yaml", SCENARIO);

    let plan = bench.output(&["plan", "weather.yaml"]);
    expect_exit(&plan, 0);
    let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(
        plan.contains("when web p50 > 300ms for 2s (earliest; watched until "),
        "{plan}"
    );
    // what the schedule draws is known beforehand
    let gusts = |line: &&str| line.contains(" late.") || line.contains(" odd.");
    let begins = |line: &&str| gusts(line) && line.contains(": delayed by");
    let planned = plan.lines().filter(begins).count();
    assert!(planned >= 4, "{plan}");

    let run = bench.output(&["run", "weather.yaml", "--live", "plain"]);
    // a gate on a fault that never came is no success and no failure
    expect_exit(&run, 4);
    let report = bench.report();
    let text = String::from_utf8_lossy(&run.stdout).into_owned();

    let straw = fault(&report, "straw");
    let came = "web p50 > 300ms for 2s came true: ";
    assert!(said(straw, "condition").starts_with(came), "{straw:#}");
    let ended = "side errors > 90% for 2s came true: ";
    assert!(said(straw, "end_condition").starts_with(ended), "{straw:#}");
    assert_eq!(straw["verified"], true, "{straw:#}");
    let at = |fault: &Value, key: &str| fault[key].as_f64().unwrap_or(f64::NAN);
    assert!(at(straw, "injected_s") >= 8.0, "{straw:#}");
    // what follows its end follows it at run time
    let after = fault(&report, "after_straw");
    assert!(
        at(after, "injected_s") >= at(straw, "removed_s"),
        "{after:#}"
    );

    let why = "web p50 > 20s for 2s never came true: at most ";
    let ghost = fault(&report, "ghost");
    assert!(ghost["injected_s"].is_null(), "{ghost:#}");
    assert!(said(ghost, "condition").starts_with(why), "{ghost:#}");
    assert!(fault(&report, "follows")["injected_s"].is_null());
    for (text, detail) in [
        (
            "web tolerates ghost",
            format!("ghost was never put in: {why}"),
        ),
        (
            "web recovers within 5s of follows.end",
            "follows was never put in, as ghost was not".to_owned(),
        ),
    ] {
        let gate = gate(&report, text);
        assert_eq!(gate["verdict"], "inconclusive", "{gate:#}");
        assert!(said(gate, "detail").starts_with(&detail), "{gate:#}");
    }
    for told in [
        "ghost at service side: http: hang; never put in: web p50 > 20s",
        "follows at service side: http: hang; never put in, as ghost was not",
    ] {
        assert!(text.contains(told), "{text}");
    }

    let flaps = fault(&report, "flaps");
    assert!(
        flaps["spells"].as_array().is_some_and(|s| s.len() >= 2),
        "{flaps:#}"
    );
    let (first, second) = (fault(&report, "pair.web"), fault(&report, "pair.side"));
    assert!(
        at(first, "injected_s") < at(second, "injected_s"),
        "{second:#}"
    );
    for one in [first, second] {
        assert!(
            one["hits"].as_u64().is_some_and(|hits| hits <= 10),
            "{one:#}"
        );
    }
    let losses = report["losses"].as_array().expect("losses");
    assert_eq!(losses[0]["feature"], "web/slots", "{losses:#?}");

    let drawn = |fault: &&Value| {
        let name = said(fault, "name");
        name.starts_with("late.") || name.starts_with("odd.")
    };
    let faults = report["faults"].as_array().expect("faults");
    let drawn: Vec<&Value> = faults.iter().filter(drawn).collect();
    assert_eq!(drawn.len(), planned, "{drawn:#?}");
    for gust in drawn {
        assert!(!gust["injected_s"].is_null(), "{gust:#}");
        assert_eq!(gust["verified"], true, "{gust:#}");
    }
}
