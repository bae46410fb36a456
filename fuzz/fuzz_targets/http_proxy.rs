//! Any bytes on a connection to an HTTP link with rules in force, over real sockets on loopback: the
//! connection ends, and whatever came before, the next visitor is served.
#![no_main]

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, LazyLock},
    thread,
    time::Duration,
};

use brownout::{
    diagnostic::Source,
    fault::Planes,
    plan::{Here, Overrides, PortReuse, resolve},
    scenario, target,
    time::Clock,
    units::Ratio,
};

const SCENARIO: &str = r#"
brownout: 1
scenario: fuzzed
target: target.yaml
phases: [{all: 3m}]
load:
  some: {journey: one, arrivals: 1/s}
journeys:
  one: [{step: one, get: "portal:/"}]
faults:
  status: {at: portal -> back, from: all, for: 2m, http: {status: 503, routes: [/status/:id]}}
  half: {at: portal -> back, from: all, for: 2m, http: {truncate: 50%, routes: [/half]}}
  edit: {at: portal -> back, from: all, for: 2m, http: {json: {set: {$.a: 0}, remove: $..b}, routes: [/edit]}}
  broken: {at: portal -> back, from: all, for: 2m, http: {malformed: true, routes: [/broken]}}
  html: {at: portal -> back, from: all, for: 2m, http: {content_type: text/html, match: {query: {page: 2}}}}
  limit: {at: portal -> back, from: all, for: 2m, http: {rate_limit: {limit: 2, per: 1h, by: {header: x-user}}, routes: [/limit]}}
  posts: {at: portal -> back, from: all, for: 2m, http: {status: 418, match: {method: POST, header: {x-kind: {matches: "^a"}}, json: {$.kind: adult}}}}
  stale: {at: portal -> back, from: all, for: 2m, http: {stale: true, routes: [/stale]}}
measure: {baseline: optional}
"#;
const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 22\r\n\r\n\
    {\"a\": {\"b\": [1, \"x\"]}}";

/// Answers whatever it gets.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut piece = [0; 4096];
                while stream.read(&mut piece).is_ok_and(|length| length > 0) {
                    if stream.write_all(ANSWER).is_err() {
                        break;
                    }
                }
            });
        }
    });
    addr
}

/// Everything that is kept alive, and where the link listens.
static LINK: LazyLock<(tokio::runtime::Runtime, Planes, SocketAddr)> = LazyLock::new(|| {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let listen = free.local_addr().expect("an address");
    drop(free);
    let origin = origin();
    let text = format!(
        "brownout: 1\ntarget: fuzzed\nenvironment: test\nservices:\n  portal: {{url: \"http://{origin}\"}}\n  \
         back: {{url: \"http://{origin}\"}}\nlinks:\n  portal -> back: {{layer: http, listen: \"{listen}\"}}\n"
    );
    let target = target::parse(Source::new("/none/target.yaml", text), &|_| None);
    let (target, _) = target.map_err(|_| "a target").expect("a target");
    let scenario = scenario::parse(Source::new("/none/fuzzed.yaml", SCENARIO));
    let (scenario, _) = scenario.map_err(|_| "a scenario").expect("a scenario");
    let here = Here {
        executable: PathBuf::from("/none/brownout"),
        descriptor_limit: 20_000,
        local_ports: 28_000,
        port_reuse: PortReuse::Loopback,
    };
    let resolved = resolve(&scenario, &target, &Overrides::default(), &here);
    let (plan, _) = resolved.map_err(|_| "a plan").expect("a plan");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let planes = runtime.block_on(async {
        let faults = plan.faults.len();
        let planes = Planes::bind(Arc::new(plan), Clock::start()).expect("it binds");
        for fault in 0..faults {
            planes.inject(fault, Ratio::ONE).await.expect("injected");
        }
        planes
    });
    (runtime, planes, listen)
});

/// Sends bytes, and reads until the connection ends.
fn say(bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(LINK.2).expect("the link accepts");
    let patience = Some(Duration::from_secs(8));
    stream.set_read_timeout(patience).expect("a timeout");
    // whoever is refused may find the connection closed
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut heard = Vec::new();
    if let Err(error) = stream.read_to_end(&mut heard) {
        let late = error.kind() == ErrorKind::WouldBlock;
        assert!(!late, "the connection does not end");
    }
    heard
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    say(bytes);
    // a visitor who waits for the answer
    let mut stream = TcpStream::connect(LINK.2).expect("the link accepts");
    let patience = Some(Duration::from_secs(8));
    stream.set_read_timeout(patience).expect("a timeout");
    let good = b"GET /edit HTTP/1.1\r\nhost: back\r\n\r\n";
    stream.write_all(good).expect("sent");
    let mut heard = Vec::new();
    let mut piece = [0; 1024];
    while !heard.ends_with(b"}") {
        let length = match stream.read(&mut piece) {
            // by the fuzzer's own clock
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read.expect("an answer"),
        };
        assert!(length > 0, "{}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&piece[..length]);
    }
    assert!(heard.starts_with(b"HTTP/1.1 200"));
    assert!(
        heard.ends_with(b"{\"a\":0}"),
        "{}",
        String::from_utf8_lossy(&heard)
    );
});
