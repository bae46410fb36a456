//! How the members of a population behave, in words.

use super::PopulationPlan;
use crate::{
    scenario::model::{ClientPolicy, DnsCache, Retry, RetryAfter, RetryOn, RetryWait, Reuse, Trip},
    units::{Rate, Span},
};

/// One line for each thing worth knowing, each with the population's name.
pub(super) fn lines(population: &PopulationPlan) -> Vec<String> {
    let client = &population.client;
    let parts = [
        Some(timeouts(client)),
        Some(retry(&client.retry)),
        breaker(client),
        Some(connections(client)),
    ];
    let name = &population.name;
    let told = parts.into_iter().flatten();
    told.map(|part| format!("{name}: {part}")).collect()
}

fn timeouts(client: &ClientPolicy) -> String {
    let mut text = format!("timeout {}", Span(client.timeout));
    if client.connect_timeout < client.timeout {
        text.push_str(&format!(", to connect {}", Span(client.connect_timeout)));
    }
    if let Some(limit) = client.first_byte_timeout {
        text.push_str(&format!(", for the first byte {}", Span(limit)));
    }
    format!("{text}; patience {}", Span(client.patience))
}

fn retry(retry: &Retry) -> String {
    if retry.outcomes.is_empty() || retry.attempts == Some(1) {
        return "tries nothing again".to_owned();
    }
    let outcomes: Vec<&str> = retry.outcomes.iter().copied().map(outcome).collect();
    let mut text = format!("tries {} again ", outcomes.join(", "));
    text.push_str(&match retry.wait {
        RetryWait::Even { max, .. } if max.is_zero() => "at once".to_owned(),
        RetryWait::Even { min, max } if min == max => format!("after {}", Span(min)),
        RetryWait::Even { min, max } => format!("after {} to {}", Span(min), Span(max)),
        RetryWait::Exponential { base, cap } => format!(
            "after up to {}, doubling up to {} (full jitter)",
            Span(base),
            Span(cap)
        ),
    });
    if retry.retry_after == RetryAfter::Honour {
        text.push_str(", or what Retry-After says");
    }
    match retry.attempts {
        Some(most) => text.push_str(&format!(", {most} attempts at most")),
        None => text.push_str(", as long as patience lasts"),
    }
    if let Some(budget) = retry.budget {
        text.push_str(&format!("; budget {}", budget.share));
        if budget.least > Rate::ZERO {
            text.push_str(&format!(" and {}", budget.least));
        }
    }
    text
}

const fn outcome(outcome: RetryOn) -> &'static str {
    match outcome {
        RetryOn::Timeout => "timeout",
        RetryOn::Http5xx => "5xx",
        RetryOn::Http4xx => "4xx",
        RetryOn::Shed => "shed",
        RetryOn::Dns => "dns",
        RetryOn::Connection => "connection",
        RetryOn::Check => "check",
    }
}

fn breaker(client: &ClientPolicy) -> Option<String> {
    let breaker = client.breaker?;
    let trip = match breaker.trip {
        Trip::InARow(count) => format!("{count} failures in a row"),
        Trip::Share {
            share,
            window,
            least,
        } => format!("{share} failures of {least} or more in {}", Span(window)),
    };
    Some(format!(
        "breaker opens after {trip}, for {}; then {} to probe",
        Span(breaker.open),
        breaker.probes
    ))
}

fn connections(client: &ClientPolicy) -> String {
    let mut text = match client.reuse {
        Reuse::None => "a connection for each request",
        Reuse::Journey => "connections kept for a journey",
        Reuse::Shared => "connections kept and shared",
    }
    .to_owned();
    if let Some(most) = client.connections {
        text.push_str(&format!(", {most} at most"));
    }
    if let Some(age) = client.connection_age {
        text.push_str(&format!(", for {} at most", Span(age)));
    }
    if let Some(most) = client.connection_requests {
        text.push_str(&format!(", for {most} requests at most"));
    }
    match client.dns_cache {
        DnsCache::Ttl => {}
        DnsCache::None => text.push_str("; names asked at each connect"),
        DnsCache::Forever => text.push_str("; addresses kept for ever"),
    }
    if client.cookies {
        text.push_str("; cookies kept");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        scenario::model::{BreakerPolicy, RetryBudget},
        units::Ratio,
    };

    #[test]
    fn everything_that_differs_is_told() {
        let plain = ClientPolicy::default();
        assert_eq!(timeouts(&plain), "timeout 10s; patience 1m");
        assert_eq!(retry(&plain.retry), "tries nothing again");
        assert_eq!(connections(&plain), "connections kept for a journey");
        assert_eq!(breaker(&plain), None);

        let seconds = Duration::from_secs;
        let client = ClientPolicy {
            connect_timeout: seconds(1),
            first_byte_timeout: Some(seconds(2)),
            retry: Retry {
                outcomes: vec![RetryOn::Timeout, RetryOn::Shed],
                wait: RetryWait::Exponential {
                    base: Duration::from_millis(100),
                    cap: seconds(10),
                },
                attempts: Some(5),
                retry_after: RetryAfter::Honour,
                budget: Some(RetryBudget {
                    share: Ratio::new(0.1).expect("a share"),
                    least: Rate::per_second(2.0).expect("a rate"),
                }),
            },
            breaker: Some(BreakerPolicy {
                trip: Trip::InARow(5),
                open: seconds(10),
                probes: 1,
            }),
            reuse: Reuse::Shared,
            connection_age: Some(seconds(30)),
            connection_requests: Some(100),
            dns_cache: DnsCache::Forever,
            cookies: true,
            ..plain
        };
        assert_eq!(
            timeouts(&client),
            "timeout 10s, to connect 1s, for the first byte 2s; patience 1m"
        );
        assert_eq!(
            retry(&client.retry),
            "tries timeout, shed again after up to 100ms, doubling up to 10s (full jitter), or what \
             Retry-After says, 5 attempts at most; budget 10% and 2/s"
        );
        assert_eq!(
            breaker(&client).as_deref(),
            Some("breaker opens after 5 failures in a row, for 10s; then 1 to probe")
        );
        assert_eq!(
            connections(&client),
            "connections kept and shared, for 30s at most, for 100 requests at most; addresses kept \
             for ever; cookies kept"
        );
    }
}
