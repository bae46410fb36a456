//! A run as it truly was, second by second, and the record that it would leave.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    event::{BaselineVerdict, ExitCause, RunEvent, StopReason},
    measure::{JourneyCell, Latencies, Outcome, PackedCell, PackedLatencies},
    plan::{
        ClaimPlan, FaultPlan, FeaturePlan, JourneyPlan, Origin, Phase, PlacePlan, Plan, Point,
        PopulationPlan, Protocol, RateCurve, Rule, Series, SeriesId, ServiceId, ServicePlan,
        TlsPlan, Trigger, WindowPlan, fixture::empty_plan,
    },
    record::{FORMAT_VERSION, Header, Host, Record},
    scenario::model::{
        ClientPolicy, Comparison, Edge, Effect, HttpAction, HttpDelay, HttpEffect, HttpMatch,
        Limit, Measure, Provenance, Spacing, Subject,
    },
    time::{Offset, Story},
    units::{Rate, Ratio},
};

/// The one fault of a script: in force from here
pub(super) const T0: u64 = 30;
/// to here.
pub(super) const T1: u64 = 60;
/// The run's length.
pub(super) const END: u64 = 150;
/// The calm rate: exactly what one bin needs to be judged by itself.
pub(super) const RATE: u64 = 200;

pub(super) const LOGIN: SeriesId = SeriesId(0);
pub(super) const SLOTS: SeriesId = SeriesId(1);
pub(super) const SLOTS_PROBE: SeriesId = SeriesId(2);

/// A run of a portal with two features, which are visited equally; `slots` has a probe.
pub(super) struct Script {
    pub(super) record: Record,
}

pub(super) fn at(seconds: f64) -> Offset {
    Offset::from_secs_f64(seconds)
}

pub(super) fn portal() -> Subject {
    Subject::Service("portal".into())
}

pub(super) fn feature(name: &str) -> Subject {
    Subject::Feature {
        service: "portal".into(),
        feature: name.into(),
    }
}

pub(super) fn during(from: u64, to: u64) -> WindowPlan {
    WindowPlan {
        from: Point::At(at(from as f64)),
        to: Point::At(at(to as f64)),
    }
}

/// `sms_late.end`.
pub(super) fn removal() -> Point {
    Point::Fault {
        fault: 0,
        others: Vec::new(),
        edge: Edge::End,
        plus: Duration::ZERO,
    }
}

pub(super) fn claim(rule: Rule) -> ClaimPlan {
    let text = "the gate".to_owned();
    ClaimPlan { text, rule }
}

pub(super) fn success_at_least(subject: Subject, least: f64, window: WindowPlan) -> ClaimPlan {
    claim(Rule::Measured {
        subject,
        measure: Measure::Success,
        comparison: Comparison::AtLeast,
        limit: Limit::Ratio(least),
        window,
    })
}

impl Script {
    /// Everything goes well from begin to end.
    pub(super) fn calm() -> Self {
        Self::at_rate(RATE)
    }

    /// The same, with so many requests a second.
    pub(super) fn at_rate(rate: u64) -> Self {
        let mut script = Self {
            record: record(plan(rate)),
        };
        for second in 0..END {
            script.all(second, Outcome::Ok, rate);
            script.record.journeys.insert(
                (second as u32, 0),
                JourneyCell {
                    bin: second as u32,
                    population: 0,
                    began: rate,
                    good: rate,
                    failed: 0,
                },
            );
        }
        script.event(0.0, RunEvent::Started);
        script.event(
            T0 as f64,
            RunEvent::Baseline {
                verdict: BaselineVerdict::Good,
                detail: "good".into(),
            },
        );
        script.event(T0 as f64, RunEvent::FaultInjected { fault: 0 });
        script.event(
            T1 as f64,
            RunEvent::FaultRemoved {
                fault: 0,
                verified: true,
                detail: "looked".into(),
            },
        );
        script.event(END as f64, RunEvent::Ended { complete: true });
        script
    }

    pub(super) fn event(&mut self, seconds: f64, event: RunEvent) {
        self.record.events.push((at(seconds), event));
        self.record.events.sort_by_key(|(at, _)| *at);
    }

    /// Puts in another fault from one second to another, and says how much it met.
    pub(super) fn fault(mut self, fault: FaultPlan, from: u64, to: u64, hits: u64) -> Self {
        let lasts = fault.end.is_some();
        self.plan().faults.push(fault);
        let fault = self.plan().faults.len() - 1;
        self.event(from as f64, RunEvent::FaultInjected { fault });
        if lasts {
            let (verified, detail) = (true, "looked".to_owned());
            let removed = RunEvent::FaultRemoved {
                fault,
                verified,
                detail,
            };
            self.event(to as f64, removed);
        }
        self.event(
            to as f64,
            RunEvent::FaultTally {
                fault,
                hits,
                spared: 0,
            },
        );
        self
    }

    pub(super) fn without(mut self, unwanted: impl Fn(&RunEvent) -> bool) -> Self {
        self.record.events.retain(|(_, event)| !unwanted(event));
        self
    }

    pub(super) fn plan(&mut self) -> &mut Plan {
        &mut self.record.header.plan
    }

    pub(super) fn gate(mut self, claim: ClaimPlan) -> Self {
        self.plan().gates.push(claim);
        self
    }

    /// Forgets what a series did in a second.
    pub(super) fn clear(&mut self, second: u64, series: SeriesId) {
        self.record.cells.remove(&(second as u32, series));
    }

    /// Adds requests that took 20 ms, or a second when they timed out.
    pub(super) fn add(&mut self, second: u64, series: SeriesId, outcome: Outcome, n: u64) {
        let wait = if outcome.is_timeout() { 1_000 } else { 20 };
        self.add_slow(second, series, outcome, n, Duration::from_millis(wait));
    }

    pub(super) fn add_slow(
        &mut self,
        second: u64,
        series: SeriesId,
        outcome: Outcome,
        n: u64,
        took: Duration,
    ) {
        let key = (second as u32, series);
        let cell = self.record.cells.entry(key).or_default();
        cell.counts.add(outcome, n);
        cell.first_attempts += n;
        let times = times(took, n);
        cell.response.merge(&times);
        if outcome.is_sent() {
            cell.service.merge(&times);
        }
    }

    /// Adds retries: attempts that are not first attempts.
    pub(super) fn retry(&mut self, second: u64, series: SeriesId, outcome: Outcome, n: u64) {
        self.add(second, series, outcome, n);
        let cell = self.record.cells.get_mut(&(second as u32, series));
        cell.expect("just added").first_attempts -= n;
    }

    /// Sets a second of both features to `n` requests (in all) that end in one way.
    pub(super) fn all(&mut self, second: u64, outcome: Outcome, n: u64) {
        for series in [LOGIN, SLOTS] {
            self.clear(second, series);
            self.add(second, series, outcome, n / 2);
        }
    }

    /// Sets seconds to fail for a share of both features' requests.
    pub(super) fn fail(&mut self, seconds: std::ops::Range<u64>, outcome: Outcome, share: f64) {
        let half = RATE / 2;
        let bad = (half as f64 * share) as u64;
        for second in seconds {
            for series in [LOGIN, SLOTS] {
                self.clear(second, series);
                self.add(second, series, outcome, bad);
                self.add(second, series, Outcome::Ok, half - bad);
            }
        }
    }

    pub(super) fn exit(&mut self, seconds: f64, cause: ExitCause) {
        let service = "portal".to_owned();
        let status = "exit code 101".to_owned();
        self.event(
            seconds,
            RunEvent::ProcessExited {
                service: service.clone(),
                status,
                cause,
            },
        );
        self.event(
            seconds + 1.0,
            RunEvent::ProcessStarted {
                service,
                pid: 7,
                restarts: 1,
            },
        );
    }

    /// Ends the run early, and forgets what came later.
    pub(super) fn stop(mut self, second: u64, reason: StopReason) -> Self {
        self.record.events.retain(|(at, _)| at.0.as_secs() < second);
        self.record
            .cells
            .retain(|(bin, _), _| u64::from(*bin) < second);
        let detail = "stopped".to_owned();
        self.event(second as f64, RunEvent::Stopping { reason, detail });
        self.event(second as f64, RunEvent::Ended { complete: false });
        self
    }
}

/// So many times of one length.
pub(super) fn times(length: Duration, n: u64) -> PackedLatencies {
    let mut times = Latencies::default();
    (0..n).for_each(|_| times.record(length));
    (&times).into()
}

fn record(plan: Plan) -> Record {
    Record {
        header: Header {
            record: FORMAT_VERSION,
            brownout: "0.1.0".into(),
            run_id: "drill-1".into(),
            started_at: jiff::Timestamp::UNIX_EPOCH,
            host: Host::default(),
            plan,
        },
        events: Vec::new(),
        harness: Vec::new(),
        cells: BTreeMap::<(u32, SeriesId), PackedCell>::new(),
        journeys: BTreeMap::new(),
        cut_off: None,
    }
}

fn feature_plan(name: &str) -> FeaturePlan {
    FeaturePlan {
        name: name.into(),
        routes: Vec::new(),
        probe: None,
        fallback: Vec::new(),
    }
}

fn series(origin: Origin, feature: &str) -> Series {
    Series {
        origin,
        name: feature.into(),
        service: ServiceId(0),
        feature: Some(feature.into()),
    }
}

fn phase(name: &str, from: u64, to: u64) -> Phase {
    Phase {
        name: name.into(),
        story_from: Story(Duration::from_secs(from)),
        story_to: Story(Duration::from_secs(to)),
        from: at(from as f64),
        to: at(to as f64),
    }
}

fn plan(rate: u64) -> Plan {
    let zero = Duration::ZERO;
    let rate_of = |n: u64| Rate::per_second(n as f64).expect("finite");
    Plan {
        scenario: "drill".into(),
        title: "A drill".into(),
        target: "portal".into(),
        phases: vec![phase("calm", 0, T0), phase("opening", T0, END)],
        length: Duration::from_secs(END),
        services: vec![ServicePlan {
            name: "portal".into(),
            https: false,
            host: "portal.test".into(),
            port: 80,
            at: None,
            in_zone: false,
            health: None,
            capacity: None,
            headers: Vec::new(),
            protocol: Protocol::default(),
            tls: TlsPlan::default(),
            features: vec![feature_plan("login"), feature_plan("slots")],
        }],
        populations: vec![PopulationPlan {
            name: "citizens".into(),
            journey: JourneyPlan {
                name: "register".into(),
                steps: Vec::new(),
                ways: Vec::new(),
            },
            curve: RateCurve {
                knots: vec![(at(0.0), rate_of(rate)), (at(END as f64), rate_of(rate))],
            },
            replay: None,
            herds: Vec::new(),
            spacing: Spacing::default(),
            arrivals: rate * END,
            users: None,
            client: ClientPolicy {
                timeout: Duration::from_secs(5),
                ..ClientPolicy::default()
            },
            provenance: Provenance::default(),
        }],
        series: vec![
            series(Origin::Population(0), "login"),
            series(Origin::Population(0), "slots"),
            series(Origin::Probe, "slots"),
        ],
        faults: vec![FaultPlan {
            name: "sms_late".into(),
            at: "portal -> sms".into(),
            place: PlacePlan::Link {
                link: 0,
                feature: None,
            },
            start: Trigger::At(at(T0 as f64)),
            end: Some(Trigger::At(at(T1 as f64))),
            ramp: zero,
            ramp_out: zero,
            share: Ratio::ONE,
            turns: crate::scenario::model::Turns::default(),
            loses: None,
            drawn_by: None,
            shape: crate::plan::ShapePlan::default(),
            effect: Effect::Http(HttpEffect {
                matching: HttpMatch::default(),
                action: HttpAction::Delay(HttpDelay::constant(Duration::from_secs(12))),
            }),
            provenance: Provenance::default(),
        }],
        steady_state: vec![
            success_at_least(portal(), 0.99, during(0, T0)),
            claim(Rule::Measured {
                subject: portal(),
                measure: Measure::Latency(9_900),
                comparison: Comparison::AtMost,
                limit: Limit::Time(Duration::from_millis(500)),
                window: during(0, T0),
            }),
        ],
        ..empty_plan()
    }
}
