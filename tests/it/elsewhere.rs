//! Faults in a Toxiproxy that runs elsewhere, found by a name: in a run, and when brownout and its
//! guardian are killed in the middle of it.

use brownout::guardian::{FILE_NAME, leftovers};
use serde_json::Value;

use crate::{
    proxy::Proxy,
    support::{
        Bench, eventually, expect_exit, free_address,
        running::Running,
        server::{Reply, serve},
    },
};

const TOXIC: &str = "\"name\":\"brownout_late_upstream\"";

/// A `brownout proxy` with a proxy, and a scenario with a fault there.
fn case(broken: &str) -> (Bench, Proxy) {
    let bench = Bench::new();
    let shop = serve(|_, _| Reply::Status(200));
    let listens = free_address();
    let proxies = format!(r#"[{{"name": "back", "listen": "{listens}", "upstream": "{shop}"}}]"#);
    bench.write("toxiproxy.json", &proxies);
    let proxy = Proxy::start(&bench, &["-host", "127.0.0.1", "-config", "toxiproxy.json"]);
    let port = proxy.api.rsplit(':').next().expect("a port").to_owned();
    bench.write(
        "target.yaml",
        &format!(
            "brownout: 1
target: shop
environment: test
services:
  shop: {{url: \"http://{shop}\"}}
  back: {{url: \"http://{shop}\"}}
links:
  shop -> back: {{listen: \"{listens}\", via: \"toxiproxy http://chaos.shop.test:{port}\"}}
dns: {{zones: {{shop.test: {{chaos: 127.0.0.1, ttl: 1s}}}}}}
"
        ),
    );
    bench.write(
        "outside.yaml",
        &format!(
            r#"
brownout: 1
scenario: outside
target: target.yaml
phases: [{{calm: 1s}}, {{broken: {broken}}}, {{after: 1s}}]
measure: {{baseline: optional, min_samples: 5, observe: 200ms, hold: 200ms}}
load: {{visitors: {{journey: look, arrivals: 20/s, client: {{timeout: 1s}}}}}}
journeys: {{look: [{{step: look, get: "shop:/"}}]}}
faults:
  late: {{at: shop -> back, from: broken, until: broken.end, tcp: {{latency: 20ms, stream: upstream}}}}
"#
        ),
    );
    (bench, proxy)
}

#[test]
fn a_name_is_looked_up_and_what_nobody_counted_is_not_known() {
    let (bench, proxy) = case("1s");
    let output = bench.output(&["run", "outside.yaml", "--live", "plain"]);
    expect_exit(&output, 0);
    let fault = &bench.report()["faults"][0];
    assert_eq!(fault["verified"], true, "{fault:#}");
    assert_eq!(fault["hits"], Value::Null, "{fault:#}");
    assert!(!proxy.get("/proxies", "").contains(TOXIC));
    let output = bench.output(&["report", "latest", "--format", "terminal"]);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("late not known"), "{shown}");
}

#[test]
fn heal_takes_out_what_lies_elsewhere_when_everybody_was_killed() {
    let (bench, proxy) = case("60s");
    let mut running = Running::start(&bench, &["run", "outside.yaml", "--live", "plain"]);
    eventually("the fault", || {
        proxy.get("/proxies", "").contains(TOXIC).then_some(())
    });
    // nobody renews its lease any more: so that only `heal` can be what takes it out, we do
    let leases = proxy.get("/leases", "");
    let name = leases.split('"').find(|text| text.starts_with("brownout-"));
    let lease = format!("/leases/{}", name.expect("a lease"));
    running.kill_both();
    let renewed = proxy.ask("PUT", &lease, "{\"ttl\": 3600000}");
    assert!(renewed.starts_with("HTTP/1.1 200"), "{renewed}");
    assert!(proxy.get("/proxies", "").contains(TOXIC));

    let output = bench.output(&["heal", "latest", "--dry-run"]);
    expect_exit(&output, 1);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        shown.contains("fault late in the Toxiproxy at 127.0.0.1"),
        "{shown}"
    );
    let output = bench.output(&["heal", "latest", "--yes"]);
    expect_exit(&output, 0);
    assert!(!proxy.get("/proxies", "").contains(TOXIC));
    let journal = bench.run_folder().join(FILE_NAME);
    assert!(leftovers(&journal).expect("reads").owed.is_empty());
}
