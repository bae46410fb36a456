//! What a claim measures, and the limit that it is compared with.

use super::claim::Sentence;
use crate::{
    document::{Slip, TokenKind, closest_hint},
    scenario::model::{Comparison, Limit, Measure},
    units::parse_span,
};

/// The verbs in the order in which messages list them.
const VERBS: [&str; 18] = [
    "success",
    "admitted",
    "goodput",
    "p99",
    "shed",
    "fallback",
    "timeouts",
    "errors",
    "never",
    "recovers",
    "tolerates",
    "returns",
    "crashes",
    "collapses",
    "fails",
    "degrades",
    "sheds",
    "amplification",
];

const COMPARISONS: [(&str, Comparison); 4] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];

impl Sentence<'_, '_> {
    pub(super) fn measure(&mut self) -> Result<Measure, Slip> {
        let word = self.words.peek();
        let measure = match word.text {
            "success" => Measure::Success,
            "goodput" => Measure::Goodput,
            "shed" => Measure::Shed,
            "fallback" => Measure::Fallback,
            "timeouts" => Measure::Timeouts,
            "errors" => Measure::Errors,
            "admitted" => {
                self.words.take();
                self.words
                    .expect("success", "portal admitted success >= 95%")?;
                return Ok(Measure::AdmittedSuccess);
            }
            "amplification" => {
                return Err(Slip::new(
                    word.range(),
                    "amplification comes first in its sentence",
                    "not here",
                )
                .hint("write `amplification of citizens <= 1.5`"));
            }
            text => match percentile(text) {
                Some(measure) => measure,
                None => {
                    let what = "a measure or a verb";
                    let mut slip = self.words.wanted(what);
                    if word.kind == TokenKind::Word {
                        slip.message = format!("`{text}` is not {what}");
                        "not known".clone_into(&mut slip.label);
                    }
                    slip.hint = closest_hint(text, VERBS);
                    return Err(slip);
                }
            },
        };
        self.words.take();
        Ok(measure)
    }

    pub(super) fn compared(&mut self, measure: Measure) -> Result<(Comparison, Limit), Slip> {
        let first = self.words.peek();
        if first.text == "=" {
            let meant = match self.words.ahead(1).text {
                "<" => "<=",
                _ => ">=",
            };
            return Err(self
                .words
                .wanted("a comparison")
                .hint(format!("did you mean `{meant}`?")));
        }
        let comparison = self.words.one_of("a comparison", &COMPARISONS)?;
        let limit = self.limit(measure)?;
        Ok((comparison, limit))
    }

    fn limit(&mut self, measure: Measure) -> Result<Limit, Slip> {
        let wanted = match measure {
            Measure::Latency(_) => "a length of time such as `500ms`",
            Measure::Goodput => "a rate such as `100/s`, or `80% of capacity`",
            Measure::Amplification => "a number such as `1.5`",
            Measure::Success
            | Measure::AdmittedSuccess
            | Measure::Shed
            | Measure::Fallback
            | Measure::Timeouts
            | Measure::Errors => "a share such as `99%`",
        };
        let token = self.words.quantity(wanted)?;
        let wrong = |hint: Option<String>| {
            let mut slip = Slip::new(
                token.range(),
                format!("expected {wanted}, found `{}`", token.text),
                "not that",
            );
            slip.hint = hint;
            slip
        };
        let percent = token.text.strip_suffix('%').and_then(plain);
        if let Some(percent) = percent
            && self.words.peek().text == "of"
        {
            self.words.take();
            let at = self.words.peek();
            let of_capacity = self.words.one_of(
                "`baseline` or `capacity`",
                &[("baseline", false), ("capacity", true)],
            )?;
            if !of_capacity {
                return Ok(Limit::OfBaseline(percent / 100.0));
            }
            if measure == Measure::Goodput {
                return Ok(Limit::OfCapacity(percent / 100.0));
            }
            return Err(Slip::new(
                at.range(),
                "only goodput is compared with the capacity",
                "not of this measure",
            ));
        }
        match measure {
            Measure::Latency(_) => {
                let span = parse_span(token.text).map_err(|_| {
                    let bare = plain(token.text).is_some();
                    wrong(bare.then(|| format!("give the unit: `{}ms`", token.text)))
                })?;
                Ok(Limit::Time(span))
            }
            Measure::Goodput => match token.text.parse::<crate::units::Rate>() {
                Ok(rate) => Ok(Limit::Rate(rate.get())),
                Err(_) => Err(wrong(percent.map(|_| {
                    format!(
                        "say of what: `{} of capacity` or `{0} of baseline`",
                        token.text
                    )
                }))),
            },
            Measure::Amplification => plain(token.text)
                .map(Limit::Number)
                .ok_or_else(|| wrong(None)),
            Measure::Success
            | Measure::AdmittedSuccess
            | Measure::Shed
            | Measure::Fallback
            | Measure::Timeouts
            | Measure::Errors => match token.text.parse::<crate::units::Ratio>() {
                Ok(ratio) => Ok(Limit::Ratio(ratio.get())),
                Err(_) => {
                    let bare = plain(token.text).filter(|n| *n <= 100.0);
                    Err(wrong(
                        bare.map(|_| format!("did you mean `{}%`?", token.text)),
                    ))
                }
            },
        }
    }
}

/// `p50`, `p95`, `p99`, `p999`: the digits after the decimal point of 0.99.
fn percentile(word: &str) -> Option<Measure> {
    let digits = word.strip_prefix('p')?;
    if !(2..=4).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u16 = format!("{digits:0<4}").parse().ok()?;
    (value > 0).then_some(Measure::Latency(value))
}

/// A number without a unit.
fn plain(text: &str) -> Option<f64> {
    let good = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b'_' || b == b'.');
    good.then(|| text.replace('_', "").parse().ok())?
}
