//! Tables of rates: a time, and a column for each kind of traffic. As Grafana and spreadsheets
//! export them: `,`, `;` or tabs, with quotes or without, with units behind the numbers.

use super::{
    dates::Dates,
    error::ImportError,
    format::Format,
    grid::{Column, Grid},
    traffic::{BadLine, Traffic, beginning},
};
use crate::units::Rate;

/// So many bad rows are shown.
const SHOWN: usize = 5;
const UNITS: [&str; 8] = [
    "",
    "req/s",
    "reqs/s",
    "requests/s",
    "reqps",
    "rps",
    "ops/s",
    "ops",
];

/// Reads a table.
pub(super) fn read(name: String, bytes: &[u8]) -> Result<Traffic, ImportError> {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines().zip(1u64..).filter(|(line, _)| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    let Some(first) = lines.next() else {
        return Err(ImportError::Empty(name));
    };
    let separator = separator(first.0).unwrap_or(',');
    let heads = cells(first.0, separator).unwrap_or_default();
    let mut dates = Dates::default();
    let is_head = heads
        .first()
        .is_none_or(|cell| dates.read(cell.as_bytes()).is_none());
    let width = heads.len().saturating_sub(1).max(1);
    let label = |at: usize| match heads.get(at + 1).filter(|head| is_head && !head.is_empty()) {
        Some(head) => head.clone(),
        None if width == 1 => "traffic".to_owned(),
        None => format!("column {}", at + 2),
    };
    let mut columns: Vec<Column> = (0..width).map(|at| Column::new(label(at))).collect();
    let mut grid = Grid::new(name, Format::Csv);
    let rows = (!is_head).then_some(first).into_iter().chain(lines);
    for (line, number) in rows {
        match row(line, separator, &mut dates, &mut columns) {
            Ok(()) => grid.good += 1,
            Err(why) => {
                grid.bad += 1;
                if grid.shown.len() < SHOWN {
                    grid.shown.push(BadLine {
                        name: grid.name.clone(),
                        number,
                        reason: why.to_owned(),
                        text: beginning(line.as_bytes()),
                    });
                }
            }
        }
    }
    // between two rows of a table the rate stays what it was
    grid.finish(columns, true)
}

fn row(
    line: &str,
    separator: char,
    dates: &mut Dates,
    columns: &mut [Column],
) -> Result<(), &'static str> {
    let cells = cells(line, separator).ok_or("a quote is never closed")?;
    let (time, values) = cells.split_first().ok_or("it is empty")?;
    let at = dates
        .read(time.as_bytes())
        .ok_or("its time cannot be read")?;
    let mut read = Vec::with_capacity(columns.len());
    for cell in values.iter().take(columns.len()) {
        read.push(if is_gap(cell) {
            None
        } else {
            Some(number(cell).ok_or("a rate in it cannot be read")?)
        });
    }
    if read.iter().all(Option::is_none) {
        return Err("no rate in it");
    }
    for (column, rate) in columns.iter_mut().zip(read) {
        column.points.extend(rate.map(|rate| (at, rate)));
    }
    Ok(())
}

/// What separates the cells of a line: the first of `,`, `;` and tab outside quotes.
pub(super) fn separator(line: &str) -> Option<char> {
    let mut quoted = false;
    line.chars().find(|c| {
        quoted ^= *c == '"';
        !quoted && matches!(c, ',' | ';' | '\t')
    })
}

/// The cells of a line (RFC 4180, but for line ends inside quotes). `None` when a quote is open.
pub(super) fn cells(line: &str, separator: char) -> Option<Vec<String>> {
    let mut cells = Vec::new();
    let mut cell = String::new();
    let mut letters = line.chars().peekable();
    let mut quoted = false;
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => quoted = !quoted,
            letter if letter == separator && !quoted => {
                cells.push(cell.trim().to_owned());
                cell.clear();
            }
            letter => cell.push(letter),
        }
    }
    cells.push(cell.trim().to_owned());
    (!quoted).then_some(cells)
}

/// A rate a second: a number, with a unit or without, or as scenarios write it (`27_000/m`).
pub(super) fn number(cell: &str) -> Option<f64> {
    if let Ok(rate) = cell.parse::<Rate>() {
        return Some(rate.get());
    }
    let digit = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    let end = cell.find(|c| !digit(c)).unwrap_or(cell.len());
    let (number, unit) = cell.split_at(end);
    let known = UNITS.contains(&unit.trim());
    let value: f64 = number.parse().ok().filter(|_| known)?;
    (value.is_finite() && value >= 0.0).then_some(value)
}

/// What tools write where there was nothing to measure.
fn is_gap(cell: &str) -> bool {
    ["", "-", "nan", "null", "undefined"].contains(&cell.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_as_tools_write_them() {
        for (line, separator, expected) in [
            ("a,b", ',', vec!["a", "b"]),
            ("\"a,b\"; \"c\"\"d\" ;", ';', vec!["a,b", "c\"d", ""]),
            ("", ',', vec![""]),
        ] {
            assert_eq!(cells(line, separator).expect(line), expected, "{line}");
        }
        assert_eq!(cells("\"a", ','), None);
        assert_eq!(separator("\"a,b\";c"), Some(';'));
        assert_eq!(separator("a"), None);
    }

    #[test]
    fn numbers_as_tools_write_them() {
        for (cell, expected) in [
            ("5", Some(5.0)),
            ("12.5 req/s", Some(12.5)),
            ("1e3", Some(1000.0)),
            ("120/m", Some(2.0)),
            ("-1", None),
            ("5 apples", None),
            ("", None),
        ] {
            assert_eq!(number(cell), expected, "{cell}");
        }
    }

    #[test]
    fn a_table_of_two_columns() {
        let text = "\"Time\",\"GET /a\",\"b\"\n\
            2021-04-28 10:30:00,5 req/s,1\n\
            2021-04-28 10:31:00,,2\n\
            yesterday,1,1\n\
            2021-04-28 10:33:00,7,x\n\
            2021-04-28 10:32:00,NaN,\n\
            2021-04-28 10:33:00,7,4\n";
        let traffic = read("x.csv".into(), text.as_bytes()).expect("a table");
        assert_eq!((traffic.good, traffic.bad), (3, 3));
        assert_eq!(traffic.bins, 4);
        assert_eq!(traffic.bin.as_secs(), 60);
        let ways: Vec<_> = traffic
            .ways
            .iter()
            .map(|w| (w.label.as_str(), w.path.as_deref(), &w.rates[..]))
            .collect();
        assert_eq!(
            ways,
            [
                ("GET /a", Some("/a"), &[5.0, 5.0, 5.0, 7.0][..]),
                ("b", None, &[1.0, 2.0, 2.0, 4.0][..]),
            ]
        );
    }

    #[test]
    fn a_table_of_decades_has_a_wrong_time() {
        // its curve's times would be read back as instants
        let text = "time,rate\n2051263549,5\n1619605860,6\n";
        let refused = read("x.csv".into(), text.as_bytes()).expect_err("30 years");
        let said = refused.to_string();
        assert_eq!(said, "x.csv: it covers 4996 days, more than 400");
    }
}
