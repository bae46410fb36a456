//! The API over real sockets, named after Toxiproxy's endpoints.

mod any;
mod leases;
mod times;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Gate, Server, Settings, Times, routes::App};
use crate::{
    fault::fixtures::{PATIENCE, any_port, lost, nowhere, parrot, read_out},
    guard::Guard,
    seed::Seed,
};

/// A running server, and how to talk to it.
struct Api {
    addr: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

async fn api() -> Api {
    api_with(Times::default()).await.0
}

/// A server with these times; and what its handlers share.
async fn api_with(times: Times) -> (Api, Arc<App>) {
    let listen = any_port();
    let settings = Settings {
        listen,
        gate: Gate::new(listen, None, false).expect("loopback"),
        guard: Guard::loopback(),
        seed: Seed(7),
        proxy_metrics: true,
        runtime_metrics: true,
        times,
    };
    let server = Server::bind(settings).await.expect("it binds");
    let (addr, app) = (server.addr(), Arc::clone(&server.app));
    let stop = CancellationToken::new();
    let told = stop.clone();
    let serving = tokio::spawn(async move {
        server.serve(told, |_| {}).await;
    });
    let api = Api {
        addr,
        stop,
        serving,
    };
    (api, app)
}

impl Api {
    async fn raw(&self, head: &str, body: &str) -> Answer {
        let mut stream = TcpStream::connect(self.addr).await.expect("it accepts");
        let length = body.len();
        let request = format!("{head}connection: close\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(request.as_bytes()).await.expect("written");
        let text = read_out(&mut stream).await.expect("an answer");
        let text = String::from_utf8(text).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        Answer {
            status: head[9..12].parse().expect("a status"),
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        self.raw(&head, &body).await
    }

    async fn expect(&self, status: u16, method: &str, path: &str, body: Value) -> Answer {
        let answer = self.ask(method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        answer
    }

    async fn refused(&self, status: u16, method: &str, path: &str, body: Value, why: &str) {
        let answer = self.expect(status, method, path, body).await;
        assert_eq!(answer.json(), json!({"error": why, "status": status}));
        let kind = "content-type: text/plain; charset=utf-8";
        assert!(answer.head.contains(kind), "{answer:?}");
        assert!(answer.body.ends_with('\n'), "{answer:?}");
    }

    /// Creates a proxy to a parrot, and says where it listens.
    async fn proxy(&self, name: &str) -> SocketAddr {
        let upstream = parrot().await.to_string();
        let body = json!({"name": name, "listen": "localhost:0", "upstream": upstream});
        let proxy = self.expect(201, "POST", "/proxies", body).await.json();
        let listen = proxy["listen"].as_str().expect("where it listens");
        listen.parse().expect("an address")
    }

    async fn toxic(&self, proxy: &str, body: Value) -> Value {
        let path = format!("/proxies/{proxy}/toxics");
        self.expect(200, "POST", &path, body).await.json()
    }

    async fn end(self) {
        self.stop.cancel();
        self.serving.await.expect("it ends");
    }
}

/// Sends four bytes and waits until they are back.
async fn ping(stream: &mut TcpStream) -> Duration {
    let asked = Instant::now();
    stream.write_all(b"ping").await.expect("written");
    let mut buffer = [0; 4];
    stream.read_exact(&mut buffer).await.expect("read");
    asked.elapsed()
}

#[tokio::test]
async fn proxies_are_created_shown_and_deleted() {
    let api = api().await;
    let version = api.expect(200, "GET", "/version", Value::Null).await;
    assert_eq!(version.body, "{\"version\": \"2.12.0\"}\n");
    assert!(
        version.head.contains("x-toxiproxy-request-id: "),
        "{version:?}"
    );
    assert!(version.head.contains("application/json;charset=utf-8"));
    assert_eq!(
        api.ask("GET", "/proxies", Value::Null).await.json(),
        json!({})
    );

    let listen = api.proxy("db").await;
    let shown = api
        .expect(200, "GET", "/proxies/db", Value::Null)
        .await
        .json();
    assert_eq!(shown["listen"], json!(listen.to_string()));
    assert_eq!(shown["enabled"], json!(true));
    assert_eq!(shown["toxics"], json!([]));
    let all = api.ask("GET", "/proxies", Value::Null).await.json();
    assert_eq!(all, json!({"db": shown}));
    ping(&mut TcpStream::connect(listen).await.expect("it accepts")).await;

    let again = json!({"name": "db", "upstream": "localhost:1"});
    api.refused(409, "POST", "/proxies", again, "proxy already exists")
        .await;
    let nameless = json!({"upstream": "localhost:1"});
    api.refused(
        400,
        "POST",
        "/proxies",
        nameless,
        "missing required field: name",
    )
    .await;
    let aimless = json!({"name": "x"});
    api.refused(
        400,
        "POST",
        "/proxies",
        aimless,
        "missing required field: upstream",
    )
    .await;
    let busy = json!({"name": "x", "listen": listen.to_string(), "upstream": "localhost:1"});
    let why = format!("listen tcp {listen}: bind: address already in use");
    api.refused(500, "POST", "/proxies", busy, &why).await;
    let away = json!({"name": "x", "upstream": "192.0.2.1:80"});
    let answer = api.expect(400, "POST", "/proxies", away).await;
    assert!(
        answer.body.contains("192.0.2.1:80 lies outside"),
        "{answer:?}"
    );

    api.expect(204, "DELETE", "/proxies/db", Value::Null).await;
    TcpStream::connect(listen).await.expect_err("it is gone");
    for (method, path) in [
        ("GET", "/proxies/db"),
        ("DELETE", "/proxies/db"),
        ("POST", "/proxies/db"),
        ("GET", "/proxies/db/toxics"),
        ("POST", "/proxies/db/toxics"),
        ("DELETE", "/proxies/db/toxics/x"),
    ] {
        api.refused(404, method, path, Value::Null, "proxy not found")
            .await;
    }
    assert_eq!(api.ask("GET", "/nothing", Value::Null).await.status, 404);
    let wrong = api.expect(405, "PUT", "/proxies", Value::Null).await;
    assert_eq!(wrong.body, "");
    api.end().await;
}

#[tokio::test]
async fn requests_are_read_as_go_reads_them() {
    let api = api().await;
    let head = "POST /proxies HTTP/1.1\r\nhost: localhost\r\ncontent-type: image/png\r\n";
    let body = r#"{"NAME":"a","Upstream":"localhost:1","enabled":null,"Toxics":null,"x":1}{"#;
    let answer = api.raw(head, body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.json()["enabled"], json!(true));
    let update = json!({"enabled": false, "name": "b", "listen": null});
    let answer = api.expect(200, "PATCH", "/proxies/a", update).await.json();
    assert_eq!(
        (&answer["name"], &answer["enabled"]),
        (&json!("a"), &json!(false))
    );
    for body in ["", "[]", "{\"name\":7}", "nonsense"] {
        let answer = api.raw(head, body).await;
        assert_eq!(answer.status, 400, "{answer:?}");
        assert!(answer.body.contains("bad request body: "), "{answer:?}");
    }
    let browser = "GET /proxies HTTP/1.1\r\nhost: localhost\r\nuser-agent: Mozilla/5.0\r\n";
    let answer = api.raw(browser, "").await;
    assert_eq!(
        (answer.status, answer.body.trim_end()),
        (403, "User agent not allowed")
    );
    let rebound = "GET /proxies HTTP/1.1\r\nhost: evil.example\r\n";
    assert_eq!(api.raw(rebound, "").await.status, 403);
    api.end().await;
}

#[tokio::test]
async fn an_update_moves_disables_and_enables() {
    let api = api().await;
    let listen = api.proxy("db").await;
    let toxic = json!({"type": "latency", "attributes": {"latency": 1}});
    api.toxic("db", toxic).await;
    let mut before = TcpStream::connect(listen).await.expect("it accepts");
    ping(&mut before).await;

    // what is the same already disturbs nobody
    let same = json!({"listen": listen.to_string(), "enabled": true});
    api.expect(200, "POST", "/proxies/db", same).await;
    ping(&mut before).await;

    let off = json!({"enabled": false});
    api.expect(200, "POST", "/proxies/db", off).await;
    let refused = TcpStream::connect(listen).await.expect_err("disabled");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert!(read_out(&mut before).await.unwrap_or_default().is_empty());
    api.expect(200, "POST", "/proxies/db", json!({"enabled": true}))
        .await;
    let mut after = TcpStream::connect(listen).await.expect("the same port");
    ping(&mut after).await;

    // elsewhere: connections go, toxics stay
    let moved = json!({"upstream": nowhere().await.to_string()});
    let answer = api.expect(200, "POST", "/proxies/db", moved).await.json();
    assert_eq!(answer["toxics"][0]["name"], json!("latency_downstream"));
    assert!(read_out(&mut after).await.unwrap_or_default().is_empty());
    // an upstream that refuses is passed on as a reset
    let error = lost(listen).await;
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    api.end().await;
}

#[tokio::test]
async fn toxics_are_added_changed_and_removed_on_live_connections() {
    let api = api().await;
    let listen = api.proxy("db").await;
    let mut stream = TcpStream::connect(listen).await.expect("it accepts");
    ping(&mut stream).await;

    let body = json!({"type": "latency", "attributes": {"latency": 200}, "toxicity": null});
    let toxic = api.toxic("db", body).await;
    assert_eq!(
        toxic,
        json!({
            "attributes": {"latency": 200, "jitter": 0},
            "name": "latency_downstream",
            "type": "latency",
            "stream": "downstream",
            "toxicity": 1,
        })
    );
    assert!(ping(&mut stream).await >= Duration::from_millis(200));
    let up = json!({"name": "up", "type": "noop", "stream": "Upstream", "toxicity": 0.25});
    let toxic = api.toxic("db", up).await;
    assert_eq!(toxic["stream"], json!("Upstream"), "echoed as given");
    assert_eq!(toxic["toxicity"], json!(0.25));
    let toxics = api
        .ask("GET", "/proxies/db/toxics", Value::Null)
        .await
        .json();
    assert_eq!(toxics[0]["name"], json!("up"), "upstream first: {toxics}");

    let path = "/proxies/db/toxics/latency_downstream";
    let change = json!({"attributes": {"latency": 300}});
    for method in ["POST", "PATCH"] {
        let changed = api.expect(200, method, path, change.clone()).await.json();
        assert_eq!(changed["attributes"], json!({"latency": 300, "jitter": 0}));
    }
    assert_eq!(
        api.ask("GET", path, Value::Null).await.json()["toxicity"],
        json!(1)
    );
    assert!(ping(&mut stream).await >= Duration::from_millis(300));
    // an hour for nobody
    let hour = json!({"toxicity": 0.0, "attributes": {"latency": 3_600_000}});
    api.expect(200, "POST", path, hour).await;
    timeout(PATIENCE, ping(&mut stream)).await.expect("not met");

    let counts = api.ask("GET", "/connections", Value::Null).await.json();
    assert_eq!(counts["db"]["open"], json!(1));
    assert_eq!(counts["db"]["toxics"]["latency_downstream"], json!(1));
    let metrics = api.ask("GET", "/metrics", Value::Null).await.body;
    assert!(
        metrics.contains("brownout_toxic_connections_total{proxy=\"db\""),
        "{metrics}"
    );
    let received = format!("listener=\"{listen}\",proxy=\"db\"");
    assert!(metrics.contains(&received), "{metrics}");

    for (status, body, why) in [
        (
            400,
            json!({"type": "latency", "stream": "sideways"}),
            "stream was invalid, can be either upstream or downstream",
        ),
        (400, json!({"type": "sideways"}), "invalid toxic type"),
        (
            409,
            json!({"type": "noop", "name": "up"}),
            "toxic already exists",
        ),
        (
            409,
            json!({"type": "latency", "attributes": {"latency": "x"}}),
            "toxic already exists",
        ),
    ] {
        api.refused(status, "POST", "/proxies/db/toxics", body, why)
            .await;
    }
    let wrong = json!({"type": "bandwidth", "attributes": {"rate": -1}});
    api.expect(400, "POST", "/proxies/db/toxics", wrong).await;
    api.expect(204, "DELETE", path, Value::Null).await;
    api.refused(404, "DELETE", path, Value::Null, "toxic not found")
        .await;
    api.refused(404, "GET", path, Value::Null, "toxic not found")
        .await;
    api.end().await;
}

#[tokio::test]
async fn a_limit_passes_its_bytes_and_closes() {
    let api = api().await;
    let listen = api.proxy("db").await;
    let body = json!({"type": "limit_data", "attributes": {"bytes": 100_000}});
    api.toxic("db", body).await;
    let mut stream = TcpStream::connect(listen).await.expect("it accepts");
    let (mut read, mut write) = stream.split();
    let mut got = Vec::new();
    let sending = async {
        // the connection goes before all of it is sent
        let _ = write.write_all(&[7; 1_000_000]).await;
    };
    let _ = tokio::join!(sending, read.read_to_end(&mut got));
    assert_eq!(got.len(), 100_000);
    api.end().await;
}

#[tokio::test]
async fn corrupt_is_more_than_toxiproxy_has() {
    let api = api().await;
    let listen = api.proxy("db").await;
    let body = json!({"type": "corrupt", "attributes": {"per_million": 1_000_000}});
    api.toxic("db", body).await;
    let mut stream = TcpStream::connect(listen).await.expect("it accepts");
    let mut got = [0; 4];
    for _ in 0..10 {
        stream.write_all(&[0; 4]).await.expect("written");
        stream.read_exact(&mut got).await.expect("read");
        assert_eq!(u32::from_be_bytes(got).count_ones(), 1);
    }
    api.end().await;
}

#[tokio::test]
async fn a_share_of_connections_is_the_same_for_the_same_seed() {
    let api = api().await;
    let listen = api.proxy("db").await;
    let toxic = json!({"name": "t", "type": "reset_peer", "stream": "upstream", "toxicity": 0.5});
    api.toxic("db", toxic).await;
    let seed = Seed(7).named("db").named("t");
    let share = crate::units::Ratio::new(0.5).expect("a ratio");
    let mut met = 0;
    for number in 0..20 {
        let mut stream = TcpStream::connect(listen).await.expect("it accepts");
        let outcome = async {
            stream.write_all(b"x").await?;
            stream.read_exact(&mut [0]).await
        };
        let expected = seed.indexed(number).falls_in(share);
        met += u64::from(expected);
        assert_eq!(outcome.await.is_err(), expected, "connection {number}");
    }
    assert!((1..20).contains(&met));
    let counts = api.ask("GET", "/connections", Value::Null).await.json();
    assert_eq!(counts["db"]["toxics"]["t"], json!(met));
    api.end().await;
}

#[tokio::test]
async fn populate_keeps_what_is_as_wanted() {
    let api = api().await;
    let listen = api.proxy("a").await;
    let shown = api.ask("GET", "/proxies/a", Value::Null).await.json();
    api.toxic("a", json!({"type": "noop"})).await;
    let upstream = shown["upstream"].clone();
    let kept =
        json!({"name": "a", "listen": listen.to_string(), "upstream": upstream, "enabled": false});
    let new =
        json!({"name": "b", "listen": "127.0.0.1:0", "upstream": "localhost:1", "enabled": false});
    let list = json!([kept, new]);
    let done = api.expect(201, "POST", "/populate", list).await.json();
    assert_eq!(done["proxies"][0]["enabled"], json!(true), "{done}");
    assert_eq!(
        done["proxies"][0]["toxics"][0]["name"],
        json!("noop_downstream")
    );
    assert_eq!(
        done["proxies"][1]["listen"],
        json!("127.0.0.1:0"),
        "as given"
    );

    // another upstream replaces it, without toxics
    let other = json!([{"name": "a", "listen": listen.to_string(), "upstream": "localhost:2"}]);
    let done = api.expect(201, "POST", "/populate", other).await.json();
    assert_eq!(done["proxies"][0]["toxics"], json!([]));

    let wrong = json!([{"name": "c", "upstream": "localhost:1"}, {"name": "d"}]);
    let answer = api.expect(400, "POST", "/populate", wrong).await;
    let why = "missing required field: upstream at proxy 2";
    assert_eq!(
        answer.json(),
        json!({"error": why, "status": 400, "proxies": null})
    );
    assert!(answer.head.contains("content-type: application/json"));
    api.expect(404, "GET", "/proxies/c", Value::Null).await;

    let busy = json!([{"name": "e", "upstream": "localhost:1"},
        {"name": "f", "upstream": "localhost:1", "listen": listen.to_string()}]);
    let answer = api.expect(500, "POST", "/populate", busy).await.json();
    assert_eq!(answer["proxies"][0]["name"], json!("e"), "{answer}");
    api.end().await;
}

#[tokio::test]
async fn reset_enables_all_and_takes_toxics_out() {
    let api = api().await;
    let listen = api.proxy("a").await;
    api.toxic("a", json!({"type": "timeout"})).await;
    api.expect(200, "POST", "/proxies/a", json!({"enabled": false}))
        .await;
    api.expect(204, "POST", "/reset", Value::Null).await;
    let shown = api.ask("GET", "/proxies/a", Value::Null).await.json();
    assert_eq!(
        (&shown["enabled"], &shown["toxics"]),
        (&json!(true), &json!([]))
    );
    ping(&mut TcpStream::connect(listen).await.expect("it accepts")).await;
    api.end().await;
}

#[tokio::test]
async fn a_proxy_comes_with_its_toxics_or_not_at_all() {
    let api = api().await;
    let good = json!({"type": "latency", "attributes": {"latency": 5}});
    let bad = json!({"type": "slicer"});
    let proxy = |toxics: Value| json!({"name": "a", "upstream": "localhost:1", "toxics": toxics});
    api.expect(400, "POST", "/proxies", proxy(json!([good, bad])))
        .await;
    api.expect(404, "GET", "/proxies/a", Value::Null).await;
    let created = api
        .expect(201, "POST", "/proxies", proxy(json!([good])))
        .await
        .json();
    assert_eq!(created["toxics"][0]["attributes"]["latency"], json!(5));
    api.end().await;
}
