//! What was measured since the last line.

use std::{cmp::Reverse, time::Duration};

use brownout::{
    event::{HarnessTick, RunEvent},
    measure::{Latencies, Outcome, OutcomeCounts},
    plan::{Origin, Plan},
    time::Offset,
};

/// So many classes of errors are named.
const CLASSES: usize = 3;

/// What has come in since the last line, probes left out.
#[derive(Debug)]
pub(super) struct Collected {
    phase: String,
    in_force: Vec<usize>,
    counts: OutcomeCounts,
    response: Latencies,
    journeys: Journeys,
    harness: HarnessTick,
    seconds: u64,
    /// Requests under way at the last line.
    in_flight_before: u64,
    shown: Offset,
}

/// Journeys of users (closed populations). How many the plan has is not known beforehand: users walk
/// as many as they can.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Journeys {
    pub(super) began: u64,
    /// Well or otherwise.
    pub(super) ended: u64,
}

/// What a line shows. All counts are those of the seconds since the line before.
#[derive(Debug, Clone)]
pub(super) struct Status {
    pub(super) at: Offset,
    /// How many seconds it is about.
    pub(super) seconds: u64,
    pub(super) length: Duration,
    pub(super) phase: String,
    /// The faults in force.
    pub(super) faults: Vec<String>,
    /// First attempts by the plan; what users do is not planned.
    pub(super) planned: u64,
    /// Of users; `None` without any.
    pub(super) journeys: Option<Journeys>,
    /// All attempts.
    pub(super) sent: u64,
    /// What the plan wanted sent and was not, whosever fault that is.
    pub(super) not_sent: u64,
    pub(super) good: u64,
    pub(super) shed: u64,
    /// What was sent, and was neither good nor shed.
    pub(super) errors: u64,
    /// The most frequent reasons for the two, most frequent first.
    pub(super) classes: Vec<(&'static str, u64)>,
    /// Response times.
    pub(super) response: Latencies,
    pub(super) in_flight: u64,
    /// 99th percentile over the arrivals of the last second.
    pub(super) lag: Duration,
    /// Processors in use by brownout in the last second.
    pub(super) cpu: f64,
}

impl Collected {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            phase: plan.phases.first().map_or("-".into(), |p| p.name.clone()),
            in_force: Vec::new(),
            counts: OutcomeCounts::default(),
            response: Latencies::default(),
            journeys: Journeys::default(),
            harness: HarnessTick::default(),
            seconds: 0,
            in_flight_before: 0,
            shown: Offset::ZERO,
        }
    }

    pub(super) fn take_in(&mut self, event: &RunEvent, plan: &Plan) {
        match event {
            RunEvent::Phase { index } => self.phase.clone_from(&plan.phases[*index].name),
            RunEvent::FaultInjected { fault } => self.in_force.push(*fault),
            RunEvent::FaultRemoved { fault, .. } => self.in_force.retain(|f| f != fault),
            RunEvent::Measured(delta) => {
                for cell in &delta.cells {
                    let series = &plan.series[usize::from(cell.series.0)];
                    if matches!(series.origin, Origin::Population(_)) {
                        self.counts.merge(&cell.counts);
                        self.response.merge(&cell.response);
                    }
                }
                for cell in &delta.journeys {
                    if plan.populations[usize::from(cell.population)]
                        .users
                        .is_some()
                    {
                        self.journeys.began += cell.began;
                        self.journeys.ended += cell.good + cell.failed;
                    }
                }
            }
            RunEvent::Harness(tick) => {
                self.seconds += 1;
                self.harness.clone_from(tick);
            }
            _ => {}
        }
    }

    /// How many seconds have come in.
    pub(super) const fn seconds(&self) -> u64 {
        self.seconds
    }

    /// What is to be shown; the next line begins anew.
    pub(super) fn take(&mut self, at: Offset, plan: &Plan) -> Status {
        let counts = std::mem::take(&mut self.counts);
        let in_flight = self.harness.in_flight;
        // What was begun either ended or is under way; outcomes are known only at the end.
        let ended = counts.sum(Outcome::is_sent);
        let before = std::mem::replace(&mut self.in_flight_before, in_flight);
        let due = |to: Offset| -> f64 {
            let one = |p: &brownout::plan::PopulationPlan| {
                p.curve.integral_between(Offset::ZERO, to) * p.journey.requests()
            };
            plan.populations.iter().map(one).sum::<f64>().round()
        };
        let shown = std::mem::replace(&mut self.shown, at);
        let journeys = std::mem::take(&mut self.journeys);
        let users = plan.populations.iter().any(|p| p.users.is_some());
        let names = self.in_force.iter().map(|f| plan.faults[*f].name.clone());
        Status {
            at,
            seconds: std::mem::take(&mut self.seconds),
            length: plan.length,
            phase: self.phase.clone(),
            faults: names.collect(),
            planned: (due(at) - due(shown)) as u64,
            journeys: users.then_some(journeys),
            sent: (ended + in_flight).saturating_sub(before),
            not_sent: counts.total() - ended,
            good: counts.good(),
            shed: counts.shed(),
            errors: ended - counts.good() - counts.shed(),
            classes: classes(&counts),
            response: std::mem::take(&mut self.response),
            in_flight,
            lag: self.harness.lag_p99,
            cpu: self.harness.cpu,
        }
    }
}

impl Status {
    /// How much of the plan is to come.
    pub(super) fn left(&self) -> Duration {
        self.length.saturating_sub(self.at.0)
    }
}

/// The most frequent ways not to be good, honest shedding left out.
fn classes(counts: &OutcomeCounts) -> Vec<(&'static str, u64)> {
    let bad = counts
        .iter()
        .filter(|(outcome, _)| !outcome.is_good() && *outcome != Outcome::Shed);
    let mut bad: Vec<_> = bad.map(|(outcome, n)| (outcome.name(), n)).collect();
    bad.sort_by_key(|(name, n)| (Reverse(*n), *name));
    bad.truncate(CLASSES);
    bad
}

#[cfg(test)]
mod tests {
    use brownout::{
        measure::{BinCell, BinDelta, JourneyCell},
        plan::{SeriesId, UserCurve, UsersPlan},
        record::Header,
    };

    use super::*;

    /// The plan of the committed example: requests of one population at 50/s, then a probe.
    fn plan() -> Plan {
        let path = "/reports/examples/cowin-2021-naive/record.jsonl";
        let record = std::fs::read_to_string(env!("CARGO_MANIFEST_DIR").to_owned() + path);
        let record = record.expect("committed");
        let header = record.lines().next().expect("a record has a first line");
        let header: Header = serde_json::from_str(header).expect("a header");
        header.plan
    }

    fn measured(series: usize, outcomes: &[(Outcome, u64)]) -> RunEvent {
        let mut counts = OutcomeCounts::default();
        for (outcome, n) in outcomes {
            counts.add(*outcome, *n);
        }
        RunEvent::Measured(BinDelta {
            cells: vec![BinCell {
                bin: 0,
                series: SeriesId(series as u16),
                counts,
                first_attempts: counts.total(),
                injected: 0,
                injected_bad: 0,
                response: Latencies::default(),
                service: Latencies::default(),
            }],
            journeys: Vec::new(),
        })
    }

    #[test]
    fn journeys_of_users_are_counted_and_those_of_arrivals_are_not() {
        let mut plan = plan();
        let mut crowd = plan.populations[0].clone();
        crowd.users = Some(UsersPlan {
            curve: UserCurve::default(),
            most: 9,
            pause_min: Duration::ZERO,
            pause_max: Duration::ZERO,
        });
        let mut collected = Collected::new(&plan);
        let journeys = |population, began, good, failed| JourneyCell {
            bin: 0,
            population,
            began,
            good,
            failed,
        };
        let ran = |cells: Vec<JourneyCell>| {
            RunEvent::Measured(BinDelta {
                cells: Vec::new(),
                journeys: cells,
            })
        };
        let at = Offset::from_secs_f64(1.0);
        collected.take_in(&ran(vec![journeys(0, 50, 40, 1)]), &plan);
        assert_eq!(
            collected.take(at, &plan).journeys,
            None,
            "there are no users"
        );

        let users = plan.populations.len() as u16;
        plan.populations.push(crowd);
        let second = [journeys(0, 50, 40, 1), journeys(users, 7, 4, 2)];
        collected.take_in(&ran(second.to_vec()), &plan);
        collected.take_in(&ran(vec![journeys(users, 1, 0, 0)]), &plan);
        let seen = collected.take(at, &plan).journeys;
        assert_eq!(seen, Some(Journeys { began: 8, ended: 6 }));
        assert_eq!(
            collected.take(at, &plan).journeys,
            Some(Journeys::default())
        );
    }

    fn tick(in_flight: u64) -> RunEvent {
        RunEvent::Harness(HarnessTick {
            in_flight,
            ..HarnessTick::default()
        })
    }

    #[test]
    fn a_line_is_about_what_came_since_the_one_before() {
        let plan = plan();
        let probe = plan.series.iter().position(|s| s.origin == Origin::Probe);
        let mut collected = Collected::new(&plan);
        let take_in = |collected: &mut Collected, events: &[RunEvent]| {
            for event in events {
                collected.take_in(event, &plan);
            }
        };
        let second = [
            RunEvent::Phase { index: 1 },
            RunEvent::FaultInjected { fault: 0 },
            measured(
                0,
                &[(Outcome::Ok, 30), (Outcome::Reset, 2), (Outcome::Shed, 5)],
            ),
            measured(0, &[(Outcome::Refused, 2), (Outcome::NotSentLag, 4)]),
            measured(0, &[(Outcome::Http5xx, 1), (Outcome::Fallback, 1)]),
            measured(probe.expect("it has probes"), &[(Outcome::Ok, 1)]),
            tick(9),
        ];
        take_in(&mut collected, &second);
        let status = collected.take(Offset::from_secs_f64(1.0), &plan);
        assert_eq!((status.planned, status.seconds), (50, 1));
        // 41 ended and 9 are under way
        assert_eq!((status.sent, status.in_flight, status.not_sent), (50, 9, 4));
        assert_eq!((status.good, status.shed, status.errors), (31, 5, 5));
        let worst = [("not_sent_lag", 4), ("refused", 2), ("reset", 2)];
        assert_eq!(status.classes, worst);
        assert_eq!(status.faults, [plan.faults[0].name.as_str()]);
        assert_eq!(status.phase, plan.phases[1].name);

        let removed = RunEvent::FaultRemoved {
            fault: 0,
            verified: true,
            detail: String::new(),
        };
        take_in(
            &mut collected,
            &[measured(0, &[(Outcome::Ok, 60)]), tick(0), removed, tick(0)],
        );
        assert_eq!(collected.seconds(), 2);
        let status = collected.take(Offset::from_secs_f64(3.0), &plan);
        // 9 of those that ended were sent before
        assert_eq!((status.planned, status.sent, status.good), (100, 51, 60));
        assert!(status.classes.is_empty() && status.faults.is_empty());
    }
}
