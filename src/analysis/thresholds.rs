//! The thresholds in force, in the order of the definitions.

use super::{Thresholds, health::Criteria, text, world::service_criteria};
use crate::{plan::Plan, scenario::model::Subject, units::Span};

/// Every threshold that this analysis used.
pub(crate) fn thresholds(plan: &Plan) -> Thresholds {
    let m = &plan.measure;
    let mut values: Vec<(String, String)> = [
        ("bin", Span(m.bin).to_string()),
        ("warm-up", Span(m.warm_up).to_string()),
        ("baseline requests", text::count(m.baseline_requests.into())),
        ("baseline span", Span(m.baseline_span).to_string()),
        ("samples to judge a bin", m.min_samples.to_string()),
        ("bad bins to unhealthy", m.bad_bins.to_string()),
        ("good bins to healthy", m.good_bins.to_string()),
        ("outage: success at most", m.outage_below.to_string()),
        ("collapse: good at most", "10% of what it could".to_owned()),
        ("shedding: good at least", "80% of capacity".to_owned()),
        ("graceful: fallbacks above", m.fallback_above.to_string()),
        ("healthy for, to be recovered", Span(m.hold).to_string()),
        ("recovery is waited for", Span(m.observe).to_string()),
        (
            "retry storm: amplification",
            "2x baseline for 3 bins".to_owned(),
        ),
        ("not sent by harness, at most", "0.1%".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    for service in &plan.services {
        let whole = service_criteria(plan, &service.name);
        values.push((format!("{} healthy", service.name), healthy(&whole)));
        if let Some(capacity) = service.capacity {
            values.push((format!("{} capacity", service.name), capacity.to_string()));
        }
        for feature in &service.features {
            let subject = Subject::Feature {
                service: service.name.clone(),
                feature: feature.name.clone(),
            };
            let own = Criteria::of(plan, &subject, Some(whole));
            if own != whole {
                let name = format!("{}/{} healthy", service.name, feature.name);
                values.push((name, healthy(&own)));
            }
        }
    }
    Thresholds { values }
}

fn healthy(criteria: &Criteria) -> String {
    let success = format!("success >= {}", text::percent(criteria.slo));
    criteria.slow.map_or(success.clone(), |slow| {
        format!("{success}, p99 <= {}", Span(slow))
    })
}
