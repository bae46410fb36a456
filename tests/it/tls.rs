//! TLS on links as real clients meet it (curl, Python, Node, openssl) in front of a real nginx that
//! speaks TLS, and as the load's own client does.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::support::{Bench, Running, eventually, free_address, nginx::Nginx, say};

/// nginx behind TLS, HTTP/2 included, with a file to compare; what its service is called is in its
/// certificate (`tests/certs`).
fn nginx(bench: &Bench, address: &str) -> Nginx {
    let folder = bench.path("nginx/files");
    std::fs::create_dir_all(&folder).expect("a folder");
    let bytes: Vec<u8> = (0..3_000_000u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    std::fs::write(folder.join("file.bin"), bytes).expect("written");
    let certs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certs");
    let certs = certs.display();
    let configuration = format!(
        "worker_processes 1; pid nginx.pid; error_log error.log warn;
         events {{ worker_connections 200; }}
         http {{
           access_log off;
           client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
           uwsgi_temp_path uwsgi; scgi_temp_path scgi;
           ssl_certificate {certs}/server.pem;
           ssl_certificate_key {certs}/server.key;
           server {{
             listen {address} ssl http2; root files;
             location = /which {{ return 200 \"$server_protocol $scheme $http_host\"; }}
             location = /ok {{ return 200 fine; }}
             location = /own {{ return 500 broken; }}
             location / {{ }}
           }}
         }}"
    );
    Nginx::start(bench, &configuration, address)
}

fn target(nginx: &str, good: &str, bad: &str, child: &str) -> String {
    let ca = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certs/ca.pem");
    let ca = ca.display();
    format!(
        r#"
brownout: 1
target: shop
environment: test
services:
  shop: {{url: "https://secure.test", at: "{nginx}", tls: {{ca: "{ca}"}}}}
  back: {{url: "https://secure.test", at: "{nginx}", tls: {{ca: "{ca}"}}}}
  child: {{url: "http://{child}"}}
links:
  child -> shop: {{listen: "{good}", tls: generated}}
  child -> back: {{listen: "{bad}", tls: generated}}
launch:
  child:
    command: [python3, -c, {SERVER}, "{child}", "https://{good}/which", "https://{bad}/which"]
"#,
        SERVER = serde_json::to_string(CHILD).expect("text"),
    )
}

/// A process that brownout starts: it fetches by TLS over one of the links, and tells what came of it.
/// It sets nothing up for that.
const CHILD: &str = r#"
import http.server, sys, urllib.request
host, port = sys.argv[1].split(":")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        url = sys.argv[2] if self.path == "/good" else sys.argv[3]
        try:
            said, status = urllib.request.urlopen(url, timeout=10).read(), 200
        except Exception as error:
            said, status = str(error).encode(), 502
        self.send_response(status)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer((host, int(port)), Handler).serve_forever()
"#;

/// One of the inner links shows a bad certificate, the other a good one.
const SCENARIO: &str = r#"
brownout: 1
scenario: shop
target: target.yaml
phases: [{calm: 4s}, {all: 3m}]
load:
  fine: {journey: fine, arrivals: 5/s}
  cut: {journey: cut, arrivals: 5/s}
  own: {journey: own, arrivals: 5/s}
journeys:
  fine: [{step: fine, get: "shop:/ok"}]
  cut: [{step: cut, get: "shop:/cut"}]
  own: [{step: own, get: "shop:/own"}]
faults:
  no_cut: {at: service shop, from: all, for: 2m, http: {status: 503, routes: [/cut]}}
  untrusted: {at: service shop, from: all, for: 2m, share: 50%, tls: untrusted}
  refused: {at: child -> shop, from: all, for: 2m, http: {status: 418, routes: [/refused]}}
  bad: {at: child -> back, from: all, for: 2m, tls: FLAW}
measure: {baseline: optional}
"#;

/// A run of it that goes on.
struct Shop {
    /// The link whose certificate is good, and the other.
    good: String,
    bad: String,
    child: String,
    // they end in this order
    run: Running,
    _nginx: Nginx,
    bench: Bench,
}

impl Shop {
    fn open(flaw: &str) -> Self {
        let bench = Bench::new();
        let [address, good, bad, child] = std::array::from_fn(|_| free_address());
        let nginx = nginx(&bench, &address);
        bench.write("target.yaml", &target(&address, &good, &bad, &child));
        let scenario = bench.write("shop.yaml", &SCENARIO.replace("FLAW", flaw));
        let run = bench
            .brownout(&["run", scenario.to_str().expect("utf-8"), "--live", "off"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let shop = Self {
            run: Running(run.expect("starts")),
            good,
            bad,
            child,
            _nginx: nginx,
            bench,
        };
        let record = shop.bench.run_folder().join("record.jsonl");
        eventually("all faults in force", || {
            let text = std::fs::read_to_string(&record).ok()?;
            (text.matches("\"fault_injected\"").count() == 4).then_some(())
        });
        shop
    }

    fn authority(&self) -> PathBuf {
        self.bench.run_folder().join("authority.pem")
    }

    /// curl's exit code, and what came.
    fn curl(&self, link: &str, path: &str, more: &[&str]) -> (i32, String) {
        let (url, ca) = (format!("https://{link}{path}"), self.authority());
        let ca = ca.to_str().expect("utf-8");
        let mut arguments = vec!["-sS", "--max-time", "20", "--cacert", ca, &url];
        arguments.extend_from_slice(more);
        say("curl", &arguments)
    }

    /// What Python's urllib says.
    fn python(&self, link: &str) -> String {
        let authority = self.authority();
        let authority = authority.to_str().expect("utf-8");
        let url = format!("https://{link}/which");
        let said = say("python3", &["-c", PYTHON, authority, &url]).1;
        said.trim().to_owned()
    }

    /// What Node's fetch says, trusting the authority by what a launched process would be given.
    fn node(&self, link: &str) -> String {
        let script = "try { const a = await fetch(process.argv[1]); console.log(a.status, await a.text()) } \
            catch (error) { console.log(error.cause?.code) }";
        let output = Command::new("node")
            .args(["--input-type=module", "-e", script])
            .arg(format!("https://{link}/which"))
            .env("NODE_EXTRA_CA_CERTS", self.authority())
            .output()
            .expect("node runs (ci/test says what to install)");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn openssl(&self, link: &str) -> String {
        let ca = self.authority();
        let ca = ca.to_str().expect("utf-8");
        let arguments = [
            "s_client",
            "-connect",
            link,
            "-CAfile",
            ca,
            "-alpn",
            "h2,http/1.1",
        ];
        let output = Command::new("openssl")
            .args(arguments)
            .args(["-verify_hostname", "secure.test"])
            .stdin(Stdio::null())
            .output()
            .expect("openssl runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What the launched process says.
    fn child(&self, path: &str) -> String {
        let url = format!("http://{}{path}", self.child);
        say("curl", &["-sS", "-m", "20", &url]).1
    }

    fn stop(&mut self) -> Value {
        assert_eq!(self.run.stop(), Some(3), "stopped by its operator");
        self.bench.report()
    }
}

const PYTHON: &str = r#"
import ssl, sys, urllib.request
trust = ssl.create_default_context(cafile=sys.argv[1])
trust.verify_flags |= ssl.VERIFY_X509_STRICT
try:
    print(urllib.request.urlopen(sys.argv[2], context=trust, timeout=10).read().decode())
except Exception as error:
    print(error)
"#;

#[test]
fn real_clients_speak_tls_to_a_link_and_refuse_a_certificate_that_is_expired() {
    let mut shop = Shop::open("expired");
    passes(&shop);

    let (code, said) = shop.curl(&shop.bad, "/which", &[]);
    assert_eq!(code, 60, "{said}");
    assert!(said.contains("expired"), "{said}");
    let said = shop.python(&shop.bad);
    assert!(said.contains("certificate has expired"), "{said}");
    assert_eq!(shop.node(&shop.bad), "CERT_HAS_EXPIRED");
    let said = shop.openssl(&shop.bad);
    assert!(said.contains("Verify return code: 10"), "{said}");
    let said = shop.child("/bad");
    assert!(said.contains("certificate has expired"), "{said}");

    let report = shop.stop();
    blame(&report);
}

/// Bodies and what stands around them, where the certificate is good.
fn passes(shop: &Shop) {
    let host = &shop.good;
    let whole = std::fs::read(shop.bench.path("nginx/files/file.bin")).expect("it is there");
    for (version, spoken) in [("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2.0")] {
        let (code, said) = shop.curl(host, "/which", &[version]);
        assert_eq!(said, format!("{spoken} https {host}"), "{version}: {code}");
        let file = shop.bench.path("file.bin");
        let path = file.to_str().expect("utf-8");
        let (code, said) = shop.curl(host, "/file.bin", &[version, "-o", path]);
        assert_eq!(code, 0, "{said}");
        let came = std::fs::read(&file).expect("written");
        assert!(came == whole, "{version}");
    }
    let (_, said) = shop.curl(host, "/refused", &["-w", " %{http_code}"]);
    assert!(said.ends_with("418"), "requests are seen: {said}");
    assert_eq!(shop.python(host), format!("HTTP/1.1 https {host}"));
    assert_eq!(shop.node(host), format!("200 HTTP/1.1 https {host}"));
    let said = shop.openssl(host);
    assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
    assert!(said.contains("ALPN protocol: h2"), "{said}");
    // the process trusts the link without having been told how
    assert_eq!(shop.child("/good"), format!("HTTP/1.1 https {host}"));
}

/// The visitors' way: half of the handshakes fail, and the report knows why.
fn blame(report: &Value) {
    let load = &report["load"];
    let errors = |class: &str| load["errors"][class].as_u64().unwrap_or(0);
    let injected = load["injected_failures"].as_u64().expect("a number");
    assert!(errors("tls") > 0, "{load:#}");
    assert!(load["good"].as_u64() > Some(0), "{load:#}");
    let faults = report["faults"].as_array().expect("faults");
    let fault = |name: &str| {
        let found = faults.iter().find(|fault| fault["name"] == name);
        found.unwrap_or_else(|| panic!("{name} in {faults:#?}"))
    };
    // the target's own 500s are in neither
    let own = errors("http_5xx") + errors("tls") - injected;
    assert!(own > 0 && injected >= errors("tls"), "{load:#}");
    for name in ["no_cut", "untrusted", "refused", "bad"] {
        assert_eq!(fault(name)["verified"], true, "{:#}", fault(name));
        assert!(fault(name)["hits"].as_u64() > Some(0), "{:#}", fault(name));
    }
    assert!(fault("untrusted")["failures_injected"].as_u64() > Some(0));
}

#[test]
fn each_other_flaw_has_its_name_in_openssl_and_node() {
    for (flaw, openssl, node) in [
        (
            "not_yet_valid",
            "Verify return code: 9 ",
            "CERT_NOT_YET_VALID",
        ),
        (
            "wrong_name",
            "Verify return code: 62 ",
            "ERR_TLS_CERT_ALTNAME_INVALID",
        ),
        ("untrusted", "Verify return code: 2", "UNABLE_TO_"),
    ] {
        let mut shop = Shop::open(flaw);
        let said = shop.openssl(&shop.bad);
        assert!(said.contains(openssl), "{flaw}: {said}");
        let said = shop.node(&shop.bad);
        assert!(said.starts_with(node), "{flaw}: {said}");
        let (code, said) = shop.curl(&shop.bad, "/which", &[]);
        assert_eq!(code, 60, "{flaw}: {said}");
        let said = shop.python(&shop.bad);
        assert!(said.contains("CERTIFICATE_VERIFY_FAILED"), "{flaw}: {said}");
        shop.stop();
    }
}
