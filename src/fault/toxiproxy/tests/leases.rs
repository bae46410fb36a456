//! Faults that go when nobody renews them.

use serde_json::{Value, json};

use super::api;
use crate::fault::fixtures::eventually;

#[tokio::test]
async fn faults_under_a_lease_go_when_it_is_not_renewed() {
    let api = api().await;
    let listen = api.proxy("a").await;
    api.proxy("b").await;
    let holds =
        json!([{"proxy": "a", "toxic": "mine"}, {"proxy": "a"}, {"proxy": "b", "toxic": "never"}]);
    let lease = json!({"ttl": 3_600_000, "holds": holds});
    let taken = api.expect(200, "PUT", "/leases/run-1", lease).await.json();
    assert_eq!(taken["holds"], holds);
    api.toxic("a", json!({"name": "mine", "type": "latency"}))
        .await;
    api.toxic("a", json!({"name": "other", "type": "latency"}))
        .await;
    api.expect(200, "POST", "/proxies/a", json!({"enabled": false}))
        .await;
    // renewed for a short time, and then no more
    api.expect(200, "PUT", "/leases/run-1", json!({"ttl": 1}))
        .await;
    eventually("the lease ends", || {
        std::net::TcpStream::connect(listen).is_ok()
    })
    .await;
    let toxics = api
        .ask("GET", "/proxies/a/toxics", Value::Null)
        .await
        .json();
    assert_eq!(toxics.as_array().map(Vec::len), Some(1), "{toxics}");
    assert_eq!(toxics[0]["name"], json!("other"));
    assert_eq!(
        api.ask("GET", "/leases", Value::Null).await.json(),
        json!({})
    );

    // given back, it ends at once
    let lease = json!({"ttl": 60_000, "holds": [{"proxy": "a", "toxic": "other"}]});
    api.expect(200, "PUT", "/leases/run-2", lease).await;
    api.expect(204, "DELETE", "/leases/run-2", Value::Null)
        .await;
    let toxics = api
        .ask("GET", "/proxies/a/toxics", Value::Null)
        .await
        .json();
    assert_eq!(toxics, json!([]));
    api.refused(
        404,
        "DELETE",
        "/leases/run-2",
        Value::Null,
        "lease not found",
    )
    .await;
    let endless = json!({"ttl": 0});
    api.expect(400, "PUT", "/leases/x", endless).await;
    api.refused(
        400,
        "PUT",
        "/leases/x",
        json!({}),
        "missing required field: ttl",
    )
    .await;
    api.end().await;
}
