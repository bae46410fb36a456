//! Seeded data: what an arrival brings along. It depends on the seed, the population, the
//! arrival's number and the datum's name alone.

use std::fmt::Write;

use crate::{
    scenario::model::DataSource,
    seed::{Seed, Stream},
};

/// Draws the datum called `name` for an arrival, whose own seed is `seed`.
pub(super) fn draw(source: &DataSource, name: &str, seed: Seed, arrival: u64, out: &mut String) {
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

    fn drawn(source: &DataSource, name: &str, arrival: u64) -> String {
        let mut out = String::new();
        let seed = Seed(1).indexed(arrival);
        draw(source, name, seed, arrival, &mut out);
        out
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
