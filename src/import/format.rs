//! Which format a file has, by its first lines.

use super::{
    access::Access,
    dates::Dates,
    parser::is_blank,
    table::{cells, number, separator},
};

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An access log in the common or combined format, or of an AWS load balancer.
    Access,
    /// JSON objects, one a line.
    JsonLines,
    /// Prometheus' answer to a range query (`/api/v1/query_range`): a matrix of rates.
    Prometheus,
    /// A table of rates: time, and a column for each kind of traffic.
    Csv,
    /// Times, one a line.
    Times,
}

impl Format {
    /// What it is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Access => "access log",
            Self::JsonLines => "JSON lines",
            Self::Prometheus => "Prometheus range query",
            Self::Csv => "CSV",
            Self::Times => "list of times",
        }
    }

    /// Whether each line is one request (rather than a rate).
    #[must_use]
    pub const fn is_log(self) -> bool {
        match self {
            Self::Access | Self::JsonLines | Self::Times => true,
            Self::Prometheus | Self::Csv => false,
        }
    }
}

/// A log may begin with lines of another kind.
const LOOKED_AT: usize = 50;

/// The format of what begins with `head`.
pub(super) fn detect(head: &[u8]) -> Option<Format> {
    let lines: Vec<&[u8]> = head
        .split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !is_blank(line))
        .take(LOOKED_AT)
        .collect();
    if lines.first()?.first() == Some(&b'{') {
        let has = |text: &[u8]| memchr::memmem::find(head, text).is_some();
        let answer = has(b"\"resultType\"") && has(b"\"data\"");
        return Some(if answer {
            Format::Prometheus
        } else {
            Format::JsonLines
        });
    }
    if lines
        .iter()
        .any(|line| Access::default().parse(line).is_ok())
    {
        return Some(Format::Access);
    }
    if lines.iter().any(|line| is_row(line)) {
        return Some(Format::Csv);
    }
    if lines.iter().any(|line| line.starts_with(b"{")) {
        return Some(Format::JsonLines);
    }
    let time = |line: &&[u8]| Dates::default().read(line).is_some();
    lines.iter().any(time).then_some(Format::Times)
}

/// Whether a line is a time and a rate.
fn is_row(line: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(line) else {
        return false;
    };
    let Some(cells) = separator(line).and_then(|separator| cells(line, separator)) else {
        return false;
    };
    let time = cells
        .first()
        .and_then(|c| Dates::default().read(c.as_bytes()));
    time.is_some() && cells.get(1).is_some_and(|c| number(c).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        for (head, expected) in [
            (
                "started\n1.2.3.4 - - [28/Apr/2021:16:00:01 +0530] \"GET / HTTP/1.0\" 200 5",
                Some(Format::Access),
            ),
            ("{\"ts\":1619605800}\n", Some(Format::JsonLines)),
            (
                "{\n \"status\": \"success\",\n \"data\": {\"resultType\": \"matrix\"",
                Some(Format::Prometheus),
            ),
            ("time,rate\n2021-04-28 16:00:00,5", Some(Format::Csv)),
            (
                "\"Time\";\"A\"\n1619605800000;12.5 req/s",
                Some(Format::Csv),
            ),
            ("# made by hand\n1619605800.5\n", Some(Format::Times)),
            ("2021-04-28T16:00:00Z\n", Some(Format::Times)),
            ("", None),
            ("brownout: 1\nscenario: x\n", None),
        ] {
            assert_eq!(detect(head.as_bytes()), expected, "{head}");
        }
    }
}
