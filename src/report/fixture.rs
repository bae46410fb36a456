//! Analyses to try the renderers on: a CoWIN-like run, and what is at the edges.

use std::collections::BTreeMap;

use crate::analysis::*;

/// Length of the CoWIN-like run in real seconds.
const LENGTH: usize = 180;

/// Three minutes of the naive portal: calm, the opening, late SMS, collapse, two crashes, recovery.
pub(super) fn cowin() -> Analysis {
    let spans = |list: &[(State, f64, f64)]| -> Vec<StateSpan> {
        let span = |&(state, from_s, to_s): &(State, f64, f64)| StateSpan {
            state,
            from_s,
            to_s,
        };
        list.iter().map(span).collect()
    };
    use State::{Brownout, Collapse, Graceful, Healthy, Outage, Shedding, Unknown};
    let login = SubjectResult {
        states: spans(&[
            (Healthy, 0.0, 22.0),
            (Brownout, 22.0, 31.0),
            (Collapse, 31.0, 88.0),
            (Outage, 88.0, 97.0),
            (Brownout, 97.0, 126.0),
            (Healthy, 126.0, 180.0),
        ]),
        ..subject(Some(22.0), Some(126.0), Collapse, 0.98)
    };
    let slots = SubjectResult {
        states: spans(&[
            (Healthy, 0.0, 24.0),
            (Graceful, 24.0, 34.0),
            (Brownout, 34.0, 60.0),
            (Outage, 60.0, 97.0),
            (Shedding, 97.0, 104.0),
            (Healthy, 104.0, 180.0),
        ]),
        ..subject(Some(34.0), Some(104.0), Outage, 0.91)
    };
    let certificates = SubjectResult {
        judged_by: "probe".into(),
        states: spans(&[
            (Unknown, 0.0, 3.0),
            (Healthy, 3.0, 61.0),
            (Outage, 61.0, 95.0),
            (Healthy, 95.0, 180.0),
        ]),
        offered: 0,
        good: 0,
        shed: 0,
        success: None,
        admitted_success: None,
        success_interval: None,
        ..subject(Some(61.0), Some(95.0), Outage, 1.0)
    };
    let whole = SubjectResult {
        states: spans(&[
            (Healthy, 0.0, 22.0),
            (Brownout, 22.0, 33.0),
            (Collapse, 33.0, 88.0),
            (Outage, 88.0, 97.0),
            (Brownout, 97.0, 124.0),
            (Healthy, 124.0, 180.0),
        ]),
        ..subject(Some(22.0), Some(124.0), Collapse, 0.97)
    };
    let sms = SubjectResult {
        states: spans(&[(Healthy, 0.0, 180.0)]),
        incidents: vec![],
        recovery: None,
        ..subject(None, None, Healthy, 0.0)
    };
    let event = |kind: &str, at_s, detail: &str| ServiceEvent {
        kind: kind.into(),
        at_s,
        detail: detail.into(),
        injected: false,
    };
    let services = BTreeMap::from([
        (
            "portal".into(),
            ServiceResult {
                whole,
                events: vec![
                    event("ready", 0.0, "GET /healthz answered 200"),
                    event(
                        "crash",
                        58.2,
                        "liveness: 3 probes in a row failed; killed by the supervisor",
                    ),
                    event("restart", 59.4, "started again"),
                    event("ready", 61.0, "GET /healthz answered 200"),
                    event(
                        "crash",
                        88.4,
                        "exited by signal 9 (out of memory: 268 MB of 256 MB)",
                    ),
                    event("restart", 89.6, "started again"),
                    event("ready", 91.1, "GET /healthz answered 200"),
                ],
                capacity: Some(120.0),
                features: BTreeMap::from([
                    ("login".into(), login),
                    ("slots".into(), slots),
                    ("certificates".into(), certificates),
                ]),
            },
        ),
        (
            "sms".into(),
            ServiceResult {
                whole: sms,
                events: vec![event("ready", 0.0, "listening")],
                capacity: None,
                features: BTreeMap::new(),
            },
        ),
    ]);
    Analysis {
        report: REPORT_VERSION,
        run: RunInfo {
            id: "20260428-160000-cowin-2021-k3f9".into(),
            scenario: "cowin-2021".into(),
            title: "CoWIN opens registration to every adult, 28 April 2021, 16:00 IST".into(),
            target: "cowin".into(),
            environment: "staging".into(),
            started_at: "2026-04-28T10:30:00Z".into(),
            brownout: "0.1.0".into(),
            host: "linux x86_64, 2 cpus, kernel 6.1".into(),
            load_scale: 0.01,
            time_scale: 60.0,
            planned_s: 180.0,
            observed_s: 180.4,
            complete: true,
            cut_off: None,
            stopped: None,
        },
        verdict: Verdict::Fail,
        summary: vec![
            "3 of 5 gates failed: portal crashed twice, and login took 71.0 s to come back after the SMS delay was removed (20 s allowed).".into(),
            "At the worst, portal delivered 3% of what it was asked for while it was alive and listening: a collapse, not an outage.".into(),
        ],
        exit_code: 1,
        gates: vec![
            claim("portal never crashes", Verdict::Fail, "2 crashes", "0 crashes", Some(58.2), Some("58.2 s: liveness: 3 probes in a row failed; 88.4 s: exited by signal 9 (out of memory)")),
            claim("portal/slots admitted success >= 95% during opening", Verdict::Fail, "41.3% (of 8,123)", ">= 95%", Some(34.0), Some("Wilson 95% interval 40.2%..42.4%")),
            claim("portal/login recovers within 20s of sms_late.end", Verdict::Fail, "recovered after 71.0 s", "<= 20 s", Some(126.0), None),
            claim("amplification of citizens <= 1.5", Verdict::Inconclusive, "1.52", "<= 1.5", None, Some("0.4% of the attempts were not sent by the harness; without them it would be 1.49")),
            claim("sms success >= 99%", Verdict::Pass, "100% (of 9,240)", ">= 99%", None, None),
        ],
        symptoms: vec![
            claim("portal collapses within 5m of opening", Verdict::Pass, "collapse at 33.0 s", "within 5m of opening", Some(33.0), None),
            claim("portal/login p99 > 10s during opening", Verdict::Pass, "p99 12.1 s", "> 10 s", Some(31.0), None),
            claim("portal crashes", Verdict::Pass, "2 crashes", "at least 1", Some(58.2), None),
            claim("portal/certificates fails during evening", Verdict::Pass, "success 0%", "< 50%", Some(80.0), None),
            claim("sms crashes", Verdict::Fail, "0 crashes", "at least 1", None, None),
        ],
        load: LoadTotals {
            planned: 9_310,
            began: 9_310,
            begun_by_users: 0,
            offered: 41_204,
            sent: 40_993,
            good: 17_377,
            fallback: 212,
            shed: 640,
            not_sent: BTreeMap::from([("harness: lag".into(), 150), ("target: connections full".into(), 61)]),
            errors: BTreeMap::from([
                ("timeout_first_byte".into(), 15_870),
                ("http_5xx".into(), 4_991),
                ("refused".into(), 1_804),
                ("reset".into(), 311),
            ]),
            injected: 9_404,
        },
        populations: BTreeMap::from([("citizens".into(), PopulationResult {
            planned: Some(9_310),
            users: None,
            began: 9_310,
            good: 3_120,
            failed: 6_190,
            first_attempts: 27_108,
            attempts: 41_204,
            amplification: 1.52,
            peak_amplification: 2.91,
            retry_storm: true,
            latency: latency(0.9),
        })]),
        services,
        order_of_return: vec![
            Return { subject: "portal/certificates".into(), at_s: 95.0, rank: 1 },
            Return { subject: "portal/slots".into(), at_s: 104.0, rank: 2 },
            Return { subject: "portal".into(), at_s: 124.0, rank: 3 },
            Return { subject: "portal/login".into(), at_s: 126.0, rank: 4 },
        ],
        faults: vec![FaultResult {
            name: "sms_late".into(),
            at: "portal -> sms".into(),
            effect: "http: delay 12s".into(),
            planned_s: 20.0,
            injected_s: Some(20.01),
            removed_s: Some(55.03),
            verified: true,
            detail: "rule gone, 214 held requests released".into(),
            hits: 9_404,
        }],
        phases: vec![
            phase("calm", 0.0, 20.0, "0s", "20m", (50.0, 50.0)),
            phase("opening", 20.0, 80.0, "20m", "1h 20m", (438.0, 61.0)),
            phase("evening", 80.0, 140.0, "1h 20m", "2h 20m", (171.0, 96.0)),
            phase("after", 140.0, 180.0, "2h 20m", "3h", (50.0, 50.0)),
        ],
        baseline: BaselineResult {
            verdict: "good".into(),
            detail: "1,000 requests; the halves agree (success 100% and 100%, median 11 ms and 12 ms)".into(),
            from_s: 2.0,
            to_s: 20.0,
            requests: 1_000,
            success: Some(1.0),
            goodput: Some(50.0),
            latency: latency(0.011),
        },
        amplification: 1.52,
        harness: HarnessResult {
            seconds: 180,
            late_seconds: 4,
            lag_p99_s: Some(0.0212),
            lag_max_s: Some(0.48),
            processors: Some(2),
            cpu: Some(0.61),
            machine_cpu: Some(1.84),
            steal: Some(0.12),
            memory: Some(48 << 20),
            descriptors: Some(2_311),
            descriptor_limit: Some(20_000),
            connections: Some(2_190),
            connection_limit: Some(15_998),
            waiting: Some(0),
            ports: Some(2_402),
            local_ports: Some(28_232),
            sources: Some(1),
        },
        warnings: vec![
            Warning { kind: "not_sent".into(), message: "150 attempts (0.4%) were not sent because the harness was late".into(), hint: "lower the load with --load-scale 0.5%, or run on a machine with more cores".into() },
            Warning { kind: "advice".into(), message: "portal has no known capacity beyond the 120/s that its file states".into(), hint: "calibrate it before you trust depth".into() },
        ],
        seed: 20_210_428,
        assumptions: vec![
            AssumptionResult { about: "load.citizens.requests".into(), note: "ministry release, peak 2.7 M hits a minute".into(), assumed: false },
            AssumptionResult { about: "load.citizens.requests at calm".into(), note: "chosen: a ninth of the peak".into(), assumed: true },
            AssumptionResult { about: "load.citizens.client.timeout".into(), note: "5 s instead of history's 30 s, so that it fits the compressed clock".into(), assumed: true },
        ],
        thresholds: Thresholds { values: vec![
            ("bin".into(), "1 s".into()),
            ("objective".into(), "success >= 99%".into()),
            ("too slow".into(), "more than 1% above 500 ms".into()),
            ("unhealthy after".into(), "3 bad bins".into()),
            ("healthy after".into(), "10 good bins".into()),
            ("observation window".into(), "40 s".into()),
        ] },
        curves: curves(LENGTH),
    }
}

fn claim(
    text: &str,
    verdict: Verdict,
    observed: &str,
    required: &str,
    at_s: Option<f64>,
    detail: Option<&str>,
) -> ClaimResult {
    ClaimResult {
        text: text.into(),
        verdict,
        observed: observed.into(),
        required: required.into(),
        at_s,
        detail: detail.map(str::to_owned),
    }
}

fn latency(median: f64) -> LatencySummary {
    LatencySummary {
        p50_s: Some(median),
        p90_s: Some(median * 3.0),
        p99_s: Some(median * 5.5),
        p999_s: Some(median * 8.0),
        max_s: Some(median * 9.0),
    }
}

fn subject(onset: Option<f64>, end: Option<f64>, worst: State, depth: f64) -> SubjectResult {
    let incident = onset.map(|onset_s| Incident {
        onset_s,
        end_s: end,
        worst,
        depth,
        lost_goodput: 8_120.0,
        detected_after_s: Some(2.4),
        faults: vec!["sms_late".into()],
    });
    SubjectResult {
        judged_by: "requests".into(),
        states: vec![],
        recovery: incident.as_ref().map(|incident| Recovery {
            from_s: 55.03,
            of: "sms_late removed".into(),
            recovered_s: end,
            time_to_recover_s: end.map(|end| end - 55.03),
            more_than_s: end.is_none().then_some(40.0),
            outage_s: end.map(|end| end - incident.onset_s),
            lost_during: 2_890.0,
            lost_after: 5_230.0,
            hangover_share: Some(0.644),
            surge: Some(7.4),
            metastable_suspected: end.is_none(),
        }),
        incidents: incident.into_iter().collect(),
        offered: 20_600,
        good: 8_690,
        shed: 320,
        success: Some(0.4218),
        admitted_success: Some(0.4285),
        success_interval: Some((0.4151, 0.4286)),
        budget_burn: Some(57.8),
        budget_30d: Some(0.092),
        lost_goodput: 8_120.0,
        latency: latency(0.9),
    }
}

fn phase(
    name: &str,
    from_s: f64,
    to_s: f64,
    story_from: &str,
    story_to: &str,
    (offered_rate, good_rate): (f64, f64),
) -> PhaseResult {
    PhaseResult {
        name: name.into(),
        from_s,
        to_s,
        story_from: story_from.into(),
        story_to: story_to.into(),
        offered_rate,
        good_rate,
        success: Some(good_rate / offered_rate),
        latency: latency(if good_rate < offered_rate { 2.2 } else { 0.011 }),
    }
}

/// The curves of all load, the services and the features, over `bins` seconds.
pub(super) fn curves(bins: usize) -> Curves {
    let all = curve(bins, 1.0, true);
    Curves {
        bin_s: 1.0,
        subjects: BTreeMap::from([
            (String::new(), all.clone()),
            ("portal".into(), all),
            ("portal/login".into(), curve(bins, 0.6, true)),
            ("portal/slots".into(), curve(bins, 0.4, true)),
            ("portal/certificates".into(), Curve::default()),
            ("sms".into(), curve(bins, 0.2, false)),
        ]),
    }
}

fn curve(bins: usize, part: f64, breaks: bool) -> Curve {
    let mut curve = Curve::default();
    for i in 0..bins {
        let t = i as f64 / bins as f64 * 180.0;
        // A jitter that is the same every time.
        let jitter = ((i * 7919) % 97) as f64 / 97.0 - 0.5;
        let base = match t {
            t if t < 20.0 => 50.0,
            t if t < 80.0 => 50.0 + 400.0 * ((t - 20.0) / 4.0).min(1.0),
            t if t < 140.0 => 150.0 + 120.0 * (-(t - 80.0) / 12.0).exp(),
            _ => 50.0,
        };
        let offered = (base * (1.0 + 0.12 * jitter) * part).round();
        let share = match t {
            _ if !breaks => 1.0,
            t if t < 22.0 => 1.0,
            t if t < 33.0 => 1.0 - (t - 22.0) / 11.5,
            t if t < 88.0 => 0.03,
            t if t < 97.0 => 0.0,
            t if t < 124.0 => (t - 97.0) / 27.0,
            _ => 1.0,
        };
        let good = (offered * share).round();
        let shed = if breaks && (97.0..110.0).contains(&t) {
            ((offered - good) * 0.6).round()
        } else {
            0.0
        };
        let median = match t {
            t if !breaks || t < 22.0 => 0.011 * (1.0 + 0.2 * jitter),
            t if t < 33.0 => 0.011 * ((t - 22.0) / 1.8).exp(),
            t if t < 97.0 => 4.9 + 0.1 * jitter,
            t if t < 124.0 => 5.0 * (-(t - 97.0) / 4.4).exp(),
            _ => 0.012 * (1.0 + 0.2 * jitter),
        };
        // While the process is away nothing is measured.
        let measured = !(breaks && (88.0..90.0).contains(&t));
        curve.offered.push(Some(offered));
        curve.good.push(Some(good));
        curve.shed.push(Some(shed));
        curve.errors.push(Some(offered - good - shed));
        curve.p50_s.push(measured.then_some(median));
        curve
            .p99_s
            .push(measured.then_some((median * 4.0).min(5.0)));
    }
    curve
}

/// A run of three bins with one of everything: small enough to read as a snapshot.
pub(super) fn small() -> Analysis {
    let mut a = cowin();
    a.run.planned_s = 3.0;
    a.run.observed_s = 3.0;
    a.gates.truncate(2);
    a.symptoms.truncate(1);
    a.phases.truncate(1);
    a.warnings.truncate(1);
    a.assumptions.truncate(1);
    a.thresholds.values.truncate(1);
    a.order_of_return.truncate(1);
    a.services.remove("sms");
    let portal = a.services.get_mut("portal").expect("cowin has a portal");
    portal.events.truncate(2);
    portal.whole.states.truncate(1);
    portal.features.retain(|name, _| name == "login");
    for login in portal.features.values_mut() {
        login.states.truncate(2);
    }
    a.curves = curves(3);
    a.curves.subjects.retain(|name, _| name.is_empty());
    a
}

/// Cut off before the first bin ended: a plan and nothing seen.
pub(super) fn empty() -> Analysis {
    let mut a = cowin();
    a.run.observed_s = 0.0;
    a.run.complete = false;
    a.run.cut_off = Some("the record ends after its header".into());
    a.harness = HarnessResult::default();
    a.verdict = Verdict::Inconclusive;
    a.exit_code = 4;
    a.summary = vec!["Nothing was observed.".into()];
    for gate in &mut a.gates {
        gate.verdict = Verdict::Inconclusive;
        gate.observed = "no data".into();
        gate.at_s = None;
    }
    a.symptoms.clear();
    a.load = LoadTotals {
        planned: 9_310,
        ..LoadTotals::default()
    };
    a.populations = BTreeMap::from([("citizens".into(), PopulationResult::default())]);
    for service in a.services.values_mut() {
        service.events.clear();
        service.whole = SubjectResult {
            judged_by: "nothing".into(),
            ..SubjectResult::default()
        };
        for feature in service.features.values_mut() {
            *feature = service.whole.clone();
        }
    }
    a.order_of_return.clear();
    for fault in &mut a.faults {
        fault.injected_s = None;
        fault.removed_s = None;
        fault.verified = false;
        fault.hits = 0;
        fault.detail = "never put in".into();
    }
    for phase in &mut a.phases {
        phase.offered_rate = 0.0;
        phase.good_rate = 0.0;
        phase.success = None;
        phase.latency = LatencySummary::default();
    }
    a.baseline = BaselineResult {
        verdict: "unsteady".into(),
        detail: "no data".into(),
        ..BaselineResult::default()
    };
    a.amplification = f64::NAN;
    a.curves = Curves {
        bin_s: 1.0,
        subjects: BTreeMap::from([(String::new(), Curve::default())]),
    };
    a
}

/// Stopped by the operator at a minute; the plan went on.
pub(super) fn stopped() -> Analysis {
    let mut a = cowin();
    a.run.observed_s = 60.0;
    a.run.complete = false;
    a.run.stopped = Some("by the operator (Ctrl-C) at 60.0 s".into());
    a.verdict = Verdict::Stopped;
    a.exit_code = 3;
    a.curves = curves(LENGTH);
    for curve in a.curves.subjects.values_mut() {
        for values in [
            &mut curve.offered,
            &mut curve.good,
            &mut curve.shed,
            &mut curve.errors,
        ] {
            values.truncate(60);
        }
        curve.p50_s.truncate(60);
        curve.p99_s.truncate(60);
    }
    for service in a.services.values_mut() {
        service.events.retain(|e| e.at_s <= 60.0);
        let features = service.features.values_mut();
        for subject in features.chain([&mut service.whole]) {
            subject.states.retain(|s| s.from_s < 60.0);
            if let Some(last) = subject.states.last_mut() {
                last.to_s = 60.0;
            }
            for incident in &mut subject.incidents {
                incident.end_s = None;
            }
            if let Some(recovery) = &mut subject.recovery {
                recovery.recovered_s = None;
                recovery.time_to_recover_s = None;
                recovery.outage_s = None;
                recovery.more_than_s = Some(5.0);
            }
        }
    }
    a.order_of_return.clear();
    a
}

/// One bin only.
pub(super) fn one_bin() -> Analysis {
    let mut a = small();
    a.run.planned_s = 1.0;
    a.run.observed_s = 1.0;
    a.phases[0].to_s = 1.0;
    a.curves = curves(1);
    a
}

/// Ten thousand bins, one of which is a spike that must not be lost.
pub(super) fn long() -> Analysis {
    let mut a = cowin();
    a.run.planned_s = 10_000.0;
    a.run.observed_s = 10_000.0;
    a.run.time_scale = 1.0;
    a.curves = curves(10_000);
    for curve in a.curves.subjects.values_mut() {
        if let Some(value) = curve.errors.get_mut(5_003) {
            *value = Some(9_999.0);
        }
    }
    for phase in &mut a.phases {
        phase.from_s *= 10_000.0 / 180.0;
        phase.to_s *= 10_000.0 / 180.0;
    }
    a
}

/// What a stranger might write to break a report.
pub(super) const HOSTILE: &str = "<script>alert(\"1\")</script>&'\x1b[31m]]>\u{202e}{{ x }}";

/// Hostile and very long names wherever a user can write one.
pub(super) fn hostile() -> Analysis {
    let mut a = cowin();
    let long = "a_very_long_name_".repeat(20);
    a.run.title = format!("{HOSTILE}{long}");
    a.run.scenario = HOSTILE.into();
    a.run.target = HOSTILE.into();
    a.run.host = HOSTILE.into();
    a.run.id = HOSTILE.into();
    a.summary.push(HOSTILE.into());
    for claim in a.gates.iter_mut().chain(&mut a.symptoms) {
        claim.text = format!("{} {HOSTILE} {long}", claim.text);
        claim.observed = HOSTILE.into();
        claim.required = HOSTILE.into();
        claim.detail = Some(HOSTILE.into());
    }
    for fault in &mut a.faults {
        fault.name = format!("{HOSTILE}{long}");
        fault.at = HOSTILE.into();
        fault.effect = HOSTILE.into();
        fault.detail = HOSTILE.into();
    }
    for phase in &mut a.phases {
        phase.name = format!("{HOSTILE}{long}");
    }
    for warning in &mut a.warnings {
        warning.message = HOSTILE.into();
        warning.hint = long.clone();
    }
    for assumption in &mut a.assumptions {
        assumption.note = HOSTILE.into();
    }
    a.load.errors.insert(HOSTILE.into(), 3);
    let portal = a.services.remove("portal").expect("cowin has a portal");
    let curve = a.curves.subjects["portal"].clone();
    let name = format!("{HOSTILE}{long}");
    a.curves.subjects.insert(name.clone(), curve);
    a.services.insert(name, portal);
    for service in a.services.values_mut() {
        for event in &mut service.events {
            event.detail = HOSTILE.into();
        }
    }
    for back in &mut a.order_of_return {
        back.subject = HOSTILE.into();
    }
    a
}

/// All of them, with a name.
pub(super) fn all() -> Vec<(&'static str, Analysis)> {
    vec![
        ("cowin", cowin()),
        ("small", small()),
        ("empty", empty()),
        ("stopped", stopped()),
        ("one_bin", one_bin()),
        ("long", long()),
        ("hostile", hostile()),
    ]
}
