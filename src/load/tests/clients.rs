//! How clients behave, seen from the server: what comes when it fails, and what it is reminded of.

use super::*;
use crate::scenario::model::{BreakerPolicy, RetryAfter, RetryBudget, Trip};
use crate::units::{Rate, Ratio};

#[tokio::test]
async fn the_first_byte_has_a_timeout_of_its_own() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n";
    let server = Server::start(move |seen| match seen.path() {
        "/mute" => vec![Act::Hang],
        _ => vec![
            Act::Write(head.to_owned()),
            Act::Sleep(Duration::from_millis(400)),
            Act::Write("ok".to_owned()),
        ],
    });
    let policy = ClientPolicy {
        first_byte_timeout: Some(Duration::from_millis(200)),
        ..ClientPolicy::default()
    };
    let steps = vec![get(0, "/slow_body"), get(1, "/mute")];
    let drained = run(load_plan(&server, 2, steps, policy), 1, 1).await;
    assert_eq!(series(&drained, 0).counts.get(Outcome::Ok), 2);
    let mute = series(&drained, 1).counts;
    assert_eq!(mute.get(Outcome::TimeoutFirstByte), 2);
}

#[tokio::test]
async fn a_budget_caps_the_retries_of_all() {
    let server = Server::start(|_| answer(500, "", ""));
    let mut policy = retrying(&[RetryOn::Http5xx], 1);
    policy.retry.budget = Some(RetryBudget {
        share: Ratio::new(0.1).expect("a share"),
        least: Rate::ZERO,
    });
    let drained = run(load_plan(&server, 100, vec![get(0, "/")], policy), 2, 2).await;
    let cell = series(&drained, 0);
    assert_eq!(cell.first_attempts, 100);
    let retries = cell.counts.total() - cell.first_attempts;
    assert!((1..=10).contains(&retries), "{retries} retries");
    assert_eq!(journeys(&drained), (100, 0, 100));
}

#[tokio::test]
async fn an_open_circuit_sends_nothing_and_is_counted() {
    let server = Server::start(|_| answer(503, "", ""));
    let policy = ClientPolicy {
        breaker: Some(BreakerPolicy {
            trip: Trip::InARow(3),
            open: Duration::from_secs(3_600),
            probes: 1,
        }),
        ..ClientPolicy::default()
    };
    let mut plan = load_plan(&server, 30, vec![get(0, "/")], policy);
    plan.populations[0].spacing = Spacing::Uniform;
    let drained = run(plan, 20, 1).await;
    let cell = series(&drained, 0);
    let refused = cell.counts.get(Outcome::NotSentBreaker);
    let sent = server.seen().len() as u64;
    assert!(sent >= 3 && refused > 0, "{sent} sent, {refused} refused");
    assert_eq!(cell.counts.get(Outcome::Http5xx), sent);
    assert_eq!(sent + refused, 30);
    assert_eq!(cell.counts.offered(), 30, "it stays in what was offered");
    assert_eq!((cell.response.len(), cell.service.len()), (sent, sent));
    assert_eq!(journeys(&drained), (30, 0, 30));
}

#[tokio::test]
async fn retry_after_is_waited_for_by_those_who_honour_it() {
    let server = Server::start(|seen| match seen.id()[3] {
        1 => answer(503, "retry-after: 1\r\n", ""),
        _ => answer(200, "", ""),
    });
    let mut policy = retrying(&[RetryOn::Shed, RetryOn::Http5xx], 1);
    policy.retry.retry_after = RetryAfter::Honour;
    let begun = Instant::now();
    let drained = run(load_plan(&server, 2, vec![get(0, "/")], policy), 1, 1).await;
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(journeys(&drained), (2, 2, 0));
    assert_eq!(series(&drained, 0).counts.total(), 4);
}

#[tokio::test]
async fn a_journey_has_a_cookie_jar_of_its_own() {
    let server = Server::start(|seen| match seen.path() {
        "/in" => {
            let id = seen.id()[1];
            let set = format!("set-cookie: sid=s{id}; Path=/\r\nset-cookie: other=1; Path=/x\r\n");
            answer(200, &set, "")
        }
        _ => answer(200, "", ""),
    });
    let mut own = request(2, Method::Get, "/own");
    own.headers = vec![("cookie".into(), template("mine=1"))];
    let steps = vec![get(0, "/in"), get(1, "/use"), StepPlan::Request(own)];
    for (cookies, expected) in [(true, Some("sid=s")), (false, None)] {
        let policy = ClientPolicy {
            cookies,
            ..ClientPolicy::default()
        };
        let before = server.seen().len();
        run(load_plan(&server, 3, steps.clone(), policy), 1, 2).await;
        for seen in &server.seen()[before..] {
            let wanted = match seen.path() {
                "/in" => None,
                "/use" => expected.map(|sid| format!("{sid}{}", seen.id()[1])),
                _ => Some("mine=1".to_owned()),
            };
            assert_eq!(seen.header("cookie"), wanted.as_deref(), "{}", seen.path());
        }
    }
}

#[tokio::test]
async fn connections_are_worn_out_by_use_and_by_age() {
    let server = Server::start(|_| answer(200, "", ""));
    let worn = ClientPolicy {
        connection_requests: Some(2),
        ..ClientPolicy::default()
    };
    let aged = ClientPolicy {
        connection_age: Some(Duration::from_nanos(1)),
        ..ClientPolicy::default()
    };
    for (policy, reuse, expected) in [
        (&worn, Reuse::Journey, 2),
        (&worn, Reuse::Shared, 2),
        (&aged, Reuse::Journey, 4),
        (&aged, Reuse::Shared, 4),
    ] {
        let policy = ClientPolicy {
            reuse,
            ..policy.clone()
        };
        let before = server.connections();
        let steps = (0..4).map(|n| get(n, "/")).collect();
        let drained = run(load_plan(&server, 1, steps, policy), 1, 1).await;
        assert_eq!(journeys(&drained), (1, 1, 0));
        assert_eq!(server.connections() - before, expected, "{reuse:?}");
    }
}
