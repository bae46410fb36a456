//! What a worker allows itself.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};

use super::pacer;
use crate::{
    plan::{Needs, Plan, PopulationPlan, Rule, Trigger},
    scenario::model::{Limit, Reuse},
};

/// A late arrival is still sent, with its intended start kept, until it is this late; then it is
/// 'not sent' for lag. (Or until half of its client's timeout has passed, if that is shorter.)
pub const CATCH_UP_LIMIT: Duration = Duration::from_secs(5);

/// Journeys that one worker has under way at most, so that memory stays bounded; an arrival beyond
/// them is not sent.
pub const IN_FLIGHT_JOURNEYS: u64 = 32_768;

/// A worker that started its last arrival this late is behind its schedule: what then finds no
/// connection in time is blamed on the harness, not on the target.
pub(super) const LAGGING: Duration = Duration::from_millis(100);

/// Most arrivals released at once, before everything that is ready had its turn.
pub(super) const BATCH: usize = 512;

/// How long a drain waits for a busy worker.
pub(super) const DRAIN_WAIT: Duration = Duration::from_millis(500);

/// Attempts a second that one worker bears with ease over kept connections, over a new plain
/// connection each, and over a new TLS connection each.
const KEPT: f64 = 30_000.0;
const DIALLED: f64 = 10_000.0;
const SHAKEN: f64 = 1_000.0;

/// The share of the descriptors that connections may take.
const DESCRIPTOR_SHARE: f64 = 0.8;
/// Without a limit of the system's, this many connections.
const UNLIMITED: u64 = 1 << 20;

/// Connections that each worker may have open: its part of 80% of this process's descriptors. A
/// connection through a link of ours costs three (one here, two in the proxy).
pub(super) fn connections(workers: usize, interposed: bool) -> usize {
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED);
    let each = if interposed { 3.0 } else { 1.0 };
    let all = descriptors as f64 * DESCRIPTOR_SHARE / each;
    (all / workers.max(1) as f64).max(1.0) as usize
}

/// How many workers a plan needs, at most one for each processor. No more than that: a worker that
/// has little to do wakes up for each request, and takes from a target on the same machine what it
/// wakes up with. Whoever is not counted beforehand (users) gets all processors.
#[must_use]
pub fn workers(plan: &Plan, processors: usize) -> usize {
    let needs = Needs::of(plan);
    let each = plan.populations.iter().zip(&needs.populations);
    let busy: f64 = each
        .map(|(population, needs)| match population.users {
            Some(_) => f64::INFINITY,
            None => needs.highest_attempts.get() / bearable(plan, population),
        })
        .sum();
    let crowded = needs.in_flight as f64 / (IN_FLIGHT_JOURNEYS / 2) as f64;
    // as many as there are processors is few enough to be exact
    (busy.max(crowded).ceil().min(processors as f64) as usize).max(1)
}

fn bearable(plan: &Plan, population: &PopulationPlan) -> f64 {
    let mut services = population.journey.services().into_iter();
    let secret = services.any(|id| plan.services[usize::from(id.0)].https);
    match population.client.reuse {
        Reuse::Shared => KEPT,
        Reuse::None | Reuse::Journey if secret => SHAKEN,
        Reuse::None | Reuse::Journey => DIALLED,
    }
}

/// Whether the plan's limits to times are so wide that an answer may be seen a little late.
pub(super) fn bear_quanta(plan: &Plan) -> bool {
    let claims = [&plan.steady_state, &plan.symptoms, &plan.gates];
    let claimed = claims.into_iter().flatten().filter_map(|claim| {
        let Rule::Measured { limit, .. } = claim.rule else {
            return None;
        };
        Some(limit)
    });
    let stops = plan.stop.iter().map(|stop| stop.limit);
    let waits = plan.faults.iter().flat_map(|fault| {
        let edges = std::iter::once(&fault.start).chain(&fault.end);
        edges.filter_map(|edge| match edge {
            Trigger::When { condition, .. } => Some(condition.limit),
            Trigger::At(_) | Trigger::After { .. } => None,
        })
    });
    let limits = claimed.chain(stops).chain(waits).filter_map(|limit| {
        let Limit::Time(limit) = limit else {
            return None;
        };
        Some(limit)
    });
    let clients = plan.populations.iter().map(|p| &p.client);
    let timeouts = clients.flat_map(|client| {
        let stages = [client.timeout, client.connect_timeout];
        stages.into_iter().chain(client.first_byte_timeout)
    });
    let narrowest = limits.chain(timeouts).min().unwrap_or(Duration::MAX);
    pacer::bears_quanta(narrowest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::testing::{plan, service},
        load::tests::crowd,
        plan::ConditionPlan,
        scenario::model::{Comparison, Measure, Subject},
        units::Rate,
    };

    #[test]
    fn as_many_workers_as_the_plan_needs_and_no_more() {
        let workers_for = |rate: f64, reuse, https| {
            let mut plan = plan(vec![service("127.0.0.1", 80)]);
            plan.services[0].https = https;
            plan.populations = vec![crowd(Rate::per_second(rate).expect("a rate"), reuse)];
            workers(&plan, 8)
        };
        assert_eq!(workers_for(20_000.0, Reuse::Shared, false), 1);
        assert_eq!(workers_for(45_000.0, Reuse::Shared, false), 2);
        assert_eq!(workers_for(45_000.0, Reuse::None, false), 5);
        assert_eq!(workers_for(2_500.0, Reuse::Journey, true), 3);
        assert_eq!(workers_for(90_000.0, Reuse::Journey, true), 8);
    }

    #[test]
    fn narrow_limits_bear_no_quanta() {
        let mut plan = plan(vec![service("127.0.0.1", 80)]);
        let rate = Rate::per_second(1.0).expect("a rate");
        plan.populations = vec![crowd(rate, Reuse::Shared)];
        assert!(bear_quanta(&plan));
        plan.populations[0].client.first_byte_timeout = Some(Duration::from_millis(19));
        assert!(!bear_quanta(&plan));
        plan.populations[0].client.first_byte_timeout = Some(Duration::from_millis(20));
        assert!(bear_quanta(&plan));
        for (limit, expected) in [
            (Limit::Time(Duration::from_millis(5)), false),
            (Limit::Time(Duration::from_millis(500)), true),
            (Limit::Ratio(0.001), true),
        ] {
            plan.stop = vec![ConditionPlan {
                text: "web p99 > 5ms".to_owned(),
                subject: Subject::Service("web".to_owned()),
                measure: Measure::Latency(9900),
                comparison: Comparison::Above,
                limit,
                lasting: Duration::ZERO,
            }];
            assert_eq!(bear_quanta(&plan), expected, "{limit:?}");
        }
    }
}
