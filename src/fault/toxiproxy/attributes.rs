//! The attributes of toxics, as numbers with the units of Toxiproxy's documentation.

use std::time::Duration;

use serde_json::{Value, json};

use super::{error::ApiError, wire::Object};
use crate::{
    fault::tcp::{Cut, Kind},
    units::{ByteRate, ByteSize, Ratio},
};

/// A century in milliseconds: longer is surely a mistake, and shorter never overflows a clock.
const LONGEST_MS: u64 = 3_200_000_000_000;
const MOST_BYTES: u64 = 1_000_000_000_000_000;
/// What a share of one is in the API, where attributes are whole numbers.
const MILLION: u64 = 1_000_000;

/// A toxic of that type without attributes; `None` for an unknown type.
pub(super) const fn of_type(name: &str) -> Option<Kind> {
    const ZERO: Duration = Duration::ZERO;
    Some(match name.as_bytes() {
        b"latency" => Kind::Latency {
            latency: ZERO,
            jitter: ZERO,
        },
        b"bandwidth" => Kind::Bandwidth { rate: ByteRate(0) },
        b"slow_close" => Kind::SlowClose { delay: ZERO },
        b"timeout" => Kind::Timeout { timeout: ZERO },
        b"reset_peer" => Kind::ResetPeer { after: ZERO },
        b"slicer" => Kind::Slicer(Cut {
            average: 0,
            variation: 0,
            delay: ZERO,
        }),
        b"limit_data" => Kind::LimitData { bytes: ByteSize(0) },
        b"corrupt" => Kind::Corrupt { share: Ratio::ZERO },
        b"noop" => Kind::Noop,
        _ => return None,
    })
}

/// A kind's name.
pub(super) const fn type_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Latency { .. } => "latency",
        Kind::Bandwidth { .. } => "bandwidth",
        Kind::SlowClose { .. } => "slow_close",
        Kind::Timeout { .. } => "timeout",
        Kind::ResetPeer { .. } => "reset_peer",
        Kind::Slicer(_) => "slicer",
        Kind::LimitData { .. } => "limit_data",
        Kind::Corrupt { .. } => "corrupt",
        Kind::Noop => "noop",
    }
}

/// A kind with the attributes that are given; the others stay.
///
/// # Errors
/// When one is no whole number, or nothing could be done with it.
pub(super) fn merge(kind: Kind, given: &Object) -> Result<Kind, ApiError> {
    let millis = |key: &str, now: Duration| {
        let given = given.whole(key, LONGEST_MS)?;
        Ok(given.map_or(now, Duration::from_millis))
    };
    Ok(match kind {
        Kind::Latency { latency, jitter } => Kind::Latency {
            latency: millis("latency", latency)?,
            jitter: millis("jitter", jitter)?,
        },
        Kind::Bandwidth { rate } => Kind::Bandwidth {
            rate: match given.whole("rate", MOST_BYTES / 1000)? {
                Some(kilobytes) => ByteRate(kilobytes * 1000),
                None => rate,
            },
        },
        Kind::SlowClose { delay } => Kind::SlowClose {
            delay: millis("delay", delay)?,
        },
        Kind::Timeout { timeout } => Kind::Timeout {
            timeout: millis("timeout", timeout)?,
        },
        Kind::ResetPeer { after } => Kind::ResetPeer {
            after: millis("timeout", after)?,
        },
        Kind::Slicer(cut) => {
            let size = |key: &str, now: usize| {
                let given = given.whole(key, MOST_BYTES)?;
                Ok(given.map_or(now, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX)))
            };
            let micros = given.whole("delay", LONGEST_MS * 1000)?;
            let cut = Cut {
                average: size("average_size", cut.average)?,
                variation: size("size_variation", cut.variation)?,
                delay: micros.map_or(cut.delay, Duration::from_micros),
            };
            if cut.average == 0 {
                let detail = "average_size must be at least 1";
                return Err(ApiError::Attribute(detail.into()));
            }
            Kind::Slicer(cut)
        }
        Kind::LimitData { bytes } => Kind::LimitData {
            bytes: given.whole("bytes", MOST_BYTES)?.map_or(bytes, ByteSize),
        },
        Kind::Corrupt { share } => Kind::Corrupt {
            share: given
                .whole("per_million", MILLION)?
                .and_then(|chunks| Ratio::new(chunks as f64 / MILLION as f64))
                .unwrap_or(share),
        },
        Kind::Noop => Kind::Noop,
    })
}

/// A kind's attributes.
pub(super) fn to_json(kind: &Kind) -> Value {
    let millis = |span: &Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    match kind {
        Kind::Latency { latency, jitter } => {
            json!({"latency": millis(latency), "jitter": millis(jitter)})
        }
        Kind::Bandwidth { rate } => json!({"rate": rate.0 / 1000}),
        Kind::SlowClose { delay } => json!({"delay": millis(delay)}),
        Kind::Timeout { timeout } => json!({"timeout": millis(timeout)}),
        Kind::ResetPeer { after } => json!({"timeout": millis(after)}),
        Kind::Slicer(cut) => json!({
            "average_size": cut.average,
            "size_variation": cut.variation,
            "delay": u64::try_from(cut.delay.as_micros()).unwrap_or(u64::MAX),
        }),
        Kind::LimitData { bytes } => json!({"bytes": bytes.0}),
        Kind::Corrupt { share } => {
            json!({"per_million": (share.get() * MILLION as f64).round() as u64})
        }
        Kind::Noop => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_reads_back_what_it_is_given() {
        for (name, attributes) in [
            ("latency", json!({"latency": 100, "jitter": 10})),
            ("bandwidth", json!({"rate": 100})),
            ("slow_close", json!({"delay": 100})),
            ("timeout", json!({"timeout": 100})),
            ("reset_peer", json!({"timeout": 100})),
            (
                "slicer",
                json!({"average_size": 64, "size_variation": 32, "delay": 10}),
            ),
            ("limit_data", json!({"bytes": 100})),
            ("corrupt", json!({"per_million": 10_000})),
            ("noop", json!({})),
        ] {
            let kind = of_type(name).expect(name);
            assert_eq!(type_name(&kind), name);
            let given = Object::new(attributes.clone(), "attributes").expect("an object");
            let kind = merge(kind, &given).expect(name);
            assert_eq!(to_json(&kind), attributes);
            // what is not given stays
            let kind = merge(kind, &Object::default()).expect(name);
            assert_eq!(to_json(&kind), attributes);
        }
        assert_eq!(of_type("Latency"), None);
    }

    #[test]
    fn what_nothing_could_act_on_is_refused() {
        for (name, attributes) in [
            ("latency", json!({"latency": -1})),
            ("latency", json!({"latency": 100.5})),
            ("latency", json!({"latency": "100"})),
            ("latency", json!({"latency": u64::MAX})),
            ("bandwidth", json!({"rate": -1})),
            ("corrupt", json!({"per_million": 1_000_001})),
            ("corrupt", json!({"per_million": 0.5})),
            ("slicer", json!({})),
            ("slicer", json!({"average_size": 0})),
        ] {
            let given = Object::new(attributes.clone(), "attributes").expect("an object");
            let kind = of_type(name).expect(name);
            let error = merge(kind, &given).expect_err(&attributes.to_string());
            assert_eq!(error.status(), 400, "{error}");
        }
    }
}
