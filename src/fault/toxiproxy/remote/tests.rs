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
        toxiproxy::{Gate, Server, Settings, Times},
    },
    guard::Guard,
    plan::{FaultPlan, LinkPlan},
    scenario::model::{Effect, TcpEffect, TcpStream as Direction},
    seed::Seed,
    time::Clock,
    units::{ByteRate, ByteSize, Ratio},
};

/// What a toxic of a fault is called there: the crate gives names itself.
fn called(fault: &str, kind: &str, stream: &str) -> String {
    #[cfg(feature = "toxiproxy-rust")]
    if kind != "reset_peer" && super::crate_writer::CrateWriter::start(any_port()).is_some() {
        return format!("{kind}_{stream}");
    }
    let _ = kind;
    format!("brownout_{fault}_{stream}")
}

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
        times: Times::default(),
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
        via: Some(api.to_string()),
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
    let name = called("late", "latency", "upstream");
    assert_eq!(toxics[0]["name"], json!(name));
    assert_eq!(toxics[0]["toxicity"], json!(0.999));
    assert!(ping(there.listen).await >= Duration::from_millis(200));
    let owed = kept.owed();
    let delete = ("DELETE".to_owned(), format!("{path}/{name}"), String::new());
    assert_eq!(owed[0].requests, [delete]);
    let leases = there.get("/leases").await;
    let lease = leases.as_object().and_then(|all| all.values().next());
    let hold = json!([{"proxy": "the db", "toxic": name}]);
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
        via: Some(there.api.addr.to_string()),
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

#[tokio::test]
async fn every_toxic_is_put_in_as_it_was_asked_for_and_goes() {
    let ms = Duration::from_millis;
    let stream = Direction::Downstream;
    let both = ["upstream", "downstream"];
    for (effect, kind, streams, attributes) in [
        (
            TcpEffect::Latency {
                latency: ms(20),
                jitter: ms(3),
                stream,
            },
            "latency",
            &both[1..],
            json!({"latency": 20, "jitter": 3}),
        ),
        (
            TcpEffect::Bandwidth {
                rate: ByteRate(64_000),
                stream,
            },
            "bandwidth",
            &both[1..],
            json!({"rate": 64}),
        ),
        (
            TcpEffect::SlowClose {
                delay: ms(30),
                stream: Direction::Upstream,
            },
            "slow_close",
            &both[..1],
            json!({"delay": 30}),
        ),
        (
            TcpEffect::Timeout {
                timeout: ms(40),
                stream,
            },
            "timeout",
            &both[1..],
            json!({"timeout": 40}),
        ),
        (
            TcpEffect::Slicer {
                size: ByteSize(64),
                variation: ByteSize(8),
                delay: ms(1),
                stream,
            },
            "slicer",
            &both[1..],
            json!({"average_size": 64, "size_variation": 8, "delay": 1000}),
        ),
        (
            TcpEffect::LimitData {
                bytes: ByteSize(99),
                stream,
            },
            "limit_data",
            &both[1..],
            json!({"bytes": 99}),
        ),
        // more than the crate can say
        (
            TcpEffect::LimitData {
                bytes: ByteSize(1 << 33),
                stream,
            },
            "limit_data",
            &both[1..],
            json!({"bytes": 1_u64 << 33}),
        ),
        (
            TcpEffect::Reset { after: ms(50) },
            "reset_peer",
            &both[..],
            json!({"timeout": 50}),
        ),
    ] {
        let there = elsewhere().await;
        let fault = on_link("f", Effect::Tcp(effect));
        let (planes, kept) = there.planes(vec![sharing(fault, 0.25)]);
        planes.inject(0, Ratio::ONE).await.expect(kind);
        let large = attributes["bytes"] == json!(1_u64 << 33);
        let wanted: Value = streams
            .iter()
            .map(|stream| {
                let name = match large {
                    true => format!("brownout_f_{stream}"),
                    false => called("f", kind, stream),
                };
                json!({"name": name, "type": kind, "stream": stream, "toxicity": 0.25,
                    "attributes": attributes})
            })
            .collect();
        assert_eq!(there.get("/proxies/the%20db/toxics").await, wanted);
        let removal = planes.remove(0).await.expect(kind);
        assert!(removal.verified, "{kind}: {}", removal.detail);
        let left = there.get("/proxies/the%20db/toxics").await;
        assert_eq!(left, json!([]), "{kind}");
        assert_eq!(kept.owed(), [], "{kind}");
    }
}

#[tokio::test]
async fn what_somebody_else_put_in_stays_as_it_is() {
    let there = elsewhere().await;
    let (planes, _) = there.planes(vec![late()]);
    let path = "/proxies/the%20db/toxics";
    let theirs = json!({"name": "latency_upstream", "type": "latency", "stream": "upstream",
        "toxicity": 1, "attributes": {"latency": 3, "jitter": 0}});
    there.api.ask("POST", path, &theirs).await.expect("added");
    planes.inject(0, Ratio::ONE).await.expect("injected");
    let toxics = there.get(path).await;
    assert_eq!(toxics[0], theirs);
    assert_eq!(toxics[1]["name"], json!("brownout_late_upstream"));
    planes.remove(0).await.expect("removed");
    assert_eq!(there.get(path).await, json!([theirs]));
}

/// What a server does when something shall be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mischief {
    /// Nothing of that, but it answers.
    Answers(u16),
    /// It breaks off in the middle of its answer.
    BreaksOff,
    /// It closes the connection.
    HangsUp,
    /// It does it, and then breaks off.
    DoesAndBreaksOff,
    /// What it should.
    Obeys,
}

/// A Toxiproxy with a proxy that listens there; how it is bad may change.
async fn bad_server(listen: SocketAddr, mischief: Arc<Mutex<Mischief>>) -> SocketAddr {
    let listener = TcpListener::bind(any_port()).await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let mut proxy = json!({"name": "a", "listen": listen.to_string(), "upstream": "127.0.0.1:9",
        "enabled": true, "toxics": []});
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (method, path, body) = request(&mut stream).await;
            let now = *mischief.lock().unwrap_or_else(PoisonError::into_inner);
            let (status, answer) = match (method.as_str(), path.as_str()) {
                ("GET", "/proxies") => (200, json!({"a": proxy})),
                ("GET", "/proxies/a") => (200, proxy.clone()),
                ("POST", path) => {
                    if matches!(now, Mischief::Obeys | Mischief::DoesAndBreaksOff) {
                        match (path, proxy["toxics"].as_array_mut()) {
                            ("/proxies/a", _) => proxy["enabled"] = body["enabled"].clone(),
                            (_, Some(toxics)) => toxics.push(body),
                            (_, None) => {}
                        }
                    }
                    let status = match now {
                        Mischief::Answers(status) => status,
                        Mischief::Obeys => 200,
                        Mischief::BreaksOff | Mischief::DoesAndBreaksOff => {
                            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await;
                            continue;
                        }
                        Mischief::HangsUp => continue,
                    };
                    (status, json!({"error": "out of order", "status": status}))
                }
                (method, path) => {
                    let name = path.strip_prefix("/proxies/a/toxics/").unwrap_or_default();
                    let toxics = proxy["toxics"].as_array_mut().expect("a list");
                    let at = toxics.iter().position(|toxic| toxic["name"] == name);
                    match (method, at) {
                        ("GET", Some(at)) => (200, toxics[at].clone()),
                        ("DELETE", Some(at)) => {
                            toxics.remove(at);
                            (204, Value::Null)
                        }
                        // it has no leases
                        _ => (404, json!({"error": "not found", "status": 404})),
                    }
                }
            };
            let body = match status {
                204 => String::new(),
                _ => answer.to_string(),
            };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    addr
}

/// The method, path and body of a request.
async fn request(stream: &mut TcpStream) -> (String, String, Value) {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase().lines().find_map(|line| {
                let length = line.strip_prefix("content-length: ")?;
                length.parse::<usize>().ok()
            });
            if body.len() >= length.unwrap_or(0) {
                let mut words = head.split(' ').map(str::to_owned);
                let mut word = || words.next().unwrap_or_default();
                let body = serde_json::from_str(body).unwrap_or(Value::Null);
                return (word(), word(), body);
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return (String::new(), String::new(), Value::Null);
        }
    }
}

#[tokio::test]
async fn no_fault_is_reported_that_is_not_there() {
    let listen = parrot().await;
    let down = || on_link("down", Effect::Tcp(TcpEffect::Down));
    for (fault, path) in [(late(), "/proxies/a/toxics"), (down(), "/proxies/a")] {
        let mischief = Arc::new(Mutex::new(Mischief::Obeys));
        let api = bad_server(listen, Arc::clone(&mischief)).await;
        let set = |to| *mischief.lock().unwrap_or_else(PoisonError::into_inner) = to;
        let (planes, kept) = via(listen, api, vec![fault]);
        let bad = [404, 409, 500, 200].map(Mischief::Answers);
        let bad = bad
            .into_iter()
            .chain([Mischief::BreaksOff, Mischief::HangsUp]);
        for mischief in bad {
            set(mischief);
            let error = planes.inject(0, Ratio::ONE).await;
            let error = error.expect_err("it is not there");
            let told = error.to_string();
            assert!(matches!(error, FaultError::NotInjected { .. }), "{told}");
            let refused = matches!(mischief, Mischief::Answers(404 | 409 | 500));
            if refused && called("late", "latency", "upstream").starts_with("brownout") {
                assert!(
                    told.contains(&format!("POST {path} was answered")),
                    "{told}"
                );
                assert!(told.contains("(out of order)"), "{told}");
            }
            // it was looked at, and is not there
            assert_eq!(kept.owed(), [], "{mischief:?}");
        }
        // what is there counts, not what was answered; and a broken connection broke nothing of ours
        for good in [Mischief::DoesAndBreaksOff, Mischief::Obeys] {
            set(good);
            planes.inject(0, Ratio::ONE).await.expect("it is there");
            let removal = planes.remove(0).await.expect("removed");
            assert!(removal.verified, "{good:?}: {}", removal.detail);
        }
    }
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
