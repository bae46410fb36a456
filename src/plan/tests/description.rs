//! What `brownout plan` tells of a plan.

use super::fixture::{cowin, minutes, seconds};
use crate::{
    plan::{Plan, Reach, describe},
    scenario::model::*,
    time::Story,
};

fn reach(plan: &Plan, fault: &str) -> Reach {
    let faults = describe(plan).faults;
    let found = faults.into_iter().find(|f| f.fault == fault);
    found.expect("every fault is described")
}

#[test]
fn the_timeline_merges_phases_and_faults_on_both_clocks() {
    let described = describe(&cowin().plan());
    let rows: Vec<_> = described
        .timeline
        .iter()
        .map(|m| format!("{} | {} | {} | {}", m.story, m.real, m.what, m.place))
        .collect();
    assert_eq!(
        rows,
        [
            "0s | 0s | calm begins | 50.0 requests/s",
            "20m | 20s | opening begins | 50.0 to 450.0 requests/s",
            "20m | 20s | sms_late: delayed by 12s | portal -> sms",
            "55m | 55s | sms_late ends | portal -> sms",
            "1h 20m | 1m 20s | evening begins | 150.0 requests/s",
            "2h 20m | 2m 20s | after begins | 50.0 requests/s",
            "3h | 3m | the end | ",
        ]
    );
}

#[test]
fn a_row_that_waits_for_another_fault_says_so() {
    let mut case = cowin();
    let place = case.scenario.faults[0].at.value.clone();
    let effect = case.scenario.faults[0].effect.value.clone();
    case.add_fault(
        "second",
        place,
        "evening",
        Some(Until::For(minutes(5))),
        effect,
    );
    let after = case.anchor("sms_late", Edge::End, minutes(2));
    case.scenario.faults[1].from.value = after;
    let timeline = describe(&case.plan()).timeline;
    let row = timeline.iter().find(|m| m.what.starts_with("second:"));
    let row = row.expect("it is in the timeline");
    assert!(row.about);
    assert_eq!(
        row.what,
        "second: delayed by 12s, 2s real after sms_late is out"
    );
    assert_eq!(row.story, Story(seconds(57 * 60)));
}

#[test]
fn an_inner_link_reaches_whoever_depends_on_it() {
    let late = reach(&cowin().plan(), "sms_late");
    assert_eq!(late.services, ["portal"]);
    assert_eq!(late.populations, ["citizens"]);
    assert_eq!(late.features.len(), 4);
}

#[test]
fn a_dead_process_reaches_its_dependants_and_a_lost_feature_only_itself() {
    let mut case = cowin();
    let kill = Effect::Process(ProcessEffect::Kill);
    case.add_fault(
        "died",
        FaultPlace::Process("sms".into()),
        "after",
        None,
        kill,
    );
    let place = FaultPlace::Feature {
        service: "portal".into(),
        feature: "certificates".into(),
    };
    let lost = Effect::Http(HttpEffect {
        matching: HttpMatch::default(),
        action: HttpAction::Status {
            code: 503,
            headers: Vec::new(),
            body: String::new(),
        },
    });
    case.add_fault(
        "no_certs",
        place,
        "evening",
        Some(Until::For(minutes(10))),
        lost,
    );
    let plan = case.plan();
    assert_eq!(reach(&plan, "died").services, ["portal", "sms"]);
    let lost = reach(&plan, "no_certs");
    assert_eq!(lost.does, "answered with 503");
    assert_eq!(lost.features, ["portal/certificates"]);
    assert!(
        lost.populations.is_empty(),
        "no journey asks for certificates"
    );
}

#[test]
fn what_is_touched() {
    let touches = describe(&cowin().plan()).touches;
    let binds: Vec<_> = touches.binds.iter().map(|(a, _)| a.to_string()).collect();
    assert_eq!(
        binds,
        [
            "127.0.0.1:8200",
            "127.0.0.1:8100",
            "127.0.0.1:8201",
            "127.0.0.1:0"
        ]
    );
    assert_eq!(touches.starts[0].1, ["/opt/brownout", "stage", "sms"]);
    assert_eq!(touches.dials[0].0, "127.0.0.1:8100");
    assert_eq!(touches.answers, ["portal.cowin.test", "sms.cowin.test"]);
}

#[test]
fn secrets_are_not_told() {
    let mut case = cowin();
    let secret = || crate::target::model::Secret("hunter2".into());
    case.target.services[0]
        .headers
        .push(("authorization".into(), secret()));
    case.target.launch[0].env.push(("TOKEN".into(), secret()));
    let plan = case.plan();
    assert_eq!(plan.services[0].headers[0].1, "hunter2");
    let kept = serde_json::to_string(&plan).expect("plain data");
    let told = serde_json::to_string(&describe(&plan)).expect("plain data");
    assert!(!kept.contains("hunter2") && !told.contains("hunter2"));
}

#[test]
fn as_text() {
    let mut case = cowin();
    case.scenario.load[0].client.timeout = seconds(10);
    case.here.local_ports = 60_000;
    insta::assert_snapshot!(describe(&case.plan()).to_text(false));
}

#[test]
fn colour_changes_nothing_but_colour() {
    let described = describe(&cowin().plan());
    let coloured = described.to_text(true);
    assert!(coloured.contains("\u{1b}[1m"));
    let plain = coloured.replace("\u{1b}[1m", "").replace("\u{1b}[0m", "");
    assert_eq!(plain, described.to_text(false));
}

#[test]
fn as_json_times_are_seconds() {
    let json = serde_json::to_value(describe(&cowin().plan())).expect("plain data");
    assert_eq!(json["length_s"], 180.0);
    assert_eq!(json["baseline_s"], serde_json::json!([3.0, 20.0]));
    assert_eq!(json["timeline"][1]["story_s"], 1200.0);
    assert_eq!(json["timeline"][1]["real_s"], 20.0);
    assert_eq!(json["needs"]["peak_s"], 21.0);
}
