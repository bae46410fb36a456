//! Numbers as people read them. A value that does not exist, or is not finite, is always a dash:
//! no report ever shows `NaN`.

/// What stands where nothing was measured.
pub(super) const NOTHING: &str = "–";

/// `8123` as `8,123`.
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count that was computed rather than counted, such as lost goodput: `12,345` or `0.4`.
pub(super) fn amount(value: f64) -> String {
    if !value.is_finite() {
        NOTHING.into()
    } else if value.abs() < 10.0 && value.fract().abs() > 0.05 {
        format!("{value:.1}")
    } else {
        let sign = if value <= -0.5 { "-" } else { "" };
        // A saturating cast: a count beyond u64 does not occur.
        format!("{sign}{}", count(value.abs().round() as u64))
    }
}

/// Requests a second: `450/s`, `3.2/s`.
pub(super) fn rate(value: f64) -> String {
    if value.is_finite() {
        format!("{}/s", amount(value))
    } else {
        NOTHING.into()
    }
}

/// A share of one as a percentage. It never rounds to a whole that was not reached: 0.9999 is
/// `99.99%`, and 0.00001 is `<0.01%`.
pub(super) fn percent(share: Option<f64>) -> String {
    let Some(share) = share.filter(|s| s.is_finite()) else {
        return NOTHING.into();
    };
    let value = share * 100.0;
    if value == 0.0 || value == 100.0 {
        // zero may have a sign
        format!("{:.0}%", value.abs())
    } else if value > 0.0 && value < 0.01 {
        "<0.01%".into()
    } else if (99.99..100.0).contains(&value) {
        ">99.99%".into()
    } else if value > 99.9 && value < 100.0 {
        format!("{:.2}%", (value * 100.0).floor() / 100.0)
    } else if value.abs() < 1.0 {
        format!("{value:.2}%")
    } else {
        format!("{value:.1}%")
    }
}

/// A factor: `2.31x`.
pub(super) fn times(value: f64) -> String {
    if value.is_finite() {
        format!("{value:.2}x")
    } else {
        NOTHING.into()
    }
}

/// A factor without useless digits: `60x`, `0.01x`.
pub(super) fn scale(value: f64) -> String {
    if value.is_finite() {
        format!("{value}x")
    } else {
        NOTHING.into()
    }
}

/// A latency or length in seconds, at the precision that matters: `12 ms`, `1.25 s`, `31.0 s`,
/// `2m 05s`.
pub(super) fn seconds(value: Option<f64>) -> String {
    let Some(value) = value.filter(|v| v.is_finite()) else {
        return NOTHING.into();
    };
    let size = value.abs();
    if size == 0.0 {
        "0 s".into()
    } else if size < 0.001 {
        format!("{:.0} µs", value * 1e6)
    } else if size < 0.01 {
        format!("{:.1} ms", value * 1e3)
    } else if size < 0.9995 {
        format!("{:.0} ms", value * 1e3)
    } else if size < 9.995 {
        format!("{value:.2} s")
    } else if size < 99.95 {
        format!("{value:.1} s")
    } else {
        long(value)
    }
}

/// An instant of the run, in real seconds since its zero: `83.0 s`.
pub(super) fn instant(value: Option<f64>) -> String {
    match value.filter(|v| v.is_finite()) {
        Some(value) => format!("{value:.1} s"),
        None => NOTHING.into(),
    }
}

/// An instant on an axis: `1:23`, `1:02:03`; with tenths below ten seconds' width of the axis.
pub(super) fn clock(value: f64) -> String {
    if !value.is_finite() {
        return NOTHING.into();
    }
    let tenths = (value * 10.0).round().max(0.0) as u64;
    let (whole, tenth) = (tenths / 10, tenths % 10);
    let (h, m, s) = (whole / 3600, whole / 60 % 60, whole % 60);
    let fraction = if tenth == 0 {
        String::new()
    } else {
        format!(".{tenth}")
    };
    if h > 0 {
        format!("{h}:{m:02}:{s:02}{fraction}")
    } else {
        format!("{m}:{s:02}{fraction}")
    }
}

/// A length as people say it: `1h 20m`, `2m 05s`, `45s`.
pub(super) fn long(value: f64) -> String {
    if !value.is_finite() {
        return NOTHING.into();
    }
    let total = value.abs().round() as u64;
    let sign = if value <= -0.5 { "-" } else { "" };
    let (d, h, m, s) = (
        total / 86_400,
        total / 3600 % 24,
        total / 60 % 60,
        total % 60,
    );
    let text = match (d, h, m, s) {
        (0, 0, 0, s) => format!("{s}s"),
        (0, 0, m, 0) => format!("{m}m"),
        (0, 0, m, s) => format!("{m}m {s:02}s"),
        (0, h, 0, 0) => format!("{h}h"),
        (0, h, m, 0) => format!("{h}h {m:02}m"),
        (0, h, m, s) => format!("{h}h {m:02}m {s:02}s"),
        (d, 0, 0, _) => format!("{d}d"),
        (d, h, m, _) => format!("{d}d {h:02}h {m:02}m"),
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12_345_678), "12,345,678");
        assert_eq!(amount(0.4), "0.4");
        assert_eq!(amount(1234.4), "1,234");
    }

    #[test]
    fn shares_never_round_to_a_whole_that_was_not_reached() {
        assert_eq!(percent(Some(1.0)), "100%");
        assert_eq!(percent(Some(0.999_99)), ">99.99%");
        assert_eq!(percent(Some(0.9996)), "99.96%");
        assert_eq!(percent(Some(0.621)), "62.1%");
        assert_eq!(percent(Some(0.000_01)), "<0.01%");
        assert_eq!(percent(Some(0.0)), "0%");
        assert_eq!(percent(Some(-0.0)), "0%");
        assert_eq!(percent(None), NOTHING);
    }

    #[test]
    fn lengths_carry_the_digits_that_matter() {
        assert_eq!(seconds(Some(0.0123)), "12 ms");
        assert_eq!(seconds(Some(1.254)), "1.25 s");
        assert_eq!(seconds(Some(31.04)), "31.0 s");
        assert_eq!(seconds(Some(125.0)), "2m 05s");
        assert_eq!(clock(83.0), "1:23");
        assert_eq!(clock(3723.5), "1:02:03.5");
        assert_eq!(long(4800.0), "1h 20m");
    }

    #[test]
    fn what_is_not_finite_is_a_dash() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for text in [
                amount(bad),
                rate(bad),
                times(bad),
                scale(bad),
                clock(bad),
                long(bad),
                percent(Some(bad)),
                seconds(Some(bad)),
                instant(Some(bad)),
            ] {
                assert_eq!(text, NOTHING);
            }
        }
    }
}
