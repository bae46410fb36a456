//! Instants in logs. The minute of the last line is remembered, since the next line nearly always
//! has the same: then only the seconds are read.

use super::stamp::Stamp;

/// `28/Apr/2021:16:00` is the longer of the two prefixes that name a minute.
const LONGEST_MINUTE: usize = 17;
const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];

/// Reads instants; keeps the last minute.
#[derive(Debug, Clone, Default)]
pub(super) struct Dates {
    /// The text that named the minute, and its length.
    key: [u8; LONGEST_MINUTE],
    key_len: usize,
    /// Its seconds since 1970, as if written in UTC.
    minute: i64,
}

impl Dates {
    /// Reads RFC 3339, the common log format's date, or a number since 1970.
    pub(super) fn read(&mut self, text: &[u8]) -> Option<Stamp> {
        if text.get(2) == Some(&b'/') {
            self.dated(text, 17, common_minute)
        } else if text.get(4) == Some(&b'-') {
            self.dated(text, 16, iso_minute)
        } else {
            epoch(text)
        }
    }

    /// A date of which the first `len` bytes name the minute, then `:SS`, a fraction, an offset.
    fn dated(
        &mut self,
        text: &[u8],
        len: usize,
        minute: fn(&[u8]) -> Option<i64>,
    ) -> Option<Stamp> {
        let (head, rest) = text.split_at_checked(len)?;
        if self.key.get(..self.key_len) != Some(head) {
            self.minute = minute(head)?;
            self.key_len = 0;
            self.key[..len].copy_from_slice(head);
            self.key_len = len;
        }
        let (second, rest) = match rest {
            [b':', tens, ones, rest @ ..] => (two(*tens, *ones)?, rest),
            // RFC 3339 has seconds always; ISO 8601 may leave them out
            _ => (0, rest),
        };
        // a leap second is the first of the next minute
        if second > 60 {
            return None;
        }
        let (micros, rest) = fraction(rest)?;
        let offset = offset(rest)?;
        Some(Stamp::from_micros(
            (self.minute + second - offset) * 1_000_000 + micros,
        ))
    }
}

/// `28/Apr/2021:16:00`
fn common_minute(text: &[u8]) -> Option<i64> {
    let [
        d1,
        d2,
        b'/',
        m1,
        m2,
        m3,
        b'/',
        y1,
        y2,
        y3,
        y4,
        b':',
        h1,
        h2,
        b':',
        n1,
        n2,
    ] = *text
    else {
        return None;
    };
    let month = MONTHS.iter().position(|m| **m == [m1, m2, m3])?;
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let month = i64::try_from(month).ok()? + 1;
    minute_of(year, month, two(d1, d2)?, two(h1, h2)?, two(n1, n2)?)
}

/// `2021-04-28T16:00` or with a blank
fn iso_minute(text: &[u8]) -> Option<i64> {
    let [
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T' | b't' | b' ',
        h1,
        h2,
        b':',
        n1,
        n2,
    ] = *text
    else {
        return None;
    };
    let year = two(y1, y2)? * 100 + two(y3, y4)?;
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
    minute_of(year, month, day, two(h1, h2)?, two(n1, n2)?)
}

fn minute_of(year: i64, month: i64, day: i64, hour: i64, minute: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 {
        return None;
    }
    Some(days_since_1970(year, month, day) * 86_400 + hour * 3_600 + minute * 60)
}

/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": `days_from_civil`.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// `.123456` or `,123`: microseconds, and what follows.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.' | b',', digits @ ..] = text else {
        return Some((0, text));
    };
    let len = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    if len == 0 {
        return None;
    }
    let micros = (0..6).fold(0, |sum, at| {
        let digit = digits[..len].get(at).map_or(0, |d| i64::from(d - b'0'));
        sum * 10 + digit
    });
    Some((micros, &digits[len..]))
}

/// `Z`, `+05:30`, `+0530` or nothing (UTC), in seconds east.
fn offset(text: &[u8]) -> Option<i64> {
    let text = text.strip_prefix(b" ").unwrap_or(text);
    let (sign, hours, minutes) = match *text {
        [] | [b'Z' | b'z'] | [b'U', b'T', b'C'] => return Some(0),
        [sign @ (b'+' | b'-'), a, b, c, d] | [sign @ (b'+' | b'-'), a, b, b':', c, d] => {
            (sign, two(a, b)?, two(c, d)?)
        }
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let east = hours * 3_600 + minutes * 60;
    Some(if sign == b'-' { -east } else { east })
}

fn two(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

/// The latest second since 1970 that is read as seconds: in the year 5138. Larger numbers are
/// milliseconds, then microseconds, then nanoseconds.
const MOST_SECONDS: u64 = 100_000_000_000;

/// A number since 1970. Its size tells its unit.
fn epoch(text: &[u8]) -> Option<Stamp> {
    let len = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if len == 0 || len > 20 {
        return None;
    }
    let rest = &text[len..];
    if matches!(rest.first(), Some(b'e' | b'E')) || rest.iter().any(|b| matches!(b, b'e' | b'E')) {
        return scientific(text);
    }
    let mut whole: u64 = 0;
    for digit in &text[..len] {
        whole = whole
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
    }
    // `1619605800,5` is a row of a table
    let (micros, rest) = fraction(rest).filter(|_| rest.first() != Some(&b','))?;
    if !rest.is_empty() {
        return None;
    }
    if whole < MOST_SECONDS {
        let whole = i64::try_from(whole).ok()?;
        return Some(Stamp::from_micros(whole * 1_000_000 + micros));
    }
    let micros = match whole / MOST_SECONDS {
        0..1_000 => whole * 1_000 + micros.unsigned_abs() / 1_000,
        1_000..1_000_000 => whole,
        _ => whole / 1_000,
    };
    i64::try_from(micros).ok().map(Stamp::from_micros)
}

/// `1.6196076e9`, as some encoders write numbers.
fn scientific(text: &[u8]) -> Option<Stamp> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    if !(0.0..1e20).contains(&value) {
        return None;
    }
    let most = MOST_SECONDS as f64;
    let micros = if value < most {
        value * 1e6
    } else if value < most * 1e3 {
        value * 1e3
    } else if value < most * 1e6 {
        value
    } else {
        value / 1e3
    };
    Some(Stamp::from_micros(micros.round() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<i64> {
        Dates::default().read(text.as_bytes()).map(Stamp::micros)
    }

    #[test]
    fn the_same_instant_in_all_forms() {
        for text in [
            "28/Apr/2021:16:00:00 +0530",
            "28/Apr/2021:10:30:00 +0000",
            "28/Apr/2021:10:30:00",
            "2021-04-28T10:30:00Z",
            "2021-04-28T16:00:00+05:30",
            "2021-04-28 16:00:00.000 +0530",
            "2021-04-28 10:30",
            "1619605800",
            "1619605800.000",
            "1619605800000",
            "1619605800000000",
            "1619605800000000000",
            "1.6196058e9",
            "1.6196058e+12",
        ] {
            assert_eq!(read(text), Some(1_619_605_800_000_000), "{text}");
        }
        assert_eq!(
            read("2021-04-28T10:30:00.1234567Z"),
            Some(1_619_605_800_123_456)
        );
        assert_eq!(read("1619605800123.7"), Some(1_619_605_800_123_700));
        assert_eq!(read("1619605800.5"), Some(1_619_605_800_500_000));
        assert_eq!(read("2000-02-29T00:00:00Z"), Some(951_782_400_000_000));
    }

    #[test]
    fn no_instants() {
        for text in [
            "",
            "-",
            "x",
            "29/Feb/2021:10:30:00 +0000",
            "28/Apr/2021:24:00:00 +0000",
            "28/apr/2021:10:30:00 +0000",
            "28/Apr/2021:10:30:61 +0000",
            "28/Apr/2021:10:30:00 +05",
            "2021-13-01T00:00:00Z",
            "2021-04-28T10:30:00.Z",
            "2021-04-28T10:30:00Q",
            "16196058xx",
            "1619605800,5",
            "999999999999999999999",
            "1e400",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_kept_minute_is_forgotten_in_time() {
        let mut dates = Dates::default();
        let mut read = |text: &str| dates.read(text.as_bytes()).map(|s| s.second());
        assert_eq!(read("28/Apr/2021:10:30:07 +0000"), Some(1_619_605_807));
        assert_eq!(read("28/Apr/2021:10:30:59 +0000"), Some(1_619_605_859));
        assert_eq!(read("28/Xpr/2021:10:30:59 +0000"), None);
        assert_eq!(read("28/Apr/2021:10:31:00 +0000"), Some(1_619_605_860));
        assert_eq!(read("2021-04-28T10:31:01Z"), Some(1_619_605_861));
    }

    proptest::proptest! {
        #[test]
        fn what_is_printed_is_read(micros in 0i64..4_000_000_000_000_000) {
            let text = Stamp::from_micros(micros).to_string();
            proptest::prop_assert_eq!(read(&text), Some(micros));
        }
    }
}
