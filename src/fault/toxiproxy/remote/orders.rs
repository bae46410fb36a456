//! What is asked of a Toxiproxy for a fault.

use serde_json::{Value, json};

use super::super::{attributes, wire::Object};
use crate::{
    fault::tcp::{Kind, toxic_of},
    scenario::model::{TcpEffect, TcpStream as Direction},
    units::Ratio,
};

/// What a fault is to a Toxiproxy.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Orders {
    /// The proxy is disabled.
    Down,
    /// Toxics, one a direction.
    Toxics(Kind, Vec<Direction>),
}

impl Orders {
    /// # Errors
    /// When it cannot be said in Toxiproxy's units.
    pub(super) fn new(effect: &TcpEffect) -> Result<Self, String> {
        let Some((kind, stream)) = toxic_of(effect) else {
            return Ok(Self::Down);
        };
        let given = Object::new(attributes::to_json(&kind), "attributes");
        let exact = attributes::of_type(attributes::type_name(&kind))
            .zip(given.ok())
            .and_then(|(empty, given)| attributes::merge(empty, &given).ok());
        if exact != Some(kind) {
            let detail = "Toxiproxy counts whole milliseconds and kilobytes (slicer: microseconds)";
            return Err(detail.to_owned());
        }
        let both = || vec![Direction::Upstream, Direction::Downstream];
        Ok(Self::Toxics(
            kind,
            stream.map_or_else(both, |one| vec![one]),
        ))
    }

    /// The toxics of a fault at a level of a share. The level scales the share, but latency's amount.
    pub(super) fn toxics(&self, fault: &str, share: Ratio, level: Ratio) -> Vec<Value> {
        let Self::Toxics(kind, streams) = self else {
            return Vec::new();
        };
        let (kind, share) = match *kind {
            Kind::Latency { latency, jitter } => {
                let scaled = Kind::Latency {
                    latency: latency.mul_f64(level.get()),
                    jitter: jitter.mul_f64(level.get()),
                };
                (scaled, share)
            }
            kind => (kind, share.of(level)),
        };
        let toxic = |direction: &Direction| {
            let stream = match direction {
                Direction::Upstream => "upstream",
                Direction::Downstream => "downstream",
            };
            json!({
                "name": format!("brownout_{fault}_{stream}"),
                "type": attributes::type_name(&kind),
                "stream": stream,
                "toxicity": share.get(),
                "attributes": attributes::to_json(&kind),
            })
        };
        streams.iter().map(toxic).collect()
    }
}

/// Why what is there is not what was wanted. Toxicities go through an `f32`.
pub(super) fn differs(wanted: &Value, found: &Value) -> Option<String> {
    let near = |value: &Value| value.as_f64().map(|number| (number * 1e6).round());
    let same = ["name", "type", "stream", "attributes"]
        .iter()
        .all(|key| wanted[key] == found[key])
        && near(&wanted["toxicity"]) == near(&found["toxicity"]);
    (!same).then(|| format!("wanted {wanted}, found {found}"))
}
