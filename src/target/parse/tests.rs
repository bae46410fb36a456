//! The whole parser: what is read from good files, and laws that hold for any text.

use std::{net::SocketAddr, time::Duration};

use super::*;
use crate::{
    diagnostic::{Diagnostics, RenderStyle, Source},
    scenario::model::{Check, Method},
    target::model::*,
};

const BASE: &str = r#"
brownout: 1
target: shop
environment: staging
env: [TOKEN]
guard: {allow: [127.0.0.0/8, "::1", 10.1.0.0/16], max_rate: 60_000/s}
services:
  portal:
    url: https://portal.shop.test:8443
    at: 127.0.0.1:8100
    health: HEAD /healthz
    capacity: 120/s
    headers: {Authorization: "Bearer ${env:TOKEN}!"}
    tls: {server_name: Shop.test, verify: false}
    features:
      login: {routes: [POST /otp/generate, "POST /otp/*"]}
      slots: {routes: ["GET /slots/:pin"], probe: GET /slots/1, fallback: {header: x-degraded}}
  sms: {url: "http://[::1]", protocol: http2}
  db: {url: http://10.1.2.3:5432, protocol: http2, streams: 7}
links:
  portal -> sms: {listen: 127.0.0.1:8201}
  portal->db: {layer: tcp, listen: 127.0.0.1:8202}
dns:
  zones: {Shop.test.: {portal: [127.0.0.1, 127.0.0.2], "@": 127.0.0.1, ttl: 5s}}
launch:
  sms: {command: [brownout, stage, 7], env: {KEY: "a${env:TOKEN}b"}, restart: false}
  portal: {command: [./portal], needs: [sms], ready: GET /ready, liveness: {get: /healthz, failures: 5, then: restart}}
"#;

fn env(name: &str) -> Option<String> {
    (name == "TOKEN").then(|| "hunter2".to_owned())
}

fn read(text: &str) -> Result<(Target, Diagnostics), Diagnostics> {
    parse(Source::new("x.yaml", text), &env)
}

fn base() -> Target {
    match read(BASE) {
        Ok((target, warnings)) => {
            assert_eq!(warnings.render(RenderStyle::Plain), "");
            target
        }
        Err(mistakes) => panic!("{}", mistakes.render(RenderStyle::Plain)),
    }
}

#[test]
fn services_are_complete() {
    let target = base();
    let portal = &target.services[0];
    assert_eq!(
        portal.url.value,
        ServiceUrl {
            https: true,
            host: "portal.shop.test".to_owned(),
            port: 8443
        }
    );
    assert_eq!(
        portal.at.as_ref().map(|at| at.value),
        Some(SocketAddr::from(([127, 0, 0, 1], 8100)))
    );
    assert_eq!(portal.health.as_ref().map(|h| h.method), Some(Method::Head));
    assert_eq!(
        portal.headers,
        [(
            "authorization".to_owned(),
            Secret("Bearer hunter2!".to_owned())
        )]
    );
    assert!(portal.tls.insecure);
    assert_eq!(portal.tls.server_name.as_deref(), Some("shop.test"));
    assert_eq!(portal.features.len(), 2);
    assert!(
        matches!(&portal.features[1].fallback[..], [Check::Header { name, equals: None }] if name == "x-degraded")
    );
    assert_eq!(target.services[1].url.value.port, 80);
    let protocols: Vec<_> = target.services.iter().map(|s| s.protocol).collect();
    let http2 = |streams| Protocol::Http2 { streams };
    assert_eq!(protocols, [Protocol::Http1, http2(100), http2(7)]);
}

#[test]
fn links_zones_and_processes() {
    let target = base();
    let layers: Vec<_> = target.links.iter().map(|l| l.layer).collect();
    assert_eq!(layers, [Layer::Http, Layer::Tcp]);
    let zone = &target.zones[0];
    assert_eq!(zone.name.value, "shop.test");
    assert_eq!(zone.ttl, Duration::from_secs(5));
    assert_eq!(zone.records[0].1.len(), 2);
    let [sms, portal] = &target.launch[..] else {
        panic!("two processes");
    };
    assert_eq!(sms.command, ["brownout", "stage", "7"]);
    assert_eq!(
        sms.env,
        [("KEY".to_owned(), Secret("ahunter2b".to_owned()))]
    );
    assert!(!sms.restart);
    assert_eq!(portal.needs[0].value, "sms");
    let liveness = portal.liveness.as_ref().expect("liveness");
    assert_eq!(
        (liveness.failures, liveness.every),
        (5, Duration::from_secs(2))
    );
    assert_eq!(liveness.get.path, "/healthz");
    assert_eq!(portal.ready_within, Duration::from_secs(30));
}

#[test]
fn secrets_are_never_shown() {
    let target = base();
    assert!(!format!("{target:?}").contains("hunter2"));
    // a value that makes a header wrong is not shown either
    let odd = |name: &str| (name == "TOKEN").then(|| "hunter2\n".to_owned());
    let mistakes = parse(Source::new("x.yaml", BASE), &odd).expect_err("a line end");
    for style in [
        RenderStyle::Plain,
        RenderStyle::Json,
        RenderStyle::Terminal { colour: true },
    ] {
        assert!(!mistakes.render(style).contains("hunter2"));
    }
}

#[test]
fn every_name_for_production_is_refused() {
    for (name, good) in [
        ("staging", true),
        ("test", true),
        ("Production", false),
        ("prod-eu", false),
        ("LIVE", false),
    ] {
        let text = BASE.replace("environment: staging", &format!("environment: {name}"));
        assert_eq!(read(&text).is_ok(), good, "{name}");
    }
}

#[test]
fn networks_are_loopback_or_private_and_narrow() {
    for (net, good) in [
        ("127.0.0.0/8", true),
        ("::1", true),
        ("192.168.0.0/16", true),
        ("10.0.0.0/8", false),
        ("8.8.8.8", false),
        ("0.0.0.0/0", false),
        ("::/0", false),
        ("fd00:1:2::/48", true),
        ("fd00::/8", false),
        ("172.32.0.1", false),
    ] {
        let text = BASE.replace("10.1.0.0/16", &format!("10.1.0.0/16, \"{net}\""));
        assert_eq!(read(&text).is_ok(), good, "{net}");
    }
}

proptest::proptest! {
    #[test]
    fn no_change_of_a_good_file_breaks_the_parser(
        at in 0..BASE.len(),
        len in 0usize..30,
        new in "[ -~]{0,6}|\\$\\{env:|\\}|\n  |é|\t|null|-> ",
    ) {
        let mut text = BASE.to_owned();
        let end = (at + len).min(text.len());
        text.replace_range(at..end, &new);
        if let Err(mistakes) = read(&text) {
            assert!(mistakes.has_errors());
            for (place, _) in mistakes.0.iter().flat_map(|m| &m.labels) {
                assert!(text.get(place.start..place.start + place.len).is_some(), "{place:?} in {text:?}");
            }
            for style in [RenderStyle::Plain, RenderStyle::Terminal { colour: false }] {
                assert!(!mistakes.render(style).contains("hunter2"));
            }
        }
    }
}
