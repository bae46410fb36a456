//! States, onset, recovery, lost goodput, amplification: as scripted.

use std::time::Duration;

use super::script::{END, LOGIN, RATE, SLOTS, SLOTS_PROBE, Script, T0, T1};
use crate::{
    analysis::{Analysis, State, SubjectResult, analyse},
    event::ExitCause,
    measure::Outcome,
    plan::{LinkPlan, PlacePlan, ServiceId},
    scenario::model::{Effect, TcpEffect, TcpStream},
    units::{Rate, Ratio},
};

fn portal(analysis: &Analysis) -> &SubjectResult {
    &analysis.services["portal"].whole
}

/// States as `healthy 0-30, outage 30-60`.
fn lane(subject: &SubjectResult) -> String {
    let spans = subject.states.iter().map(|s| {
        let state = format!("{:?}", s.state).to_lowercase();
        format!("{state} {}-{}", s.from_s, s.to_s)
    });
    spans.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_calm_run_is_healthy_throughout() {
    let analysis = analyse(&Script::calm().record);
    assert_eq!(lane(portal(&analysis)), "healthy 0-150");
    assert!(portal(&analysis).incidents.is_empty());
    assert!(portal(&analysis).recovery.is_none());
    assert_eq!(portal(&analysis).lost_goodput, 0.0);
    assert_eq!(analysis.load.offered, RATE * END);
    assert_eq!(analysis.load.began, analysis.load.planned);
    assert_eq!(analysis.amplification, 1.0);
    assert_eq!(analysis.exit_code, 0);
    assert!(analysis.warnings.is_empty(), "{:?}", analysis.warnings);
    let summary = "No service was ever unhealthy; 100.0% of all requests succeeded.";
    assert_eq!(analysis.summary[1], summary);
    assert_eq!(analysis.curves.subjects[""].offered.len(), END as usize);
    assert_eq!(
        analysis.curves.subjects["portal"].good[40],
        Some(RATE as f64)
    );
}

#[test]
fn a_brownout_is_found_where_it_was() {
    let mut script = Script::calm();
    script.fail(33..70, Outcome::Http5xx, 0.4);
    let analysis = analyse(&script.record);
    let seen = portal(&analysis);
    assert_eq!(lane(seen), "healthy 0-33, brownout 33-70, healthy 70-150");
    let incident = &seen.incidents[0];
    assert_eq!((incident.onset_s, incident.end_s), (33.0, Some(70.0)));
    assert_eq!(incident.worst, State::Brownout);
    assert!((incident.depth - 0.4).abs() < 1e-9, "{}", incident.depth);
    assert_eq!(incident.faults, ["sms_late"]);
    let lost = 37.0 * RATE as f64 * 0.4;
    assert!(
        (seen.lost_goodput - lost).abs() < 1e-6,
        "{}",
        seen.lost_goodput
    );
    let recovery = seen.recovery.as_ref().expect("it was unwell");
    assert_eq!(recovery.from_s, T1 as f64);
    assert_eq!(recovery.of, "sms_late removed");
    assert_eq!(recovery.recovered_s, Some(70.0));
    assert_eq!(recovery.time_to_recover_s, Some(10.0));
    assert_eq!(recovery.outage_s, Some(37.0));
    assert!((recovery.lost_during - 27.0 * RATE as f64 * 0.4).abs() < 1e-6);
    assert!((recovery.lost_after - 10.0 * RATE as f64 * 0.4).abs() < 1e-6);
    let hangover = recovery.hangover_share.expect("something was lost");
    assert!((hangover - 10.0 / 37.0).abs() < 1e-9);
    assert!(!recovery.metastable_suspected);
}

#[test]
fn thin_traffic_shows_failure_in_its_own_bin() {
    // 16 requests a second: seven bins to a judgement, but two failures are enough to fail it
    let mut script = Script::at_rate(16);
    for second in 41..55 {
        script.all(second, Outcome::TimeoutFirstByte, 16);
    }
    let seen = analyse(&script.record);
    let incident = &portal(&seen).incidents[0];
    assert!(
        (incident.onset_s - 41.0).abs() <= 1.0,
        "{}",
        incident.onset_s
    );
    let end = incident.end_s.expect("it came back");
    assert!((end - 55.0).abs() <= 1.0, "{end}");
}

#[test]
fn slowness_is_a_brownout_too() {
    let mut script = Script::calm();
    for second in 40..50 {
        for series in [LOGIN, SLOTS] {
            script.clear(second, series);
            let slow = Duration::from_millis(900);
            script.add_slow(second, series, Outcome::Ok, RATE / 2, slow);
        }
    }
    let analysis = analyse(&script.record);
    assert_eq!(
        lane(portal(&analysis)),
        "healthy 0-40, brownout 40-50, healthy 50-150"
    );
}

#[test]
fn one_bad_bin_is_not_an_incident_and_short_health_not_a_recovery() {
    let mut script = Script::calm();
    script.fail(40..42, Outcome::Http5xx, 1.0);
    script.fail(70..75, Outcome::Http5xx, 0.5);
    script.fail(80..85, Outcome::Http5xx, 0.5);
    let analysis = analyse(&script.record);
    assert_eq!(
        lane(portal(&analysis)),
        "healthy 0-70, brownout 70-85, healthy 85-150"
    );
}

#[test]
fn collapse_is_told_from_an_outage() {
    // alive, offered all that it ever delivered, delivering nothing: a collapse
    let mut busy = Script::calm();
    busy.fail(40..60, Outcome::TimeoutFirstByte, 1.0);
    let seen = analyse(&busy.record);
    assert_eq!(
        lane(portal(&seen)),
        "healthy 0-40, collapse 40-60, healthy 60-150"
    );
    // nobody listens: an outage
    let mut gone = Script::calm();
    gone.fail(40..60, Outcome::Refused, 1.0);
    let seen = analyse(&gone.record);
    assert_eq!(
        lane(portal(&seen)),
        "healthy 0-40, outage 40-60, healthy 60-150"
    );
    // clients that do not even ask show no collapse either
    let mut spared = Script::calm();
    spared.fail(40..60, Outcome::NotSentBreaker, 1.0);
    let seen = analyse(&spared.record);
    assert_eq!(
        lane(portal(&seen)),
        "healthy 0-40, outage 40-60, healthy 60-150"
    );
    // the process is gone, whatever clients see of it: an outage until it is started again
    let mut dead = Script::calm();
    dead.fail(40..60, Outcome::TimeoutConnect, 1.0);
    dead.exit(40.0, ExitCause::Own);
    let seen = analyse(&dead.record);
    assert!(lane(portal(&seen)).starts_with("healthy 0-40, outage 40-41, collapse 41-60"));
}

#[test]
fn what_a_cut_link_does_is_no_collapse_of_the_target() {
    let cut = |visitors, effect, share| {
        let mut script = Script::calm();
        script.fail(40..60, Outcome::Reset, 1.0);
        let plan = script.plan();
        plan.links.push(LinkPlan {
            name: "visitors -> portal".into(),
            visitors,
            to: ServiceId(0),
            http: false,
            listen: ([127, 0, 0, 1], 0).into(),
            upstream: ([127, 0, 0, 1], 80).into(),
            tls: None,
            via: None,
        });
        plan.faults[0].effect = Effect::Tcp(effect);
        plan.faults[0].share = Ratio::new(share).expect("a share");
        lane(portal(&analyse(&script.record)))
    };
    let reset = || TcpEffect::Reset {
        after: Duration::ZERO,
    };
    let slow = TcpEffect::Latency {
        latency: Duration::from_millis(1),
        jitter: Duration::ZERO,
        stream: TcpStream::Downstream,
    };
    let (outage, collapse) = (
        "healthy 0-40, outage 40-60, healthy 60-150",
        "healthy 0-40, collapse 40-60, healthy 60-150",
    );
    assert_eq!(cut(true, reset(), 1.0), outage);
    assert_eq!(cut(true, TcpEffect::Down, 0.9), outage);
    // these leave enough of it whole, or are not on the way to it
    assert_eq!(cut(true, reset(), 0.5), collapse);
    assert_eq!(cut(true, slow, 1.0), collapse);
    assert_eq!(cut(false, reset(), 1.0), collapse);
}

#[test]
fn honest_shedding_above_capacity_is_no_incident() {
    let mut script = Script::calm();
    script.plan().services[0].capacity = Rate::per_second(250.0);
    for second in 40..80 {
        for series in [LOGIN, SLOTS] {
            script.clear(second, series);
            script.add(second, series, Outcome::Ok, 120);
            script.add(second, series, Outcome::Shed, 380);
        }
    }
    let analysis = analyse(&script.record);
    let seen = portal(&analysis);
    assert_eq!(lane(seen), "healthy 0-40, shedding 40-80, healthy 80-150");
    assert!(seen.incidents.is_empty());
    assert_eq!(seen.shed, 40 * 760);
    // K is 250: ten good requests a second are missing
    assert!(
        (seen.lost_goodput - 400.0).abs() < 1e-6,
        "{}",
        seen.lost_goodput
    );
    assert_eq!(seen.admitted_success, Some(1.0));
    // below what it was built for, shedding is a failure
    script.plan().services[0].capacity = Rate::per_second(2_000.0);
    let analysis = analyse(&script.record);
    assert_eq!(portal(&analysis).incidents.len(), 1);
}

#[test]
fn more_fallbacks_are_graceful_degradation() {
    let mut script = Script::calm();
    for second in 40..60 {
        script.all(second, Outcome::Fallback, RATE);
    }
    let analysis = analyse(&script.record);
    assert_eq!(
        lane(portal(&analysis)),
        "healthy 0-40, graceful 40-60, healthy 60-150"
    );
    assert!(portal(&analysis).incidents.is_empty());
}

#[test]
fn silence_is_never_healthy() {
    let mut script = Script::calm();
    for second in 50..80 {
        script.clear(second, LOGIN);
        script.clear(second, SLOTS);
    }
    let analysis = analyse(&script.record);
    assert_eq!(
        lane(portal(&analysis)),
        "healthy 0-50, unknown 50-80, healthy 80-150"
    );
}

#[test]
fn a_probe_speaks_for_a_feature_without_visitors() {
    let mut script = Script::calm();
    for second in 0..END {
        script.clear(second, SLOTS);
        let bad = (44..64).contains(&second);
        let outcome = if bad {
            Outcome::TimeoutFirstByte
        } else {
            Outcome::Ok
        };
        script.add(second, SLOTS_PROBE, outcome, 1);
    }
    let analysis = analyse(&script.record);
    let slots = &analysis.services["portal"].features["slots"];
    assert_eq!(slots.judged_by, "probe");
    assert_eq!(lane(slots), "healthy 0-44, outage 44-64, healthy 64-150");
    assert_eq!(slots.incidents[0].detected_after_s, Some(0.0));
    assert_eq!(slots.lost_goodput, 0.0);
    // the probe is not load
    assert_eq!(analysis.load.offered, RATE / 2 * END);
    assert_eq!(
        analysis.services["portal"].features["login"].judged_by,
        "requests"
    );
}

#[test]
fn a_probe_fills_the_time_when_visitors_cannot_get_there() {
    let mut script = Script::calm();
    for second in 0..END {
        let cut_off = (40..70).contains(&second);
        if cut_off {
            script.clear(second, SLOTS);
        }
        let outcome = if cut_off {
            Outcome::Http5xx
        } else {
            Outcome::Ok
        };
        script.add(second, SLOTS_PROBE, outcome, 1);
    }
    let analysis = analyse(&script.record);
    let slots = &analysis.services["portal"].features["slots"];
    assert_eq!(lane(slots), "healthy 0-40, outage 40-70, healthy 70-150");
}

#[test]
fn retries_amplify() {
    let mut script = Script::calm();
    for second in 40..60 {
        script.retry(second, LOGIN, Outcome::Http5xx, 400);
    }
    let analysis = analyse(&script.record);
    let citizens = &analysis.populations["citizens"];
    assert_eq!(citizens.first_attempts, RATE * END);
    assert_eq!(citizens.attempts, RATE * END + 20 * 400);
    assert!((citizens.amplification - 38_000.0 / 30_000.0).abs() < 1e-9);
    assert!((citizens.peak_amplification - 3.0).abs() < 1e-9);
    assert!(citizens.retry_storm);
    assert!((analysis.amplification - citizens.amplification).abs() < 1e-12);
    assert!(!analyse(&Script::calm().record).populations["citizens"].retry_storm);
}

#[test]
fn a_surge_after_the_removal_is_measured() {
    let mut script = Script::calm();
    script.fail(T0..70, Outcome::Http5xx, 0.5);
    script.retry(65, LOGIN, Outcome::Http5xx, 3 * RATE);
    let analysis = analyse(&script.record);
    let recovery = portal(&analysis).recovery.as_ref().expect("unwell");
    let surge = recovery.surge.expect("there was a baseline");
    assert!((surge - 4.0).abs() < 1e-9, "{surge}");
}

#[test]
fn crashes_of_its_own_are_told_from_kills_of_ours() {
    let mut script = Script::calm();
    script.exit(40.0, ExitCause::Own);
    script.exit(50.0, ExitCause::Liveness);
    script.exit(70.0, ExitCause::Injected);
    script.exit(149.0, ExitCause::Shutdown);
    let analysis = analyse(&script.record);
    let events = &analysis.services["portal"].events;
    let told: Vec<(&str, f64, bool)> = events
        .iter()
        .filter(|e| e.kind != "restart")
        .map(|e| (e.kind.as_str(), e.at_s, e.injected))
        .collect();
    let expected = [
        ("crash", 40.0, false),
        ("crash", 50.0, false),
        ("killed_by_us", 70.0, true),
    ];
    assert_eq!(told, expected);
    assert!(analysis.summary.iter().any(|s| s.contains("crashed twice")));
}

#[test]
fn a_lost_listener_of_a_process_that_we_cannot_see_is_a_crash() {
    let mut script = Script::calm();
    script.fail(80..84, Outcome::Refused, 1.0);
    let analysis = analyse(&script.record);
    let events = &analysis.services["portal"].events;
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].kind.as_str(), events[0].at_s), ("crash", 80.0));
}

#[test]
fn what_never_comes_back_is_suspected_of_metastability() {
    let mut script = Script::calm();
    script.fail(35..END, Outcome::TimeoutFirstByte, 0.9);
    let analysis = analyse(&script.record);
    let recovery = portal(&analysis).recovery.as_ref().expect("unwell");
    assert_eq!(recovery.recovered_s, None);
    assert_eq!(recovery.time_to_recover_s, None);
    assert_eq!(recovery.more_than_s, Some((END - T1) as f64));
    assert!(recovery.metastable_suspected);
    assert!(analysis.order_of_return.is_empty());
}

#[test]
fn services_return_when_their_features_do() {
    let mut script = Script::calm();
    for second in 40..90 {
        let login_bad = second < 70;
        for (series, bad) in [(LOGIN, login_bad), (SLOTS, true)] {
            script.clear(second, series);
            let outcome = if bad { Outcome::Http5xx } else { Outcome::Ok };
            script.add(second, series, outcome, RATE / 2);
        }
    }
    let analysis = analyse(&script.record);
    let order: Vec<(&str, f64, u32)> = analysis
        .order_of_return
        .iter()
        .map(|r| (r.subject.as_str(), r.at_s, r.rank))
        .collect();
    let expected = [
        ("portal/login", 70.0, 1),
        ("portal", 90.0, 2),
        ("portal/slots", 90.0, 2),
    ];
    assert_eq!(order, expected);
}

#[test]
fn the_summary_reads_like_a_post_mortem() {
    let mut script = Script::calm();
    script.fail(36..101, Outcome::TimeoutFirstByte, 1.0);
    script.exit(50.0, ExitCause::Liveness);
    script.exit(60.0, ExitCause::Liveness);
    script.exit(70.0, ExitCause::Liveness);
    let analysis = analyse(&script.record);
    let expected = "portal collapsed 6.0 s after opening began, crashed 3 times (liveness), \
                    and was back 41.0 s after sms_late was removed.";
    assert_eq!(analysis.summary[1], expected);
}

#[test]
fn the_noise_of_thin_traffic_is_no_incident() {
    // 32 requests a second of which every 150th fails: above the SLO of 99%, in uneven bins
    let mut script = Script::at_rate(32);
    let mut sent = 0u64;
    for second in 0..END {
        for series in [LOGIN, SLOTS] {
            script.clear(second, series);
            for _ in 0..(10 + second * 7 % 13) {
                sent += 1;
                let bad = sent.is_multiple_of(150);
                let outcome = if bad { Outcome::Http5xx } else { Outcome::Ok };
                script.add(second, series, outcome, 1);
            }
        }
    }
    let analysis = analyse(&script.record);
    assert!(portal(&analysis).incidents.is_empty());
    assert!(portal(&analysis).success.is_some_and(|s| s < 0.994));
    for feature in analysis.services["portal"].features.values() {
        assert!(feature.incidents.is_empty());
    }
}

#[test]
fn what_a_toxiproxy_elsewhere_did_not_count_is_not_known() {
    let told = |via: Option<&str>, met| {
        let mut script = Script::calm();
        let plan = script.plan();
        plan.links.push(LinkPlan {
            name: "portal -> sms".into(),
            visitors: false,
            to: ServiceId(0),
            http: false,
            listen: ([127, 0, 0, 1], 1).into(),
            upstream: ([127, 0, 0, 1], 80).into(),
            tls: None,
            via: via.map(str::to_owned),
        });
        let mut fault = plan.faults[0].clone();
        fault.name = "inner".into();
        fault.place = PlacePlan::Link {
            link: plan.links.len() - 1,
            feature: None,
        };
        let script = script.fault(fault, 80, 90, met);
        let analysis = analyse(&script.record);
        let mut warnings = analysis.warnings.iter();
        let unmet = warnings.find(|w| w.kind == "fault_unmet" && w.message.starts_with("inner"));
        (analysis.faults[1].hits, unmet.map(|w| w.hint.clone()))
    };
    let (hits, unmet) = told(None, 0);
    assert_eq!(hits, Some(0));
    let hint = unmet.expect("what goes past a link is a doubt");
    assert!(hint.contains("127.0.0.1:1"), "{hint}");
    assert_eq!(told(None, 7), (Some(7), None));
    assert_eq!(told(Some("127.0.0.1:8474"), 0), (None, None));
    assert_eq!(told(Some("127.0.0.1:8474"), 7), (Some(7), None));
}
