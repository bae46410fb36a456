//! `brownout dns`, asked by dig.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
};

use crate::support::Bench;

const TARGET: &str = r#"
brownout: 1
target: names
environment: staging
services:
  portal: {url: http://portal.names.test, at: 127.0.0.1:8100}
dns:
  zones: {names.test: {portal: [127.0.0.1, 127.0.0.2, "::1"], shop: 127.0.0.3, sick: 127.0.0.4,
    narrow: &both [127.0.0.1, 127.0.0.2, "::1"], few: *both, wrong: *both, ttl: 5s}}
"#;

const ANY: &str = "127.0.0.1:0";

/// A server, ended with the test.
pub(crate) struct Server {
    child: Child,
    addrs: Vec<SocketAddr>,
    told: std::sync::mpsc::Receiver<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub(crate) fn start(bench: &Bench, listen: &[&str], faults: &[&str]) -> Self {
        let target = bench.write("names.yaml", TARGET);
        let mut command = bench.brownout(&["dns", &target.to_string_lossy(), "--log"]);
        for listen in listen {
            command.args(["--listen", listen]);
        }
        for fault in faults {
            command.args(["--fault", fault]);
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("brownout starts");
        let (tell, told) = std::sync::mpsc::channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stderr.take().expect("piped")),
            Box::new(child.stdout.take().expect("piped")),
        ];
        for stream in streams {
            let tell = tell.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = tell.send(line);
                }
            });
        }
        let mut server = Self {
            child,
            addrs: Vec::new(),
            told,
        };
        while server.addrs.len() < listen.len() {
            let line = server.hear("listens on ");
            let addr = line.trim_start_matches("listens on ").split(',').next();
            let addr = addr.and_then(|addr| addr.parse().ok());
            server
                .addrs
                .push(addr.unwrap_or_else(|| panic!("no address: {line}")));
        }
        server
    }

    /// The next line that holds `text`.
    pub(crate) fn hear(&self, text: &str) -> String {
        loop {
            let line = self.told.recv_timeout(std::time::Duration::from_secs(30));
            let line = line.unwrap_or_else(|_| panic!("it never says `{text}`"));
            if line.contains(text) {
                return line;
            }
        }
    }

    fn dig(&self, arguments: &[&str]) -> String {
        let output = Command::new("dig")
            .args(["@127.0.0.1", "-p", &self.addrs[0].port().to_string()])
            .args(["+tries=1", "+timeout=20"])
            .args(arguments)
            .output()
            .expect("dig is there (Debian: bind9-dnsutils)");
        String::from_utf8(output.stdout).expect("UTF-8")
    }
}

#[test]
fn dig_is_answered_and_lied_to() {
    let bench = Bench::new();
    let faults = ["servfail shop.names.test", "truncate portal.names.test"];
    let server = Server::start(&bench, &[ANY], &faults);
    // dig comes again over TCP by itself
    let answer = server.dig(&["+short", "portal.names.test"]);
    assert_eq!(answer, "127.0.0.1\n127.0.0.2\n");
    server.hear("udp portal.names.test A: No Error (fault truncate portal.names.test)");
    server.hear("tcp portal.names.test A: No Error, 2 records");
    let answer = server.dig(&["+tcp", "+short", "portal.names.test", "AAAA"]);
    assert_eq!(answer, "::1\n");
    let answer = server.dig(&["shop.names.test"]);
    assert!(answer.contains("status: SERVFAIL"), "{answer}");
    let named = "EDE: 0 (Other): (brownout fault servfail shop.names.test)";
    assert!(answer.contains(named), "{answer}");
    let answer = server.dig(&["nobody.names.test", "+noedns"]);
    assert!(
        answer.contains("status: NXDOMAIN") && answer.contains("SOA"),
        "{answer}"
    );
    let answer = server.dig(&["portal.names.test", "+edns=1", "+noednsneg"]);
    assert!(answer.contains("status: BADVERS"), "{answer}");
    let answer = server.dig(&["+short", "names.test", "SOA"]);
    assert!(
        answer.starts_with("names.test. hostmaster.names.test."),
        "{answer}"
    );
}

#[test]
fn a_dead_server_is_passed_over_by_dig() {
    let bench = Bench::new();
    let server = Server::start(
        &bench,
        &[ANY, ANY],
        &["{answer: drop, servers: 1} names.test"],
    );
    let second = server.addrs[1].port().to_string();
    let silent = server.dig(&["+timeout=1", "shop.names.test"]);
    assert!(
        silent.contains("timed out") || silent.contains("no servers"),
        "{silent}"
    );
    let answer = server.dig(&["-p", &second, "+short", "shop.names.test"]);
    assert_eq!(answer, "127.0.0.3\n");
}

#[test]
#[cfg(unix)]
fn it_ends_cleanly_and_says_what_its_faults_met() {
    let bench = Bench::new();
    let mut server = Server::start(&bench, &[ANY], &["{wrong: 192.0.2.1} names.test 100%"]);
    let answer = server.dig(&["+short", "shop.names.test"]);
    assert_eq!(answer, "192.0.2.1\n");
    let pid = i32::try_from(server.child.id()).expect("a process id");
    let pid = rustix::process::Pid::from_raw(pid).expect("a process id");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    let status = server.child.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
    server.hear("met 1 questions");
}

#[test]
fn what_cannot_be_served_is_refused() {
    let bench = Bench::new();
    let target = bench.write("names.yaml", TARGET);
    let target = target.to_string_lossy();
    for (arguments, said) in [
        (
            ["--fault", "servfial names.test"],
            "did you mean `servfail`?",
        ),
        (["--fault", "servfail"], "a name is missing"),
        (
            ["--fault", "{wrong: 8.8.8.8} names.test"],
            "8.8.8.8 lies outside `guard.allow`",
        ),
        (
            ["--listen", "0.0.0.0:0"],
            "0.0.0.0:0 lies outside guard.allow",
        ),
    ] {
        let output = bench.output(&[&["dns", &target], &arguments[..]].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
}
