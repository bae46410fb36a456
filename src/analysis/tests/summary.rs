//! The sentences that an operator pastes into a post-mortem.

use super::script::{END, LOGIN, RATE, SLOTS, SLOTS_PROBE, Script, T1, at};
use crate::{
    analysis::analyse,
    event::{ExitCause, RunEvent},
    measure::Outcome,
    plan::{FaultPlan, Origin, PlacePlan, Series, SeriesId, ServiceId, Trigger},
    scenario::model::{DnsAnswer, Effect, ProcessEffect},
};

fn told(script: &Script) -> Vec<String> {
    let mut summary = analyse(&script.record).summary;
    summary.remove(0);
    summary
}

/// A fault like the script's own, elsewhere.
fn like(script: &Script, name: &str, place: &str, effect: Option<Effect>) -> FaultPlan {
    let mut fault = script.record.header.plan.faults[0].clone();
    fault.name = name.into();
    fault.at = place.into();
    fault.effect = effect.unwrap_or(fault.effect);
    fault
}

fn lost_name(script: &Script) -> FaultPlan {
    let effect = Effect::Dns(DnsAnswer::Servfail.into());
    like(script, "lost_name", "dns portal.test", Some(effect))
}

fn died(script: &Script, second: u64) -> FaultPlan {
    let effect = Effect::Process(ProcessEffect::Kill);
    FaultPlan {
        place: PlacePlan::Process(ServiceId(0)),
        start: Trigger::At(at(second as f64)),
        end: None,
        ..like(script, "died", "process portal", Some(effect))
    }
}

fn only_login(script: &mut Script, seconds: std::ops::Range<u64>) {
    for second in seconds {
        script.clear(second, LOGIN);
        script.add(second, LOGIN, Outcome::Http5xx, RATE / 2);
    }
}

#[test]
fn each_of_several_faults_is_told_by_itself() {
    let mut script = Script::calm();
    script.fail(32..60, Outcome::Http5xx, 1.0);
    only_login(&mut script, 80..95);
    script.exit(125.0, ExitCause::Injected);
    let (name, no_login) = (
        lost_name(&script),
        like(&script, "no_login", "portal", None),
    );
    let (slow, died) = (
        like(&script, "slow_line", "portal -> sms", None),
        died(&script, 125),
    );
    script = script
        .fault(no_login, 80, 90, 7)
        .fault(slow, 106, 114, 1_135);
    script = script.fault(died, 125, 125, 1).fault(name, 140, 145, 0);
    script.event(
        61.0,
        RunEvent::FaultTally {
            fault: 0,
            hits: 9,
            spared: 0,
        },
    );
    let expected = [
        "sms_late (http delay 12s on portal -> sms): portal collapsed 2.0 s after it went in \
         and was back as soon as it was removed.",
        "no_login (http delay 12s on portal): only login collapsed as soon as it went in and came \
         back 5.0 s after it was removed; slots stayed healthy.",
        "slow_line (http delay 12s on portal -> sms): tolerated (1,135 hits).",
        "died (process kill on portal): portal was killed by us and was started again after \
         1.0 s, without an incident.",
        "One more fault followed.",
    ];
    assert_eq!(told(&script), expected);
}

#[test]
fn a_fault_that_met_nothing_is_not_called_tolerated() {
    let script = Script::calm();
    let name = lost_name(&script);
    let script = script.fault(name, 90, 100, 0);
    let nothing = "no harm was seen, but nothing is known to have met it.";
    let told = told(&script);
    assert!(told.iter().all(|s| s.ends_with(nothing)), "{told:?}");
    assert_eq!(told.len(), 2);
}

#[test]
fn a_flap_too_short_for_an_incident_is_not_called_tolerated() {
    let mut script = Script::calm();
    script.fail(95..97, Outcome::Http5xx, 1.0);
    let name = lost_name(&script);
    let script = script.fault(name, 90, 100, 800);
    let expected = "lost_name (dns SERVFAIL on portal.test): no incident, yet only 80.0% of the \
                    requests to portal succeeded.";
    assert_eq!(told(&script)[1], expected);
}

#[test]
fn an_incident_that_outlives_the_next_fault_stays_with_its_own() {
    let mut script = Script::calm();
    script.fail(35..110, Outcome::TimeoutFirstByte, 1.0);
    let name = lost_name(&script);
    let script = script.fault(name, 80, 90, 5);
    let expected = [
        "sms_late (http delay 12s on portal -> sms): portal collapsed 5.0 s after it went in \
         and was back 50.0 s after it was removed.",
        "lost_name (dns SERVFAIL on portal.test): went in while portal was unhealthy already, \
         and no new harm can be told apart.",
    ];
    assert_eq!(told(&script), expected);
}

#[test]
fn trouble_without_a_fault_is_told_before_the_faults() {
    let mut script = Script::calm();
    script.fail(100..120, Outcome::Http5xx, 0.5);
    let name = lost_name(&script);
    let script = script.fault(name, 70, 75, 3);
    let told = told(&script);
    let expected = "portal browned out 30.0 s after lost_name was put in and was back 20.0 s \
                    after its onset.";
    assert_eq!(told[0], expected);
    assert_eq!(told.len(), 3);
}

#[test]
fn faults_that_go_in_together_share_a_sentence() {
    let mut script = Script::calm();
    script.fail(30..END, Outcome::Http5xx, 1.0);
    let name = lost_name(&script);
    let script = script.fault(name, 30, T1, 5);
    let expected = "sms_late (http delay 12s on portal -> sms) and lost_name (dns SERVFAIL on \
                    portal.test): portal collapsed as soon as they went in and was not back by \
                    the end of the run.";
    assert_eq!(told(&script), [expected]);
}

/// A second service, to which half as many go as to the portal.
fn with_neighbour(script: &mut Script) -> SeriesId {
    let plan = script.plan();
    let mut neighbour = plan.services[0].clone();
    neighbour.name = "neighbour".into();
    neighbour.host = "neighbour.test".into();
    neighbour.features.clear();
    plan.services.push(neighbour);
    plan.series.push(Series {
        origin: Origin::Population(0),
        name: "look".into(),
        service: ServiceId(1),
        feature: None,
    });
    let series = SeriesId(3);
    for second in 0..END {
        script.add(second, series, Outcome::Ok, RATE / 2);
    }
    series
}

#[test]
fn a_fault_is_blamed_only_where_it_can_reach() {
    let mut script = Script::calm();
    let neighbour = with_neighbour(&mut script);
    for second in 34..50 {
        script.clear(second, neighbour);
        script.add(second, neighbour, Outcome::Http5xx, RATE / 2);
    }
    script.fail(32..60, Outcome::Http5xx, 1.0);
    script.plan().faults[0].place = PlacePlan::Process(ServiceId(0));
    let mut next_door = like(&script, "next_door", "process neighbour", None);
    next_door.place = PlacePlan::Process(ServiceId(1));
    let script = script.fault(next_door, 90, 100, 7);
    let told = told(&script);
    let expected = [
        "neighbour collapsed 4.0 s after opening began and was back 10.0 s before sms_late was \
         removed.",
        "sms_late (http delay 12s on portal -> sms): portal collapsed 2.0 s after it went in and \
         was back as soon as it was removed.",
        "next_door (http delay 12s on neighbour): tolerated (7 hits).",
    ];
    assert_eq!(told, expected);
}

#[test]
fn faults_that_go_in_together_elsewhere_are_told_apart() {
    let mut script = Script::calm();
    with_neighbour(&mut script);
    script.fail(32..60, Outcome::Http5xx, 1.0);
    script.plan().faults[0].place = PlacePlan::Process(ServiceId(0));
    let mut next_door = like(&script, "next_door", "process neighbour", None);
    next_door.place = PlacePlan::Process(ServiceId(1));
    let script = script.fault(next_door, 30, 100, 7);
    let told = told(&script);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("sms_late (http delay 12s on portal -> sms): portal"));
    assert!(told[1].ends_with("tolerated (7 hits)."), "{told:?}");
}

#[test]
fn silence_after_an_incident_does_not_hide_the_return() {
    let mut script = Script::calm();
    script.fail(35..60, Outcome::Http5xx, 1.0);
    for second in 60..66 {
        script.clear(second, LOGIN);
        script.clear(second, SLOTS);
    }
    let name = lost_name(&script);
    let script = script.fault(name, 100, 110, 5);
    let expected = "sms_late (http delay 12s on portal -> sms): portal collapsed 5.0 s after \
                    it went in and was back 6.0 s after it was removed.";
    assert_eq!(told(&script)[0], expected);
}

#[test]
fn one_fault_is_followed_by_how_the_features_differ() {
    let mut script = Script::calm();
    only_login(&mut script, 35..60);
    let expected = [
        "portal browned out 5.0 s after opening began and was back as soon as sms_late was \
         removed.",
        "Of the features of portal, login collapsed and slots stayed healthy.",
    ];
    assert_eq!(told(&script), expected);
}

#[test]
fn several_incidents_of_one_fault_are_counted() {
    let mut script = Script::calm();
    script.fail(35..45, Outcome::Http5xx, 1.0);
    script.fail(65..75, Outcome::Http5xx, 0.5);
    let expected = "portal collapsed 5.0 s after opening began, was unhealthy twice in all, \
                    and was back for good 10.0 s after its last onset.";
    let told = told(&script);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0], expected);
}

#[test]
fn a_feature_that_fell_later_is_told_from_the_first() {
    let mut script = Script::calm();
    script.fail(43..60, Outcome::Http5xx, 1.0);
    only_login(&mut script, 35..43);
    for second in 35..60 {
        script.clear(second, SLOTS_PROBE);
        script.clear(second, SLOTS);
        let outcome = if second < 43 {
            Outcome::Ok
        } else {
            Outcome::Http5xx
        };
        script.add(second, SLOTS, outcome, RATE / 2);
    }
    let told = told(&script);
    let expected = "It was seen first in login, and last in slots 8.0 s later.";
    assert_eq!(told[1], expected);
}
