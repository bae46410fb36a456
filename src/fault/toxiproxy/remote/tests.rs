//! Faults in a server that runs elsewhere: ours, and one that lies.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;

use super::{RemoteJournal, RemoteUndo, api::Api};
use crate::{
    fault::{
        FaultError, Planes,
        fixtures::{any_port, link, nowhere, on_link, parrot, plan, sharing},
        toxiproxy::{Gate, Server, Settings},
    },
    guard::Guard,
    plan::{FaultPlan, LinkPlan},
    scenario::model::{Effect, TcpEffect, TcpStream as Direction},
    seed::Seed,
    time::Clock,
    units::{ByteRate, Ratio},
};

/// A server elsewhere with one proxy; stops when it is dropped.
struct Elsewhere {
    api: Api,
    listen: SocketAddr,
    stop: CancellationToken,
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn elsewhere() -> Elsewhere {
    let listen = any_port();
    let settings = Settings {
        listen,
        gate: Gate::new(listen, None, false).expect("loopback"),
        guard: Guard::loopback(),
        seed: Seed(7),
        proxy_metrics: false,
        runtime_metrics: false,
    };
    let server = Server::bind(settings).await.expect("it binds");
    let api = Api::new(server.addr(), Guard::loopback());
    let stop = CancellationToken::new();
    let told = stop.clone();
    tokio::spawn(async move { server.serve(told, |_| {}).await });
    let upstream = parrot().await.to_string();
    let proxy = json!({"name": "the db", "listen": "127.0.0.1:0", "upstream": upstream});
    let made = api.ask("POST", "/proxies", &proxy).await.expect("made");
    let listen = made.body["listen"].as_str().expect("where it listens");
    Elsewhere {
        listen: listen.parse().expect("an address"),
        api,
        stop,
    }
}

impl Elsewhere {
    async fn get(&self, path: &str) -> Value {
        let answer = self.api.ask("GET", path, &Value::Null).await;
        answer.expect("an answer").body
    }

    fn planes(&self, faults: Vec<FaultPlan>) -> (Planes, Arc<Kept>) {
        via(self.listen, self.api.addr, faults)
    }
}

/// What was promised and not yet kept.
#[derive(Default)]
struct Kept(Mutex<Vec<RemoteUndo>>);

impl Kept {
    fn owed(&self) -> Vec<RemoteUndo> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[async_trait]
impl RemoteJournal for Kept {
    async fn promise(&self, undo: &RemoteUndo) -> Result<(), String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(undo.clone());
        Ok(())
    }

    async fn keep(&self, fault: &str) -> Result<(), String> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|undo| undo.fault != fault);
        Ok(())
    }
}

/// Planes of one link through a Toxiproxy.
fn via(listen: SocketAddr, api: SocketAddr, faults: Vec<FaultPlan>) -> (Planes, Arc<Kept>) {
    let link = LinkPlan {
        listen,
        via: Some(api),
        ..link(listen, false)
    };
    let plan = plan(vec![link], Vec::new(), faults);
    let planes = Planes::bind(Arc::new(plan), Clock::start()).expect("nothing to bind");
    let kept = Arc::new(Kept::default());
    planes.set_remote_journal(Arc::clone(&kept) as Arc<dyn RemoteJournal>);
    (planes, kept)
}

fn late() -> FaultPlan {
    let latency = Duration::from_millis(200);
    let effect = TcpEffect::Latency {
        latency,
        jitter: Duration::ZERO,
        stream: Direction::Upstream,
    };
    on_link("late", Effect::Tcp(effect))
}

async fn ping(addr: SocketAddr) -> Duration {
    let mut stream = TcpStream::connect(addr).await.expect("it accepts");
    let asked = tokio::time::Instant::now();
    stream.write_all(b"x").await.expect("written");
    stream.read_exact(&mut [0]).await.expect("read");
    asked.elapsed()
}

#[tokio::test]
async fn a_toxic_is_promised_leased_read_back_and_gone() {
    let there = elsewhere().await;
    let (planes, kept) = there.planes(vec![sharing(late(), 0.999)]);
    let mine = json!({"type": "noop"});
    let path = "/proxies/the%20db/toxics";
    there.api.ask("POST", path, &mine).await.expect("added");

    planes.inject(0, Ratio::ONE).await.expect("injected");
    let toxics = there.get(path).await;
    assert_eq!(toxics[0]["name"], json!("brownout_late_upstream"));
    assert_eq!(toxics[0]["toxicity"], json!(0.999));
    assert!(ping(there.listen).await >= Duration::from_millis(200));
    let owed = kept.owed();
    let delete = (
        "DELETE".to_owned(),
        format!("{path}/brownout_late_upstream"),
        String::new(),
    );
    assert_eq!(owed[0].requests, [delete]);
    let leases = there.get("/leases").await;
    let lease = leases.as_object().and_then(|all| all.values().next());
    let hold = json!([{"proxy": "the db", "toxic": "brownout_late_upstream"}]);
    assert_eq!(lease.map(|lease| &lease["holds"]), Some(&hold), "{leases}");

    let half = Ratio::new(0.5).expect("a ratio");
    planes.level(0, half).await.expect("levelled");
    assert_eq!(
        there.get(path).await[0]["attributes"]["latency"],
        json!(100)
    );

    let removal = planes.remove(0).await.expect("removed");
    assert!(removal.verified, "{}", removal.detail);
    assert!(removal.detail.contains("accepts"), "{}", removal.detail);
    let left = there.get(path).await;
    assert_eq!(
        left[0]["name"],
        json!("noop_downstream"),
        "not ours: {left}"
    );
    assert_eq!(there.get("/leases").await, json!({}));
    assert_eq!(kept.owed(), []);
    assert_eq!(planes.hits(0), 1);
    // it comes again
    planes.inject(0, Ratio::ONE).await.expect("injected");
    planes.shutdown().await;
    assert_eq!(there.get(path).await.as_array().map(Vec::len), Some(1));
    assert_eq!(kept.owed(), []);
}

#[tokio::test]
async fn down_is_disabled_and_enabled_again() {
    let there = elsewhere().await;
    let (planes, kept) = there.planes(vec![on_link("down", Effect::Tcp(TcpEffect::Down))]);
    planes.inject(0, Ratio::ONE).await.expect("injected");
    TcpStream::connect(there.listen).await.expect_err("refused");
    assert_eq!(kept.owed()[0].requests[0].2, r#"{"enabled":true}"#);
    let removal = planes.remove(0).await.expect("removed");
    assert!(removal.verified, "{}", removal.detail);
    ping(there.listen).await;
    // one that somebody else disabled is not ours to enable
    let off = json!({"enabled": false});
    let path = "/proxies/the%20db";
    there.api.ask("POST", path, &off).await.expect("disabled");
    let error = planes.inject(0, Ratio::ONE).await.expect_err("refused");
    assert!(error.to_string().contains("not by this run"), "{error}");
    assert_eq!(kept.owed(), []);
    planes.shutdown().await;
    assert_eq!(there.get(path).await["enabled"], json!(false));
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let there = elsewhere().await;
    let (planes, kept) = via(any_port(), there.api.addr, vec![late()]);
    let error = planes.inject(0, Ratio::ONE).await.expect_err("no proxy");
    assert!(
        error.to_string().contains("listens on 127.0.0.1:0"),
        "{error}"
    );
    let (planes, _) = via(there.listen, nowhere().await, vec![late()]);
    let error = planes.inject(0, Ratio::ONE).await.expect_err("nobody");
    assert!(error.to_string().contains("GET http://"), "{error}");
    assert_eq!(kept.owed(), []);
    let odd = TcpEffect::Bandwidth {
        rate: ByteRate(1500),
        stream: Direction::Upstream,
    };
    let link = LinkPlan {
        via: Some(there.api.addr),
        ..link(there.listen, false)
    };
    let plan = plan(vec![link], Vec::new(), vec![on_link("f", Effect::Tcp(odd))]);
    let error = Planes::bind(Arc::new(plan), Clock::start()).err();
    let error = error.expect("1.5 KB/s cannot be said").to_string();
    assert!(
        error.contains("whole milliseconds and kilobytes"),
        "{error}"
    );
}

/// A server that says yes to everything, shows a toxic that was not asked for, and knows no leases.
async fn liar(listen: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&request[..length]).into_owned();
            let mut words = text.split(' ');
            let asked = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            let proxy = json!({"name": "a", "listen": listen.to_string(), "enabled": true});
            let (status, body) = match asked {
                ("GET", "/proxies") => (200, json!({"a": proxy})),
                ("GET", "/proxies/a") => (200, proxy),
                ("PUT", _) => (404, Value::Null),
                ("DELETE", _) => (204, Value::Null),
                ("POST", _) => (200, json!({})),
                _ => (
                    200,
                    json!({"name": "brownout_late_upstream", "type": "latency",
                    "stream": "upstream", "toxicity": 1, "attributes": {"latency": 7}}),
                ),
            };
            let body = if body.is_null() {
                String::new()
            } else {
                body.to_string()
            };
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    addr
}

#[tokio::test]
async fn nothing_is_taken_on_trust() {
    let listen = parrot().await;
    let (planes, kept) = via(listen, liar(listen).await, vec![late()]);
    let error = planes
        .inject(0, Ratio::ONE)
        .await
        .expect_err("not believed");
    assert!(matches!(error, FaultError::NotInjected { .. }), "{error}");
    // it could not be seen to be gone either: the journal keeps it
    assert_eq!(kept.owed().len(), 1);
    let error = planes.remove(0).await.expect_err("not believed");
    assert!(matches!(error, FaultError::NotRemoved { .. }), "{error}");
}
