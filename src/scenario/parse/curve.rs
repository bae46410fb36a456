//! Traffic curves: `5_000/s -> 45_000/s in 1m hold 10m then 20_000/s`, and the like of users.

use std::time::Duration;

use crate::{
    document::{Slip, TokenKind, Words},
    scenario::model::{Curve, Piece},
    time::Story,
    units::{Rate, Span, Users},
};

/// What a curve's values are.
pub(super) struct Quantity<Q> {
    /// Reads one.
    read: fn(&mut Words<'_>) -> Result<Q, Slip>,
    /// A curve of them, for messages.
    pub(super) curve: &'static str,
    ramp: &'static str,
    example: &'static str,
}

pub(super) const RATES: Quantity<Rate> = Quantity {
    read: rate,
    curve: "a curve such as `5_000/s -> 45_000/s in 1m`",
    ramp: "5_000/s -> 45_000/s in 1m",
    example: "5_000/s -> 45_000/s in 1m hold 10m then 20_000/s",
};

pub(super) const USERS: Quantity<Users> = Quantity {
    read: users,
    curve: "a number of users such as `50`, or a curve such as `10 -> 200 in 1m`",
    ramp: "10 -> 200 in 1m",
    example: "10 -> 200 in 1m hold 10m then 50",
};

/// A curve over a phase of that length (`None`: not known, not checked).
pub(super) fn curve<Q>(
    words: &mut Words<'_>,
    quantity: &Quantity<Q>,
    phase: Option<Duration>,
) -> Result<Curve<Q>, Slip> {
    let start = (quantity.read)(words)?;
    let mut pieces = Vec::new();
    let mut taken = Duration::ZERO;
    loop {
        let at = words.peek();
        let piece = if words.accept("->") {
            let to = (quantity.read)(words)?;
            words.expect("in", quantity.ramp)?;
            let over = words.span()?;
            taken = taken.saturating_add(over);
            Piece::Ramp {
                to,
                over: Story(over),
            }
        } else if words.accept("hold") {
            let span = words.span()?;
            taken = taken.saturating_add(span);
            Piece::Hold { span: Story(span) }
        } else if words.accept("then") {
            Piece::Step {
                to: (quantity.read)(words)?,
            }
        } else if at.kind == TokenKind::End {
            break;
        } else {
            return Err(words
                .wanted("`->`, `hold`, `then` or the end")
                .hint(format!("for example `{}`", quantity.example)));
        };
        if let Some(length) = phase.filter(|length| taken > *length) {
            let end = words.peek().start;
            return Err(Slip::new(
                at.start..end.max(at.start + 1),
                format!(
                    "the curve takes {}, but its phase lasts {}",
                    Span(taken),
                    Span(length)
                ),
                "here it leaves the phase",
            ));
        }
        pieces.push(piece);
    }
    Ok(Curve { start, pieces })
}

fn rate(words: &mut Words<'_>) -> Result<Rate, Slip> {
    let token = words.quantity("a rate such as `400/s`")?;
    token
        .text
        .parse()
        .map_err(|error: crate::units::UnitError| {
            let slip = Slip::new(token.range(), error.to_string(), "not a rate");
            if token.text.bytes().all(|b| b.is_ascii_digit() || b == b'_') {
                slip.hint(format!("give the unit: `{}/s`", token.text))
            } else {
                slip
            }
        })
}

fn users(words: &mut Words<'_>) -> Result<Users, Slip> {
    let token = words.quantity("a number of users such as `50`")?;
    token
        .text
        .parse()
        .map_err(|error: crate::units::UnitError| {
            let slip = Slip::new(token.range(), error.to_string(), "not a number of users");
            match token.text.split_once('/') {
                Some((count, _)) => slip.hint(format!(
                    "users are there and are not counted by the second: `{count}`"
                )),
                None => slip,
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Curve, Slip> {
        curve(
            &mut Words::new(text),
            &RATES,
            Some(Duration::from_secs(3600)),
        )
    }

    #[test]
    fn reads_ramps_steps_and_plateaus() {
        let minute = Story(Duration::from_secs(60));
        let rate = |n: f64| Rate::per_second(n).expect("rate");
        assert_eq!(
            read("5_000/s -> 45_000/s in 1m hold 1m then 20_000/s"),
            Ok(Curve {
                start: rate(5e3),
                pieces: vec![
                    Piece::Ramp {
                        to: rate(45e3),
                        over: minute
                    },
                    Piece::Hold { span: minute },
                    Piece::Step { to: rate(20e3) },
                ],
            })
        );
    }

    #[test]
    fn reads_numbers_of_users() {
        let read = |text| curve(&mut Words::new(text), &USERS, Some(Duration::from_secs(90)));
        let users = |n: f64| Users::new(n).expect("a number");
        assert_eq!(
            read("10 -> 2_000 in 1m then 50"),
            Ok(Curve {
                start: users(10.0),
                pieces: vec![
                    Piece::Ramp {
                        to: users(2000.0),
                        over: Story(Duration::from_secs(60))
                    },
                    Piece::Step { to: users(50.0) },
                ],
            })
        );
        for (text, at) in [("10/s", "10/s"), ("1.5", "1.5"), ("10 hold 2m", "hold 2m")] {
            let slip = read(text).expect_err(text);
            assert_eq!(&text[slip.at.clone()], at, "{text}: {slip:?}");
        }
    }

    #[test]
    fn points_at_the_wrong_word() {
        for (text, at) in [
            ("", ""),
            ("5000", "5000"),
            ("5/s -> 6/s", ""),
            ("5/s -> 6/s on 1m", "on"),
            ("5/s hold 2h", "hold 2h"),
            ("5/s , 6/s", ","),
            ("5/s -> 6/s in 1m -> 7/s in 60m", "-> 7/s in 60m"),
        ] {
            let slip = read(text).expect_err(text);
            assert_eq!(&text[slip.at.clone()], at, "{text}: {slip:?}");
        }
    }
}
