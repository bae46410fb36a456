//! The CoWIN day as models, built by hand: what the files would say, and a page of text that the
//! places point into.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use crate::{
    diagnostic::{Diagnostics, Place, Severity, Source, Spanned},
    guard::Guard,
    plan::{Here, Overrides, Plan, PortReuse, resolve},
    scenario::model::*,
    seed::Seed,
    target::model::*,
    time::{Compression, Story},
    units::{Rate, Ratio, Span},
};

/// A scenario and its target, to be spoilt by a test.
pub(crate) struct Case {
    pub(crate) scenario: Scenario,
    pub(crate) target: Target,
    pub(crate) overrides: Overrides,
    pub(crate) here: Here,
    scenario_page: String,
    target_page: String,
}

pub(crate) fn minutes(n: u64) -> Story {
    Story(Duration::from_secs(60 * n))
}

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn rate(text: &str) -> Rate {
    text.parse().expect("a rate")
}

fn template(text: &str) -> Template {
    Template::parse(text).expect("a template")
}

fn addr(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn write<T>(page: &mut String, text: &str, value: T) -> Spanned<T> {
    let start = page.len();
    page.push_str(text);
    page.push('\n');
    let len = text.len();
    Spanned::new(value, Place { start, len })
}

fn get(path: &str) -> ProbeRequest {
    ProbeRequest {
        method: Method::Get,
        path: path.into(),
    }
}

pub(crate) fn service(name: &str) -> Subject {
    Subject::Service(name.into())
}

pub(crate) fn feature(name: &str) -> Subject {
    let (service, feature) = name.split_once('/').expect("service/feature");
    Subject::Feature {
        service: service.into(),
        feature: feature.into(),
    }
}

impl Case {
    /// The demand of the first population.
    pub(crate) fn demand(&mut self) -> &mut Demand {
        match &mut self.scenario.load[0].traffic {
            Traffic::Open(demand) => demand,
            Traffic::Closed(_) => panic!("an open population"),
        }
    }

    /// What the scenario's file says at the place of this.
    pub(crate) fn word(&mut self, text: &str) -> Spanned<String> {
        write(&mut self.scenario_page, text, text.to_owned())
    }

    pub(crate) fn spanned<T>(&mut self, text: &str, value: T) -> Spanned<T> {
        write(&mut self.scenario_page, text, value)
    }

    pub(crate) fn target_spanned<T>(&mut self, text: &str, value: T) -> Spanned<T> {
        write(&mut self.target_page, text, value)
    }

    pub(crate) fn anchor(&mut self, of: &str, edge: Edge, plus: Story) -> Anchor {
        Anchor {
            of: self.word(of),
            edge,
            plus,
        }
    }

    pub(crate) fn add_fault(
        &mut self,
        name: &str,
        at: FaultPlace,
        from: &str,
        until: Option<Until>,
        effect: Effect,
    ) -> &mut Fault {
        let anchor = self.anchor(from, Edge::Start, Story::default());
        let fault = Fault {
            name: self.word(name),
            at: self.spanned(&format!("{name} at"), at),
            from: self.spanned(&format!("{name} from"), anchor),
            drawn_by: None,
            when: None,
            until: until.map(|u| self.spanned(&format!("{name} until"), u)),
            ramp: Story::default(),
            ramp_out: Story::default(),
            share: Ratio::ONE,
            turns: Turns::default(),
            shape: Shape::default(),
            lose: None,
            effect: self.spanned(&format!("{name} effect"), effect),
            provenance: Provenance::default(),
        };
        self.scenario.faults.push(fault);
        self.scenario.faults.last_mut().expect("just pushed")
    }

    pub(crate) fn add_gate(&mut self, text: &str, claim: Claim) {
        let claim = self.spanned(text, claim);
        self.scenario.gates.push(claim);
    }

    pub(crate) fn never(&mut self, subject: Subject, what: Happening) -> Claim {
        Claim::Never {
            subject: self.spanned("the subject", subject),
            what,
            window: None,
        }
    }

    fn result(&self) -> Result<(Plan, Diagnostics), Diagnostics> {
        let mut scenario = self.scenario.clone();
        scenario.source.text = self.scenario_page.as_str().into();
        let mut target = self.target.clone();
        target.source.text = self.target_page.as_str().into();
        resolve(&scenario, &target, &self.overrides, &self.here)
    }

    #[track_caller]
    pub(crate) fn plan(&self) -> Plan {
        match self.result() {
            Ok((plan, _)) => plan,
            Err(found) => panic!("{:#?}", lines(&found)),
        }
    }

    /// Every mistake on one line: `error: message @ the words it points at (hint)`.
    #[track_caller]
    pub(crate) fn mistakes(&self) -> Vec<String> {
        match self.result() {
            Ok((_, warnings)) => {
                assert!(!warnings.has_errors());
                lines(&warnings)
            }
            Err(found) => {
                assert!(found.has_errors());
                lines(&found)
            }
        }
    }
}

fn lines(found: &Diagnostics) -> Vec<String> {
    let line = |d: &crate::diagnostic::Diagnostic| {
        let severity = match d.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let (place, _) = &d.labels[0];
        let at = &d.source.text[place.start..place.start + place.len];
        let hint = d.hint.as_deref().unwrap_or("no hint");
        format!("{severity}: {} @ {at} ({hint})", d.message)
    };
    found.0.iter().map(line).collect()
}

/// The scenario of design: a calm, the opening's flood, an evening, and a calm to recover in.
pub(crate) fn cowin() -> Case {
    let source = |path: &str| Source {
        path: PathBuf::from(path),
        text: "".into(),
    };
    let nothing = |text: &str| Spanned::new(text.to_owned(), Place::default());
    let mut case = Case {
        scenario: Scenario {
            source: source("scenarios/cowin-2021.yaml"),
            name: nothing("cowin-2021"),
            title: "CoWIN opens registration".into(),
            target: None,
            load_scale: 0.01,
            time_scale: Compression::new(60.0).expect("a factor"),
            seed: Seed(20_210_428),
            phases: Vec::new(),
            load: Vec::new(),
            journeys: Vec::new(),
            data: Vec::new(),
            faults: Vec::new(),
            random: Vec::new(),
            steady_state: Vec::new(),
            symptoms: Vec::new(),
            gates: Vec::new(),
            stop: Vec::new(),
            measure: MeasureSettings::default(),
        },
        target: Target {
            source: source("targets/cowin.yaml"),
            name: nothing("cowin"),
            environment: "staging".into(),
            guard: Guard::loopback(),
            max_rate: None,
            env: Vec::new(),
            services: Vec::new(),
            links: Vec::new(),
            zones: Vec::new(),
            dns_servers: 1,
            launch: Vec::new(),
        },
        overrides: Overrides::default(),
        here: Here {
            executable: "/opt/brownout".into(),
            descriptor_limit: 100_000,
            local_ports: 28_232,
            port_reuse: PortReuse::Loopback,
        },
        scenario_page: String::new(),
        target_page: String::new(),
    };
    build_target(&mut case);
    build_scenario(&mut case);
    case
}

fn build_target(case: &mut Case) {
    let page = &mut case.target_page;
    let mut service = |name: &str, at: &str, features| Service {
        name: write(page, name, name.to_owned()),
        url: write(
            page,
            &format!("http://{name}.cowin.test"),
            ServiceUrl {
                https: false,
                host: format!("{name}.cowin.test"),
                port: 80,
            },
        ),
        at: Some(write(page, at, addr(at))),
        health: Some(get("/healthz")),
        capacity: None,
        headers: Vec::new(),
        protocol: Protocol::default(),
        tls: TlsSettings::default(),
        features,
    };
    let mut portal = service("portal", "127.0.0.1:8100", Vec::new());
    let sms = service("sms", "127.0.0.1:8200", Vec::new());
    let mut feature = |name: &str, routes: &[&str], probe: Option<&str>| Feature {
        name: write(page, name, name.to_owned()),
        routes: routes
            .iter()
            .map(|r| write(page, r, r.parse().expect("a route")))
            .collect(),
        probe: probe.map(get),
        fallback: Vec::new(),
        needs: Vec::new(),
    };
    portal.features = vec![
        feature("login", &["POST /otp/generate", "POST /otp/confirm"], None),
        feature("slots", &["GET /slots/:pin"], Some("/slots/110001")),
        feature(
            "certificates",
            &["GET /certificate/:id"],
            Some("/certificate/1"),
        ),
        feature("export", &["GET /export"], None),
    ];
    let launch = |page: &mut String, name: &str, needs: &[&str]| Launch {
        service: write(page, &format!("launch {name}"), name.to_owned()),
        command: vec!["brownout".into(), "stage".into(), name.into()],
        env: Vec::new(),
        directory: None,
        resolver: Resolver::System,
        disk: None,
        needs: needs
            .iter()
            .map(|n| write(page, &format!("needs {n}"), (*n).to_owned()))
            .collect(),
        ready: Some(get("/healthz")),
        ready_within: seconds(30),
        liveness: None,
        restart: true,
        restart_after: Span(Duration::from_millis(500)),
    };
    case.target.launch = vec![launch(page, "portal", &["sms"]), launch(page, "sms", &[])];
    case.target.links = vec![Link {
        from: write(page, "portal", "portal".into()),
        to: write(page, "sms", "sms".into()),
        layer: Layer::Http,
        tls: None,
        via: None,
        listen: write(page, "listen 8201", addr("127.0.0.1:8201")),
    }];
    let ip = vec!["127.0.0.1".parse().expect("an address")];
    case.target.zones = vec![Zone {
        name: write(page, "cowin.test", "cowin.test".into()),
        records: vec![
            (write(page, "record portal", "portal".into()), ip.clone()),
            (write(page, "record sms", "sms".into()), ip),
        ],
        ttl: seconds(1),
    }];
    case.target.services = vec![portal, sms];
}

fn build_scenario(case: &mut Case) {
    for (name, length) in [
        ("calm", 20),
        ("opening", 60),
        ("evening", 60),
        ("after", 40),
    ] {
        let phase = ScenarioPhase {
            name: case.word(name),
            length: case.spanned(&format!("{name} {length}m"), minutes(length)),
        };
        case.scenario.phases.push(phase);
    }
    let mut curve = |phase: &str, start: &str, pieces: Vec<Piece>| PhaseCurve {
        phase: case.word(phase),
        curve: case.spanned(
            &format!("curve of {phase}"),
            Curve {
                start: rate(start),
                pieces,
            },
        ),
    };
    let flood = Piece::Ramp {
        to: rate("45_000/s"),
        over: minutes(1),
    };
    let phases = vec![
        curve("calm", "5_000/s", Vec::new()),
        curve("opening", "5_000/s", vec![flood]),
        curve("evening", "15_000/s", Vec::new()),
        curve("after", "5_000/s", Vec::new()),
    ];
    let population = ScenarioPopulation {
        name: case.word("citizens"),
        journeys: vec![JourneyShare {
            name: case.word("register"),
            weight: 1,
        }],
        traffic: Traffic::Open(Demand {
            kind: DemandKind::Requests,
            phases,
            recorded: Vec::new(),
            spacing: Spacing::Uniform,
        }),
        herds: Vec::new(),
        client: ClientPolicy {
            timeout: seconds(5),
            connect_timeout: seconds(5),
            retry: Retry {
                outcomes: vec![RetryOn::Timeout, RetryOn::Http5xx],
                wait: RetryWait::Even {
                    min: seconds(2),
                    max: seconds(6),
                },
                ..Retry::default()
            },
            ..ClientPolicy::default()
        },
        provenance: Provenance {
            source: Some("ministry release".into()),
            assumed: false,
            history: None,
        },
    };
    case.scenario.load.push(population);
    let mut request = |name: &str, method, path: &str| {
        Step::Request(RequestStep {
            name: case.word(name),
            method,
            service: case.spanned(&format!("portal:{path}"), "portal".to_owned()),
            path: template(path),
            headers: Vec::new(),
            body: None,
            take: Vec::new(),
            check: Vec::new(),
            fallback: Vec::new(),
            then: Vec::new(),
        })
    };
    let mut steps = vec![
        request("generate_otp", Method::Post, "/otp/generate"),
        request("confirm_otp", Method::Post, "/otp/confirm"),
        request("find_slot", Method::Get, "/slots/{{pin}}?week=1"),
    ];
    let wait = Step::WaitFor(WaitStep {
        name: case.word("read_sms"),
        service: case.spanned("sms:/inbox", "sms".to_owned()),
        path: template("/inbox/{{mobile}}"),
        take: Vec::new(),
        within: seconds(20),
        every: Duration::from_millis(500),
    });
    steps.insert(1, wait);
    let think = Step::Think {
        min: seconds(1),
        max: seconds(3),
    };
    steps.insert(3, think);
    let journey = Journey {
        name: case.word("register"),
        steps,
    };
    case.scenario.journeys.push(journey);
    build_story(case);
}

fn build_story(case: &mut Case) {
    let sms_late = case.add_fault(
        "sms_late",
        FaultPlace::Link {
            from: "portal".into(),
            to: "sms".into(),
        },
        "opening",
        Some(Until::For(minutes(35))),
        Effect::Http(HttpEffect {
            matching: HttpMatch::default(),
            action: HttpAction::Delay(HttpDelay::constant(seconds(12))),
        }),
    );
    sms_late.provenance = Provenance {
        source: None,
        assumed: true,
        history: Some("minutes".into()),
    };
    let symptom = Claim::Happens {
        subject: case.spanned("portal", service("portal")),
        what: Happening::Collapse,
        window: Some(Window::Within {
            span: seconds(300),
            of: case.anchor("opening", Edge::Start, Story::default()),
        }),
    };
    let symptom = case.spanned("portal collapses\n  within 5m of opening", symptom);
    case.scenario.symptoms.push(symptom);
    let never = case.never(service("portal"), Happening::Crash);
    case.add_gate("portal never crashes", never);
    let recovers = Claim::Recovers {
        subject: case.spanned("portal/login", feature("portal/login")),
        within: seconds(20),
        of: case.anchor("sms_late", Edge::End, Story::default()),
    };
    case.add_gate("portal/login recovers within 20s of sms_late.end", recovers);
}
