//! Seeded data: what an arrival brings along. It depends on the seed, the population, the
//! arrival's number and the datum's name alone.

use std::fmt::Write;

use crate::{
    scenario::model::{DataSource, RowOrder},
    seed::{Seed, Stream},
};

/// Something that an arrival brings along.
#[derive(Debug, Clone)]
pub(super) struct Datum {
    pub(super) name: String,
    pub(super) source: DataSource,
    /// Which column of its rows, if it has rows.
    pub(super) column: usize,
}

impl Datum {
    /// What a hole called `hole` is filled with: `people.mobile` is the column `mobile` of the datum
    /// `people`. `None` when there is no such datum, or no such column.
    pub(super) fn find(data: &[(String, DataSource)], hole: &str) -> Option<Self> {
        let (name, column) = match hole.split_once('.') {
            Some((name, column)) => (name, Some(column)),
            None => (hole, None),
        };
        let (_, source) = data.iter().find(|(known, _)| known == name)?;
        let column = match (source, column) {
            (DataSource::Csv(csv), column) => csv.rows.column(csv.column.as_deref().or(column)?)?,
            (_, None) => 0,
            (_, Some(_)) => return None,
        };
        Some(Self {
            name: name.to_owned(),
            source: source.clone(),
            column,
        })
    }
}

/// Draws the datum called `name` for an arrival, whose own seed is `seed`.
///
/// Of rows from a file it draws the cell in `column`; all columns of a datum come from one row.
pub(super) fn draw(
    Datum {
        name,
        source,
        column,
    }: &Datum,
    seed: Seed,
    arrival: u64,
    out: &mut String,
) {
    let mut stream = seed.named(name).stream();
    match source {
        DataSource::Digits { count, starts } => {
            out.push_str(starts);
            for _ in starts.len()..usize::from(*count) {
                out.push(char::from(b'0' + stream.between(0, 9) as u8));
            }
        }
        DataSource::Between { low, high } => push(out, stream.between(*low, *high)),
        DataSource::OneOf(choices) => {
            let last = choices.len().saturating_sub(1) as u64;
            if let Some(choice) = choices.get(stream.between(0, last) as usize) {
                out.push_str(choice);
            }
        }
        DataSource::Uuid => uuid(&mut stream, out),
        DataSource::Counter => push(out, arrival),
        DataSource::Csv(csv) => {
            let rows = csv.rows.len();
            let row = match csv.order {
                RowOrder::Sequence => arrival.checked_rem(rows).unwrap_or(0),
                RowOrder::Random => stream.between(0, rows.saturating_sub(1)),
            };
            out.push_str(csv.rows.cell(row, *column).unwrap_or_default());
        }
    }
}

fn push(out: &mut String, number: u64) {
    write!(out, "{number}").expect("writing to a string cannot fail");
}

/// A version 4 UUID (RFC 9562 section 5.4).
fn uuid(stream: &mut Stream, out: &mut String) {
    let high = (stream.bits() & !0xf000) | 0x4000;
    let low = (stream.bits() & !(0b11 << 62)) | (0b10 << 62);
    write!(
        out,
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff,
    )
    .expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::model::{CsvSource, Rows};

    fn drawn(source: &DataSource, name: &str, arrival: u64) -> String {
        let mut out = String::new();
        let seed = Seed(1).indexed(arrival);
        let data = [(
            name.split('.').next().unwrap_or(name).to_owned(),
            source.clone(),
        )];
        let datum = Datum::find(&data, name).expect("there");
        draw(&datum, seed, arrival, &mut out);
        out
    }

    #[test]
    fn the_cells_of_a_row_stay_together() {
        let text: String = (0..50).map(|n| format!("9{n},name {n}\n")).collect();
        let rows = Rows::parse(&format!("mobile,name\n{text}")).expect("a table");
        let csv = |order, column: Option<&str>| {
            DataSource::Csv(CsvSource {
                path: "people.csv".into(),
                column: column.map(str::to_owned),
                order,
                rows: rows.clone().into(),
            })
        };
        let people = csv(RowOrder::Sequence, None);
        assert_eq!(drawn(&people, "people.mobile", 49), "949");
        assert_eq!(drawn(&people, "people.name", 52), "name 2", "and again");
        let one = csv(RowOrder::Sequence, Some("mobile"));
        assert_eq!(drawn(&one, "mobile", 7), "97");
        let people = csv(RowOrder::Random, None);
        let mut seen = std::collections::HashSet::new();
        for arrival in 0..200 {
            let mobile = drawn(&people, "people.mobile", arrival);
            let name = drawn(&people, "people.name", arrival);
            assert_eq!(mobile.strip_prefix('9'), name.strip_prefix("name "));
            seen.insert(mobile);
        }
        assert!(seen.len() > 40, "{} rows of 50", seen.len());
        let data = [("people".to_owned(), people)];
        assert!(Datum::find(&data, "people").is_none(), "which column?");
        assert!(Datum::find(&data, "people.age").is_none());
        assert!(Datum::find(&data, "nobody").is_none());
    }

    #[test]
    fn data_have_their_shape_and_depend_on_the_arrival() {
        let mobile = DataSource::Digits {
            count: 10,
            starts: "9".into(),
        };
        let first = drawn(&mobile, "mobile", 0);
        assert_eq!(first.len(), 10);
        assert!(first.starts_with('9') && first.bytes().all(|b| b.is_ascii_digit()));
        assert_eq!(first, drawn(&mobile, "mobile", 0), "the same each time");
        assert_ne!(first, drawn(&mobile, "mobile", 1));
        assert_ne!(first, drawn(&mobile, "other", 0));

        let uuid = drawn(&DataSource::Uuid, "uuid", 3);
        let lengths: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
        assert_eq!(&uuid[14..15], "4");
        assert!("89ab".contains(&uuid[19..20]));

        assert_eq!(drawn(&DataSource::Counter, "n", 42), "42");
        let one_of = DataSource::OneOf(vec!["a".into(), "b".into()]);
        let all: String = (0..50).map(|i| drawn(&one_of, "x", i)).collect();
        assert!(all.contains('a') && all.contains('b'));
        let between = DataSource::Between { low: 5, high: 6 };
        assert!((0..50).all(|i| ["5", "6"].contains(&drawn(&between, "x", i).as_str())));
    }
}
