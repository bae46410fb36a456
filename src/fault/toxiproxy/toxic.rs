//! A toxic of a proxy.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{attributes, error::ApiError, wire::Object};
use crate::{
    fault::{
        dose::Dose,
        tcp::{Kind, Posting},
    },
    scenario::model::TcpStream as Direction,
    seed::Seed,
    units::Ratio,
};

/// What is asked for when a toxic is created.
#[derive(Debug)]
pub(super) struct Order {
    name: Option<String>,
    kind: Kind,
    stream: String,
    direction: Direction,
    toxicity: f32,
    attributes: Object,
}

/// A toxic in force.
#[derive(Debug)]
pub(super) struct Toxic {
    pub(super) name: String,
    kind: Kind,
    /// As it was given: `Downstream` stays that.
    stream: String,
    direction: Direction,
    toxicity: f32,
    dose: Arc<Dose>,
    pub(super) posting: Arc<Posting>,
}

impl Order {
    /// Reads what is checked before names are: stream, then type.
    ///
    /// # Errors
    /// What Toxiproxy says, in its order.
    pub(super) fn read(body: &Object) -> Result<Self, ApiError> {
        let name = body.text("name")?;
        let kind = body.text("type")?.unwrap_or_default();
        let stream = body.text("stream")?;
        let toxicity = body.number("toxicity")?.unwrap_or(1.0);
        let attributes = body.object("attributes")?;
        let stream = stream.filter(|stream| !stream.is_empty());
        let stream = stream.unwrap_or_else(|| "downstream".to_owned());
        let direction = match stream.to_lowercase().as_str() {
            "upstream" => Direction::Upstream,
            "downstream" => Direction::Downstream,
            _ => return Err(ApiError::Stream),
        };
        Ok(Self {
            name: name.filter(|name| !name.is_empty()),
            kind: attributes::of_type(&kind).ok_or(ApiError::Type)?,
            stream,
            direction,
            toxicity,
            attributes,
        })
    }

    /// The name that it will have.
    pub(super) fn name(&self) -> String {
        let named = || format!("{}_{}", attributes::type_name(&self.kind), self.stream);
        self.name.clone().unwrap_or_else(named)
    }

    /// The toxic, not yet in force. Whom it meets follows from `seed` and its name.
    ///
    /// # Errors
    /// When an attribute is wrong.
    pub(super) fn build(self, seed: Seed) -> Result<Toxic, ApiError> {
        let kind = attributes::merge(self.kind, &self.attributes)?;
        let name = self.name();
        let dose = Arc::new(Dose::of(&name, share(self.toxicity), seed));
        let posting = Arc::new(Posting::toxic(Arc::clone(&dose), kind, self.direction));
        Ok(Toxic {
            name,
            kind,
            stream: self.stream,
            direction: self.direction,
            toxicity: self.toxicity,
            dose,
            posting,
        })
    }
}

impl Toxic {
    /// Changes attributes and toxicity, those that are given; returns the posting that the new one
    /// takes the place of.
    ///
    /// # Errors
    /// When one is wrong: then nothing is changed.
    pub(super) fn change(&mut self, body: &Object) -> Result<Arc<Posting>, ApiError> {
        let toxicity = body.number("toxicity")?.unwrap_or(self.toxicity);
        let kind = attributes::merge(self.kind, &body.object("attributes")?)?;
        self.kind = kind;
        self.toxicity = toxicity;
        self.dose.set_share(share(toxicity));
        let dose = Arc::clone(&self.dose);
        let posting = Arc::new(Posting::toxic(dose, kind, self.direction));
        Ok(std::mem::replace(&mut self.posting, posting))
    }

    /// Whether it stands in that direction.
    pub(super) fn stands(&self, direction: Direction) -> bool {
        self.direction == direction
    }

    /// How many connections it met.
    pub(super) fn connections(&self) -> u64 {
        self.dose.hits()
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "attributes": attributes::to_json(&self.kind),
            "name": self.name,
            "type": attributes::type_name(&self.kind),
            "stream": self.stream,
            "toxicity": toxicity_to_json(self.toxicity),
        })
    }
}

/// Toxiproxy takes any number; what is above 1 meets all and what is below 0 none.
fn share(toxicity: f32) -> Ratio {
    Ratio::new(f64::from(toxicity.clamp(0.0, 1.0))).unwrap_or(Ratio::ONE)
}

/// As Go prints it: `1`, not `1.0`, and the shortest text of an `f32`.
fn toxicity_to_json(toxicity: f32) -> Value {
    if toxicity.fract() == 0.0 && toxicity.abs() < 1e6 {
        return json!(toxicity as i64);
    }
    toxicity
        .to_string()
        .parse::<f64>()
        .map_or(Value::Null, |number| json!(number))
}
