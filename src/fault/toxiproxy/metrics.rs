//! What `/metrics` says, in Prometheus' text format.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;

use crate::{fault::tcp::Traffic, scenario::model::TcpStream as Direction};

/// Whose traffic: proxy, listener, upstream.
type Key = (String, String, String);

/// The traffic of all proxies that ever were: counters never go down.
#[derive(Debug, Default)]
pub(super) struct Counters(Mutex<BTreeMap<Key, Arc<Traffic>>>);

impl Counters {
    /// The traffic of a proxy that listens and leads there.
    pub(super) fn of(&self, proxy: &str, listener: &str, upstream: &str) -> Arc<Traffic> {
        let key = (proxy.to_owned(), listener.to_owned(), upstream.to_owned());
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(key).or_default())
    }

    /// As text.
    pub(super) fn text(&self) -> String {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        for (name, what) in [("received", "came into"), ("sent", "went out of")] {
            let metric = format!("toxiproxy_proxy_{name}_bytes_total");
            head(
                &mut text,
                &metric,
                "counter",
                &format!("Bytes that {what} a proxy."),
            );
            for ((proxy, listener, upstream), traffic) in &*all {
                for (word, direction) in [
                    ("downstream", Direction::Downstream),
                    ("upstream", Direction::Upstream),
                ] {
                    let flow = traffic.flow(direction);
                    let bytes = if name == "sent" {
                        flow.sent()
                    } else {
                        flow.received()
                    };
                    let labels = [
                        ("direction", word),
                        ("listener", listener),
                        ("proxy", proxy),
                        ("upstream", upstream),
                    ];
                    line(&mut text, &metric, &labels, bytes);
                }
            }
        }
        text
    }
}

/// Counts of connections, as text.
pub(super) fn connections(all: &Value) -> String {
    let mut text = String::new();
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let proxies = || all.as_object().into_iter().flatten();
    for (key, kind, help) in [
        (
            "accepted",
            "counter",
            "Connections since a proxy was enabled.",
        ),
        ("open", "gauge", "Connections that are open."),
    ] {
        let metric = match key {
            "open" => "brownout_proxy_connections_open",
            _ => "brownout_proxy_connections_total",
        };
        head(&mut text, metric, kind, help);
        for (proxy, counts) in proxies() {
            line(&mut text, metric, &[("proxy", proxy)], number(&counts[key]));
        }
    }
    let metric = "brownout_toxic_connections_total";
    head(
        &mut text,
        metric,
        "counter",
        "Connections that a toxic met.",
    );
    for (proxy, counts) in proxies() {
        for (toxic, count) in counts["toxics"].as_object().into_iter().flatten() {
            let labels = [("proxy", proxy.as_str()), ("toxic", toxic.as_str())];
            line(&mut text, metric, &labels, number(count));
        }
    }
    text
}

/// What this process uses, as far as the machine tells, as text.
pub(super) fn runtime() -> String {
    let mut text = String::new();
    let descriptors = std::fs::read_dir("/proc/self/fd").map(|files| files.count() as u64);
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| {
            let resident: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
            Some(resident * rustix::param::page_size() as u64)
        });
    for (metric, help, value) in [
        (
            "process_open_fds",
            "Open file descriptors.",
            descriptors.ok(),
        ),
        ("process_resident_memory_bytes", "Resident memory.", pages),
    ] {
        if let Some(value) = value {
            head(&mut text, metric, "gauge", help);
            line(&mut text, metric, &[], value);
        }
    }
    text
}

fn head(text: &mut String, metric: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {metric} {help}\n# TYPE {metric} {kind}");
}

fn line(text: &mut String, metric: &str, labels: &[(&str, &str)], value: u64) {
    let quoted = |(name, value): &(&str, &str)| {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        format!("{name}=\"{}\"", value.replace('\n', "\\n"))
    };
    let labels: Vec<String> = labels.iter().map(quoted).collect();
    let labels = match labels.is_empty() {
        true => String::new(),
        false => format!("{{{}}}", labels.join(",")),
    };
    let _ = writeln!(text, "{metric}{labels} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_what_prometheus_reads() {
        let counters = Counters::default();
        counters.of("a\"b", "127.0.0.1:1", "db:2");
        let text = counters.text();
        let line = "toxiproxy_proxy_sent_bytes_total{direction=\"upstream\",\
                    listener=\"127.0.0.1:1\",proxy=\"a\\\"b\",upstream=\"db:2\"} 0\n";
        assert!(text.contains(line), "{text}");
        assert_eq!(text.matches("# TYPE").count(), 2);
        let counts = serde_json::json!({"p": {"accepted": 3, "open": 1, "toxics": {"t": 2}}});
        let text = connections(&counts);
        let line = "brownout_toxic_connections_total{proxy=\"p\",toxic=\"t\"} 2\n";
        assert!(text.contains(line), "{text}");
    }
}
