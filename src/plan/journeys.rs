//! Journeys resolved for each population, and the series that their requests are counted under.

use super::{
    mistakes::{File, Mistakes},
    model::{
        JourneyPlan, Origin, RequestPlan, Series, SeriesId, ServiceId, ServicePlan, StepPlan,
        WaitPlan, WayPlan,
    },
    services,
};
use crate::{
    diagnostic::Spanned,
    scenario::model::{
        Branch, Check, Goto, Journey, Method, RequestStep, RoutePattern, ScenarioPopulation, Step,
        Template,
    },
    target::model::{Feature, Target},
};

/// Gives out series.
#[derive(Debug, Default)]
pub(super) struct Allocation {
    pub(super) series: Vec<Series>,
}

impl Allocation {
    fn add(&mut self, series: Series) -> SeriesId {
        let id = SeriesId(u16::try_from(self.series.len()).unwrap_or(u16::MAX));
        self.series.push(series);
        id
    }

    /// One series for each feature that has a probe.
    pub(super) fn add_probes(&mut self, services: &[ServicePlan]) {
        for (index, service) in services.iter().enumerate() {
            for feature in service.features.iter().filter(|f| f.probe.is_some()) {
                self.add(Series {
                    origin: Origin::Probe,
                    name: format!("probe {}/{}", service.name, feature.name),
                    service: ServiceId(u16::try_from(index).unwrap_or(u16::MAX)),
                    feature: Some(feature.name.clone()),
                });
            }
        }
    }
}

/// How many requests a journey makes when all goes well.
pub(super) fn requests(journey: &Journey) -> usize {
    journey
        .steps
        .iter()
        .filter(|step| matches!(step, Step::Request(_)))
        .count()
}

/// How many requests a population's journeys make, the mean by their weights.
pub(super) fn mean_requests(walked: &[(&Journey, u32)]) -> f64 {
    let weights: f64 = walked.iter().map(|(_, weight)| f64::from(*weight)).sum();
    let sum = walked
        .iter()
        .map(|(journey, weight)| f64::from(*weight) * requests(journey) as f64);
    sum.sum::<f64>() / weights.max(1.0)
}

/// The journeys that a population walks, with their weights; those that the scenario has.
pub(super) fn find<'s>(
    journeys: &'s [Journey],
    population: &ScenarioPopulation,
    out: &mut Mistakes<'_>,
) -> Vec<(&'s Journey, u32)> {
    let mut walked = Vec::new();
    for share in &population.journeys {
        let wanted = &share.name;
        match journeys.iter().find(|j| j.name.value == wanted.value) {
            Some(journey) => walked.push((journey, share.weight)),
            None => {
                let known = journeys.iter().map(|j| j.name.value.as_str());
                let place = wanted.place;
                out.unknown(File::Scenario, place, "journey", &wanted.value, known);
            }
        }
    }
    walked
}

/// What the journeys of a population are resolved against.
pub(super) struct Ground<'a> {
    pub(super) population: u16,
    pub(super) target: &'a Target,
    pub(super) services: &'a [ServicePlan],
}

/// Resolves the journeys of a population into one list of steps.
pub(super) fn resolve(
    walked: &[(&Journey, u32)],
    ground: &Ground<'_>,
    series: &mut Allocation,
    out: &mut Mistakes<'_>,
) -> JourneyPlan {
    let mut steps = Vec::new();
    let mut ways = Vec::new();
    for (journey, weight) in walked {
        let first = steps.len();
        for step in &journey.steps {
            let plan = step_plan(step, journey, first, ground, series, out);
            steps.extend(plan);
        }
        ways.push(WayPlan {
            name: journey.name.value.clone(),
            weight: *weight,
            steps: first..steps.len(),
        });
    }
    let names: Vec<&str> = ways.iter().map(|way| way.name.as_str()).collect();
    JourneyPlan {
        name: names.join(" or "),
        steps,
        ways: if ways.len() > 1 { ways } else { Vec::new() },
    }
}

/// A step of a journey whose first step has the number `first`. `None` where a mistake was
/// reported.
fn step_plan(
    step: &Step,
    journey: &Journey,
    first: usize,
    ground: &Ground<'_>,
    series: &mut Allocation,
    out: &mut Mistakes<'_>,
) -> Option<StepPlan> {
    Some(match step {
        Step::Request(request) => {
            let service = service_of(&request.service, ground.services, out)?;
            let mut plan = request_plan(request, service, ground, series, out);
            let turns = request.then.iter();
            plan.then = turns
                .map(|branch| Branch {
                    on: branch.on.clone(),
                    to: match &branch.to {
                        Goto::Stop => None,
                        Goto::Step(name) => position(journey, name).map(|at| first + at),
                    },
                })
                .collect();
            StepPlan::Request(plan)
        }
        Step::WaitFor(wait) => StepPlan::WaitFor(WaitPlan {
            name: wait.name.value.clone(),
            service: service_of(&wait.service, ground.services, out)?,
            path: wait.path.clone(),
            take: wait.take.clone(),
            within: wait.within,
            every: wait.every,
        }),
        Step::Think { min, max } => StepPlan::Think {
            min: *min,
            max: *max,
        },
    })
}

/// The number of the step of that name.
fn position(journey: &Journey, name: &str) -> Option<usize> {
    journey.steps.iter().position(|step| match step {
        Step::Request(request) => request.name.value == name,
        Step::WaitFor(wait) => wait.name.value == name,
        Step::Think { .. } => false,
    })
}

fn service_of(
    name: &Spanned<String>,
    services: &[ServicePlan],
    out: &mut Mistakes<'_>,
) -> Option<ServiceId> {
    let found = services::find(services, &name.value);
    if found.is_none() {
        let known = services.iter().map(|s| s.name.as_str());
        out.unknown(File::Scenario, name.place, "service", &name.value, known);
    }
    found
}

fn request_plan(
    request: &RequestStep,
    service: ServiceId,
    ground: &Ground<'_>,
    series: &mut Allocation,
    out: &mut Mistakes<'_>,
) -> RequestPlan {
    let features = &ground.target.services[usize::from(service.0)].features;
    let feature = attribute(request.method, &request.path, features, out);
    let mut fallback: Vec<Check> = request.fallback.clone();
    fallback.extend(feature.iter().flat_map(|f| f.fallback.iter().cloned()));
    let id = series.add(Series {
        origin: Origin::Population(ground.population),
        name: request.name.value.clone(),
        service,
        feature: feature.map(|f| f.name.value.clone()),
    });
    RequestPlan {
        name: request.name.value.clone(),
        series: id,
        service,
        method: request.method,
        path: request.path.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
        take: request.take.clone(),
        check: request.check.clone(),
        fallback,
        then: Vec::new(),
    }
}

/// The feature that a request belongs to: that of the most specific route which matches it. A hole
/// stands for text that no literal segment equals; the query does not count.
fn attribute<'t>(
    method: Method,
    path: &Template,
    features: &'t [Feature],
    out: &mut Mistakes<'_>,
) -> Option<&'t Feature> {
    /// No path that people write has it.
    const OPAQUE: char = '\u{1}';
    let mut shape = String::new();
    path.render_with(&mut shape, |_, text| text.push(OPAQUE));
    let mut best: Option<(&Feature, &Spanned<RoutePattern>)> = None;
    let mut tie = None;
    for feature in features {
        for route in &feature.routes {
            if !route.value.matches(method.as_str(), &shape) {
                continue;
            }
            let rank = route.value.specificity();
            match best.map(|(_, other)| other.value.specificity()) {
                Some(other) if rank < other => {}
                Some(other) if rank == other => {
                    if best.is_some_and(|(f, _)| f.name.value != feature.name.value) {
                        tie = Some((feature, route));
                    }
                }
                _ => {
                    best = Some((feature, route));
                    tie = None;
                }
            }
        }
    }
    if let (Some((first, one)), Some((second, other))) = (best, tie) {
        out.error(
            File::Target,
            other.place,
            format!("feature `{}`", second.name.value),
            format!(
                "{method} {path} belongs to two features, `{}` and `{}`",
                first.name.value, second.name.value
            ),
        )
        .also(one.place, format!("feature `{}`", first.name.value))
        .hint("make one of the routes more specific; the most specific wins");
    }
    best.map(|(feature, _)| feature)
}
