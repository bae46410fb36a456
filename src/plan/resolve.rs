//! Scenario + target + flags + this machine -> plan. Each part has a file of its own; here they
//! are put in order, since later ones need what earlier ones found.

use std::path::{Path, PathBuf};

use super::{
    anchors::{self, Names},
    baseline,
    claims::{Claims, Role},
    course::{self, Course},
    faults::{self, Ground},
    fit, herds,
    journeys::{self, Allocation},
    launch, limits, links, losses,
    mistakes::{File, Mistakes},
    model::{Assumption, Phase, Plan, PopulationPlan, ServicePlan, UserCurve, UsersPlan},
    phases,
    ports::PortReuse,
    random, services,
    subjects::Subjects,
    windows,
};
use crate::{
    diagnostic::{Diagnostics, Severity},
    scenario::{
        built_in_data,
        model::{
            Crowd, DataSource, Demand, DemandKind, Provenance, Scenario, ScenarioPopulation,
            Spacing, Traffic,
        },
    },
    seed::Seed,
    target::model::Target,
    time::{Compression, Offset},
};

/// What the command line says instead of the scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Overrides {
    /// In place of `scale.load`; above zero.
    pub load_scale: Option<f64>,
    /// In place of `scale.time`.
    pub time_scale: Option<Compression>,
    /// In place of `seed`.
    pub seed: Option<Seed>,
}

/// What a plan must know of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// This executable: `brownout` in a launch command means it.
    pub executable: PathBuf,
    /// How many descriptors this process may open.
    pub descriptor_limit: u64,
    /// How many local ports outgoing connections may use.
    pub local_ports: u32,
    /// Whether they are used again soon.
    pub port_reuse: PortReuse,
}

/// Resolves a scenario against a target. The warnings come with the plan.
///
/// # Errors
/// Every mistake of the two files taken together, each with its place.
pub fn resolve(
    scenario: &Scenario,
    target: &Target,
    overrides: &Overrides,
    here: &Here,
) -> Result<(Plan, Diagnostics), Diagnostics> {
    let mut out = Mistakes::new(&scenario.source, &target.source);
    let plan = assemble(scenario, target, overrides, here, &mut out);
    // what follows would only repeat mistakes that were found in the parts
    if !out.has_errors() {
        limits::check(scenario, target, &plan, here, &mut out);
        limits::check_port_churn(scenario, &plan, here, &mut out);
        baseline::check_thickness(scenario, &plan, &mut out);
        baseline::check_end(scenario, &plan, &mut out);
        fit::check_silence(scenario, &plan, &mut out);
        fit::check_phases(scenario, &plan, &mut out);
        fit::check_names(scenario, &plan, &mut out);
        fit::check_connections(scenario, &plan, &mut out);
    }
    let found = out.finish();
    if found.has_errors() {
        return Err(found);
    }
    let advice = advice(&found);
    Ok((Plan { advice, ..plan }, found))
}

/// The warnings, as a report repeats them.
fn advice(found: &Diagnostics) -> Vec<String> {
    found
        .0
        .iter()
        .filter(|d| d.severity == Severity::Warning)
        .map(|d| match &d.hint {
            Some(hint) => format!("{}: {hint}", d.message),
            None => d.message.clone(),
        })
        .collect()
}

/// Puts the plan together. It is whole only if no error was reported.
fn assemble(
    scenario: &Scenario,
    target: &Target,
    overrides: &Overrides,
    here: &Here,
    out: &mut Mistakes<'_>,
) -> Plan {
    let time = overrides.time_scale.unwrap_or(scenario.time_scale);
    let load_scale = overrides.load_scale.unwrap_or(scenario.load_scale);
    let seed = overrides.seed.unwrap_or(scenario.seed);
    check_names(scenario, target, out);
    services::check_guard(target, out);

    let phases = phases::resolve(&scenario.phases, time, out);
    let length = phases.last().map_or(Offset::ZERO, |p| p.to).0;
    let zones = services::zones(&target.zones);
    let services = services::services(target, &zones);
    let mut links = links::declared(target, &services, &zones, out);
    let launch = launch::resolve(target, &services, here, out);

    let placed = losses::spread(&scenario.faults, target, out);
    let drawing = random::Ground {
        phases: &phases,
        seed,
    };
    let (placed, drawn) = random::draw(placed, &scenario.random, &drawing, out);
    let names = Names {
        phases: &phases,
        faults: &placed,
        time,
    };
    let times = windows::resolve(&placed, &names, length, out);
    let expected = |fault: usize, edge| {
        let times = times[fault].as_ref()?;
        anchors::expected(&times.start, times.end.as_ref(), edge)
    };
    let mut series = Allocation::default();
    let load = Load {
        scenario,
        target,
        services: &services,
        phases: &phases,
        time,
        load_scale,
        seed,
        herding: herds::Ground {
            names: &names,
            expected: &expected,
            open: &|fault, edge| windows::waits_for_condition(&times, fault, edge),
            end: Offset(length),
            load_scale,
        },
    };
    let populations = load.populations(&mut series, out);
    series.add_probes(&services);
    let series = series.series;
    if services.len().max(series.len()) > usize::from(u16::MAX) {
        out.error(
            File::Scenario,
            scenario.name.place,
            "too much",
            "more than 65535 services, or requests and probes, are more than can be told apart",
        );
    }

    let mut ground = Ground {
        services: &services,
        zones: &zones,
        launch: &target.launch,
        links: &mut links,
        time,
        folder: scenario.source.path.parent().unwrap_or(Path::new("")),
        executable: &here.executable,
        guard: &target.guard,
        dns_servers: target.dns_servers,
    };
    for fault in &placed {
        losses::check(fault, target, out);
    }
    let faults: Vec<_> = placed
        .iter()
        .zip(&times)
        .filter_map(|(fault, times)| faults::resolve(fault, times.as_ref(), &mut ground, out))
        .collect();

    let claims = Claims {
        source: &scenario.source,
        names: &names,
        subjects: &Subjects {
            services: &services,
            populations: &scenario.load,
            series: &series,
            launch: &target.launch,
        },
        expected: &expected,
        begin: Offset(scenario.measure.warm_up),
        end: Offset(length),
        hold: scenario.measure.hold,
    };
    let steady_state = claims.resolve(&scenario.steady_state, Role::SteadyState, out);
    let symptoms = claims.resolve(&scenario.symptoms, Role::Symptom, out);
    let gates = claims.resolve(&scenario.gates, Role::Gate, out);
    let stop = claims.stops(&scenario.stop, out);
    claims.waits(&placed, out);

    Plan {
        scenario: scenario.name.value.clone(),
        title: scenario.title.clone(),
        scenario_path: scenario.source.path.clone(),
        target: target.name.value.clone(),
        target_path: target.source.path.clone(),
        environment: target.environment.clone(),
        load_scale,
        time_scale: time,
        seed,
        phases,
        length,
        guard: target.guard.clone(),
        services,
        links,
        zones,
        dns_servers: target.dns_servers,
        launch,
        data: data(scenario),
        series,
        faults,
        steady_state,
        symptoms,
        gates,
        stop,
        measure: scenario.measure.clone(),
        assumptions: assumptions(scenario, &populations)
            .into_iter()
            .chain(drawn)
            .collect(),
        populations,
        advice: Vec::new(),
    }
}

/// The names of both files share one namespace, since claims use them side by side.
fn check_names(scenario: &Scenario, target: &Target, out: &mut Mistakes<'_>) {
    let phases = scenario.phases.iter();
    let phases = phases.map(|p| (p.name.value.as_str(), p.name.place, "phase"));
    let faults = scenario
        .faults
        .iter()
        .map(|f| (f.written_name(), f.name.place, "fault"));
    let populations = scenario.load.iter();
    let populations = populations.map(|p| (p.name.value.as_str(), p.name.place, "population"));
    let schedules = scenario.random.iter();
    let schedules = schedules.map(|r| (r.name.value.as_str(), r.name.place, "schedule"));
    for (name, place, kind) in phases.chain(populations).chain(faults).chain(schedules) {
        if target.services.iter().any(|s| s.name.value == name) {
            out.error(
                File::Scenario,
                place,
                format!("a {kind}"),
                format!("`{name}` is also a service of the target"),
            )
            .hint(format!("give the {kind} another name"));
        }
    }
}

/// What populations are resolved against.
struct Load<'a> {
    scenario: &'a Scenario,
    target: &'a Target,
    services: &'a [ServicePlan],
    phases: &'a [Phase],
    time: Compression,
    load_scale: f64,
    seed: Seed,
    herding: herds::Ground<'a>,
}

impl Load<'_> {
    fn populations(&self, series: &mut Allocation, out: &mut Mistakes<'_>) -> Vec<PopulationPlan> {
        let given = self.scenario.load.iter().enumerate();
        given
            .map(|(index, population)| {
                let index = u16::try_from(index).unwrap_or(u16::MAX);
                self.population(population, index, series, out)
            })
            .collect()
    }

    fn population(
        &self,
        population: &ScenarioPopulation,
        index: u16,
        series: &mut Allocation,
        out: &mut Mistakes<'_>,
    ) -> PopulationPlan {
        let walked = journeys::find(&self.scenario.journeys, population, out);
        for (journey, _) in walked.iter().filter(|(j, _)| journeys::requests(j) == 0) {
            out.error(
                File::Scenario,
                journey.name.place,
                "no request",
                format!("journey `{}` makes no request", journey.name.value),
            )
            .hint("add a step such as `{step: look, get: \"portal:/\"}`");
        }
        let (course, spacing, herds, users) = match &population.traffic {
            Traffic::Open(demand) => {
                let requests = journeys::mean_requests(&walked);
                let mut course = self.course(&population.name.value, demand, requests, out);
                let herds = herds::resolve(&population.herds, &self.herding, out);
                herds::on_top(&mut course, &herds);
                (course, demand.spacing, herds, None)
            }
            Traffic::Closed(crowd) => {
                let users = self.users(crowd, out);
                (
                    Course::default(),
                    Spacing::default(),
                    Vec::new(),
                    Some(users),
                )
            }
        };
        let nobody = course.arrivals == 0 && users.as_ref().is_none_or(|users| users.most == 0);
        if nobody {
            out.warning(
                File::Scenario,
                population.name.place,
                "nobody",
                format!("no one of `{}` ever comes", population.name.value),
            )
            .hint("raise its numbers or the load scale");
        }
        let ground = journeys::Ground {
            population: index,
            target: self.target,
            services: self.services,
        };
        PopulationPlan {
            name: population.name.value.clone(),
            journey: journeys::resolve(&walked, &ground, series, out),
            curve: course.curve,
            replay: course.replay,
            herds,
            spacing,
            arrivals: course.arrivals,
            users,
            client: population.client.clone(),
            provenance: population.provenance.clone(),
        }
    }
}

impl Load<'_> {
    /// When journeys of so many requests begin.
    fn course(&self, name: &str, demand: &Demand, requests: f64, out: &mut Mistakes<'_>) -> Course {
        let per_journey = match demand.kind {
            DemandKind::Arrivals => 1.0,
            DemandKind::Requests => requests.max(1.0),
        };
        let scale = course::Scale {
            time: self.time,
            load: self.load_scale,
            arrivals: 1.0 / per_journey,
        };
        let seed = self.seed.named("replay").named(name);
        course::course(demand, self.phases, scale, seed, out)
    }

    /// The load scale multiplies users as it multiplies rates. A tenth of a user walks nowhere, so
    /// the sum is rounded at each instant.
    fn users(&self, crowd: &Crowd, out: &mut Mistakes<'_>) -> UsersPlan {
        let knots = phases::knots(&crowd.phases, self.phases, self.time, self.load_scale, out);
        let curve = UserCurve { knots };
        UsersPlan {
            most: curve.most(),
            curve,
            pause_min: crowd.pause_min,
            pause_max: crowd.pause_max,
        }
    }
}

/// Every number that says where it comes from.
fn assumptions(scenario: &Scenario, populations: &[PopulationPlan]) -> Vec<Assumption> {
    let replays = populations.iter().filter_map(|p| {
        let replay = p.replay.as_ref()?;
        Some(Assumption {
            about: format!("load {}", p.name),
            note: format!(
                "replays {} of {} lines of {}",
                replay.replayed,
                replay.lines,
                replay.files.join(", ")
            ),
            assumed: false,
        })
    });
    let populations = scenario
        .load
        .iter()
        .map(|p| (format!("load {}", p.name.value), &p.provenance));
    // what was written once is cited once, at however many places it is
    let written = scenario
        .faults
        .chunk_by(|a, b| a.written_name() == b.written_name());
    let faults = written
        .filter_map(|faults| faults.first())
        .map(|f| (format!("fault {}", f.written_name()), &f.provenance));
    populations
        .chain(faults)
        .filter(|(_, p)| p.assumed || p.source.is_some() || p.history.is_some())
        .map(|(about, provenance)| Assumption {
            about,
            note: note(provenance),
            assumed: provenance.assumed,
        })
        .chain(replays)
        .collect()
}

fn note(provenance: &Provenance) -> String {
    let history = provenance.history.as_ref().map(|h| format!("history: {h}"));
    let parts: Vec<String> = provenance
        .source
        .clone()
        .into_iter()
        .chain(history)
        .collect();
    parts.join("; ")
}

/// The built-in generators and the scenario's own, which win.
fn data(scenario: &Scenario) -> Vec<(String, DataSource)> {
    let own = |name: &str| scenario.data.iter().any(|(given, _)| given.value == name);
    let built_in = built_in_data().into_iter().filter(|(name, _)| !own(name));
    let given = scenario
        .data
        .iter()
        .map(|(name, source)| (name.value.clone(), source.clone()));
    built_in
        .map(|(name, source)| (name.to_owned(), source))
        .chain(given)
        .collect()
}
