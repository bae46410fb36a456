//! The whole parser: what is read from good files, and laws that hold for any text.

use std::time::Duration;

use super::*;
use crate::{
    diagnostic::{RenderStyle, Source},
    scenario::model::*,
    time::{Compression, Story},
    units::{Rate, Ratio, Users},
};

const BASE: &str = r#"
brownout: 1
scenario: drill
scale: {load: 1%, time: 60x}
seed: 20_210_428
phases: [{calm: 20m}, {opening: 60m}]
load:
  citizens:
    journey: register
    requests: {calm: 5_000/s, opening: 5_000/s -> 45_000/s in 1m}
    spacing: poisson
    client: &c {timeout: 5s, connect_timeout: 1s, retry: {outcomes: [timeout, 5xx], wait: 2s..6s, attempts: 5}, patience: 60s, reuse: none, resolvers: 7}
    source: a release
    assumed: true
    history: 29 s
  others: {journey: register, arrivals: 10/s, client: *c}
journeys:
  register:
    - {step: generate_otp, post: "portal:/otp/generate?x={{pin}}", json: {mobile: "{{mobile}}", n: 1}, take: {txn: $.txn, tag: header X-Tag}}
    - {step: read_sms, wait_for: "sms:/inbox/{{ mobile }}", take: {otp: $.otp}, within: 20s}
    - {think: 1s..3s}
    - {step: find, get: "portal:/slots/{{pin}}", headers: {X-Tag: "{{tag}}/{{otp}}/{{txn}}"}, check: {status: [200, 3xx, 404..410], contains: a, json: {$.a: 1}, json_absent: $.b, header: x-ok}, fallback: {header: {x-degraded: yes}}}
faults:
  sms_late: {at: portal -> sms, from: opening + 2m, for: 35m, ramp: 5m, share: 25%, http: {delay: 12s, routes: [POST /send]}}
  lost: {at: dns Portal.cowin.test., from: sms_late.end, until: opening.end, dns: no_data}
  slow: {at: service portal, from: calm, for: 1m, tcp: {latency: 100ms, jitter: 10ms, stream: upstream}}
  no_certs: {at: feature portal/certificates, from: calm, for: 1m, http: hang}
  died: {at: process portal, from: opening, process: kill}
steady_state: [portal success >= 99%]
gates: [portal never crashes]
stop: [portal success < 10% for 20s]
measure: {observe: 1m, bad_bins: 5, outage_below: 1%, baseline: optional}
"#;

fn read(text: &str) -> Result<(Scenario, String), String> {
    match parse(Source::new("x.yaml", text)) {
        Ok((scenario, warnings)) => Ok((scenario, warnings.render(RenderStyle::Plain))),
        Err(mistakes) => Err(mistakes.render(RenderStyle::Plain)),
    }
}

fn base() -> Scenario {
    let (scenario, warnings) = read(BASE).unwrap_or_else(|said| panic!("{said}"));
    assert_eq!(warnings, "");
    scenario
}

const fn minutes(n: u64) -> Story {
    Story(Duration::from_secs(60 * n))
}

#[test]
fn head_phases_and_scale() {
    let scenario = base();
    assert_eq!(scenario.name.value, "drill");
    assert_eq!(scenario.title, "drill");
    assert!((scenario.load_scale - 0.01).abs() < 1e-12);
    assert_eq!(scenario.time_scale, Compression::new(60.0).expect("60"));
    assert_eq!(scenario.seed.0, 20_210_428);
    let phases: Vec<_> = scenario
        .phases
        .iter()
        .map(|p| (p.name.value.as_str(), p.length.value))
        .collect();
    assert_eq!(phases, [("calm", minutes(20)), ("opening", minutes(60))]);
    assert_eq!(scenario.measure.observe, Duration::from_secs(60));
    assert_eq!(scenario.measure.bad_bins, 5);
    assert_eq!(scenario.measure.good_bins, 10);
    assert!(scenario.measure.baseline_optional);
}

#[test]
fn populations_are_complete() {
    let scenario = base();
    let citizens = &scenario.load[0];
    let demand = demand(citizens);
    assert_eq!(demand.kind, DemandKind::Requests);
    assert_eq!(demand.spacing, Spacing::Poisson);
    assert_eq!(demand.phases[1].phase.value, "opening");
    assert_eq!(
        demand.phases[1].curve.value.start,
        Rate::per_second(5e3).expect("rate")
    );
    let client = &citizens.client;
    assert_eq!(client.timeout, Duration::from_secs(5));
    assert_eq!(client.connect_timeout, Duration::from_secs(1));
    assert_eq!(client.retry.outcomes, [RetryOn::Timeout, RetryOn::Http5xx]);
    let seconds = Duration::from_secs;
    let human = RetryWait::Even {
        min: seconds(2),
        max: seconds(6),
    };
    assert_eq!(client.retry.wait, human);
    assert_eq!(client.retry.attempts, Some(5));
    assert_eq!((client.reuse, client.resolvers), (Reuse::None, 7));
    assert!(citizens.provenance.assumed);
    assert_eq!(citizens.provenance.history.as_deref(), Some("29 s"));
    let others = &scenario.load[1];
    assert_eq!(&others.client, client);
    let demand = self::demand(others);
    assert_eq!(demand.kind, DemandKind::Arrivals);
    // one curve for all is a curve for each
    assert_eq!(demand.phases.len(), 2);
}

#[test]
fn users_have_a_curve_and_a_pause() {
    let crowd = |users: &str| {
        let text = BASE.replace("arrivals: 10/s", users);
        let (scenario, warnings) = read(&text).unwrap_or_else(|said| panic!("{said}"));
        assert_eq!(warnings, "");
        match scenario.load[1].traffic.clone() {
            Traffic::Closed(crowd) => crowd,
            Traffic::Open(_) => panic!("a closed population"),
        }
    };
    let number = |n: f64| Users::new(n).expect("a number");
    let plain = crowd("users: 50");
    assert_eq!(
        (plain.pause_min, plain.pause_max),
        (DEFAULT_PAUSE, DEFAULT_PAUSE)
    );
    assert_eq!(plain.phases.len(), 2);
    assert_eq!(plain.phases[1].curve.value.start, number(50.0));
    let curved = crowd("users: {opening: 10 -> 1_200 in 1m then 50}, pause: 1s..3s");
    assert_eq!(curved.pause_max, Duration::from_secs(3));
    let [opening] = &curved.phases[..] else {
        panic!("one phase");
    };
    assert_eq!(opening.curve.value.start, number(10.0));
    assert_eq!(opening.curve.value.pieces.len(), 2);
}

fn demand(population: &ScenarioPopulation) -> &Demand {
    match &population.traffic {
        Traffic::Open(demand) => demand,
        Traffic::Closed(_) => panic!("an open population"),
    }
}

#[test]
fn journeys_keep_templates_and_checks() {
    let scenario = base();
    let steps = &scenario.journeys[0].steps;
    let Step::Request(first) = &steps[0] else {
        panic!("a request");
    };
    assert_eq!(first.service.value, "portal");
    assert_eq!(first.path.to_string(), "/otp/generate?x={{pin}}");
    assert_eq!(
        first.body,
        Some(Body::Json(
            serde_json::json!({"mobile": "{{mobile}}", "n": 1})
        ))
    );
    assert_eq!(first.take[1].from, TakeFrom::Header("x-tag".to_owned()));
    let Step::WaitFor(wait) = &steps[1] else {
        panic!("a wait");
    };
    assert_eq!(wait.path.to_string(), "/inbox/{{mobile}}");
    assert_eq!(wait.every, Duration::from_millis(500));
    let Step::Request(last) = &steps[3] else {
        panic!("a request");
    };
    assert_eq!(last.check.len(), 5);
    assert_eq!(
        last.check[0],
        Check::Status(StatusSet(vec![(200, 200), (300, 399), (404, 410)]))
    );
    assert_eq!(
        last.fallback,
        [Check::Header {
            name: "x-degraded".to_owned(),
            equals: Some("yes".to_owned())
        }]
    );
}

#[test]
fn faults_have_places_windows_and_shapes() {
    let scenario = base();
    let [late, lost, slow, certs, died] = &scenario.faults[..] else {
        panic!("five faults");
    };
    assert_eq!(late.from.value.plus, minutes(2));
    assert_eq!(
        late.until.as_ref().map(|u| &u.value),
        Some(&Until::For(minutes(35)))
    );
    assert_eq!(late.ramp, minutes(5));
    assert_eq!(late.share, Ratio::new(0.25).expect("share"));
    assert_eq!(
        lost.at.value,
        FaultPlace::Dns("portal.cowin.test".to_owned())
    );
    assert_eq!(lost.from.value.edge, Edge::End);
    assert_eq!(lost.effect.value, Effect::Dns(DnsAnswer::NoData.into()));
    assert_eq!(
        slow.effect.value,
        Effect::Tcp(TcpEffect::Latency {
            latency: Duration::from_millis(100),
            jitter: Duration::from_millis(10),
            stream: TcpStream::Upstream,
        })
    );
    assert!(matches!(
        &certs.effect.value,
        Effect::Http(HttpEffect {
            action: HttpAction::Hang,
            ..
        })
    ));
    assert!(died.until.is_none());
}

fn claim(sentence: &str) -> Claim {
    let text = BASE.replace("portal never crashes", sentence);
    let (scenario, _) = read(&text).unwrap_or_else(|said| panic!("{said}"));
    scenario.gates[0].value.clone()
}

#[test]
fn the_sentences_of_the_grammar() {
    use Comparison::{AtLeast, AtMost};
    let service = || Subject::Service("portal".to_owned());
    let feature = |name: &str| Subject::Feature {
        service: "portal".to_owned(),
        feature: name.to_owned(),
    };
    for (sentence, about, what, how, most) in [
        (
            "portal success >= 99%",
            service(),
            Measure::Success,
            AtLeast,
            Limit::Ratio(0.99),
        ),
        (
            "portal p99 <= 500ms",
            service(),
            Measure::Latency(9900),
            AtMost,
            Limit::Time(Duration::from_millis(500)),
        ),
        (
            "portal p999 <= 1.5s",
            service(),
            Measure::Latency(9990),
            AtMost,
            Limit::Time(Duration::from_millis(1500)),
        ),
        (
            "portal/slots admitted success >= 95% during opening",
            feature("slots"),
            Measure::AdmittedSuccess,
            AtLeast,
            Limit::Ratio(0.95),
        ),
        (
            "amplification of citizens <= 1.5",
            Subject::Population("citizens".to_owned()),
            Measure::Amplification,
            AtMost,
            Limit::Number(1.5),
        ),
        (
            "portal goodput >= 80% of capacity during opening",
            service(),
            Measure::Goodput,
            AtLeast,
            Limit::OfCapacity(0.8),
        ),
        (
            "portal p50 <= 150% of baseline",
            service(),
            Measure::Latency(5000),
            AtMost,
            Limit::OfBaseline(1.5),
        ),
        (
            "portal timeouts <= 1%",
            service(),
            Measure::Timeouts,
            AtMost,
            Limit::Ratio(0.01),
        ),
        (
            "portal shed <= 40% from opening to sms_late.end + 1m",
            service(),
            Measure::Shed,
            AtMost,
            Limit::Ratio(0.4),
        ),
        (
            "citizens success >= 50%",
            Subject::Population("citizens".to_owned()),
            Measure::Success,
            AtLeast,
            Limit::Ratio(0.5),
        ),
    ] {
        let Claim::Measured {
            subject,
            measure,
            comparison,
            limit,
            window,
        } = claim(sentence)
        else {
            panic!("{sentence}");
        };
        assert_eq!(
            (subject.value, measure, comparison, limit),
            (about, what, how, most)
        );
        assert_eq!(
            window.is_some(),
            sentence.contains("during") || sentence.contains("from"),
            "{sentence}"
        );
    }
    for (sentence, happening) in [
        ("portal never crashes", Happening::Crash),
        ("portal never fails", Happening::Outage),
        ("portal collapses within 5m of opening", Happening::Collapse),
        ("portal crashes during opening", Happening::Crash),
        ("portal degrades during sms_late", Happening::Unhealthy),
        ("portal sheds within 2m of opening", Happening::Shedding),
        (
            "portal/certificates degrades gracefully during no_certs",
            Happening::Graceful,
        ),
    ] {
        let (what, never) = match claim(sentence) {
            Claim::Never { what, .. } => (what, true),
            Claim::Happens { what, .. } => (what, false),
            other => panic!("{sentence}: {other:?}"),
        };
        assert_eq!(
            (what, never),
            (happening, sentence.contains("never")),
            "{sentence}"
        );
    }
    let Claim::Recovers { within, of, .. } =
        claim("portal/login recovers within 20s of sms_late.end")
    else {
        panic!("recovers");
    };
    assert_eq!((within, of.edge), (Duration::from_secs(20), Edge::End));
    assert!(matches!(
        claim("portal/slots tolerates sms_late"),
        Claim::Tolerates { fault, .. } if fault.value == "sms_late"
    ));
    assert!(matches!(
        claim("portal/login returns before portal/slots"),
        Claim::ReturnsBefore { second, .. } if second.value == feature("slots")
    ));
}

#[test]
fn a_label_points_at_the_word() {
    let text = BASE.replace("portal never crashes", "\"portal never crashs\"");
    let mistakes = parse(Source::new("x.yaml", text.as_str())).expect_err("a mistake");
    let (place, _) = &mistakes.0[0].labels[0];
    assert_eq!(&text[place.start..place.start + place.len], "crashs");
}

#[test]
fn a_label_never_cuts_a_character() {
    let text = BASE.replace("\"sms:/inbox", "\"é/inbox");
    assert_ne!(text, BASE);
    check_any(&text);
}

#[test]
fn built_in_data_can_be_used() {
    for (name, _) in built_in_data() {
        let text = BASE.replace("{{mobile}}", &format!("{{{{{name}}}}}"));
        assert!(read(&text).is_ok(), "{name}");
    }
}

/// No text makes the parser panic or point outside the file, and it always says something.
fn check_any(text: &str) {
    if let Err(mistakes) = parse(Source::new("x.yaml", text)) {
        assert!(mistakes.has_errors());
        for (place, _) in mistakes.0.iter().flat_map(|m| &m.labels) {
            assert!(
                place.start + place.len <= text.len(),
                "{place:?} in {text:?}"
            );
            assert!(text.is_char_boundary(place.start), "{place:?} in {text:?}");
            assert!(
                text.is_char_boundary(place.start + place.len),
                "{place:?} in {text:?}"
            );
        }
        for style in [RenderStyle::Plain, RenderStyle::Terminal { colour: true }] {
            assert!(!mistakes.render(style).is_empty());
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_change_of_a_good_file_breaks_the_parser(
        at in 0..BASE.len(),
        len in 0usize..30,
        new in "[ -~]{0,6}|\\{\\{|\\}\\}|\n  |é|\t|null|\\*c|-> ",
    ) {
        let mut text = BASE.to_owned();
        let end = (at + len).min(text.len());
        text.replace_range(at..end, &new);
        check_any(&text);
    }

    #[test]
    fn no_sentence_breaks_the_parser(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "portal", "citizens", "opening", "sms_late", "/", "login", "success", "admitted",
            "p99", "never", "crashes", "degrades", "gracefully", "within", "of", "during", "from",
            "to", ">=", "<=", "99%", "20s", "1.5", "5/s", ".", "end", "+", "returns", "before",
            "tolerates", "recovers", "amplification", "goodput", "capacity", "é", "->", "..",
        ]), 1..9))
    {
        let sentence = format!("'{}'", words.join(" "));
        check_any(&BASE.replace("portal never crashes", &sentence));
    }

    #[test]
    fn no_text_at_all_breaks_the_parser(text in "\\PC{0,80}") {
        check_any(&text);
    }
}

#[test]
fn retries_and_breakers_have_their_kinds() {
    let client = |text: &str| {
        let text = BASE
            .replace(
                "retry: {outcomes: [timeout, 5xx], wait: 2s..6s, attempts: 5}",
                text,
            )
            .replace("reuse: none", "reuse: shared");
        let (scenario, warnings) = read(&text).unwrap_or_else(|said| panic!("{said}"));
        assert_eq!(warnings, "");
        scenario.load[0].client.clone()
    };
    assert!(client("retry: none").retry.outcomes.is_empty());
    let millis = Duration::from_millis;
    for (text, wait) in [
        ("{kind: immediate}", RetryWait::default()),
        ("{}", RetryWait::default()),
        (
            "{kind: fixed, wait: 2s}",
            RetryWait::Even {
                min: millis(2_000),
                max: millis(2_000),
            },
        ),
        (
            "{kind: human, wait: 2s..6s}",
            RetryWait::Even {
                min: millis(2_000),
                max: millis(6_000),
            },
        ),
        (
            "{kind: exponential, base: 100ms, cap: 10s, attempts: 5, budget: 10%}",
            RetryWait::Exponential {
                base: millis(100),
                cap: millis(10_000),
            },
        ),
    ] {
        let retry = client(&format!("retry: {text}")).retry;
        assert_eq!(retry.wait, wait, "{text}");
        assert_eq!(retry.outcomes, RetryOn::TRANSIENT, "{text}");
    }
    let full = client(
        "retry: {retry_after: honour, budget: {share: 20%, least: 30/m}}, breaker: {share: 50%, open: 5s}, \
         first_byte_timeout: 2s, connection_age: 30s, connection_requests: 100, dns_cache: forever, cookies: true",
    );
    assert_eq!(full.retry.retry_after, RetryAfter::Honour);
    let budget = full.retry.budget.expect("a budget");
    assert_eq!(budget.least, Rate::per_second(0.5).expect("a rate"));
    let trip = Trip::Share {
        share: Ratio::new(0.5).expect("a share"),
        window: millis(10_000),
        least: 20,
    };
    let breaker = full.breaker.expect("a breaker");
    assert_eq!((breaker.trip, breaker.probes), (trip, 1));
    assert_eq!(full.first_byte_timeout, Some(millis(2_000)));
    assert_eq!(full.connection_requests, Some(100));
    assert_eq!((full.dns_cache, full.cookies), (DnsCache::Forever, true));
    let row = client("breaker: {failures: 3, open: 1s, probes: 2}");
    assert_eq!(row.breaker.map(|b| b.trip), Some(Trip::InARow(3)));
}

#[test]
fn journeys_are_mixed_turn_and_take_what_they_need() {
    let text = BASE
        .replace(
            "others: {journey: register,",
            "others: {journeys: {register: 3, look: 1},",
        )
        .replace(
            "  - {think: 1s..3s}",
            "  - {step: look, get: \"portal:/\", take: {id: cookie SID, no: 'regex no=(\\d+)'}, \
             then: {404: stop, 5xx: find, shed: find, fallback: stop}}",
        )
        .replace(
            "  register:\n",
            "  look:\n    - {step: look, get: \"portal:/\"}\n  register:\n",
        );
    let (scenario, warnings) = read(&text).unwrap_or_else(|said| panic!("{said}"));
    assert_eq!(warnings, "");
    let shares = &scenario.load[1].journeys;
    let shares: Vec<_> = shares
        .iter()
        .map(|s| (s.name.value.as_str(), s.weight))
        .collect();
    assert_eq!(shares, [("register", 3), ("look", 1)]);
    let Step::Request(look) = &scenario.journeys[1].steps[2] else {
        panic!("a request");
    };
    assert_eq!(look.take[0].from, TakeFrom::Cookie("SID".to_owned()));
    assert_eq!(look.take[1].from, TakeFrom::Regex("no=(\\d+)".to_owned()));
    let find = || Goto::Step("find".to_owned());
    let status = |low, high| BranchOn::Status(StatusSet(vec![(low, high)]));
    let expected = [
        (status(404, 404), Goto::Stop),
        (status(500, 599), find()),
        (BranchOn::Failed(RetryOn::Shed), find()),
        (BranchOn::Fallback, Goto::Stop),
    ]
    .map(|(on, to)| Branch { on, to });
    assert_eq!(look.then, expected);
}

#[test]
fn a_herd_is_one_line() {
    let text = BASE.replace(
        "arrivals: 10/s,",
        "arrivals: 10/s, herd: [5_000 at sms_late.end, 40 at opening + 2m in 100ms],",
    );
    let (scenario, _) = read(&text).unwrap_or_else(|said| panic!("{said}"));
    let herds = &scenario.load[1].herds;
    let told: Vec<_> = herds
        .iter()
        .map(|h| (h.count, h.over.as_millis()))
        .collect();
    assert_eq!(told, [(5_000, 1_000), (40, 100)]);
    assert_eq!(herds[0].at.value.edge, Edge::End);
    assert_eq!(herds[1].at.value.plus, minutes(2));
}
