//! A length of time, as people write it. Whether it is story time or real time is said by the
//! place where it stands (`crate::time`).

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

use super::{UnitError, number};

/// A length of time that prints as it is written: `1m 30s`, `250ms`, `6h`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Span(pub Duration);

const EXPECTED: &str = "a length of time such as `20s`, `1m 30s`, `250ms` or `6h`";
/// A century: longer is surely a mistake, and shorter never overflows.
const LONGEST_SECONDS: f64 = 3.2e9;

const UNITS: [(&str, f64); 7] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
    ("d", 86_400.0),
];

/// Parses a length of time.
///
/// # Errors
/// When the text has no unit, an unknown one, or is longer than a century.
pub fn parse_span(text: &str) -> Result<Duration, UnitError> {
    let wrong = || UnitError::new(EXPECTED, text);
    let mut rest = text.trim();
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| c.is_ascii_alphabetic())
            .ok_or_else(wrong)?;
        let (count, tail) = rest.split_at(digits);
        let letters = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let seconds = UNITS
            .iter()
            .find(|(name, _)| *name == unit)
            .ok_or_else(wrong)?
            .1;
        let value = number(count).ok_or_else(wrong)? * seconds;
        if value > LONGEST_SECONDS {
            return Err(wrong());
        }
        total += Duration::from_nanos((value * 1e9).round() as u64);
        rest = tail.trim_start();
    }
    Ok(total)
}

impl Span {
    /// Rounded to whole milliseconds, for people: more digits only distract.
    #[must_use]
    pub fn whole_millis(self) -> Self {
        let millis = (self.0.as_nanos() + 500_000) / 1_000_000;
        Self(Duration::from_millis(
            u64::try_from(millis).unwrap_or(u64::MAX),
        ))
    }
}

impl FromStr for Span {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        parse_span(text).map(Self)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        let mut first = true;
        for (name, size) in [
            ("h", 3_600_000_000_000u128),
            ("m", 60_000_000_000),
            ("s", 1_000_000_000),
        ] {
            let count = nanos / size;
            // seconds keep their milliseconds as a decimal: `1.5s` reads better than `1s 500ms`
            let decimals =
                name == "s" && self.0 >= Duration::from_secs(1) && nanos.is_multiple_of(1_000_000);
            if decimals && nanos > 0 {
                let text = format!("{:.3}", nanos as f64 / 1e9);
                let text = text.trim_end_matches('0').trim_end_matches('.');
                write!(f, "{}{text}s", if first { "" } else { " " })?;
                return Ok(());
            }
            if count > 0 {
                write!(f, "{}{count}{name}", if first { "" } else { " " })?;
                first = false;
                nanos %= size;
            }
        }
        for (name, size) in [("ms", 1_000_000u128), ("us", 1_000), ("ns", 1)] {
            let count = nanos / size;
            if count > 0 {
                write!(f, "{}{count}{name}", if first { "" } else { " " })?;
                first = false;
                nanos %= size;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_prints() {
        for (text, ms, printed) in [
            ("20s", 20_000, "20s"),
            ("1m 30s", 90_000, "1m 30s"),
            ("1m30s", 90_000, "1m 30s"),
            ("90m", 5_400_000, "1h 30m"),
            ("250ms", 250, "250ms"),
            ("1.5s", 1500, "1.5s"),
            ("0", 0, "0s"),
        ] {
            let span: Span = text.parse().expect(text);
            assert_eq!(span.0, Duration::from_millis(ms), "{text}");
            assert_eq!(span.to_string(), printed, "{text}");
        }
        for wrong in ["", "5", "5 parsecs", "-1s", "s", "1m 5", "999999999d"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn prints_what_parses_back(nanos in 0u64..10_000_000_000_000) {
            let span = Span(Duration::from_nanos(nanos));
            proptest::prop_assert_eq!(span.to_string().parse(), Ok(span));
        }
    }

    #[test]
    fn people_read_whole_milliseconds() {
        for (nanos, printed) in [
            (3_666_666_667, "3.667s"),
            (1_499_999, "1ms"),
            (499_999, "0s"),
            (60_000_400_000, "1m"),
        ] {
            let span = Span(Duration::from_nanos(nanos));
            assert_eq!(span.whole_millis().to_string(), printed);
        }
    }
}
