//! A curve of rates in a file, for `arrivals: {file: curve.csv}`.
//!
//! Two columns, time and rate. Times are lengths since the start (`90`, `1m 30s`) or instants
//! (`2021-04-28T16:00:00+05:30`, seconds since 1970), which count from the first one. Rates are
//! numbers a second, or as scenarios write them (`27_000/m`).

use std::{fs::File, io::Read as _, path::Path, time::Duration};

use super::{
    dates::Dates,
    error::ImportError,
    read::failed,
    table::{cells, number, separator},
};
use crate::units::{Rate, Span};

/// The largest file of a curve, in bytes.
const LARGEST: u64 = 16 << 20;
/// The most points of a curve.
const MOST: usize = 100_000;
/// Seconds from here on are since 1970 (they are of 1973), not since the start.
const INSTANTS: f64 = 1e8;

/// A point of a curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// When, since the curve's beginning.
    pub at: Duration,
    /// The rate there.
    pub rate: Rate,
}

/// Reads the file of a curve.
///
/// # Errors
/// When it cannot be read, or is not a curve of at least two points in order of time.
pub fn curve_file(path: &Path) -> Result<Vec<CurvePoint>, ImportError> {
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|e| failed(&name, e))?;
    let read = file.take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|e| failed(&name, e))?;
    let refuse = |message: &str| ImportError::Malformed {
        name: name.clone(),
        line: None,
        message: message.to_owned(),
        hint: None,
    };
    if bytes.len() as u64 > LARGEST {
        return Err(refuse("a curve is at most 16 MB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| refuse("not UTF-8 text"))?;
    parse_curve(&name, &text)
}

/// Reads the text of a curve; `name` is for messages.
///
/// # Errors
/// When it is not a curve of at least two points in order of time.
pub fn parse_curve(name: &str, text: &str) -> Result<Vec<CurvePoint>, ImportError> {
    let mut points: Vec<CurvePoint> = Vec::new();
    let mut zero: Option<When> = None;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    for (line, number) in text.lines().zip(1u64..) {
        let refuse = |message: String, hint: &'static str| ImportError::Malformed {
            name: name.to_owned(),
            line: Some(number),
            message,
            hint: Some(hint),
        };
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let cells = separator(line).and_then(|separator| cells(line, separator));
        let Some([time, rate]) = cells.as_deref() else {
            return Err(refuse(
                format!("`{}` is not a time and a rate", shortened(line)),
                "each line has two cells, such as `90,12.5` or `1m 30s,12.5`",
            ));
        };
        let parsed = (when(time), self::number(rate).and_then(Rate::per_second));
        let (when, rate) = match parsed {
            (Some(when), Some(rate)) => (when, rate),
            // the first line may be a header
            _ if zero.is_none() && points.is_empty() && !starts_with_digit(time) => continue,
            (None, _) => {
                return Err(refuse(
                    format!("`{}` is not a time", shortened(time)),
                    "write seconds, a length of time such as `1m 30s`, or an instant such as \
                     `2021-04-28T16:00:00+05:30`",
                ));
            }
            (_, None) => {
                return Err(refuse(
                    format!("`{}` is not a rate", shortened(rate)),
                    "write a number a second, or a rate such as `27_000/m`",
                ));
            }
        };
        let at = match (when, *zero.get_or_insert(when)) {
            (When::Since(at), When::Since(_)) => at,
            (When::Instant(at), When::Instant(zero)) if at >= zero => {
                Duration::from_micros(at.abs_diff(zero))
            }
            (When::Instant(_), When::Instant(_)) => Duration::ZERO,
            _ => {
                return Err(refuse(
                    format!(
                        "`{}` is of another kind than the times before",
                        shortened(time)
                    ),
                    "either all times are lengths since the start, or all are instants",
                ));
            }
        };
        if points.last().is_some_and(|last| at < last.at) {
            return Err(refuse(
                format!("`{}` comes before the time above it", shortened(time)),
                "the lines are in order of time; two with the same time are a step",
            ));
        }
        points.push(CurvePoint { at, rate });
        if points.len() > MOST {
            return Err(refuse(
                format!("more than {MOST} points"),
                "let `brownout import` make longer bins with `--bin`",
            ));
        }
    }
    if points.len() < 2 {
        return Err(ImportError::Malformed {
            name: name.to_owned(),
            line: None,
            message: "a curve needs at least two points: where it begins and where it ends".into(),
            hint: Some("each line has a time and a rate, such as `90,12.5`"),
        });
    }
    Ok(points)
}

/// A time of a curve.
#[derive(Debug, Clone, Copy)]
enum When {
    /// Since its beginning.
    Since(Duration),
    /// Microseconds since 1970.
    Instant(i64),
}

fn when(text: &str) -> Option<When> {
    if let Ok(seconds) = text.parse::<f64>()
        && (0.0..INSTANTS).contains(&seconds)
    {
        // whole microseconds: what was written as decimals is read back as it was
        return Some(When::Since(Duration::from_micros(
            (seconds * 1e6).round() as u64
        )));
    }
    if let Ok(Span(span)) = text.parse() {
        return Some(When::Since(span));
    }
    let stamp = Dates::default().read(text.as_bytes())?;
    Some(When::Instant(stamp.micros()))
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn shortened(text: &str) -> String {
    super::traffic::beginning(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(f64, f64)>, String> {
        let points = parse_curve("x.csv", text).map_err(|e| e.to_string())?;
        Ok(points
            .iter()
            .map(|p| (p.at.as_secs_f64(), p.rate.get()))
            .collect())
    }

    #[test]
    fn times_and_rates_in_all_forms() {
        let expected = Ok(vec![(0.0, 5.0), (90.0, 6.0)]);
        for text in [
            "time,rate\n0,5\n90,6\n",
            "0s;5/s\n1m 30s;360/m",
            "# made by hand\n\n\"0\",\"5\"\n90.0,6.0",
            "2021-04-28T16:00:00+05:30,5\n2021-04-28T10:31:30Z,6",
            "Time\tRate\n1619605800\t5 req/s\n1619605890\t6 req/s",
            "1619605800000,5\n1619605890000,6",
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
        // a curve may begin later
        assert_eq!(read("10,5\n90,6"), Ok(vec![(10.0, 5.0), (90.0, 6.0)]));
    }

    #[test]
    fn no_curves() {
        for (text, says) in [
            ("", "at least two points"),
            ("0,5", "at least two points"),
            ("0,5\n1,5,6", "line 2: `1,5,6` is not"),
            ("0,5\nx,6", "line 2: `x` is not a time"),
            ("0,5\n1,x", "line 2: `x` is not a rate"),
            ("0,-5\n1,1", "line 1: `-5` is not a rate"),
            ("time,rate\nrate,time\n0,5\n1,5", "at"),
            ("0,5\n9,5\n5,5", "line 3: `5` comes before"),
            ("0,5\n2021-04-28T10:31:30Z,5", "another kind"),
            (
                "2021-04-28T10:31:30Z,5\n2021-04-28T10:31:31Z,5\n2021-04-28T10:31:29Z,5",
                "comes before",
            ),
        ] {
            match read(text) {
                Err(message) => assert!(message.contains(says), "{text}: {message}"),
                Ok(points) => assert!(says == "at", "{text}: {points:?}"),
            }
        }
    }
}
