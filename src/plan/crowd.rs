//! Closed populations in words and numbers, for `brownout plan`. Pure.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::model::Plan;

/// The users of a closed population.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CrowdDescription {
    /// The population.
    pub population: String,
    /// The fewest and the most users in each phase.
    pub phases: Vec<(String, u32, u32)>,
    /// The most at once.
    pub most: u32,
    /// Shortest and longest pause between two journeys of a user.
    #[serde(rename = "pause_s", serialize_with = "span_seconds")]
    pub pause: (Duration, Duration),
}

fn span_seconds<S: Serializer>(pair: &(Duration, Duration), s: S) -> Result<S::Ok, S::Error> {
    (pair.0.as_secs_f64(), pair.1.as_secs_f64()).serialize(s)
}

/// `50`, or `10 to 200`.
pub(super) fn few_to_many(few: u32, many: u32) -> String {
    match few == many {
        true => few.to_string(),
        false => format!("{few} to {many}"),
    }
}

/// The closed populations of a plan.
pub(super) fn describe(plan: &Plan) -> Vec<CrowdDescription> {
    let closed = plan
        .populations
        .iter()
        .filter_map(|p| Some((p, p.users.as_ref()?)));
    closed
        .map(|(population, users)| CrowdDescription {
            population: population.name.clone(),
            phases: plan
                .phases
                .iter()
                .map(|phase| {
                    let (few, many) = users.curve.range_between(phase.from, phase.to);
                    (phase.name.clone(), few, many)
                })
                .collect(),
            most: users.most,
            pause: (users.pause_min, users.pause_max),
        })
        .collect()
}
