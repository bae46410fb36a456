//! Amounts of data and how fast they pass, as people write them: `10KB`, `100KB/s`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{UnitError, number};

/// An amount of data. `KB`, `MB` and `GB` are powers of 1000 (as in Toxiproxy), `KiB`, `MiB` and
/// `GiB` powers of 1024.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

/// Bytes a second; zero means that nothing passes.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct ByteRate(pub u64);

const EXPECTED: &str = "an amount of data such as `512B`, `10KB` or `1MiB`";
const EXPECTED_RATE: &str = "an amount of data a second such as `100KB/s`";
/// A petabyte: more is surely a mistake, and less stays exact in an `f64`.
const MOST: f64 = 1e15;

const UNITS: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let letters = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (count, unit) = text.split_at(letters);
    let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let bytes = number(count)? * *size as f64;
    (bytes <= MOST).then_some(bytes.round() as u64)
}

impl FromStr for ByteSize {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        parse(text)
            .map(Self)
            .ok_or_else(|| UnitError::new(EXPECTED, text))
    }
}

impl FromStr for ByteRate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        text.trim()
            .strip_suffix("/s")
            .and_then(parse)
            .map(Self)
            .ok_or_else(|| UnitError::new(EXPECTED_RATE, text))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        // whole binary units first: 65536 reads better as 64KiB than as 65.536KB
        for (name, size) in UNITS.iter().skip(4).rev() {
            if bytes > 0 && bytes.is_multiple_of(*size) && !bytes.is_multiple_of(1000) {
                return write!(f, "{}{name}", bytes / size);
            }
        }
        // then the largest decimal one of which three decimals tell it exactly
        let fits = |(_, size): &&(&str, u64)| {
            bytes >= *size && (*size == 1 || bytes.is_multiple_of(*size / 1000))
        };
        let (name, size) = UNITS[..4].iter().rev().find(fits).unwrap_or(&UNITS[0]);
        let (whole, rest) = (bytes / size, bytes % size);
        if rest == 0 {
            return write!(f, "{whole}{name}");
        }
        let decimals = format!("{:03}", rest / (size / 1000));
        write!(f, "{whole}.{}{name}", decimals.trim_end_matches('0'))
    }
}

impl fmt::Display for ByteRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", ByteSize(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_and_prints_what_people_write() {
        for (text, bytes, printed) in [
            ("0B", 0, "0B"),
            ("512B", 512, "512B"),
            ("10KB", 10_000, "10KB"),
            ("1_500 B", 1500, "1.5KB"),
            ("64KiB", 65_536, "64KiB"),
            ("1.25MB", 1_250_000, "1.25MB"),
            ("1MiB", 1 << 20, "1MiB"),
        ] {
            let size: ByteSize = text.parse().expect(text);
            assert_eq!((size.0, size.to_string().as_str()), (bytes, printed));
        }
        assert_eq!("100KB/s".parse(), Ok(ByteRate(100_000)));
        assert_eq!(ByteRate(100_000).to_string(), "100KB/s");
        for wrong in ["", "10", "KB", "10kb", "-1B", "10KB/s", "9000000GB"] {
            assert!(wrong.parse::<ByteSize>().is_err(), "{wrong}");
        }
        for wrong in ["10KB", "10KB/m", "10/s", "/s"] {
            assert!(wrong.parse::<ByteRate>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(bytes in 0u64..1_000_000_000_000) {
            prop_assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        }
    }
}
