//! Whole portals over real sockets. Small pools and upstreams that hang until they are released make
//! the outcomes matters of counting and not of timing.

mod harness;

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use tokio::task::JoinSet;

use super::config::{Database, Hardened, Mode};
use crate::stage::testing::{eventually, http};
use crate::stage::{Limit, Naive, Terms};
use harness::{Harness, upstream};

fn naive(workers: usize) -> Mode {
    Mode::Naive(Naive {
        workers,
        ..Naive::default()
    })
}

/// Hardened, with time for slow machines: what is asserted is who is shed, not how fast it goes.
fn patient() -> Hardened {
    Hardened {
        terms: Terms {
            queue_deadline: Duration::from_secs(5),
            deadline: Duration::from_secs(20),
            ..Terms::default()
        },
        ..Hardened::for_pool(5)
    }
}

fn hardened() -> Mode {
    Mode::Hardened(patient())
}

async fn journey(mode: Mode) {
    let harness = Harness::start(mode, |_| {}).await;
    let (status, body) = harness
        .post("/otp/generate", json!({"mobile": "9000000001"}))
        .await;
    assert!(status.is_success(), "{status} {body}");
    let txn = body["txn"].as_str().unwrap().to_owned();
    let otp = harness.otp_of("9000000001").await;

    let wrong = if otp == "000000" { "000001" } else { "000000" };
    let (status, _) = harness
        .post("/otp/confirm", json!({"txn": txn, "otp": wrong}))
        .await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, body) = harness
        .post("/otp/confirm", json!({"txn": txn, "otp": otp}))
        .await;
    assert_eq!(status, StatusCode::OK);
    let token = body["token"].as_str().unwrap().to_owned();

    let asha = json!({"name": "Asha", "year_of_birth": 1990});
    let (status, _) = harness.post("/register", asha.clone()).await;
    assert_eq!(
        status,
        StatusCode::UNAUTHORIZED,
        "no token, no registration"
    );
    let (status, body) = harness.post_as(&token, "/register", asha).await;
    assert_eq!(status, StatusCode::CREATED);
    assert!(body["beneficiary"].is_string());
    assert_eq!(harness.rows("beneficiary"), 1, "acknowledged means stored");

    let (status, body) = harness.get("/slots/110001").await;
    assert_eq!(status, StatusCode::OK);
    let empty = json!({"pin": "110001", "centers": [], "reason": "no sessions published yet"});
    assert_eq!(body, empty);
    assert_eq!(harness.get("/certificate/1").await.0, StatusCode::OK);
    assert_eq!(
        harness.get("/certificate/999999").await.0,
        StatusCode::NOT_FOUND
    );
    assert_eq!(harness.get("/healthz").await.0, StatusCode::OK);
    harness.stop().await;
}

#[tokio::test]
async fn naive_portal_serves_the_whole_journey() {
    journey(naive(4)).await;
}

#[tokio::test]
async fn hardened_portal_serves_the_whole_journey() {
    journey(hardened()).await;
}

#[tokio::test]
async fn an_otp_after_its_validity_is_gone() {
    let harness = Harness::start(naive(4), |config| config.otp_validity = Duration::ZERO).await;
    let (_, body) = harness
        .post("/otp/generate", json!({"mobile": "9000000001"}))
        .await;
    let otp = harness.otp_of("9000000001").await;
    let attempt = json!({"txn": body["txn"], "otp": otp});
    assert_eq!(
        harness.post("/otp/confirm", attempt).await.0,
        StatusCode::GONE
    );
    harness.stop().await;
}

#[tokio::test]
async fn nonsense_is_refused_in_both_modes() {
    for mode in [naive(4), hardened()] {
        let harness = Harness::start(mode, |_| {}).await;
        let (status, _) = harness
            .post("/otp/generate", json!({"mobile": "nobody"}))
            .await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(harness.get("/slots/11").await.0, StatusCode::BAD_REQUEST);
        assert_eq!(harness.get("/nothing/here").await.0, StatusCode::NOT_FOUND);
        let long = json!({"mobile": "9".repeat(100_000)});
        assert_eq!(
            harness.post("/otp/generate", long).await.0,
            StatusCode::BAD_REQUEST
        );
        harness.stop().await;
    }
}

#[tokio::test]
async fn naive_portal_collapses_behind_a_slow_gateway_and_drains_after_it() {
    const WORKERS: usize = 4;
    let upstream = upstream();
    upstream.hold();
    let sms = upstream.url();
    let harness = Harness::start(naive(WORKERS), |config| config.sms = sms).await;

    let mut visitors = JoinSet::new();
    for visitor in 0..10 {
        let url = harness.url();
        let body = json!({"mobile": format!("900000{visitor:04}")});
        visitors.spawn(async move { http::post(url, "/otp/generate", None, body).await.status });
    }
    eventually("all workers are held", async || {
        let stats = harness.get("/stats").await.1;
        stats["workers_busy"] == WORKERS && stats["queue_length"] == 10 - WORKERS
    })
    .await;

    // The process lives and accepts, but neither liveness nor any other feature gets an answer.
    let mut others = JoinSet::new();
    for path in ["/healthz", "/slots/110001"] {
        let url = harness.url();
        others.spawn(async move { http::call(url, "GET", path, None, None).await.status });
    }
    eventually("they wait too", async || {
        harness.get("/stats").await.1["queue_length"] == 12 - WORKERS
    })
    .await;
    let answered = tokio::time::timeout(Duration::from_millis(300), others.join_next()).await;
    assert!(answered.is_err(), "every route waits behind the gateway");
    others.shutdown().await;
    let stats = harness.get("/stats").await.1;
    assert_eq!(
        stats["database"]["busy"], 0,
        "nothing works: everything waits"
    );
    assert_eq!(
        stats["queue_length"],
        12 - WORKERS,
        "work of a client that has gone stays queued"
    );
    assert_eq!(stats["session_bytes"], 12 * 32 * 1024, "and holds memory");

    upstream.release();
    while let Some(status) = visitors.join_next().await {
        assert_eq!(status.unwrap(), StatusCode::OK);
    }
    eventually("the queue has drained", async || {
        let stats = harness.get("/stats").await.1;
        stats["queue_length"] == 0 && stats["session_bytes"] == 0
    })
    .await;
    assert_eq!(harness.get("/healthz").await.0, StatusCode::OK);
    assert_eq!(upstream.answered(), 10);
    harness.stop().await;
}

#[tokio::test]
async fn naive_portal_answers_504_at_the_gateway_limit() {
    let upstream = upstream();
    upstream.hold();
    let sms = upstream.url();
    let limit = Duration::from_millis(100);
    let mode = Mode::Naive(Naive {
        workers: 2,
        gateway_limit: limit,
        ..Naive::default()
    });
    let harness = Harness::start(mode, |config| config.sms = sms).await;
    let (status, body) = harness
        .post("/otp/generate", json!({"mobile": "9000000001"}))
        .await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(body["error"], "Endpoint request timed out");
    harness.stop().await;
}

#[tokio::test]
async fn hardened_portal_answers_behind_a_slow_gateway() {
    let upstream = upstream();
    upstream.hold();
    let sms = upstream.url();
    let mode = Mode::Hardened(Hardened {
        outbox: 4,
        senders: 2,
        ..patient()
    });
    let harness = Harness::start(mode, |config| config.sms = sms).await;
    // Two messages are with the gateway, then four wait.
    for visitor in 0..6 {
        let body = json!({"mobile": format!("900000{visitor:04}")});
        let (status, _) = harness.post("/otp/generate", body).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        if visitor < 2 {
            eventually("the message is with the gateway", async || {
                upstream.arrived() == visitor + 1
            })
            .await;
        }
    }
    let seventh = json!({"mobile": "9000000007"});
    let response = http::call(harness.url(), "POST", "/otp/generate", None, Some(seventh)).await;
    assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.retry_after.as_deref(), Some("2"));
    assert_eq!(
        harness.rows("login"),
        6,
        "what is shed costs the database nothing"
    );
    for path in ["/slots/110001", "/certificate/1", "/healthz"] {
        assert_eq!(
            harness.get(path).await.0,
            StatusCode::OK,
            "{path} does not depend on SMS"
        );
    }
    upstream.release();
    eventually("the outbox is empty", async || upstream.answered() == 6).await;
    harness.stop().await;
}

#[tokio::test]
async fn hardened_portal_sheds_the_excess_and_serves_the_rest() {
    // One place and one seat: of 40 at once, those that fit are good, all others are told to come
    // back, and health is not affected.
    let config = Hardened {
        slots: Limit {
            concurrent: 1,
            queued: 1,
        },
        ..patient()
    };
    let slow = |config: &mut super::Config| config.round_trip = Duration::from_millis(200);
    let harness = Harness::start(Mode::Hardened(config), slow).await;
    let mut crowd = JoinSet::new();
    for _ in 0..40 {
        let url = harness.url();
        crowd.spawn(async move { http::call(url, "GET", "/slots/110001", None, None).await });
    }
    let (mut good, mut shed) = (0, 0);
    while let Some(response) = crowd.join_next().await {
        let response = response.unwrap();
        match response.status {
            StatusCode::OK => good += 1,
            StatusCode::SERVICE_UNAVAILABLE => {
                assert!(
                    response.retry_after.is_some(),
                    "honest: it says when to come back"
                );
                shed += 1;
            }
            other => panic!("{other} is neither good nor honest"),
        }
    }
    assert_eq!(good + shed, 40);
    assert!(good >= 2 && shed >= 1, "{good} good, {shed} shed");
    assert_eq!(harness.get("/healthz").await.0, StatusCode::OK);
    let stats = harness.get("/stats").await.1;
    assert_eq!(
        stats["bulkheads"]["slots"],
        json!({"admitted": good, "shed": shed})
    );
    harness.stop().await;
}

#[tokio::test]
async fn outbox_retries_within_its_budget_only() {
    let upstream = upstream();
    upstream.refuse();
    let sms = upstream.url();
    let mode = Mode::Hardened(Hardened {
        retry_percent: 50,
        ..patient()
    });
    let harness = Harness::start(mode, |config| config.sms = sms).await;
    for visitor in 0..10 {
        let body = json!({"mobile": format!("900000{visitor:04}")});
        assert_eq!(
            harness.post("/otp/generate", body).await.0,
            StatusCode::ACCEPTED
        );
    }
    eventually("all have failed", async || {
        harness.get("/stats").await.1["outbox"]["failed"] == 10
    })
    .await;
    assert_eq!(upstream.arrived(), 15, "ten messages buy five retries");
    harness.stop().await;
}

#[tokio::test]
async fn data_survive_a_restart_on_the_same_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portal.db");
    let keep = |config: &mut super::Config| config.database = Database::File(path.clone());
    let first = Harness::start(naive(2), keep).await;
    let (_, body) = first
        .post("/otp/generate", json!({"mobile": "9000000001"}))
        .await;
    let otp = first.otp_of("9000000001").await;
    first.stop().await;
    let second = Harness::start(hardened(), keep).await;
    let attempt = json!({"txn": body["txn"], "otp": otp});
    assert_eq!(second.post("/otp/confirm", attempt).await.0, StatusCode::OK);
    second.stop().await;
}
