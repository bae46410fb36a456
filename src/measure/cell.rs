//! Bins: what is added up for one second of one series. Adding is associative and commutative, so
//! workers, seconds and record lines may be merged in any order.

use base64::{Engine, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{Deserializer, Serializer, V2DeflateSerializer},
};
use serde::{Deserialize, Serialize};

use super::{OutcomeCounts, PackedLatencies, buckets::lowest};
use crate::plan::SeriesId;

/// Latencies are kept in microseconds, 1 us to 1 h, 3 significant digits; beyond it saturates.
const HIGHEST_MICROS: u64 = 3_600_000_000;

/// What one bin of one series holds. The bin is that of the *intended* start.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// Attempts by outcome.
    pub counts: OutcomeCounts,
    /// First attempts among them (the rest are retries).
    pub first_attempts: u64,
    /// Attempts that a fault of ours is known to have hit.
    pub injected: u64,
    /// Attempts that were not good, and by the doing of a fault of ours.
    pub injected_bad: u64,
    /// Response times in microseconds, from the intended start; failures too, with their full wait.
    pub response: Latencies,
    /// Service times in microseconds, from the actual send; only what was sent.
    pub service: Latencies,
}

/// A histogram of microseconds, open: quick to add to and to read, and some 65 KB large unless it is
/// empty. What is kept for long is packed ([`PackedLatencies`]).
#[derive(Debug, Clone, Default)]
pub struct Latencies(Option<Box<Histogram<u64>>>);

impl Latencies {
    fn new_histogram() -> Box<Histogram<u64>> {
        let mut histogram =
            Histogram::new_with_bounds(1, 2, 3).expect("1..2 with 3 digits are valid bounds");
        histogram.auto(true);
        Box::new(histogram)
    }

    /// Records a time. Above one hour it counts as one hour.
    pub fn record(&mut self, time: std::time::Duration) {
        let micros = u64::try_from(time.as_micros())
            .unwrap_or(u64::MAX)
            .clamp(1, HIGHEST_MICROS);
        let histogram = self.0.get_or_insert_with(Self::new_histogram);
        histogram
            .record(micros)
            .expect("an auto-resizing histogram takes any value below an hour");
    }

    /// Adds another histogram.
    pub fn merge(&mut self, other: &Self) {
        if let Some(theirs) = &other.0 {
            let mine = self.0.get_or_insert_with(Self::new_histogram);
            mine.add(&**theirs)
                .expect("an auto-resizing histogram takes any other");
        }
    }

    /// Adds packed times.
    pub fn add(&mut self, packed: &PackedLatencies) {
        if packed.is_empty() {
            return;
        }
        let histogram = self.0.get_or_insert_with(Self::new_histogram);
        for (bucket, count) in packed.buckets() {
            histogram
                .record_n(lowest(bucket), count)
                .expect("an auto-resizing histogram takes any value that another held");
        }
    }

    /// Number of recorded times.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.as_ref().map_or(0, |h| h.len())
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The time at a quantile in 0..=1; `None` when empty.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<std::time::Duration> {
        let histogram = self.0.as_ref().filter(|h| !h.is_empty())?;
        Some(std::time::Duration::from_micros(
            histogram.value_at_quantile(q),
        ))
    }

    /// A value of each bucket that is not empty, in microseconds and in order, and how many lie
    /// in it.
    pub(super) fn recorded(&self) -> impl Iterator<Item = (u64, u64)> {
        let histogram = self.0.iter();
        histogram
            .flat_map(|histogram| histogram.iter_recorded())
            .map(|step| (step.value_iterated_to(), step.count_at_value()))
    }
}

impl Serialize for Latencies {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let Some(histogram) = &self.0 else {
            return s.serialize_str("");
        };
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(histogram, &mut bytes)
            .map_err(serde::ser::Error::custom)?;
        s.serialize_str(&STANDARD.encode(bytes))
    }
}

impl<'de> Deserialize<'de> for Latencies {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        if text.is_empty() {
            return Ok(Self(None));
        }
        let bytes = STANDARD
            .decode(text.as_bytes())
            .map_err(serde::de::Error::custom)?;
        let mut histogram: Histogram<u64> = Deserializer::new()
            .deserialize(&mut bytes.as_slice())
            .map_err(serde::de::Error::custom)?;
        histogram.auto(true);
        Ok(Self(Some(Box::new(histogram))))
    }
}

impl Cell {
    /// Adds another cell.
    pub fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.first_attempts += other.first_attempts;
        self.injected += other.injected;
        self.injected_bad += other.injected_bad;
        self.response.merge(&other.response);
        self.service.merge(&other.service);
    }
}

/// A cell and where it belongs, as it stands in a record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BinCell {
    /// The bin of the intended start.
    #[serde(rename = "b")]
    pub bin: u32,
    /// The series.
    #[serde(rename = "s")]
    pub series: SeriesId,
    /// By outcome.
    #[serde(rename = "n")]
    pub counts: OutcomeCounts,
    /// First attempts.
    #[serde(rename = "f")]
    pub first_attempts: u64,
    /// Known to be hit by a fault of ours.
    #[serde(rename = "i", default, skip_serializing_if = "is_zero")]
    pub injected: u64,
    /// Not good, and by the doing of a fault of ours.
    #[serde(rename = "ib", default, skip_serializing_if = "is_zero")]
    pub injected_bad: u64,
    /// Response times.
    #[serde(rename = "r")]
    pub response: Latencies,
    /// Service times.
    #[serde(rename = "v")]
    pub service: Latencies,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Journeys of one population that were *started* (intended) in one bin.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JourneyCell {
    /// The bin of the arrival.
    #[serde(rename = "b")]
    pub bin: u32,
    /// The population's index.
    #[serde(rename = "p")]
    pub population: u16,
    /// Journeys that began (each arrival, also one that could not be sent).
    #[serde(rename = "began")]
    pub began: u64,
    /// Journeys that ended well: every step good, within the patience.
    #[serde(rename = "good")]
    pub good: u64,
    /// Journeys that ended otherwise.
    #[serde(rename = "failed")]
    pub failed: u64,
}

impl From<BinCell> for Cell {
    fn from(cell: BinCell) -> Self {
        let BinCell {
            counts,
            first_attempts,
            injected,
            injected_bad,
            response,
            service,
            ..
        } = cell;
        Self {
            counts,
            first_attempts,
            injected,
            injected_bad,
            response,
            service,
        }
    }
}

impl JourneyCell {
    /// Adds another cell; the bin and population become the other's.
    pub const fn merge(&mut self, other: &Self) {
        self.bin = other.bin;
        self.population = other.population;
        self.began += other.began;
        self.good += other.good;
        self.failed += other.failed;
    }
}

/// What workers measured since the last time they were asked. Bins may come more than once: a late
/// answer belongs to the bin of its intended start. Readers add.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct BinDelta {
    /// Requests.
    pub cells: Vec<BinCell>,
    /// Journeys.
    pub journeys: Vec<JourneyCell>,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn latencies_survive_the_record() {
        let mut latencies = Latencies::default();
        for millis in [1, 5, 12_000, 90] {
            latencies.record(Duration::from_millis(millis));
        }
        let text = serde_json::to_string(&latencies).expect("serialises");
        let back: Latencies = serde_json::from_str(&text).expect("reads back");
        assert_eq!(back.len(), 4);
        assert_eq!(back.quantile(1.0), latencies.quantile(1.0));
        assert!(
            serde_json::from_str::<Latencies>("\"\"")
                .expect("empty")
                .is_empty()
        );
    }
}
