//! A plan in words and numbers, for `brownout plan`: what would happen, when on both clocks,
//! where, what it touches, and how far each fault can reach. Pure.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use serde::{Serialize, Serializer};

use super::{
    crowd::{self, CrowdDescription, few_to_many},
    habits,
    model::{
        Disk, FaultPlan, LinkPlan, LinkTls, PlacePlan, Plan, Protocol, Resolver, ServiceId,
        StepPlan, Trigger,
    },
    needs::Needs,
    services,
    users::crowds,
};
use crate::{
    plan::Assumption,
    scenario::model::{Edge, Effect, HttpAction, ProcessEffect},
    seed::Seed,
    time::{Compression, Offset, Story},
    units::{Ratio, Span},
};

/// What `brownout plan` tells. In JSON, names that end in `_s` are seconds.
#[derive(Debug, Clone, Serialize)]
pub struct Description {
    /// The scenario's name.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// The target's name.
    pub target: String,
    /// Its environment.
    pub environment: String,
    /// History's rates are multiplied by this.
    pub load_scale: f64,
    /// Story time is compressed by this.
    pub time_scale: Compression,
    /// The seed.
    pub seed: Seed,
    /// How long the phases take, real time; starting and stopping the target come on top.
    #[serde(rename = "length_s", serialize_with = "length_seconds")]
    pub length: Duration,
    /// Phases and faults, in order of time.
    pub timeline: Vec<Moment>,
    /// Rates, counts and limits.
    pub needs: Needs,
    /// How the members of each population behave.
    pub clients: Vec<String>,
    /// The users of each closed population.
    pub users: Vec<CrowdDescription>,
    /// What of this machine and the network is touched.
    pub touches: Touches,
    /// Each fault and how far it can reach.
    pub faults: Vec<Reach>,
    /// The stretch that is judged as the baseline.
    #[serde(rename = "baseline_s", serialize_with = "pair_seconds")]
    pub baseline: (Offset, Offset),
    /// What "healthy" means.
    pub steady_state: Vec<String>,
    /// What history saw.
    pub symptoms: Vec<String>,
    /// What must hold.
    pub gates: Vec<String>,
    /// What ends the run early.
    pub stop: Vec<String>,
    /// What somebody chose or cited.
    pub assumptions: Vec<Assumption>,
    /// What the planner advises.
    pub advice: Vec<String>,
}

/// A row of the timeline.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Moment {
    /// Story time since the start.
    #[serde(rename = "story_s", serialize_with = "story_seconds")]
    pub story: Story,
    /// Real time since the start.
    #[serde(rename = "real_s", serialize_with = "offset_seconds")]
    pub real: Offset,
    /// Whether other events decide when exactly.
    pub about: bool,
    /// What happens: `opening begins`, `sms_late: delayed by 12s`.
    pub what: String,
    /// Where: a place, or what the load is.
    pub place: String,
}

/// What a run touches.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Touches {
    /// Processes that it starts: service and command.
    pub starts: Vec<(String, Vec<String>)>,
    /// Disks that processes get for themselves: service, and what stands where.
    pub disks: Vec<(String, String)>,
    /// Addresses that it or what it starts listens on (port 0 = any free port).
    pub binds: Vec<(SocketAddr, String)>,
    /// Whom it talks to: an address, or a name that the system resolves.
    pub dials: Vec<(String, String)>,
    /// Names that it answers for.
    pub answers: Vec<String>,
}

/// A fault and how far it can reach.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reach {
    /// The fault.
    pub fault: String,
    /// Where it is put in.
    pub at: String,
    /// What it does.
    pub does: String,
    /// Services that it can reach, those that depend on others included.
    pub services: Vec<String>,
    /// Features among them.
    pub features: Vec<String>,
    /// Populations that would notice.
    pub populations: Vec<String>,
}

fn length_seconds<S: Serializer>(length: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(length.as_secs_f64())
}

fn story_seconds<S: Serializer>(story: &Story, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(story.0.as_secs_f64())
}

pub(super) fn offset_seconds<S: Serializer>(at: &Offset, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(at.as_secs_f64())
}

fn pair_seconds<S: Serializer>(pair: &(Offset, Offset), s: S) -> Result<S::Ok, S::Error> {
    (pair.0.as_secs_f64(), pair.1.as_secs_f64()).serialize(s)
}

/// Describes a plan.
#[must_use]
pub fn describe(plan: &Plan) -> Description {
    let texts = |claims: &[super::ClaimPlan]| claims.iter().map(|c| c.text.clone()).collect();
    Description {
        scenario: plan.scenario.clone(),
        title: plan.title.clone(),
        target: plan.target.clone(),
        environment: plan.environment.clone(),
        load_scale: plan.load_scale,
        time_scale: plan.time_scale,
        seed: plan.seed,
        length: plan.length,
        timeline: timeline(plan),
        needs: Needs::of(plan),
        clients: plan.populations.iter().flat_map(habits::lines).collect(),
        users: crowd::describe(plan),
        touches: touches(plan),
        faults: reaches(plan),
        baseline: plan.baseline_window(),
        steady_state: texts(&plan.steady_state),
        symptoms: texts(&plan.symptoms),
        gates: texts(&plan.gates),
        stop: plan.stop.iter().map(|s| s.text.clone()).collect(),
        assumptions: plan.assumptions.clone(),
        advice: plan.advice.clone(),
    }
}

fn timeline(plan: &Plan) -> Vec<Moment> {
    let rates = super::needs::request_rates(&plan.populations);
    let crowds = crowds(&plan.populations);
    let crowded = plan.populations.iter().any(|p| p.users.is_some());
    let mut moments: Vec<Moment> = Vec::new();
    for phase in &plan.phases {
        let (low, high) = rates.range_between(phase.from, phase.to);
        let mut load = if high - low < 0.05 {
            format!("{high:.1} requests/s")
        } else {
            format!("{low:.1} to {high:.1} requests/s")
        };
        if crowded {
            let (few, many) = crowds.range_between(phase.from, phase.to);
            let users = few_to_many(few.whole(), many.whole());
            // what users send is not known beforehand
            load = match high {
                0.0 => format!("{users} users"),
                _ => format!("{load}, {users} users"),
            };
        }
        moments.push(Moment {
            story: phase.story_from,
            real: phase.from,
            about: false,
            what: format!("{} begins", phase.name),
            place: load,
        });
    }
    for population in &plan.populations {
        for herd in &population.herds {
            moments.push(Moment {
                story: plan.time_scale.story(herd.at.0),
                real: herd.at,
                about: false,
                what: format!("a herd of {} {}", herd.count.round(), population.name),
                place: format!("within {}", Span(herd.over)),
            });
        }
    }
    for fault in &plan.faults {
        let mut add = |trigger: &Trigger, what: String| {
            moments.push(Moment {
                story: plan.time_scale.story(trigger.expected().0),
                real: trigger.expected(),
                about: !matches!(trigger, Trigger::At(_)),
                what,
                place: fault.at.clone(),
            });
        };
        let (name, does) = (&fault.name, does(fault));
        add(
            &fault.start,
            format!("{name}: {does}{}", waits(plan, &fault.start, Edge::Start)),
        );
        if let Some(end) = &fault.end {
            add(end, format!("{name} ends{}", waits(plan, end, Edge::End)));
        }
    }
    moments.push(Moment {
        story: plan
            .phases
            .last()
            .map_or_else(Story::default, |p| p.story_to),
        real: Offset(plan.length),
        about: false,
        what: "the end".to_owned(),
        place: String::new(),
    });
    moments.sort_by_key(|m| m.real);
    moments
}

/// What an edge of a fault waits for, if anything.
fn waits(plan: &Plan, trigger: &Trigger, of: Edge) -> String {
    let (fault, others, edge, plus) = match trigger {
        Trigger::At(_) => return String::new(),
        Trigger::When {
            condition,
            before,
            plus,
            ..
        } => {
            let later = match plus.is_zero() {
                true => String::new(),
                false => format!("{} after ", Span(*plus)),
            };
            let text = &condition.text;
            let until = Span(before.expected().0).whole_millis();
            return match of {
                Edge::Start => format!(", {later}when {text} (earliest; watched until {until})"),
                Edge::End => format!(" {later}when {text} (latest)"),
            };
        }
        Trigger::After {
            fault,
            others,
            edge,
            plus,
            ..
        } => (fault, others, edge, plus),
    };
    let edge = match (edge, others.is_empty()) {
        (Edge::Start, true) => "is in force",
        (Edge::Start, false) => "is in force at the first place",
        (Edge::End, true) => "is out",
        (Edge::End, false) => "is out everywhere",
    };
    let other = plan.fault_name(*fault, others);
    format!(", {} real after {other} {edge}", Span(*plus))
}

/// What a fault does, in a few words.
fn does(fault: &FaultPlan) -> String {
    let mut text = match &fault.effect {
        Effect::Http(http) => format!("{}{}", done_to_requests(&http.action), http.matching),
        Effect::Tcp(tcp) => tcp.to_string(),
        Effect::Tls(tls) => format!("handshakes show a certificate that is {tls}"),
        Effect::Dns(dns) => dns.to_string(),
        Effect::Process(process) => match process {
            ProcessEffect::Kill => "killed".to_owned(),
            ProcessEffect::Pause => "paused".to_owned(),
            ProcessEffect::Stop => "stopped and kept down".to_owned(),
            ProcessEffect::Restart => "told to end, and started again".to_owned(),
            ProcessEffect::CrashLoop => "killed each time it is ready".to_owned(),
            ProcessEffect::Limit { .. } => format!("held to {process}"),
            ProcessEffect::Disk { .. } => format!("its {process}"),
        },
        Effect::Exec(exec) => exec.to_string(),
    };
    text.push_str(&fault.turns.to_string());
    if fault.share < Ratio::ONE {
        text.push_str(&format!(", {} of it", fault.share));
    }
    if let [(_, first), later @ ..] = &fault.shape.steps[..] {
        text.push_str(&format!(", {first} of it"));
        for (after, share) in later {
            text.push_str(&format!(", {share} after {}", Span(*after)));
        }
    }
    if let Some(flap) = &fault.shape.flap {
        let (within, out) = (Span(flap.within), Span(flap.out));
        text.push_str(&format!(", in for {within} and out for {out}"));
        if let Some(end) = &fault.end {
            let window = end.expected().since(fault.start.expected());
            let most = match end {
                Trigger::At(_) | Trigger::After { .. } => "",
                Trigger::When { .. } => "up to ",
            };
            text.push_str(&format!(", {most}{} times", flap.comings(window)));
        }
    }
    if !fault.ramp.is_zero() {
        text.push_str(&format!(
            ", growing for {}",
            Span(fault.ramp).whole_millis()
        ));
    }
    match &fault.loses {
        Some(lost) => format!("{lost} is lost: {text}"),
        None => text,
    }
}

/// What is done to requests, in a few words.
fn done_to_requests(action: &HttpAction) -> String {
    match action {
        HttpAction::Status { code, .. } => format!("answered with {code}"),
        HttpAction::Delay(delay) => format!("delayed by {delay}"),
        HttpAction::Hang => "never answered".to_owned(),
        HttpAction::Close(_)
        | HttpAction::ContentType(_)
        | HttpAction::Json(_)
        | HttpAction::Malformed
        | HttpAction::RateLimit(_)
        | HttpAction::Reset
        | HttpAction::Slow(_)
        | HttpAction::Stale
        | HttpAction::Truncate(_) => action.to_string(),
    }
}

fn touches(plan: &Plan) -> Touches {
    let name = |id: ServiceId| plan.services[usize::from(id.0)].name.clone();
    let started = plan.launch.iter().map(|l| {
        (
            l.listens,
            format!("{}, started by brownout", name(l.service)),
        )
    });
    let links = plan.links.iter().filter(|l| l.via.is_none()).map(|l| {
        let shown = match l.tls {
            None => "",
            Some(LinkTls::Generated) => ", TLS with a certificate made for the run",
            Some(LinkTls::Files { .. }) => ", TLS with a certificate of yours",
        };
        (l.listen, format!("link {}{shown}", l.name))
    });
    let named = plan.faults.iter();
    let dns_faults = named.filter(|f| matches!(f.place, PlacePlan::Dns { .. }));
    let by_processes = asking_processes(plan).next().is_some();
    let answered = !plan.zones.is_empty() || dns_faults.count() > 0 || by_processes;
    let server = answered.then(|| {
        (
            SocketAddr::from(([127, 0, 0, 1], 0)),
            "names, for our own clients".to_owned(),
        )
    });
    let resolver = by_processes.then(|| {
        (
            SocketAddr::from(([127, 53, 0, 1], 53)),
            "names, for launched processes (or the next address that is free)".to_owned(),
        )
    });
    let dials = plan.services.iter().map(|service| {
        let to = match services::address(service, &plan.zones) {
            Some(address) => address.to_string(),
            None => format!(
                "{}:{}, wherever the system resolves it",
                service.host, service.port
            ),
        };
        let how = match service.protocol {
            Protocol::Http1 => service.name.clone(),
            Protocol::Http2 { streams } => {
                format!("{}, HTTP/2 with up to {streams} streams", service.name)
            }
        };
        (to, how)
    });
    let toxiproxies = plan.links.iter().filter_map(|link| {
        let api = link.via.clone()?;
        Some((api, format!("Toxiproxy, for link {}", link.name)))
    });
    Touches {
        starts: plan
            .launch
            .iter()
            .map(|l| (name(l.service), l.command.clone()))
            .collect(),
        disks: plan
            .launch
            .iter()
            .filter_map(|l| {
                let Disk { path, size } = l.disk.as_ref()?;
                let place = l.directory.join(path).display().to_string();
                let what = format!("a disk of {size} in memory over {place}, seen by it alone");
                Some((name(l.service), what))
            })
            .collect(),
        binds: started.chain(links).chain(server).chain(resolver).collect(),
        dials: dials.chain(toxiproxies).collect(),
        answers: plan
            .zones
            .iter()
            .flat_map(|z| z.records.iter().map(|(name, _)| name.clone()))
            .collect(),
    }
}

impl Plan {
    /// The services that a fault can reach, those that depend on others over declared links included.
    #[must_use]
    pub fn reached(&self, fault: &FaultPlan) -> BTreeSet<ServiceId> {
        match &fault.place {
            PlacePlan::Link { link, feature: _ } => match self.links.get(*link) {
                // the way of the visitors hurts what they see of it; an inner link hurts who dials
                Some(link) if link.visitors => BTreeSet::from([link.to]),
                Some(link) => {
                    let hurt = dialler(self, link).unwrap_or(link.to);
                    with_dependants(self, BTreeSet::from([hurt]))
                }
                // a link that nobody knows may lead anywhere
                None => ids(self).collect(),
            },
            PlacePlan::Process(service) => with_dependants(self, BTreeSet::from([*service])),
            PlacePlan::Host { service, .. } => match service {
                Some(service) => with_dependants(self, BTreeSet::from([*service])),
                // nobody knows what a command does
                None => ids(self).collect(),
            },
            // our clients' names go through our DNS server, and those of processes that are told so,
            // who may ask about any name
            PlacePlan::Dns { .. } => ids(self)
                .filter(|id| fault.meets_host(&self.services[usize::from(id.0)]))
                .chain(with_dependants(self, asking_processes(self).collect()))
                .collect(),
        }
    }
}

/// The launched processes that ask our DNS server.
fn asking_processes(plan: &Plan) -> impl Iterator<Item = ServiceId> + '_ {
    let launched = plan.launch.iter();
    let asking = launched.filter(|launch| launch.resolver == Resolver::Brownout);
    asking.map(|launch| launch.service)
}

/// How far each fault reaches; all comings of one that a schedule drew reach as far as the first.
fn reaches(plan: &Plan) -> Vec<Reach> {
    let mut reaches: Vec<Reach> = Vec::new();
    for fault in &plan.faults {
        let mut reach = reach(plan, fault);
        if let (Some(_), Some((drawn, _))) = (&fault.drawn_by, fault.name.rsplit_once('.')) {
            if reaches.iter().any(|reach| reach.fault == drawn) {
                continue;
            }
            reach.fault = drawn.to_owned();
        }
        reaches.push(reach);
    }
    reaches
}

fn reach(plan: &Plan, fault: &FaultPlan) -> Reach {
    let services = plan.reached(fault);
    let only = match &fault.place {
        PlacePlan::Link { feature, .. } => feature.as_deref(),
        PlacePlan::Process(_) | PlacePlan::Dns { .. } | PlacePlan::Host { .. } => None,
    };
    let features = services.iter().flat_map(|id| {
        let service = &plan.services[usize::from(id.0)];
        let met = service
            .features
            .iter()
            .filter(move |f| only.is_none_or(|o| o == f.name));
        met.map(|f| format!("{}/{}", service.name, f.name))
    });
    Reach {
        fault: fault.name.clone(),
        at: fault.at.clone(),
        does: does(fault),
        features: features.collect(),
        populations: populations(plan, &services, only),
        services: services
            .iter()
            .map(|id| plan.services[usize::from(id.0)].name.clone())
            .collect(),
    }
}

fn ids(plan: &Plan) -> impl Iterator<Item = ServiceId> + '_ {
    let count = u16::try_from(plan.services.len()).unwrap_or(u16::MAX);
    (0..count).map(ServiceId)
}

/// The service that dials an inner link; `None` on the way of the visitors.
fn dialler(plan: &Plan, link: &LinkPlan) -> Option<ServiceId> {
    let (from, _) = link.name.split_once(" -> ")?;
    services::find(&plan.services, from).filter(|_| !link.visitors)
}

/// Adds whoever depends, over declared links, on one of `services`.
fn with_dependants(plan: &Plan, mut services: BTreeSet<ServiceId>) -> BTreeSet<ServiceId> {
    loop {
        let before = services.len();
        for link in &plan.links {
            if services.contains(&link.to) {
                services.extend(dialler(plan, link));
            }
        }
        if services.len() == before {
            return services;
        }
    }
}

/// The populations with a step at one of `services` (and of the feature `only`, if given).
fn populations(plan: &Plan, services: &BTreeSet<ServiceId>, only: Option<&str>) -> Vec<String> {
    let notices = |step: &StepPlan| match step {
        StepPlan::Request(request) => {
            let series = &plan.series[usize::from(request.series.0)];
            services.contains(&request.service)
                && only.is_none_or(|o| series.feature.as_deref() == Some(o))
        }
        StepPlan::WaitFor(wait) => only.is_none() && services.contains(&wait.service),
        StepPlan::Think { .. } => false,
    };
    plan.populations
        .iter()
        .filter(|p| p.journey.steps.iter().any(notices))
        .map(|p| p.name.clone())
        .collect()
}
