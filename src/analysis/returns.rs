//! Definition 15: who came back first.

use std::collections::BTreeMap;

use super::{Return, ServiceResult, SubjectResult};

/// t_r of the last incident; `None` when it never was away, or is not back.
fn back_at(subject: &SubjectResult) -> Option<f64> {
    subject.recovery.as_ref()?.recovered_s
}

fn away(subject: &SubjectResult) -> bool {
    back_at(subject).is_none() && !subject.incidents.is_empty()
}

/// When a service was back: not before its features were.
pub(crate) fn service_back(service: &ServiceResult) -> Option<f64> {
    if away(&service.whole) || service.features.values().any(away) {
        return None;
    }
    let features = service.features.values().filter_map(back_at);
    features.chain(back_at(&service.whole)).reduce(f64::max)
}

/// Services and features by the time of their return; within one bin is a tie.
pub(crate) fn order(services: &BTreeMap<String, ServiceResult>, bin_s: f64) -> Vec<Return> {
    let mut order: Vec<Return> = Vec::new();
    for (name, service) in services {
        let features = service.features.iter().filter_map(|(feature, result)| {
            back_at(result).map(|at| (format!("{name}/{feature}"), at))
        });
        let whole = service_back(service).map(|at| (name.clone(), at));
        order.extend(
            whole
                .into_iter()
                .chain(features)
                .map(|(subject, at_s)| Return {
                    subject,
                    at_s,
                    rank: 0,
                }),
        );
    }
    order.sort_by(|a, b| a.at_s.total_cmp(&b.at_s).then(a.subject.cmp(&b.subject)));
    let mut rank = 0;
    let mut leader = f64::NEG_INFINITY;
    for item in &mut order {
        if item.at_s - leader > bin_s + 1e-9 {
            rank += 1;
            leader = item.at_s;
        }
        item.rank = rank;
    }
    order
}
