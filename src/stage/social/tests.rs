//! Whole processes over real sockets. Stores that take an hour, and a clock that nobody reads, make the
//! outcomes matters of counting and not of timing.

mod harness;

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::config::{Hardened, Mode};
use crate::stage::testing::eventually;
use crate::stage::testing::http::{Answer, get, post};
use crate::stage::{Naive, Terms};
use harness::{Company, switchboard};

const HOUR: Duration = Duration::from_secs(3600);

fn naive() -> Mode {
    Mode::Naive(Naive {
        workers: 8,
        session_bytes: 64,
        ..Naive::default()
    })
}

/// Hardened, with time for slow machines: what is asserted is who is shed, not how fast it goes.
fn hardened() -> Mode {
    Mode::Hardened(Hardened {
        terms: Terms {
            queue_deadline: Duration::from_secs(5),
            deadline: Duration::from_secs(20),
            retry_after: Duration::from_secs(1),
        },
        ..Hardened::default()
    })
}

async fn whole_journey(mode: Mode) {
    let company = Company::start(mode, |_, _, _| {}).await;
    let app = company.app;
    let login = post(app, "/login", None, json!({"account": 7})).await;
    assert_eq!(login.status, StatusCode::OK);
    let token = login.body["token"].as_str().unwrap().to_owned();
    for token in [token.as_str(), "7"] {
        assert_eq!(
            get(app, "/feed/3", Some(token)).await.status,
            StatusCode::OK
        );
        let sent = post(app, "/send", Some(token), json!({"text": "hello"})).await;
        assert_eq!(
            (sent.status, &sent.body["from"]),
            (StatusCode::CREATED, &json!(7))
        );
    }
    let rings = post(app, "/call", Some("7"), json!({"to": 8})).await;
    assert_eq!(rings.status, StatusCode::CREATED);
    assert_eq!(get(app, "/media/3", None).await.status, StatusCode::OK);

    for (path, token, status) in [
        ("/feed/3", None, StatusCode::UNAUTHORIZED),
        ("/feed/3", Some("1001"), StatusCode::UNAUTHORIZED),
        ("/feed/0", Some("7"), StatusCode::NOT_FOUND),
        ("/media/1001", None, StatusCode::NOT_FOUND),
        ("/healthz", None, StatusCode::OK),
    ] {
        assert_eq!(get(app, path, token).await.status, status, "{path}");
    }
    let stranger = post(app, "/login", None, json!({"account": 5000})).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    let silent = post(app, "/send", Some("7"), json!({"text": ""})).await;
    assert_eq!(silent.status, StatusCode::BAD_REQUEST);

    let neighbour = company.neighbour;
    assert_eq!(
        get(neighbour, "/timeline/1", None).await.status,
        StatusCode::OK
    );
    for (path, body) in [
        ("/post", json!({"text": "is it only me?"})),
        ("/signup", json!({"account": "asha"})),
    ] {
        let answer = post(neighbour, path, None, body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{path}");
    }
    company.stop().await;
}

#[tokio::test]
async fn naive_processes_serve_the_whole_journey() {
    whole_journey(naive()).await;
}

#[tokio::test]
async fn hardened_processes_serve_the_whole_journey() {
    whole_journey(hardened()).await;
}

fn busy(stats: &Answer) -> (&Value, &Value) {
    (
        &stats.body["store"]["busy"],
        &stats.body["store"]["waiting"],
    )
}

#[tokio::test]
async fn in_a_naive_app_each_miss_asks_the_store_and_the_rest_stands_in_line() {
    let company = Company::start(naive(), |app, _, _| app.read = HOUR).await;
    let mut people = JoinSet::new();
    for _ in 0..12 {
        let app = company.app;
        people.spawn(async move { get(app, "/media/1", None).await.status });
    }
    eventually(
        "eight workers ask for one picture, four people stand in line",
        async || {
            let stats = get(company.app, "/stats", None).await;
            stats.body["queue_length"] == 4 && busy(&stats) == (&json!(2), &json!(6))
        },
    )
    .await;
    people.shutdown().await;
    let stats = get(company.app, "/stats", None).await;
    assert_eq!(
        stats.body["queue_length"], 4,
        "those who went are still in line"
    );
    assert_eq!(
        get(company.app, "/healthz", None).await.status,
        StatusCode::OK
    );
    company.stop().await;
}

#[tokio::test]
async fn a_hardened_app_asks_the_store_once_for_all() {
    let company = Company::start(hardened(), |app, _, _| app.read = HOUR).await;
    let mut people = JoinSet::new();
    for _ in 0..12 {
        let app = company.app;
        people.spawn(async move { get(app, "/media/1", None).await.status });
    }
    eventually(
        "all twelve are inside and one question is asked",
        async || {
            let stats = get(company.app, "/stats", None).await;
            stats.body["bulkheads"]["media"]["admitted"] == 12
                && busy(&stats) == (&json!(1), &json!(0))
        },
    )
    .await;
    people.shutdown().await;
    company.stop().await;
}

#[tokio::test]
async fn a_naive_app_hangs_with_auth_and_a_hardened_one_shows_what_it_knew() {
    for (mode, reads) in [(naive(), None), (hardened(), Some("stale"))] {
        let auth = switchboard();
        let company = Company::start(mode, |app, _, _| {
            app.auth = auth.url();
            app.idle = Duration::ZERO; // everything is cold at once
        })
        .await;
        let app = company.app;
        let first = get(app, "/feed/1", Some("7")).await;
        assert_eq!((first.status, first.degraded), (StatusCode::OK, None));
        auth.hold();
        let (before, mut people) = (auth.arrived(), JoinSet::new());
        people.spawn(async move { get(app, "/feed/1", Some("7")).await });
        match reads {
            Some(mark) => {
                let answer = people.join_next().await.unwrap().unwrap();
                assert_eq!(answer.status, StatusCode::OK);
                assert_eq!(answer.degraded.as_deref(), Some(mark), "and it says so");
            }
            None => {
                eventually("the question is with auth", async || {
                    auth.arrived() > before
                })
                .await;
                assert!(people.try_join_next().is_none(), "and the visitor waits");
            }
        }
        // media needs nobody's name
        assert_eq!(get(app, "/media/1", None).await.status, StatusCode::OK);
        people.shutdown().await;
        company.stop().await;
    }
}

#[tokio::test]
async fn what_a_hardened_app_cannot_ask_auth_is_refused_honestly() {
    let auth = switchboard();
    auth.refuse();
    let company = Company::start(hardened(), |app, _, _| app.auth = auth.url()).await;
    for (path, body) in [
        ("/send", json!({"text": "hello"})),
        ("/login", json!({"account": 7})),
    ] {
        let answer = post(company.app, path, Some("7"), body).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.retry_after.as_deref(), Some("1"), "{path}");
    }
    company.stop().await;
    let company = Company::start(naive(), |app, _, _| app.auth = auth.url()).await;
    let answer = post(company.app, "/send", Some("7"), json!({"text": "hello"})).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    company.stop().await;
}

#[tokio::test]
async fn sign_ups_fill_a_naive_neighbour_and_a_corner_of_a_hardened_one() {
    for mode in [naive(), hardened()] {
        let is_naive = matches!(mode, Mode::Naive(_));
        let company = Company::start(mode, |_, _, neighbour| neighbour.sign_up = HOUR).await;
        let neighbour = company.neighbour;
        let mut newcomers = JoinSet::new();
        for _ in 0..20 {
            let body = json!({"account": "asha"});
            newcomers.spawn(async move { post(neighbour, "/signup", None, body).await });
        }
        if is_naive {
            eventually("all workers sign people up", async || {
                let stats = get(neighbour, "/stats", None).await;
                stats.body["queue_length"] == 12 && busy(&stats) == (&json!(8), &json!(0))
            })
            .await;
        } else {
            for _ in 0..14 {
                let refused = newcomers.join_next().await.unwrap().unwrap();
                assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
                assert!(refused.retry_after.is_some());
            }
            let timeline = get(neighbour, "/timeline/1", None).await;
            assert_eq!(timeline.status, StatusCode::OK, "those who are here see it");
        }
        newcomers.shutdown().await;
        company.stop().await;
    }
}
