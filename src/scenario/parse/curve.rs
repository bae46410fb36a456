//! Traffic curves: `5_000/s -> 45_000/s in 1m hold 10m then 20_000/s`.

use std::time::Duration;

use crate::{
    document::{Slip, TokenKind, Words},
    scenario::model::{Curve, Piece},
    time::Story,
    units::{Rate, Span},
};

/// A curve over a phase of that length (`None`: not known, not checked).
pub(super) fn curve(words: &mut Words<'_>, phase: Option<Duration>) -> Result<Curve, Slip> {
    let start = rate(words)?;
    let mut pieces = Vec::new();
    let mut taken = Duration::ZERO;
    loop {
        let at = words.peek();
        let piece = if words.accept("->") {
            let to = rate(words)?;
            words.expect("in", "5_000/s -> 45_000/s in 1m")?;
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
            Piece::Step { to: rate(words)? }
        } else if at.kind == TokenKind::End {
            break;
        } else {
            return Err(words
                .wanted("`->`, `hold`, `then` or the end")
                .hint("for example `5_000/s -> 45_000/s in 1m hold 10m then 20_000/s`"));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Curve, Slip> {
        curve(&mut Words::new(text), Some(Duration::from_secs(3600)))
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
