//! How the harness fared, in pairs of words that every form of the report shows.

use crate::analysis::{Analysis, HarnessResult};

use super::numbers::{count, seconds};

/// What brownout took and how well it kept its schedule: name and value; empty when nothing was
/// measured.
pub(super) fn facts(analysis: &Analysis) -> Vec<(&'static str, String)> {
    let h = &analysis.harness;
    let mut facts = Vec::new();
    let mut add = |name, value: Option<String>| facts.extend(value.map(|v| (name, v)));
    if h.seconds == 0 {
        return facts;
    }
    add("late", Some(late(h)));
    add("lag", lag(h));
    add("processors", processors(h));
    add("memory", h.memory.map(bytes));
    add("descriptors", of(h.descriptors, h.descriptor_limit));
    add("connections", connections(h));
    add("local ports", ports(h));
    facts
}

fn late(h: &HarnessResult) -> String {
    match h.late_seconds {
        0 => format!("in none of {} s", count(h.seconds)),
        late => format!("in {} of {} s", count(late), count(h.seconds)),
    }
}

fn lag(h: &HarnessResult) -> Option<String> {
    let (max, p99) = (seconds(Some(h.lag_max_s?)), seconds(Some(h.lag_p99_s?)));
    Some(format!("{max}, p99 of the worst second {p99}"))
}

fn processors(h: &HarnessResult) -> Option<String> {
    let (own, all, there) = (h.cpu?, h.machine_cpu?, h.processors?);
    let stolen = match h.steal {
        Some(steal) if steal >= 0.05 => format!(", {steal:.1} kept from it"),
        _ => String::new(),
    };
    Some(format!(
        "{own:.1} of {there} (the whole machine {all:.1}{stolen})"
    ))
}

/// `48 MiB`; powers of 1024.
fn bytes(n: u64) -> String {
    let mib = n as f64 / f64::from(1 << 20);
    if mib >= 1024.0 {
        format!("{:.1} GiB", mib / 1024.0)
    } else {
        format!("{mib:.0} MiB")
    }
}

fn of(n: Option<u64>, limit: Option<u64>) -> Option<String> {
    Some(format!("{} of {}", count(n?), count(limit?)))
}

fn connections(h: &HarnessResult) -> Option<String> {
    let open = of(h.connections, h.connection_limit)?;
    Some(match h.waiting {
        Some(waiting) if waiting > 0 => format!("{open}, {} requests in line", count(waiting)),
        _ => open,
    })
}

fn ports(h: &HarnessResult) -> Option<String> {
    let used = of(h.ports, h.local_ports)?;
    Some(match h.sources {
        Some(sources) if sources > 1 => format!("{used}, on {sources} addresses"),
        _ => used,
    })
}
