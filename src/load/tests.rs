//! Whole loads against scripted servers on real sockets. What is asserted is counts and orders,
//! and times only where the server makes them long.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::{
    client::{
        Network, Wiring,
        testing::{Act, Server, answer, closed_port, plan, service_at},
    },
    measure::{Cell, JourneyCell, Outcome, PackedLatencies},
    plan::{
        JourneyPlan, Origin, Plan, PopulationPlan, RateCurve, RequestPlan, Series, SeriesId,
        ServiceId, StepPlan, WaitPlan,
    },
    scenario::model::{
        Body, ClientPolicy, Method, Provenance, Retry, RetryOn, RetryWait, Reuse, Spacing, Take,
        TakeFrom, Template,
    },
    time::{Clock, Offset},
    units::Rate,
};

mod clients;
mod journeys;

fn template(text: &str) -> Template {
    Template::parse(text).expect("a template")
}

fn request(series: u16, method: Method, path: &str) -> RequestPlan {
    RequestPlan {
        name: format!("step_{series}"),
        series: SeriesId(series),
        service: ServiceId(0),
        method,
        path: template(path),
        headers: Vec::new(),
        body: None,
        take: Vec::new(),
        check: Vec::new(),
        fallback: Vec::new(),
        then: Vec::new(),
    }
}

fn get(series: u16, path: &str) -> StepPlan {
    StepPlan::Request(request(series, Method::Get, path))
}

fn take(name: &str, path: &str) -> Take {
    Take {
        name: name.into(),
        from: TakeFrom::Json(path.into()),
    }
}

/// A plan of one population with these steps; series number n is that of `step_n`.
fn load_plan(server: &Server, arrivals: u64, steps: Vec<StepPlan>, client: ClientPolicy) -> Plan {
    let mut plan = plan(vec![service_at(server.addr)]);
    let requests = steps.iter().filter(|s| matches!(s, StepPlan::Request(_)));
    plan.series = (0..requests.count())
        .map(|n| Series {
            origin: Origin::Population(0),
            name: format!("step_{n}"),
            service: ServiceId(0),
            feature: None,
        })
        .collect();
    plan.populations = vec![population(arrivals, steps, client)];
    plan
}

fn population(arrivals: u64, steps: Vec<StepPlan>, client: ClientPolicy) -> PopulationPlan {
    PopulationPlan {
        name: "citizens".into(),
        journey: JourneyPlan {
            name: "register".into(),
            steps,
            ways: Vec::new(),
        },
        curve: RateCurve::default(),
        replay: None,
        herds: Vec::new(),
        spacing: Spacing::Uniform,
        arrivals,
        users: None,
        client,
        provenance: Provenance::default(),
    }
}

/// A population of one request each, that comes at this rate for a minute.
pub(super) fn crowd(rate: Rate, reuse: Reuse) -> PopulationPlan {
    let client = ClientPolicy {
        timeout: Duration::from_millis(100),
        reuse,
        ..ClientPolicy::default()
    };
    let end = Offset(Duration::from_secs(60));
    let curve = RateCurve {
        knots: vec![(Offset::ZERO, rate), (end, rate)],
    };
    PopulationPlan {
        curve: curve.clone(),
        ..population(curve.count(), vec![get(0, "/")], client)
    }
}

/// Arrivals one after the other, `gap` apart, from zero on.
fn every(plan: &Plan, gap: Duration) -> ArrivalSource {
    let counts: Vec<_> = plan.populations.iter().map(|p| p.arrivals).collect();
    Arc::new(move |population, worker, workers| {
        let own = (worker..counts[population]).step_by(workers as usize);
        Box::new(own.map(move |i| (i, Offset(gap * i as u32))))
    })
}

fn start(plan: Plan, gap_ms: u64, workers: usize, clock: Clock) -> (LoadHandle, CancellationToken) {
    let cancel = CancellationToken::new();
    let network = Network::new(&plan, Wiring::default()).expect("usable");
    let setup = LoadSetup {
        arrivals: every(&plan, Duration::from_millis(gap_ms)),
        plan: Arc::new(plan),
        network,
        clock,
        workers,
        cancel: cancel.clone(),
    };
    (spawn(setup).expect("a plan that can be walked"), cancel)
}

async fn run(plan: Plan, gap_ms: u64, workers: usize) -> Drained {
    let (load, _cancel) = start(plan, gap_ms, workers, Clock::start());
    load.finish().await
}

/// All bins of one series.
fn series(drained: &Drained, series: u16) -> Cell {
    let mut sum = Cell::default();
    for cell in &drained.delta.cells {
        if cell.series == SeriesId(series) {
            sum.merge(&cell.clone().into_cell());
        }
    }
    sum
}

fn journeys(drained: &Drained) -> (u64, u64, u64) {
    let add = |pick: fn(&JourneyCell) -> u64| drained.delta.journeys.iter().map(pick).sum();
    (add(|j| j.began), add(|j| j.good), add(|j| j.failed))
}

fn retrying(outcomes: &[RetryOn], wait_ms: u64) -> ClientPolicy {
    let wait = Duration::from_millis(wait_ms);
    ClientPolicy {
        retry: Retry {
            outcomes: outcomes.to_vec(),
            wait: RetryWait::Even {
                min: wait,
                max: wait,
            },
            ..Retry::default()
        },
        ..ClientPolicy::default()
    }
}

#[tokio::test]
async fn every_planned_arrival_is_offered_once() {
    let server = Server::start(|_| answer(200, "", "ok"));
    let policy = ClientPolicy {
        reuse: Reuse::Shared,
        ..ClientPolicy::default()
    };
    let plan = load_plan(&server, 301, vec![get(0, "/")], policy);
    let drained = run(plan, 1, 2).await;
    let cell = series(&drained, 0);
    assert_eq!(cell.counts.get(Outcome::Ok), 301);
    assert_eq!((cell.counts.total(), cell.first_attempts), (301, 301));
    assert_eq!((cell.response.len(), cell.service.len()), (301, 301));
    assert_eq!(journeys(&drained), (301, 301, 0));
    assert_eq!(drained.lag.len(), 301);
    assert_eq!((drained.in_flight, drained.overdue), (0, 0));
    assert_eq!(server.seen().len(), 301);
}

#[tokio::test]
async fn who_is_due_just_before_the_end_is_sent_by_a_worker_that_woke_up_after_it() {
    let server = Server::start(|_| answer(200, "", "ok"));
    let mut plan = load_plan(&server, 20, vec![get(0, "/")], ClientPolicy::default());
    plan.length = Duration::from_millis(20);
    // all of it lies in the past by less than what is caught up with
    let clock = Clock::starting_at(Instant::now() - Duration::from_secs(1));
    let (load, _cancel) = start(plan, 1, 2, clock);
    let drained = load.finish().await;
    assert_eq!(series(&drained, 0).counts.get(Outcome::Ok), 20);
    assert_eq!(journeys(&drained), (20, 20, 0));
}

#[tokio::test]
async fn a_journey_takes_waits_and_goes_on() {
    let polls = AtomicU64::new(0);
    let server = Server::start(move |seen| match seen.path() {
        "/otp" => answer(200, "", r#"{"txn": "t 1/2"}"#),
        inbox if inbox.starts_with("/inbox/9") => match polls.fetch_add(1, Ordering::SeqCst) {
            0 => answer(404, "", ""),
            1 => answer(200, "", r#"{"messages": []}"#),
            _ => answer(200, "", r#"{"otp": 4711}"#),
        },
        "/confirm?t=t%201%2F2" => answer(200, "", ""),
        _ => answer(500, "", ""),
    });
    let mut first = request(0, Method::Post, "/otp");
    first.body = Some(Body::Json(serde_json::json!({"mobile": "{{mobile}}"})));
    first.take = vec![take("txn", "$.txn")];
    let mut second = request(1, Method::Post, "/confirm?t={{txn}}");
    second.body = Some(Body::Json(serde_json::json!({"otp": "{{otp}}"})));
    second.headers = vec![("x-mobile".into(), template("{{mobile}}"))];
    let wait = WaitPlan {
        name: "read_sms".into(),
        service: ServiceId(0),
        path: template("/inbox/{{mobile}}"),
        take: vec![take("otp", "$.otp")],
        within: Duration::from_secs(20),
        every: Duration::from_millis(5),
    };
    let think = StepPlan::Think {
        min: Duration::ZERO,
        max: Duration::ZERO,
    };
    let steps = vec![
        StepPlan::Request(first),
        StepPlan::WaitFor(wait),
        think,
        StepPlan::Request(second),
    ];
    let plan = load_plan(&server, 1, steps, ClientPolicy::default());
    let drained = run(plan, 1, 1).await;
    assert_eq!(journeys(&drained), (1, 1, 0));
    let counted: Vec<_> = [0, 1].map(|s| series(&drained, s).counts.total()).into();
    assert_eq!(counted, [1, 1], "polls are not counted");

    let seen = server.seen();
    let paths: Vec<_> = seen.iter().map(|s| s.path().to_owned()).collect();
    let mobile: serde_json::Value = serde_json::from_str(&seen[0].body).expect("JSON");
    let mobile = mobile["mobile"].as_str().expect("a string").to_owned();
    let inbox = format!("/inbox/{mobile}");
    assert_eq!(
        paths,
        ["/otp", &inbox, &inbox, &inbox, "/confirm?t=t%201%2F2"]
    );
    assert_eq!(seen[0].header("content-type"), Some("application/json"));
    assert_eq!(seen[4].body, r#"{"otp":"4711"}"#);
    assert_eq!(seen[4].header("x-mobile"), Some(&*mobile));
    let ids: Vec<_> = seen.iter().map(crate::client::testing::Seen::id).collect();
    assert_eq!(ids[0], [0, 0, 0, 1]);
    assert_eq!(ids[3], [0, 0, 1, 3]);
    assert_eq!(ids[4], [0, 0, 3, 1]);
    assert_eq!(server.connections(), 1, "a journey keeps its connection");
}

#[tokio::test]
async fn each_first_attempt_fails_and_is_amplified_by_exactly_two() {
    let server = Server::start(|seen| match seen.id()[3] {
        1 => answer(500, "", ""),
        _ => answer(200, "", ""),
    });
    let steps = vec![get(0, "/a"), get(1, "/b")];
    let plan = load_plan(&server, 50, steps, retrying(&[RetryOn::Http5xx], 5));
    let drained = run(plan, 2, 2).await;
    for step in [0, 1] {
        let cell = series(&drained, step);
        assert_eq!((cell.counts.total(), cell.first_attempts), (100, 50));
        assert_eq!(cell.counts.get(Outcome::Http5xx), 50);
        assert_eq!(cell.counts.good(), 50);
    }
    assert_eq!(journeys(&drained), (50, 50, 0));
}

#[tokio::test]
async fn retries_end_by_count_by_kind_and_by_patience() {
    let server = Server::start(|_| answer(500, "", ""));
    let mut counted = retrying(&[RetryOn::Http5xx], 1);
    counted.retry.attempts = Some(3);
    let other = retrying(&[RetryOn::Timeout, RetryOn::Shed], 1);
    let mut impatient = retrying(&[RetryOn::Http5xx], 200);
    impatient.patience = Duration::from_millis(100);
    for (policy, attempts) in [(counted, 3), (other, 1), (impatient, 1)] {
        let plan = load_plan(&server, 4, vec![get(0, "/"), get(1, "/")], policy);
        let drained = run(plan, 1, 1).await;
        let cell = series(&drained, 0);
        assert_eq!(
            (cell.counts.total(), cell.first_attempts),
            (4 * attempts, 4)
        );
        assert_eq!(series(&drained, 1).counts.total(), 0);
        assert_eq!(journeys(&drained), (4, 0, 4));
    }
}

#[tokio::test]
async fn retries_end_with_the_plan_and_count_as_neither() {
    let server = Server::start(|_| answer(500, "", ""));
    let mut plan = load_plan(
        &server,
        3,
        vec![get(0, "/")],
        retrying(&[RetryOn::Http5xx], 20),
    );
    plan.length = Duration::from_millis(100);
    let drained = run(plan, 1, 1).await;
    let cell = series(&drained, 0);
    assert_eq!(cell.first_attempts, 3);
    assert!(cell.counts.total() <= 3 * 6, "at most one each 20 ms");
    assert_eq!(journeys(&drained), (3, 0, 0));
}

#[tokio::test]
async fn the_same_seed_sends_the_same_requests_from_any_number_of_workers() {
    let mut sets = Vec::new();
    for workers in [1, 2, 4] {
        let server = Server::start(|seen| match seen.id()[1] % 3 {
            0 if seen.id()[3] == 1 => answer(503, "", ""),
            _ => answer(200, "", r#"{"n": 1}"#),
        });
        let steps = vec![get(0, "/{{mobile}}/{{uuid}}"), get(1, "/{{pin}}/{{dice}}")];
        let mut plan = load_plan(&server, 60, steps, retrying(&[RetryOn::Http5xx], 1));
        let dice = crate::scenario::model::DataSource::Between { low: 1, high: 6 };
        plan.data.push(("dice".into(), dice));
        run(plan, 1, workers).await;
        let seen = server.seen();
        let mut requests: Vec<_> = seen.iter().map(|s| (s.id(), s.path().to_owned())).collect();
        requests.sort();
        sets.push(requests);
    }
    assert_eq!(sets[0].len(), 60 * 2 + 20 * 2);
    let paths: HashSet<_> = sets[0].iter().filter(|(id, _)| id[2] == 0).collect();
    assert!(paths.len() >= 60, "each arrival has its own data");
    assert_eq!(sets[0], sets[1]);
    assert_eq!(sets[0], sets[2]);
}

/// The server stalls once for 300 ms while it serves one connection; the open model goes on
/// arriving, and who arrives in the stall waits for what is left of it.
#[tokio::test]
async fn a_stall_is_measured_from_the_intended_starts() {
    let stall = Duration::from_millis(300);
    let turn = std::sync::Mutex::new(());
    let server = Server::start(move |seen| {
        // one after the other, as a server that is stalled serves none
        let _turn = turn.lock().expect("no panic");
        if seen.id()[1] == 20 {
            std::thread::sleep(stall);
        }
        answer(200, "", "")
    });
    let plan = load_plan(&server, 100, vec![get(0, "/")], ClientPolicy::default());
    let drained = run(plan, 10, 1).await;
    let cell = series(&drained, 0);
    assert_eq!(cell.counts.good(), 100);
    // 31 arrivals fall into the stall; the one at its k-th 10 ms waits for 300 - 10 k ms, so about
    // 20 wait above 100 ms and about 10 above 200 ms. A closed loop would have seen a single one.
    let response = PackedLatencies::from(&cell.response);
    let above = |ms| response.count_above(Duration::from_millis(ms));
    assert!(above(100) >= 15, "{}", above(100));
    assert!(above(200) >= 5, "{}", above(200));
    assert!(cell.response.quantile(1.0) >= Some(stall));
}

#[tokio::test]
async fn what_is_far_too_late_is_the_harness_s_fault() {
    let server = Server::start(|_| answer(200, "", ""));
    let plan = load_plan(&server, 20, vec![get(0, "/")], ClientPolicy::default());
    let clock = Clock::starting_at(Instant::now() - CATCH_UP_LIMIT * 2);
    let (load, _cancel) = start(plan, 1, 1, clock);
    let drained = load.finish().await;
    let cell = series(&drained, 0);
    assert_eq!(cell.counts.get(Outcome::NotSentLag), 20);
    assert_eq!((cell.counts.offered(), cell.first_attempts), (0, 20));
    assert_eq!(journeys(&drained), (20, 0, 20));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn cancelling_drops_what_is_in_flight_without_blaming_the_target() {
    let server = Server::start(|_| vec![Act::Hang]);
    let plan = load_plan(&server, 5, vec![get(0, "/")], ClientPolicy::default());
    let (load, cancel) = start(plan, 1, 2, Clock::start());
    while server.seen().len() < 5 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let during = load.drain().await;
    assert_eq!(during.in_flight, 5);
    assert_eq!(journeys(&during), (5, 0, 0));
    assert!(!load.is_ended());
    cancel.cancel();
    let drained = load.finish().await;
    assert!(drained.delta.cells.is_empty() && drained.delta.journeys.is_empty());
    assert_eq!(drained.in_flight, 0);
}

#[tokio::test]
async fn drains_add_up() {
    let server = Server::start(|_| answer(200, "", ""));
    let plan = load_plan(&server, 100, vec![get(0, "/")], ClientPolicy::default());
    let (load, _cancel) = start(plan, 3, 2, Clock::start());
    let mut good = 0;
    let mut drains = 0;
    while !load.is_ended() {
        good += series(&load.drain().await, 0).counts.good();
        drains += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(drains > 3);
    good += series(&load.drain().await, 0).counts.good();
    good += series(&load.finish().await, 0).counts.good();
    assert_eq!(good, 100);
}

#[tokio::test]
async fn a_plan_that_cannot_be_walked_is_told() {
    let server = Server::start(|_| answer(200, "", ""));
    let plan = load_plan(
        &server,
        1,
        vec![get(0, "/{{nobody}}")],
        ClientPolicy::default(),
    );
    let network = Network::new(&plan, Wiring::default()).expect("usable");
    let error = spawn(LoadSetup {
        arrivals: every(&plan, Duration::ZERO),
        plan: Arc::new(plan),
        network,
        clock: Clock::start(),
        workers: 1,
        cancel: CancellationToken::new(),
    })
    .expect_err("no such name");
    assert_eq!(
        error.to_string(),
        "step `step_0`: nothing is called `nobody`"
    );
}

#[tokio::test]
async fn a_rate_beyond_this_machine_is_not_sent_for_lag_and_nothing_is_lost() {
    // nobody listens: a refusal is the least that a request can cost
    let (_held, addr) = closed_port();
    let unused = Server::start(|_| answer(200, "", ""));
    let policy = ClientPolicy {
        // longer than what makes a request too late to be sent: a slow start times nothing out
        timeout: Duration::from_secs(10),
        ..ClientPolicy::default()
    };
    let mut plan = load_plan(&unused, 200_000, vec![get(0, "/")], policy);
    plan.services = vec![service_at(addr)];
    let network = Network::new(&plan, Wiring::default()).expect("usable");
    let load = spawn(LoadSetup {
        // all in a fifth of a second, a million a second
        arrivals: every(&plan, Duration::from_micros(1)),
        plan: Arc::new(plan),
        network,
        clock: Clock::start(),
        workers: 1,
        cancel: CancellationToken::new(),
    });
    let drained = load.expect("a good plan").finish().await;
    let cell = series(&drained, 0);
    assert_eq!(
        (cell.counts.total(), cell.first_attempts),
        (200_000, 200_000)
    );
    assert!(cell.counts.get(Outcome::Refused) > 0);
    assert!(cell.counts.get(Outcome::NotSentLag) > 50_000);
    assert_eq!(
        cell.counts.get(Outcome::NotSentLimit),
        0,
        "not the target's"
    );
    assert_eq!(journeys(&drained), (200_000, 0, 200_000));
}

#[tokio::test]
async fn a_refusal_of_the_guard_is_told() {
    let server = Server::start(|_| answer(200, "", ""));
    let mut plan = load_plan(&server, 3, vec![get(0, "/")], ClientPolicy::default());
    plan.guard.allow.clear();
    let drained = run(plan, 1, 1).await;
    assert_eq!(series(&drained, 0).counts.get(Outcome::Blocked), 3);
    assert!(drained.blocked.is_some_and(|b| b.contains("127.0.0.1")));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_journey_that_cannot_end_in_time_ends_at_once() {
    let server = Server::start(|_| answer(200, "", "{}"));
    let hour = Duration::from_secs(3600);
    let think = StepPlan::Think {
        min: hour,
        max: hour,
    };
    let never = StepPlan::WaitFor(WaitPlan {
        name: "never".into(),
        service: ServiceId(0),
        path: template("/inbox"),
        take: vec![take("otp", "$.otp")],
        within: Duration::from_millis(30),
        every: Duration::from_millis(10),
    });
    let patient = ClientPolicy {
        patience: hour * 2,
        ..ClientPolicy::default()
    };
    for (step, policy, expected) in [
        (think.clone(), ClientPolicy::default(), (2, 0, 2)),
        // it would have waited, but the plan is over by then
        (think, patient, (2, 0, 0)),
        (never, ClientPolicy::default(), (2, 0, 2)),
    ] {
        let steps = vec![get(0, "/"), step, get(1, "/")];
        let plan = load_plan(&server, 2, steps, policy);
        let drained = run(plan, 1, 1).await;
        assert_eq!(series(&drained, 0).counts.good(), 2);
        assert_eq!(series(&drained, 1).counts.total(), 0);
        assert_eq!(journeys(&drained), expected);
    }
}
