//! What is wrong is said at its place, with what would be right.

use super::fixture::{Case, cowin, feature, minutes, seconds, service};
use crate::{
    plan::PortReuse,
    scenario::model::*,
    time::Story,
    units::{Rate, Ratio},
};

/// Spoils a good case and expects one mistake: how it begins, and words of its hint.
#[track_caller]
fn one(spoil: impl FnOnce(&mut Case), expected: &str, hint: &str) {
    let mut case = cowin();
    spoil(&mut case);
    let found = case.mistakes();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with(expected), "{found:#?}");
    assert!(found[0].contains(hint), "{found:#?}");
}

fn delay() -> Effect {
    Effect::Http(HttpEffect {
        matching: HttpMatch::default(),
        action: HttpAction::Delay(HttpDelay::constant(seconds(1))),
    })
}

fn success(case: &mut Case, subject: Subject, limit: Limit) -> Claim {
    Claim::Measured {
        subject: case.spanned("who", subject),
        measure: Measure::Goodput,
        comparison: Comparison::AtLeast,
        limit,
        window: None,
    }
}

#[test]
fn the_fixture_has_none() {
    assert_eq!(cowin().mistakes(), Vec::<String>::new());
}

#[test]
fn names() {
    one(
        |case| {
            case.scenario.load[0].journeys[0].name = case.word("regster");
            // its steps are no longer walked, so nothing else may complain about them
            case.scenario.gates.clear();
            case.scenario.symptoms.clear();
        },
        "error: unknown journey `regster` @ regster",
        "did you mean `register`?",
    );
    one(
        |case| case.demand().phases[1].phase = case.word("openning"),
        "error: unknown phase `openning` @ openning",
        "did you mean `opening`?",
    );
    one(
        |case| {
            let Step::Request(step) = &mut case.scenario.journeys[0].steps[0] else {
                panic!("a request comes first");
            };
            step.service.value = "portl".into();
        },
        "error: unknown service `portl` @ portal:/otp/generate",
        "did you mean `portal`?",
    );
    one(
        |case| case.scenario.faults[0].from.value.of = case.word("sunrise"),
        "error: unknown phase or fault `sunrise` @ sunrise",
        "there is: calm, opening, evening, after, sms_late",
    );
    one(
        |case| {
            let claim = success(case, feature("portal/slot"), Limit::Rate(1.0));
            case.add_gate("gate", claim);
        },
        "error: unknown feature of `portal` `slot` @ who",
        "did you mean `slots`?",
    );
    one(
        |case| {
            let claim = success(case, service("citizen"), Limit::Rate(1.0));
            case.add_gate("gate", claim);
        },
        "error: unknown service or population `citizen` @ who",
        "did you mean `citizens`?",
    );
    one(
        |case| {
            let fault = case.word("sms_lat");
            let subject = case.spanned("who", service("portal"));
            case.add_gate("gate", Claim::Tolerates { subject, fault });
        },
        "error: unknown fault `sms_lat` @ sms_lat",
        "did you mean `sms_late`?",
    );
    one(
        |case| {
            let name = case.word("portal");
            case.scenario.phases[2].name = name.clone();
            case.demand().phases[2].phase = name;
        },
        "error: `portal` is also a service of the target @ portal",
        "give the phase another name",
    );
}

#[test]
fn a_population_may_stand_where_the_grammar_saw_a_service() {
    let mut case = cowin();
    let claim = success(&mut case, service("citizens"), Limit::Rate(1.0));
    case.add_gate("gate", claim);
    let plan = case.plan();
    let crate::plan::Rule::Measured { subject, .. } = &plan.gates[2].rule else {
        panic!("{:?}", plan.gates[2]);
    };
    assert_eq!(*subject, Subject::Population("citizens".into()));
}

#[test]
fn windows() {
    one(
        |case| {
            case.scenario.faults[0].until.as_mut().expect("one").value = Until::For(minutes(200));
            case.scenario.gates.clear();
        },
        "error: fault `sms_late` ends after the run does @ sms_late until",
        "the phases last 3h in all",
    );
    one(
        |case| {
            let late = case.anchor("after", Edge::Start, minutes(40));
            case.scenario.faults[0].from.value = late;
            case.scenario.gates.clear();
        },
        "error: fault `sms_late` begins when the run is over @ sms_late from",
        "the phases last 3h in all",
    );
    one(
        |case| {
            let early = case.anchor("calm", Edge::Start, Story::default());
            case.scenario.faults[0].until.as_mut().expect("one").value = Until::At(early);
        },
        "error: fault `sms_late` ends before it begins @ sms_late until",
        "",
    );
    one(
        |case| {
            case.scenario.faults[0].ramp = minutes(20);
            case.scenario.faults[0].ramp_out = minutes(16);
        },
        "error: the ramps of fault `sms_late` take 36m, longer than its window @ sms_late until",
        "lengthen it",
    );
    one(
        |case| {
            case.scenario.faults[0].until = None;
            case.scenario.gates.clear();
        },
        "error: fault `sms_late` has no end @ sms_late",
        "for: 5m",
    );
    one(
        |case| {
            let place = case.scenario.faults[0].at.value.clone();
            let until = Some(Until::For(minutes(5)));
            case.add_fault("echo", place, "sms_late", until, delay());
            let echo = case.anchor("echo", Edge::End, Story::default());
            case.scenario.faults[0].from.value = echo;
        },
        "error: the windows wait for each other: sms_late -> echo -> echo -> sms_late @ sms_late from",
        "let one of them begin at a phase",
    );
    one(
        |case| {
            let kill = Effect::Process(ProcessEffect::Kill);
            let place = FaultPlace::Process("portal".into());
            case.add_fault("died", place, "after", None, kill);
            let of = case.anchor("died", Edge::End, Story::default());
            let subject = case.spanned("who", service("portal"));
            let within = seconds(20);
            case.add_gate(
                "gate",
                Claim::Recovers {
                    subject,
                    within,
                    of,
                },
            );
        },
        "error: `died` is a kill: it happens at one instant and has no end @ died",
        "write `died`",
    );
}

#[test]
fn a_fault_that_names_itself_may_not_wait_for_itself() {
    one(
        |case| {
            let own = case.anchor("sms_late", Edge::Start, minutes(1));
            case.scenario.faults[0].from.value = own;
        },
        "error: the windows wait for each other: sms_late -> sms_late",
        "",
    );
}

#[test]
fn claims() {
    one(
        |case| {
            let claim = success(case, feature("portal/export"), Limit::Rate(1.0));
            case.add_gate("gate", claim);
        },
        "error: no journey and no probe visits `portal/export` @ who",
        "give `export` a `probe:`",
    );
    one(
        |case| {
            let claim = success(case, service("sms"), Limit::Rate(1.0));
            case.add_gate("gate", claim);
        },
        "error: no journey and no probe visits `sms` @ who",
        "",
    );
    one(
        |case| {
            let claim = success(case, service("portal"), Limit::OfCapacity(0.8));
            case.add_gate("gate", claim);
        },
        "error: the limit is a part of the capacity of `portal`, which is not given @ who",
        "of baseline",
    );
    one(
        |case| {
            let claim = case.never(feature("portal/login"), Happening::Crash);
            case.add_gate("gate", claim);
        },
        "error: features do not crash, processes do @ the subject",
        "write `portal` alone",
    );
    one(
        |case| {
            let claim = case.never(Subject::Population("citizens".into()), Happening::Outage);
            case.add_gate("gate", claim);
        },
        "error: `citizens` are visitors: they have measures, but no states @ the subject",
        "",
    );
    one(
        |case| {
            let of = case.anchor("after", Edge::Start, minutes(25));
            let subject = case.spanned("who", service("portal"));
            let within = seconds(20);
            case.add_gate(
                "too late",
                Claim::Recovers {
                    subject,
                    within,
                    of,
                },
            );
        },
        "error: the run ends before this recovery could be seen @ too late",
        "lengthen the last phase by",
    );
    one(
        |case| {
            let from = case.anchor("evening", Edge::Start, Story::default());
            let to = case.anchor("opening", Edge::Start, Story::default());
            let mut claim = case.never(service("portal"), Happening::Outage);
            if let Claim::Never { window, .. } = &mut claim {
                *window = Some(Window::Between(from, to));
            }
            case.add_gate("backwards", claim);
        },
        "error: the window of this claim ends before it begins @ backwards",
        "",
    );
}

#[test]
fn target() {
    one(
        |case| case.target.services[0].at = None,
        "error: the launched service `portal` has no `at:` @ launch portal",
        "ADDRESS:PORT",
    );
    one(
        |case| case.target.services[1].at = case.target.services[0].at.clone(),
        "error: `portal` is to listen on 127.0.0.1:8100, and so is `sms` @ launch portal",
        "an `at:` of its own",
    );
    one(
        |case| {
            let need = case.target_spanned("needs portal", "portal".to_owned());
            case.target.launch[1].needs.push(need);
        },
        "error: the launches need each other: portal -> sms -> portal @ launch portal",
        "",
    );
    one(
        |case| {
            let at = "10.0.0.1:80".parse().expect("an address");
            case.target.services[1].at = Some(case.target_spanned("at 10.0.0.1:80", at));
        },
        "error: `at` of service `sms` is 10.0.0.1, which lies outside `guard.allow` @ at 10.0.0.1",
        "127.0.0.0/8",
    );
    one(
        |case| {
            case.target.zones[0].records[0].1 = vec!["192.0.2.1".parse().expect("an address")];
        },
        "error: the record `portal` is 192.0.2.1, which lies outside `guard.allow` @ record portal",
        "",
    );
    one(
        |case| {
            let taken = "127.0.0.1:8100".parse().expect("an address");
            case.target.links[0].listen = case.target_spanned("listen 8100", taken);
        },
        "error: link `portal -> sms` listens on 127.0.0.1:8100, and so does service `portal`",
        "",
    );
    one(
        |case| {
            let route = "GET /slots/:code".parse().expect("a route");
            let route = case.target_spanned("GET /slots/:code", route);
            case.target.services[0].features[3].routes.push(route);
        },
        "error: GET /slots/{{pin}}?week=1 belongs to two features, `slots` and `export` @ GET /slots/:code",
        "more specific",
    );
    one(
        |case| {
            let rate: Rate = "400/s".parse().expect("a rate");
            case.target.max_rate = Some(case.target_spanned("max_rate", rate));
        },
        "error: the load reaches 450/s, and the guard of `cowin` allows 400/s @ citizens",
        "--load-scale 0.88%",
    );
}

#[test]
fn this_machine() {
    one(
        |case| case.here.descriptor_limit = 1024,
        "error: this load may need",
        "raise the limit (`ulimit -n`)",
    );
    one(
        |case| case.here.local_ports = 1000,
        "error: this load may need 5700 local ports; 800 of the 1000 here may be used @ citizens",
        "--load-scale 0.14%",
    );
}

/// The portal stands elsewhere, and every request dials anew.
fn dialled_afar(case: &mut Case) {
    case.target.launch.clear();
    case.scenario.gates.clear();
    case.scenario.symptoms.clear();
    case.target
        .guard
        .allow
        .push("192.0.2.0/24".parse().expect("a network"));
    let at = "192.0.2.7:80".parse().expect("an address");
    case.target.services[0].at = Some(case.target_spanned("127.0.0.1:8100", at));
    case.scenario.load[0].client.reuse = Reuse::None;
    case.here.local_ports = 20_000;
}

#[test]
fn ports_that_closed_connections_hold() {
    one(
        dialled_afar,
        "warning: connections to `portal` may use up the 20000 local ports: one that is closed \
         holds its port for 1m, and up to 26800 are opened within that time @ citizens",
        "`reuse: shared`",
    );
    // a journey that keeps its connection takes a third of them
    let mut case = cowin();
    dialled_afar(&mut case);
    case.scenario.load[0].client.reuse = Reuse::Journey;
    assert_eq!(case.mistakes(), Vec::<String>::new());
    // a port that may be used again is held for a second only
    let mut case = cowin();
    dialled_afar(&mut case);
    case.here.port_reuse = PortReuse::Always;
    assert_eq!(case.mistakes(), Vec::<String>::new());
    // and towards loopback there are sixteen addresses to dial from
    let mut case = cowin();
    case.scenario.load[0].client.reuse = Reuse::None;
    case.here.local_ports = 20_000;
    case.here.port_reuse = PortReuse::Never;
    assert_eq!(case.mistakes(), Vec::<String>::new());
}

#[test]
fn baseline_and_end() {
    one(
        |case| {
            case.scenario.phases[0].length.value = minutes(10);
            case.scenario.load[0].client.timeout = seconds(2);
        },
        "error: the baseline lasts 7s of real time; 15s are needed @ calm 20m",
        "let `calm` last 18m or longer",
    );
    one(
        |case| {
            let begin = case.anchor("calm", Edge::Start, minutes(10));
            case.scenario.faults[0].from.value = begin;
        },
        "error: the baseline lasts 7s of real time; 15s are needed @ calm 20m",
        "let `sms_late` begin 18m into the story or later",
    );
    one(
        |case| case.scenario.load_scale = 0.005,
        "error: the baseline holds 425 requests; 500 are needed @ calm 20m",
        "raise its load to 29.4/s requests in all (5883/s before scaling)",
    );
    one(
        |case| {
            case.scenario.load_scale = 0.005;
            case.scenario.measure.baseline_optional = true;
        },
        "warning: the baseline holds 425 requests",
        "nothing will be compared",
    );
    one(
        |case| case.scenario.phases[3].length.value = minutes(35),
        "error: the run does not end at baseline load for 40s",
        "let `after` last 40m or longer at the load of `calm` (50/s in all)",
    );
    one(
        |case| {
            let curve = &mut case.demand().phases[3].curve.value;
            curve.start = "6_000/s".parse().expect("a rate");
        },
        "error: the run does not end at baseline load for 40s",
        "",
    );
}

#[test]
fn demand() {
    one(
        |case| {
            let curve = &mut case.demand().phases[1].curve.value;
            curve.pieces.push(Piece::Hold { span: minutes(60) });
        },
        "error: the curve is longer than its phase `opening`, which lasts 1h @ curve of opening",
        "shorten the curve",
    );
    one(
        |case| {
            case.scenario.journeys[0].steps.remove(0);
            case.scenario.journeys[0]
                .steps
                .retain(|s| !matches!(s, Step::Request(_)));
            case.scenario.gates.truncate(1);
        },
        "error: journey `register` makes no request @ register",
        "",
    );
}

#[test]
fn warnings_become_advice() {
    let mut case = cowin();
    case.scenario.load[0].client.timeout = seconds(10);
    case.here.local_ports = 60_000;
    let found = case.mistakes();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with(
            "warning: phase `calm` is shorter than 3 times the longest client timeout (10s) \
             @ calm 20m"
        ),
        "{found:#?}"
    );
    assert_eq!(case.plan().advice.len(), 1);
}

#[test]
fn all_mistakes_come_at_once() {
    let mut case = cowin();
    case.demand().phases[1].phase = case.word("openning");
    case.scenario.faults[0].share = Ratio::ONE;
    case.scenario.faults[0].at.value = FaultPlace::Process("gone".into());
    let claim = success(&mut case, service("nobody"), Limit::Rate(1.0));
    case.add_gate("gate", claim);
    case.target.services[1].at = None;
    let found = case.mistakes();
    for wanted in [
        "phase `openning`",
        "service `gone`",
        "`nobody`",
        "cannot do this",
        "`sms` has no",
    ] {
        assert!(
            found.iter().any(|f| f.contains(wanted)),
            "{wanted}: {found:#?}"
        );
    }
}
