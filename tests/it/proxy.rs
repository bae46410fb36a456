//! `brownout proxy` as its users start it.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, ChildStderr, Stdio},
};

use crate::support::{Bench, eventually, expect_exit, free_address};

/// A running proxy server and where its API listens.
pub(crate) struct Proxy {
    child: Child,
    talk: BufReader<ChildStderr>,
    pub(crate) api: String,
    /// What it said before that.
    said: String,
}

impl Proxy {
    pub(crate) fn start(bench: &Bench, arguments: &[&str]) -> Self {
        let mut all = vec!["proxy", "-port", "0"];
        all.extend(arguments);
        let mut command = bench.brownout(&all);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
        let mut talk = BufReader::new(child.stderr.take().expect("its stderr"));
        let mut said = String::new();
        let api = loop {
            let mut line = String::new();
            let length = talk.read_line(&mut line).expect("text");
            assert!(length > 0, "it ended: {said}");
            if let Some((_, api)) = line.trim_end().split_once("API on http://") {
                break api.to_owned();
            }
            said.push_str(&line);
        };
        Self {
            child,
            talk,
            api,
            said,
        }
    }

    pub(crate) fn get(&self, path: &str, headers: &str) -> String {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}\r\n"
        ))
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> String {
        let length = body.len();
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-length: {length}\r\n\r\n{body}"
        ))
    }

    fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(&self.api).expect("the API listens");
        stream.write_all(request.as_bytes()).expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // one that has ended already is as wanted
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn reads_its_file_serves_and_ends_cleanly() {
    let bench = Bench::new();
    let listens = free_address();
    let config = format!(
        r#"[{{"name": "db", "listen": "{listens}", "upstream": "localhost:1", "extra": 1,
             "toxics": [{{"type": "latency", "attributes": {{"latency": 7}}}}]}},
            {{"name": "off", "upstream": "localhost:1", "enabled": false}},
            {{"name": "aimless"}}]"#
    );
    bench.write("toxiproxy.json", &config);
    let mut proxy = Proxy::start(&bench, &["-config", "toxiproxy.json", "-proxy-metrics"]);
    let said = &proxy.said;
    assert!(
        said.contains("missing required field: upstream at proxy 3"),
        "{said}"
    );
    assert!(said.contains("2 proxies"), "{said}");
    TcpStream::connect(&listens).expect("the proxy listens");
    let shown = proxy.get("/proxies", "");
    assert!(shown.contains(r#""latency":7"#), "{shown}");
    assert!(
        proxy
            .get("/metrics", "")
            .contains("toxiproxy_proxy_sent_bytes_total")
    );

    let pid = rustix::process::Pid::from_child(&proxy.child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it is told");
    let status = eventually("it ends", || proxy.child.try_wait().expect("its status"));
    let mut rest = String::new();
    proxy.talk.read_to_string(&mut rest).expect("text");
    assert_eq!(status.code(), Some(0), "{rest}");
    TcpStream::connect(&listens).expect_err("nothing listens any more");
}

#[test]
fn a_missing_file_is_said_and_the_server_starts() {
    let bench = Bench::new();
    let proxy = Proxy::start(&bench, &["--config", "nowhere.json"]);
    assert!(
        proxy.said.contains("nowhere.json cannot be read"),
        "{}",
        proxy.said
    );
    assert!(
        proxy.get("/metrics", "").starts_with("HTTP/1.1 404"),
        "not asked for"
    );
}

#[test]
fn with_a_token_nobody_else_gets_in() {
    let bench = Bench::new();
    let proxy = Proxy::start(&bench, &["-host", "127.0.0.2", "--token", "secret"]);
    assert!(proxy.api.starts_with("127.0.0.2:"), "{}", proxy.api);
    assert!(proxy.get("/version", "").starts_with("HTTP/1.1 401"));
    let answer = proxy.get("/version", "authorization: Bearer secret\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn what_cannot_be_served_is_explained() {
    let bench = Bench::new();
    let exposed = bench.output(&["proxy", "--host", "0.0.0.0"]);
    expect_exit(&exposed, 2);
    let said = String::from_utf8_lossy(&exposed.stderr).into_owned();
    assert!(
        said.contains("not loopback") && said.contains("--token"),
        "{said}"
    );
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let busy = bench.output(&["proxy", "-port", &port]);
    expect_exit(&busy, 2);
    assert!(String::from_utf8_lossy(&busy.stderr).contains("cannot listen"));
}

/// A target whose link leads through a proxy that runs elsewhere, and a minute with a fault there.
fn through(bench: &Bench, api: &str, listens: &str, serves: &str) -> std::path::PathBuf {
    bench.write(
        "target.yaml",
        &format!(
            r#"
brownout: 1
target: small
environment: test
services:
  app: {{url: "http://{listens}"}}
  sms: {{url: "http://{serves}", health: GET /healthz}}
links:
  app -> sms: {{listen: "{listens}", via: "toxiproxy http://{api}"}}
launch:
  sms: {{command: [brownout, stage, cowin-sms, --listen, "{serves}"], ready: GET /healthz}}
"#
        ),
    );
    bench.write(
        "small.yaml",
        r#"
brownout: 1
scenario: small
title: A link through a Toxiproxy
target: target.yaml
phases: [{calm: 1s}, {bad: 59s}]
measure: {warm_up: 1s, baseline: optional, baseline_requests: 100, baseline_span: 1s, observe: 5s, hold: 3s}
load:
  crowd: {journey: look, arrivals: 5/s, client: {timeout: 2s}}
journeys:
  look: [{step: look, get: "sms:/healthz"}]
faults:
  late: {at: app -> sms, from: bad, for: 50s, tcp: {latency: 100ms}}
  narrow: {at: app -> sms, from: bad, for: 50s, tcp: {bandwidth: 100KB/s}}
steady_state: [sms success >= 99%]
"#,
    )
}

#[test]
fn a_run_that_is_killed_leaves_no_toxic_in_a_proxy_elsewhere() {
    let bench = Bench::new();
    let (listens, serves) = (free_address(), free_address());
    let config = format!(r#"[{{"name": "sms", "listen": "{listens}", "upstream": "{serves}"}}]"#);
    bench.write("toxiproxy.json", &config);
    let proxy = Proxy::start(&bench, &["-config", "toxiproxy.json"]);
    let scenario = through(&bench, &proxy.api, &listens, &serves);
    let scenario = scenario.to_string_lossy().into_owned();

    let plan = bench.output(&["plan", &scenario]);
    expect_exit(&plan, 0);
    let plan = String::from_utf8_lossy(&plan.stdout).into_owned();
    assert!(plan.contains("Toxiproxy, for link app -> sms"), "{plan}");
    let mut run = bench.brownout(&["run", &scenario, "--live", "off"]);
    let mut run = run.stderr(Stdio::null()).spawn().expect("it starts");
    let toxics = || proxy.get("/proxies/sms/toxics", "");
    let both = || {
        let toxics = toxics();
        let both = ["brownout_late_downstream", "brownout_narrow_downstream"];
        both.iter().all(|name| toxics.contains(name)).then_some(())
    };
    eventually("both toxics are there", both);
    run.kill().expect("it is killed");
    run.wait().expect("it ended");
    eventually("both are gone", || toxics().ends_with("[]").then_some(()));
}
