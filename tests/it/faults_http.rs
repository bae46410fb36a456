//! HTTP faults as real clients meet them (curl, Python, Node), and whose doing the record says that
//! failures were.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use serde_json::Value;

use crate::support::{
    Bench, Running, eventually, free_address, say,
    server::{self, Reply},
};

const JSON: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 31\r\n\r\n\
    {\"name\": \"bread\", \"price\": 100}";

fn origin() -> String {
    let stale = Arc::new(AtomicU32::new(0));
    server::serve(move |path, _| match path {
        "/own" => Reply::Status(500),
        "/stale" if stale.fetch_add(1, Relaxed) > 0 => Reply::Status(404),
        path if path.starts_with("/ok") => Reply::Status(200),
        _ => Reply::Raw(JSON),
    })
}

fn target(origin: &str, link: &str) -> String {
    format!(
        "brownout: 1
target: shop
environment: test
services:
  portal: {{url: \"http://{origin}\"}}
  back: {{url: \"http://{origin}\"}}
links:
  portal -> back: {{layer: http, listen: \"{link}\"}}
"
    )
}

/// Every effect on the inner link by its route, and two on the way of the visitors.
const SCENARIO: &str = r#"
brownout: 1
scenario: shop
target: target.yaml
phases: [{all: 3m}]
load:
  fine: {journey: fine, arrivals: 20/s}
  cut: {journey: cut, arrivals: 20/s}
  own: {journey: own, arrivals: 20/s}
  late: {journey: late, arrivals: 5/s, client: {timeout: 200ms}}
journeys:
  fine: [{step: fine, get: "portal:/ok"}]
  cut: [{step: cut, get: "portal:/cut"}]
  own: [{step: own, get: "portal:/own"}]
  late: [{step: late, get: "portal:/late"}]
faults:
  visitors_cut: {at: service portal, from: all, for: 2m, http: {reset: true, routes: [/cut]}}
  visitors_late: {at: service portal, from: all, for: 2m, http: {delay: 1ms..2ms, routes: [/own]}}
  visitors_hung: {at: service portal, from: all, for: 2m, http: {hang: true, routes: [/late]}}
  status: {at: portal -> back, from: all, for: 2m, http: {status: 503, headers: {retry-after: 7}, body: gone, routes: [/status]}}
  reset: {at: portal -> back, from: all, for: 2m, http: {reset: true, routes: [/reset]}}
  shut: {at: portal -> back, from: all, for: 2m, http: {close: before_headers, routes: [/shut]}}
  bare: {at: portal -> back, from: all, for: 2m, http: {close: after_headers, routes: [/bare]}}
  half: {at: portal -> back, from: all, for: 2m, http: {truncate: 50%, routes: [/half]}}
  slow: {at: portal -> back, from: all, for: 2m, http: {slow: 3/s, routes: [/slow]}}
  hang: {at: portal -> back, from: all, for: 2m, http: {hang: true, routes: [/hang]}}
  edit: {at: portal -> back, from: all, for: 2m, http: {json: {set: {$.stock: 0}, replace: {$.name: cake}, remove: $.price}, routes: [/edit]}}
  broken: {at: portal -> back, from: all, for: 2m, http: {malformed: true, routes: [/broken]}}
  html: {at: portal -> back, from: all, for: 2m, http: {content_type: text/html, routes: [/html]}}
  limit: {at: portal -> back, from: all, for: 2m, http: {rate_limit: {limit: 2, per: 1h, by: {header: x-user}, retry_after: 1s}, routes: [/limit]}}
  posts: {at: portal -> back, from: all, for: 2m, http: {status: 418, routes: [/adults], match: {method: POST, header: {x-kind: {matches: "^a"}}, query: {page: 2}, json: {$.kind: adult}}}}
  third: {at: portal -> back, from: all, for: 2m, http: {status: 418, routes: [/third], every: 3, first: 2}}
  stale: {at: portal -> back, from: all, for: 2m, http: {stale: true, routes: [/stale]}}
measure: {baseline: optional}
"#;

#[test]
fn real_clients_meet_every_effect_and_the_record_knows_whose_doing_it_was() {
    let bench = Bench::new();
    let link = free_address();
    bench.write("target.yaml", &target(&origin(), &link));
    let scenario = bench.write("shop.yaml", SCENARIO);
    let run = bench
        .brownout(&["run", scenario.to_str().expect("utf-8"), "--live", "off"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut run = Running(run.expect("starts"));
    // the link listens before the first fault: here is the answer that will be stale
    let before = eventually("an answer from before", || {
        let (code, said) = say("curl", &["-sS", &format!("http://{link}/stale")]);
        (code == 0).then_some(said)
    });
    let record = bench.run_folder().join("record.jsonl");
    let faults = SCENARIO.lines().filter(|line| line.contains("http: {"));
    let faults = faults.count();
    eventually("all faults in force", || {
        let text = std::fs::read_to_string(&record).ok()?;
        (text.matches("\"fault_injected\"").count() == faults).then_some(())
    });

    curl(&link);
    python(&link);
    node(&link, &before);

    assert_eq!(run.stop(), Some(3), "stopped by its operator");
    blame(&bench.report());
}

/// curl's exit codes tell how a connection ended.
fn curl(link: &str) {
    let get = |path: &str, more: &[&str]| {
        let url = format!("http://{link}{path}");
        let mut arguments = vec!["-sS", "-i", url.as_str()];
        arguments.extend_from_slice(more);
        say("curl", &arguments)
    };
    let (code, said) = get("/ok", &[]);
    assert!(
        code == 0 && said.starts_with("HTTP/1.1 200"),
        "{code} {said}"
    );
    let (code, said) = get("/status", &[]);
    assert!(code == 0 && said.starts_with("HTTP/1.1 503"), "{said}");
    assert!(
        said.contains("retry-after: 7") && said.ends_with("gone"),
        "{said}"
    );
    assert!(said.contains("brownout-fault: status"), "{said}");
    for (path, expected) in [("/reset", 56), ("/shut", 52), ("/bare", 18), ("/half", 18)] {
        let (code, said) = get(path, &[]);
        assert_eq!(code, expected, "{path}: {said}");
    }
    for (path, expected) in [("/hang", ""), ("/slow", "{")] {
        let (code, said) = get(path, &["-N", "-m", "1.5"]);
        assert_eq!(code, 28, "{path} takes longer: {said}");
        assert!(said.contains(expected), "{said}");
    }
    for (method, kind, query, body, expected) in [
        ("POST", "adult", "?page=2", "adult", "418"),
        ("PUT", "adult", "?page=2", "adult", "200"),
        ("POST", "child", "?page=2", "adult", "200"),
        ("POST", "adult", "?page=1", "adult", "200"),
        ("POST", "adult", "?page=2", "child", "200"),
    ] {
        let body = format!("{{\"kind\": \"{body}\"}}");
        let header = format!("x-kind: {kind}");
        let more = ["-X", method, "-H", &header, "-d", &body];
        let (_, said) = get(&format!("/adults{query}"), &more);
        assert!(
            said.contains(&format!("HTTP/1.1 {expected}")),
            "{more:?}: {said}"
        );
    }
    let thirds: Vec<bool> = (0..10)
        .map(|_| get("/third", &[]).1.contains("HTTP/1.1 418"))
        .collect();
    let met: Vec<usize> = (0..10).filter(|n| thirds[*n]).collect();
    assert_eq!(met, [2, 5], "the third and the sixth, and no more");
}

/// What Python's own client raises.
fn python(link: &str) {
    let script = r#"
import http.client, json, sys
host = sys.argv[1]
def get(path, headers={}):
    client = http.client.HTTPConnection(host, timeout=10)
    client.request("GET", path, headers=headers)
    answer = client.getresponse()
    return answer.status, answer.getheader("retry-after"), answer.read()
def raises(path):
    try:
        return get(path)
    except Exception as error:
        return type(error).__name__
def broken(body):
    try:
        return json.loads(body)
    except ValueError:
        return "broken"
print(raises("/reset"), raises("/shut"), raises("/half"))
status, _, body = get("/broken")
print(status, broken(body))
print([get("/limit", {"x-user": user})[:2] for user in "aaabb"])
print(json.loads(get("/edit")[2]))
"#;
    let (code, said) = say("python3", &["-c", script, link]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines,
        [
            "ConnectionResetError RemoteDisconnected IncompleteRead",
            "200 broken",
            "[(200, None), (200, None), (429, '1'), (200, None), (200, None)]",
            "{'name': 'cake', 'stock': 0}",
        ],
        "{code}"
    );
}

/// What fetch sees.
fn node(link: &str, before: &str) {
    let script = r#"
const host = process.argv[1];
const get = async (path) => {
  const answer = await fetch(`http://${host}${path}`);
  return [answer.status, answer.headers, await answer.text()];
};
const fails = async (path) => {
  try { await get(path); return "fine"; } catch (error) { return error.cause?.code ?? error.message; }
};
console.log(await fails("/reset"), await fails("/shut"), await fails("/half"));
const html = await get("/html");
console.log(html[0], html[1].get("content-type"), JSON.parse(html[2]).price);
const stale = await get("/stale");
console.log(stale[0], Number(stale[1].get("age")) >= 0, stale[1].get("brownout-made"));
console.log(stale[2]);
"#;
    let (code, said) = say("node", &["--input-type=module", "-e", script, link]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{code} {said}");
    let first: Vec<&str> = lines[0].split(' ').collect();
    assert!(
        first[0] == "ECONNRESET" && first[1].starts_with("UND_ERR"),
        "{said}"
    );
    assert_ne!(first[2], "fine", "{said}");
    assert_eq!(lines[1], "200 text/html 100");
    assert_eq!(lines[2], "200 true stale");
    assert_eq!(lines[3], before, "the answer from before the fault");
}

/// The report tells the failures that were injected from the target's own, one by one.
fn blame(report: &Value) {
    let number = |value: &Value| {
        value
            .as_u64()
            .unwrap_or_else(|| panic!("{value} in {report:#}"))
    };
    let load = &report["load"];
    let errors = |class: &str| load["errors"][class].as_u64().unwrap_or(0);
    assert!(number(&load["good"]) > 0, "{load:#}");
    assert!(errors("reset") > 0 && errors("http_5xx") > 0, "{load:#}");
    assert!(errors("timeout_first_byte") > 0, "{load:#}");
    let ours = errors("reset") + errors("timeout_first_byte");
    assert_eq!(number(&load["injected_failures"]), ours, "{load:#}");
    // the answers that were merely late count as met
    assert!(number(&load["injected"]) > ours, "{load:#}");
    let faults = report["faults"].as_array().expect("faults");
    for fault in faults {
        let name = fault["name"].as_str().expect("a name");
        assert_eq!(fault["verified"], true, "{fault:#}");
        if name.starts_with("visitors") {
            let injected = number(&fault["failures_injected"]);
            assert!(
                injected > 0 && injected < number(&fault["failures"]),
                "{fault:#}"
            );
        } else {
            assert_eq!(fault["failures"], Value::Null, "an inner link: {fault:#}");
            assert!(number(&fault["hits"]) > 0, "{fault:#}");
        }
    }
}
