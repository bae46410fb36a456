//! What a plan takes at its worst: rates, requests in flight, descriptors and ports.
//!
//! All of it follows from Little's law: what is in flight is the rate of arrivals times how long
//! each holds on. The worst is a target that never answers, so that each request lasts its whole
//! timeout and is tried again until patience ends. A user of a closed population has one request
//! in flight at most, so there the users are counted.

use std::time::Duration;

use serde::Serialize;

use super::{
    curve::Sum,
    model::{
        JourneyPlan, LinkPlan, PAUSE_AFTER_FAILURE, Plan, PopulationPlan, ServiceId, StepPlan,
        UsersPlan, WayPlan,
    },
};
use crate::{
    scenario::model::{ClientPolicy, RetryOn, RetryWait, Reuse},
    time::Offset,
    units::Rate,
};

/// Descriptors for what is not load: the record, event queues, the guardian's pipe, DNS sockets.
const OWN_DESCRIPTORS: u64 = 128;
/// Descriptors for a link inside the target. Its users bound their own pools.
const INNER_LINK_DESCRIPTORS: u64 = 256;
/// Retries without a wait still take a moment.
const SHORTEST_RETRY: f64 = 0.001;

/// What a plan takes at its worst.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Needs {
    /// For each population, in order.
    pub populations: Vec<PopulationNeeds>,
    /// The highest sum of all first attempts, a second.
    pub requests: Rate,
    /// When that is, in real time.
    #[serde(rename = "peak_s", serialize_with = "super::describe::offset_seconds")]
    pub peak: Offset,
    /// The highest sum of all attempts, a second, if everything that may be retried fails.
    pub attempts: Rate,
    /// Requests in flight at once, if the target never answers.
    pub in_flight: u64,
    /// Descriptors that brownout needs then.
    pub descriptors: u64,
    /// The most connections to one service, each of which takes a local port.
    pub ports: u64,
}

/// What a population takes at its worst.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PopulationNeeds {
    /// The population.
    pub name: String,
    /// The most users of a closed population; its journeys and rates are not known beforehand.
    pub users: Option<u32>,
    /// Journeys in all; 0 in a closed population.
    pub arrivals: u64,
    /// First attempts in all, when each journey comes to its end; 0 in a closed population.
    pub requests: u64,
    /// The highest rate of arrivals.
    pub highest_arrivals: Rate,
    /// The highest rate of first attempts.
    pub highest_requests: Rate,
    /// The highest rate of attempts, if everything that may be retried fails.
    pub highest_attempts: Rate,
    /// Requests in flight at once, if the target never answers.
    pub in_flight: u64,
    /// Connections open at once.
    pub connections: u64,
}

impl JourneyPlan {
    /// The journeys that are walked, at least one.
    #[must_use]
    pub fn ways(&self) -> Vec<WayPlan> {
        if !self.ways.is_empty() {
            return self.ways.clone();
        }
        vec![WayPlan {
            name: self.name.clone(),
            weight: 1,
            steps: 0..self.steps.len(),
        }]
    }

    /// How many requests it makes when all goes well and no turn is taken; of several journeys, the
    /// mean by their weights.
    #[must_use]
    pub fn requests(&self) -> f64 {
        let request = |step: &&StepPlan| matches!(step, StepPlan::Request(_));
        let (mut sum, mut weights) = (0.0, 0.0);
        for way in self.ways() {
            let weight = f64::from(way.weight);
            sum += weight * self.steps[way.steps].iter().filter(request).count() as f64;
            weights += weight;
        }
        sum / weights
    }

    /// How many of them go to a service.
    #[must_use]
    pub fn requests_to(&self, service: ServiceId) -> usize {
        let requested = self.steps.iter().filter_map(requested_of);
        requested.filter(|s| *s == service).count()
    }

    /// The services that it talks to, each once.
    #[must_use]
    pub fn services(&self) -> Vec<ServiceId> {
        let mut services: Vec<ServiceId> = self
            .steps
            .iter()
            .filter_map(|step| match step {
                StepPlan::Request(request) => Some(request.service),
                StepPlan::WaitFor(wait) => Some(wait.service),
                StepPlan::Think { .. } => None,
            })
            .collect();
        services.sort_unstable();
        services.dedup();
        services
    }
}

impl Needs {
    /// What `plan` takes.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let populations: Vec<_> = plan.populations.iter().map(population).collect();
        let (peak, requests) = request_rates(&plan.populations).peak();
        let attempts = populations.iter().map(|p| p.highest_attempts.get()).sum();
        Self {
            requests: rate(requests),
            peak,
            attempts: rate(attempts),
            in_flight: populations.iter().map(|p| p.in_flight).sum(),
            descriptors: descriptors(plan),
            ports: ports(plan),
            populations,
        }
    }
}

/// The rates of first attempts: arrivals times requests of a journey.
pub(super) fn request_rates(populations: &[PopulationPlan]) -> Sum<'_> {
    let weighted = populations.iter().map(|p| (&p.curve, p.journey.requests()));
    Sum(weighted.collect())
}

fn rate(per_second: f64) -> Rate {
    Rate::per_second(per_second).unwrap_or_default()
}

/// One way in which a journey may go, in seconds.
struct Way {
    /// From its arrival until it ends.
    life: f64,
    /// For how long of that a request is in flight.
    busy: f64,
    /// For how long a connection to a service is open.
    held: Vec<(ServiceId, f64)>,
}

impl Way {
    /// How many things that each take `seconds` of a life are there at once, at most.
    fn at_once(&self, plan: &PopulationPlan, seconds: f64) -> f64 {
        if self.life <= 0.0 {
            return 0.0;
        }
        let alive = plan
            .curve
            .most_within(Duration::from_secs_f64(self.life))
            .min(plan.arrivals as f64);
        alive * seconds / self.life
    }
}

/// The worst ways: a request is never answered (one for each service that it may be), or each is
/// answered at the last moment. Of several journeys the worst, as if everybody walked it.
fn ways(plan: &PopulationPlan) -> Vec<Way> {
    let mut requested: Vec<ServiceId> =
        plan.journey.steps.iter().filter_map(requested_of).collect();
    requested.sort_unstable();
    requested.dedup();
    let failing = requested.into_iter().map(|s| failing(&plan.client, s));
    let ways = plan.journey.ways().into_iter();
    let slow = ways.map(|way| slow(&plan.client, &plan.journey.steps[way.steps]));
    failing.chain(slow).collect()
}

fn requested_of(step: &StepPlan) -> Option<ServiceId> {
    match step {
        StepPlan::Request(request) => Some(request.service),
        StepPlan::WaitFor(_) | StepPlan::Think { .. } => None,
    }
}

/// The mean wait before retry number `retry`, from 0.
fn mean_wait(client: &ClientPolicy, retry: u32) -> f64 {
    let (min, max) = client.retry.wait.bounds(retry);
    (min + max).as_secs_f64() / 2.0
}

/// Going on with a request that fails each time.
struct Persistence {
    /// How often it is tried, the first time included.
    attempts: f64,
    /// How long its waits are, taken together.
    waits: f64,
}

/// How often a request is tried that fails each time after `lasts`, until patience or the attempts
/// end.
fn persistence(client: &ClientPolicy, lasts: f64) -> Persistence {
    let most = client.retry.attempts.map_or(f64::INFINITY, f64::from);
    let patience = client.patience.as_secs_f64();
    let growing = client.retry.wait.growing();
    let (mut attempts, mut waits, mut passed) = (1.0, 0.0, 0.0);
    let interval = |wait: f64| (lasts + wait).max(SHORTEST_RETRY);
    for retry in 0..growing {
        let wait = mean_wait(client, retry);
        if attempts >= most || passed + interval(wait) > patience {
            return Persistence { attempts, waits };
        }
        attempts += 1.0;
        waits += wait;
        passed += interval(wait);
    }
    let wait = mean_wait(client, growing);
    let more = ((patience - passed) / interval(wait)).floor().max(0.0);
    let more = more.min((most - attempts).max(0.0));
    Persistence {
        attempts: attempts + more,
        waits: waits + more * wait,
    }
}

/// A request to `service` times out, and is tried again if timeouts are; a connection that timed
/// out is closed, so none is held while the member waits.
fn failing(client: &ClientPolicy, service: ServiceId) -> Way {
    let timeout = client.timeout.as_secs_f64();
    let patience = client.patience.as_secs_f64();
    let Persistence { attempts, waits } = if client.retry.outcomes.contains(&RetryOn::Timeout) {
        persistence(client, timeout)
    } else {
        Persistence {
            attempts: 1.0,
            waits: 0.0,
        }
    };
    let busy = (attempts * timeout).min(patience);
    Way {
        life: (attempts * timeout + waits).min(patience).max(busy),
        busy,
        held: vec![(service, busy)],
    }
}

/// Each step takes as long as it may. With `reuse: journey` a connection stays open from its first
/// use to the end, pauses included.
fn slow(client: &ClientPolicy, steps: &[StepPlan]) -> Way {
    let patience = client.patience.as_secs_f64();
    let kept = client.reuse == Reuse::Journey;
    let (mut life, mut busy) = (0.0, 0.0);
    let mut held: Vec<(ServiceId, f64)> = Vec::new();
    for step in steps {
        let (service, lasts) = match step {
            StepPlan::Request(request) => (Some(request.service), client.timeout),
            StepPlan::WaitFor(wait) => (Some(wait.service), wait.within),
            StepPlan::Think { max, .. } => (None, *max),
        };
        let lasts = lasts.as_secs_f64().min(patience - life).max(0.0);
        life += lasts;
        if matches!(step, StepPlan::Request(_)) {
            busy += lasts;
        }
        let known = |service: ServiceId| held.iter().any(|(s, _)| *s == service);
        if let Some(new) = service.filter(|s| !known(*s)) {
            held.push((new, 0.0));
        }
        for (open, seconds) in &mut held {
            if kept || Some(*open) == service {
                *seconds += lasts;
            }
        }
    }
    Way { life, busy, held }
}

fn population(plan: &PopulationPlan) -> PopulationNeeds {
    if let Some(users) = &plan.users {
        return PopulationNeeds {
            name: plan.name.clone(),
            users: Some(users.most),
            arrivals: 0,
            requests: 0,
            highest_arrivals: Rate::ZERO,
            highest_requests: Rate::ZERO,
            highest_attempts: Rate::ZERO,
            in_flight: u64::from(users.most),
            connections: weighted(plan, &|_| 1.0).ceil() as u64,
        };
    }
    let ways = ways(plan);
    let most = |of: &dyn Fn(&Way) -> f64| ways.iter().map(of).fold(0.0, f64::max).ceil() as u64;
    let requests = plan.journey.requests();
    let highest_arrivals = plan.curve.max();
    let highest_requests = highest_arrivals.scaled(requests);
    PopulationNeeds {
        name: plan.name.clone(),
        users: None,
        arrivals: plan.arrivals,
        requests: (plan.arrivals as f64 * requests).round() as u64,
        highest_arrivals,
        highest_requests,
        highest_attempts: rate(highest_requests.get() + retries(plan)),
        in_flight: most(&|way| way.at_once(plan, way.busy)),
        connections: most(&|way| way.at_once(plan, way.held.iter().map(|(_, s)| s).sum())),
    }
}

/// The highest rate of retries, if everything that may be retried fails as fast as it may.
fn retries(plan: &PopulationPlan) -> f64 {
    let client = &plan.client;
    let Some(first) = client.retry.outcomes.first() else {
        return 0.0;
    };
    let only_timeouts =
        client.retry.outcomes.iter().all(|o| o == first) && *first == RetryOn::Timeout;
    let soonest = client.first_byte_timeout.unwrap_or(client.timeout);
    let soonest = soonest.min(client.connect_timeout).min(client.timeout);
    let fails_after = if only_timeouts {
        soonest.as_secs_f64()
    } else {
        0.0
    };
    let Persistence { attempts, waits } = persistence(client, fails_after);
    let again = attempts - 1.0;
    // so long after its arrival a journey may still try again
    let trying = again * fails_after + waits.max(again * SHORTEST_RETRY);
    let trying = trying.min(client.patience.as_secs_f64());
    if trying <= 0.0 {
        return 0.0;
    }
    let each = plan.curve.most_within(Duration::from_secs_f64(trying)) * again / trying;
    let most = match client.retry.wait {
        RetryWait::Even { .. } => each,
        // the first retries come thick and fast: at most as many as a flood that goes on makes
        RetryWait::Exponential { .. } => each.max(plan.curve.max().get() * again),
    };
    let granted = client.retry.budget.map_or(f64::INFINITY, |budget| {
        let first = plan.curve.max().get() * plan.journey.requests();
        budget.share.get() * first + budget.least.get()
    });
    most.min(granted)
}

/// The highest rate of first attempts of a closed population, a second: each answer comes at once,
/// or fails at once at the step where that is worst; of several journeys the fastest, and no turn is
/// taken. `None` when nothing bounds it.
pub(super) fn fastest(journey: &JourneyPlan, users: &UsersPlan) -> Option<f64> {
    let pause = users.pause_min.as_secs_f64();
    let after_failure = pause.max(PAUSE_AFTER_FAILURE.as_secs_f64());
    let of_way = |way: WayPlan| {
        let (mut requests, mut seconds, mut fastest) = (0.0, 0.0, 0.0_f64);
        for step in &journey.steps[way.steps] {
            match step {
                StepPlan::Request(_) => {
                    requests += 1.0;
                    fastest = fastest.max(requests / (seconds + after_failure));
                }
                StepPlan::WaitFor(_) => {}
                StepPlan::Think { min, .. } => seconds += min.as_secs_f64(),
            }
        }
        let walked = seconds + pause;
        (walked > 0.0).then(|| fastest.max(requests / walked))
    };
    // one way that nothing bounds is enough
    let ways: Option<Vec<f64>> = journey.ways().into_iter().map(of_way).collect();
    Some(ways?.into_iter().fold(0.0, f64::max) * f64::from(users.most))
}

/// Connections of a population at once, each counted `weight` times, at most.
fn weighted(plan: &PopulationPlan, weight: &dyn Fn(ServiceId) -> f64) -> f64 {
    if let Some(users) = &plan.users {
        let each = plan.journey.services().into_iter().map(weight);
        let held: f64 = match plan.client.reuse {
            Reuse::None => each.fold(0.0, f64::max),
            Reuse::Journey | Reuse::Shared => each.sum(),
        };
        return held * f64::from(users.most);
    }
    let of_way = |way: &Way| {
        let seconds = way.held.iter().map(|(s, seconds)| seconds * weight(*s));
        way.at_once(plan, seconds.sum())
    };
    let needed = ways(plan).iter().map(of_way).fold(0.0, f64::max);
    plan.client.connections.map_or(needed, |most| {
        let services = plan.journey.services().into_iter();
        let heaviest = services.map(weight).fold(0.0, f64::max);
        needed.min(f64::from(most) * heaviest)
    })
}

fn descriptors(plan: &Plan) -> u64 {
    // on a way of the visitors both ends of the proxy are ours, too
    let ends = |service: ServiceId| {
        let interposed = |l: &LinkPlan| l.visitors && l.to == service;
        if plan.links.iter().any(interposed) {
            3.0
        } else {
            1.0
        }
    };
    let load: f64 = plan.populations.iter().map(|p| weighted(p, &ends)).sum();
    let inner = plan.links.iter().filter(|l| !l.visitors).count() as u64;
    load.ceil() as u64 + inner * INNER_LINK_DESCRIPTORS + OWN_DESCRIPTORS
}

fn ports(plan: &Plan) -> u64 {
    let to = |index: usize| {
        let only = |service: ServiceId| f64::from(u8::from(usize::from(service.0) == index));
        let connections = plan.populations.iter().map(|p| weighted(p, &only));
        connections.sum::<f64>().ceil() as u64
    };
    (0..plan.services.len()).map(to).max().unwrap_or(0)
}
