//! Programs that look names up with the C library, in a mount namespace of their own.
//!
//! It takes root (or what stands in for it); where that is missing, what is said is tested instead.

use std::path::Path;

use brownout::run::own_resolver;

use crate::{
    dns::Server,
    support::{Bench, expect_exit, free_address},
};

/// A server that looks a name up for each request, and writes down what it found: an address, or
/// the number of the error (netdb.h: -2 is no such name, -3 is try again).
const PORTAL: &str = r#"
import http.server, socket, sys

class Portal(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        try:
            if self.path == "/look":
                found = socket.getaddrinfo("shop.names.test", 80, type=socket.SOCK_STREAM)
                print("found", found[0][4][0], flush=True)
            self.send_response(200)
        except socket.gaierror as error:
            print("error", error.errno, flush=True)
            self.send_response(503)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

host, port = sys.argv[1].split(":")
http.server.ThreadingHTTPServer((host, int(port)), Portal).serve_forever()
"#;

fn files(bench: &Bench, address: &str) {
    bench.write("portal.py", PORTAL);
    bench.write(
        "target.yaml",
        &format!(
            "brownout: 1\ntarget: names\nenvironment: staging\nservices:\n  \
             portal: {{url: \"http://{address}\", at: \"{address}\"}}\n\
             dns:\n  zones: {{names.test: {{shop: 127.0.0.3, ttl: 0s}}}}\n\
             launch:\n  portal:\n    command: [python3, portal.py, \"{address}\"]\n    \
             resolver: brownout\n    ready: GET /ready\n"
        ),
    );
    bench.write(
        "scenario.yaml",
        "brownout: 1\nscenario: lookups\ntarget: target.yaml\n\
         phases: [{calm: 2s}, {broken: 4s}, {after: 3s}]\n\
         load: {people: {journey: look, arrivals: 10/s}}\n\
         journeys: {look: [{step: look, get: \"portal:/look\"}]}\n\
         faults:\n  \
         lost: {at: dns names.test, from: broken, for: 2s, dns: servfail}\n  \
         gone: {at: dns names.test, from: lost.end, for: 2s, dns: nxdomain}\n\
         measure: {baseline: optional, observe: 1s, hold: 1s}\n",
    );
}

#[test]
fn a_launched_program_is_lied_to_while_the_fault_lasts() {
    let bench = Bench::new();
    let address = free_address();
    files(&bench, &address);
    let output = bench.output(&["run", "scenario.yaml", "--live", "off"]);
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    if let Err(why) = own_resolver(Path::new(env!("CARGO_BIN_EXE_brownout"))) {
        expect_exit(&output, 2);
        assert!(
            stderr.contains(&why) && stderr.contains("hint: run as root"),
            "{stderr}"
        );
        return;
    }
    let log = bench.run_folder().join("logs/portal.log");
    let log = std::fs::read_to_string(log).expect("the portal's output");
    let seen: Vec<&str> = log.lines().collect();
    let found = "found 127.0.0.3";
    assert_eq!(
        (seen[0], seen[seen.len() - 1]),
        (found, found),
        "{log}\n{stderr}"
    );
    // between the two it may be found as well: the second waits until the first is seen to be gone
    let mut errors: Vec<&str> = seen.into_iter().filter(|line| *line != found).collect();
    errors.dedup();
    assert_eq!(errors, ["error -3", "error -2"], "{log}\n{stderr}");
    let system = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    assert!(
        !system.contains("127.53."),
        "nothing is seen outside: {system}"
    );
}

/// Looks names up with the C library, and prints what it found.
const LOOK: &str = r#"
import socket, sys

for name in sys.argv[1:]:
    try:
        found = socket.getaddrinfo(name + ".names.test", 80, type=socket.SOCK_STREAM)
        print(name, *sorted(entry[4][0] for entry in found))
    except socket.gaierror as error:
        print(name, error.errno)
"#;

#[test]
fn the_c_library_sees_every_effect() {
    if own_resolver(Path::new(env!("CARGO_BIN_EXE_brownout"))).is_err() {
        return; // the test above has seen what is said then
    }
    let bench = Bench::new();
    // another test process has another address
    let [high, low] = (std::process::id() as u16).to_be_bytes();
    let servers = [1, 2].map(|n| format!("127.{}.{high}.{low}:53", 53 + n));
    let addrs: Vec<&str> = servers.iter().map(String::as_str).collect();
    let server = Server::start(
        &bench,
        &addrs,
        &[
            "nxdomain gone.names.test",
            "servfail sick.names.test",
            "truncate portal.names.test",
            "{only: aaaa} narrow.names.test",
            "{wrong: [192.0.2.1, \"2001:db8::1\"]} wrong.names.test",
            "{keep: 1} few.names.test",
            "{answer: refused, servers: 1} shop.names.test",
        ],
    );
    let lines = addrs
        .iter()
        .map(|addr| format!("nameserver {}\n", &addr[..addr.len() - 3]));
    let file = bench.write("resolv.conf", &lines.collect::<String>());
    let script = bench.write("look.py", LOOK);
    let names = ["gone", "sick", "portal", "narrow", "wrong", "few", "shop"];
    let file = file.to_string_lossy();
    let script = script.to_string_lossy();
    let entering = ["enter", "--resolv-conf", &file, "--", "python3", &script];
    let output = bench.output(&[&entering[..], &names[..]].concat());
    expect_exit(&output, 0);
    let seen = String::from_utf8_lossy(&output.stdout);
    let seen: Vec<&str> = seen.lines().collect();
    let expected = [
        "gone -2",
        "sick -3",
        // over TCP, by itself
        "portal 127.0.0.1 127.0.0.2 ::1",
        "narrow ::1",
        "wrong 192.0.2.1 2001:db8::1",
        "few 127.0.0.1 ::1",
        // from the second server
        "shop 127.0.0.3",
    ];
    assert_eq!(seen, expected);
    server.hear("udp shop.names.test A: No Error, 1 record, by server 2");
}
