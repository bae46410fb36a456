//! A target that brownout did not launch: the real nginx of `ci/nginx-https`, behind TLS with a
//! private authority and a bearer token, and the shipped example adapted to it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::support::{Bench, expect_exit, free_address};

const TOKEN: &str = "SHOP_TOKEN";

/// nginx and copies of the example that lead to it. nginx ends with it.
struct Shop {
    bench: Bench,
    scenario: PathBuf,
    /// What nginx wants to be shown.
    token: String,
    /// Where the scenario's target looks for the authority's certificate.
    authority: PathBuf,
}

impl Shop {
    fn open() -> Self {
        let bench = Bench::new();
        let address = free_address();
        let (_, port) = address.rsplit_once(':').expect("a port");
        let output = nginx(&bench.path("nginx"), "start", port);
        assert!(
            output.status.success(),
            "ci/nginx-https start: {} (it needs `apt-get install nginx-light openssl`)",
            String::from_utf8_lossy(&output.stderr)
        );
        let token = fs::read_to_string(bench.path("nginx/token")).expect("a token");

        let target = adapted(
            "targets/example-https.yaml",
            &[("8443", port), ("../target/example-https/ca.pem", "ca.pem")],
        );
        bench.write("target.yaml", &target);
        // one fault of the five, and no longer than a baseline needs
        let scenario = adapted(
            "scenarios/example-https.yaml",
            &[
                ("../targets/example-https.yaml", "target.yaml"),
                (
                    "{calm: 20s}, {slow: 8s}, {nameless: 12s}, {broken: 12s}, {stale: 12s}, {cut: 19s}",
                    "{calm: 9s}, {cut: 9s}",
                ),
                ("  slow_line: ", "  # slow_line: "),
                ("  no_name: ", "  # no_name: "),
                ("  no_orders: ", "  # no_orders: "),
                ("  old_certificate: ", "  # old_certificate: "),
                ("from: cut, for: 4s", "from: cut, for: 2s"),
                ("  - shop tolerates slow_line\n", ""),
                ("  - shop recovers within 5s of no_name.end\n", ""),
                ("  - shop/orders recovers within 5s of no_orders.end\n", ""),
                ("  - shop recovers within 5s of old_certificate.end\n", ""),
                (
                    "measure: {hold: 5s, observe: 10s,",
                    "measure: {warm_up: 1s, baseline_span: 8s, baseline_requests: 100, hold: 2s, observe: 5s,",
                ),
                ("good_bins: 5", "good_bins: 2"),
            ],
        );
        let scenario = bench.write("scenario.yaml", &scenario);
        let authority = bench.path("ca.pem");
        fs::copy(bench.path("nginx/ca.pem"), &authority).expect("copied");
        Self {
            token: token.trim().to_owned(),
            bench,
            scenario,
            authority,
        }
    }

    fn output(&self, arguments: &[&str], token: &str) -> Output {
        let mut command = self.bench.brownout(arguments);
        command.arg(&self.scenario).env(TOKEN, token);
        command.output().expect("brownout starts")
    }

    fn run(&self, token: &str) -> Output {
        self.output(&["run", "--live", "plain"], token)
    }

    /// Why the run ended early.
    fn stopped(&self) -> String {
        let stopped = self.bench.report()["run"]["stopped"].clone();
        stopped.as_str().expect("a reason").to_owned()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let stopped = nginx(&self.bench.path("nginx"), "stop", "0");
        if !std::thread::panicking() {
            assert!(stopped.status.success(), "{stopped:?}");
        }
    }
}

fn nginx(folder: &Path, what: &str, port: &str) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("ci/nginx-https");
    Command::new(script)
        .arg(folder)
        .arg(what)
        .env("PORT", port)
        .output()
        .expect("bash runs")
}

/// A shipped file with other words in some places, each of which must be there.
fn adapted(file: &str, changes: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(path).expect(file);
    changes.iter().fold(text, |text, (old, new)| {
        assert!(text.contains(old), "{file} has no `{old}` any more");
        text.replace(old, new)
    })
}

/// Every file in a folder and below it, as bytes.
fn everything_in(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(everything_in(&path));
        } else {
            let bytes = fs::read(&path).expect("readable");
            all.push((path, bytes));
        }
    }
    all
}

fn holds(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).any(|part| part == word.as_bytes())
}

#[test]
fn a_target_behind_tls_is_rehearsed_and_its_token_is_never_told() {
    let shop = Shop::open();
    let mut told: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for arguments in [
        &["check"][..],
        &["check", "--format", "json"],
        &["plan"],
        &["run", "--live", "plain"],
    ] {
        let output = shop.output(arguments, &shop.token);
        expect_exit(&output, 0);
        let name = PathBuf::from(arguments.join(" "));
        told.extend([(name.clone(), output.stdout), (name, output.stderr)]);
    }
    let kept = everything_in(&shop.bench.run_folder());
    for name in ["record.jsonl", "report.json", "report.html", "junit.xml"] {
        assert!(kept.iter().any(|(path, _)| path.ends_with(name)), "{name}");
    }
    for (name, text) in told.iter().chain(&kept) {
        assert!(!holds(text, &shop.token), "{} tells it", name.display());
    }
    // it was sent, for without it there are no orders; and the fault was in the way
    let report = shop.bench.report();
    let load = &report["load"];
    assert_eq!(report["baseline"]["success"], 1.0, "{report:#}");
    assert_eq!(load["errors"]["http_4xx"].as_u64(), None, "{load:#}");
    assert!(load["errors"]["reset"].as_u64() > Some(0), "{load:#}");
}

#[test]
fn a_wrong_token_misses_the_steady_state() {
    let shop = Shop::open();
    expect_exit(&shop.run("not-the-token"), 1);
    let why = shop.stopped();
    assert!(why.contains("`shop success >= 99%` does not hold"), "{why}");
}

#[test]
fn a_certificate_of_another_authority_is_named_as_what_is_wrong() {
    let shop = Shop::open();
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certs");
    let other = everything_in(&other)
        .into_iter()
        .find(|(path, _)| path.ends_with("ca.pem"))
        .expect("another authority");
    fs::write(&shop.authority, other.1).expect("written");
    expect_exit(&shop.run(&shop.token), 4);
    let why = shop.stopped();
    assert!(why.contains("certificate is not accepted"), "{why}");
    assert!(why.contains("`tls.ca`"), "{why}");
    assert_eq!(shop.bench.report()["load"]["began"], 0, "nothing was sent");
}

#[test]
fn what_is_missing_is_said_before_anything_is_sent() {
    let shop = Shop::open();
    fs::remove_file(&shop.authority).expect("was there");
    let mut command = shop.bench.brownout(&["run"]);
    let output = command.arg(&shop.scenario).env_remove(TOKEN).output();
    let output = output.expect("brownout starts");
    expect_exit(&output, 2);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("`SHOP_TOKEN` is not set"), "{said}");
    assert!(said.contains("there is no file"), "{said}");
    assert!(!shop.bench.path("reports").exists(), "nothing was begun");
}
