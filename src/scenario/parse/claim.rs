//! Claims and stop conditions: the sentences of steady state, symptoms, gates and stop.

use super::{
    names::Names,
    place::{anchor, phase_or_fault},
};
use crate::{
    diagnostic::Spanned,
    document::{Slip, Text, TokenKind, Words, closest_hint},
    scenario::model::{
        Claim, Comparison, Condition, Happening, Limit, Measure, StopCondition, Subject, Window,
    },
};

/// Reads the sentences of one text.
pub(super) struct Sentence<'a, 'n> {
    pub(super) words: Words<'a>,
    text: Text<'a>,
    names: &'n Names,
}

const HAPPENINGS: [(&str, Happening); 5] = [
    ("crashes", Happening::Crash),
    ("collapses", Happening::Collapse),
    ("fails", Happening::Outage),
    ("degrades", Happening::Unhealthy),
    ("sheds", Happening::Shedding),
];

impl<'a, 'n> Sentence<'a, 'n> {
    pub(super) fn new(text: Text<'a>, names: &'n Names) -> Self {
        Self {
            words: Words::new(text.value),
            text,
            names,
        }
    }

    /// A claim.
    pub(super) fn claim(mut self) -> Result<Claim, Slip> {
        let claim = self.body()?;
        self.words.end()?;
        Ok(claim)
    }

    /// A stop condition.
    pub(super) fn stop(mut self) -> Result<StopCondition, Slip> {
        let (subject, measure, comparison, limit) = match self.amplification()? {
            Some(parts) => parts,
            None => {
                let subject = self.subject()?;
                let measure = self.measure()?;
                let (comparison, limit) = self.compared(measure)?;
                (subject, measure, comparison, limit)
            }
        };
        self.words.expect("for", "portal success < 10% for 20s")?;
        let lasting = self.words.span()?;
        self.words.end()?;
        Ok(StopCondition {
            condition: Condition {
                subject,
                measure,
                comparison,
                limit,
            },
            lasting,
        })
    }

    fn body(&mut self) -> Result<Claim, Slip> {
        if let Some((subject, measure, comparison, limit)) = self.amplification()? {
            return Ok(Claim::Measured {
                subject,
                measure,
                comparison,
                limit,
                window: self.window()?,
            });
        }
        let subject = self.subject()?;
        let verb = self.words.peek();
        match verb.text {
            "never" => {
                self.words.take();
                let what = self.happening(&subject)?;
                let window = self.window()?;
                Ok(Claim::Never {
                    subject,
                    what,
                    window,
                })
            }
            "recovers" => {
                self.words.take();
                let example = "portal/login recovers within 20s of sms_late.end";
                self.words.expect("within", example)?;
                let within = self.words.span()?;
                self.words.expect("of", example)?;
                let of = anchor(&mut self.words, &self.text, self.names)?;
                Ok(Claim::Recovers {
                    subject,
                    within,
                    of,
                })
            }
            "tolerates" => {
                self.words.take();
                let fault = self.words.peek();
                if fault.kind != TokenKind::Word {
                    return Err(self.words.wanted("a fault"));
                }
                if !self.names.faults.iter().any(|f| f == fault.text) {
                    let mut slip = Slip::new(
                        fault.range(),
                        format!("no fault is called `{}`", fault.text),
                        "not a fault",
                    );
                    let faults = self.names.faults.iter().map(String::as_str);
                    slip.hint = closest_hint(fault.text, faults);
                    return Err(slip);
                }
                let fault = phase_or_fault(&mut self.words, &self.text, self.names)?;
                Ok(Claim::Tolerates { subject, fault })
            }
            "returns" => {
                self.words.take();
                self.words
                    .expect("before", "portal/login returns before portal/slots")?;
                let second = self.subject()?;
                Ok(Claim::ReturnsBefore {
                    first: subject,
                    second,
                })
            }
            word if HAPPENINGS.iter().any(|(happening, _)| *happening == word) => {
                let what = self.happening(&subject)?;
                let window = self.window()?;
                Ok(Claim::Happens {
                    subject,
                    what,
                    window,
                })
            }
            _ => {
                let measure = self.measure()?;
                let (comparison, limit) = self.compared(measure)?;
                let window = self.window()?;
                Ok(Claim::Measured {
                    subject,
                    measure,
                    comparison,
                    limit,
                    window,
                })
            }
        }
    }

    /// `amplification of SUBJECT CMP LIMIT`, if it begins so.
    #[expect(clippy::type_complexity, reason = "the parts of two kinds of sentence")]
    fn amplification(
        &mut self,
    ) -> Result<Option<(Spanned<Subject>, Measure, Comparison, Limit)>, Slip> {
        if !self.words.accept("amplification") {
            return Ok(None);
        }
        self.words
            .expect("of", "amplification of citizens <= 1.5")?;
        let subject = self.subject()?;
        let (comparison, limit) = self.compared(Measure::Amplification)?;
        Ok(Some((subject, Measure::Amplification, comparison, limit)))
    }

    fn subject(&mut self) -> Result<Spanned<Subject>, Slip> {
        let first = self
            .words
            .name("a service, a feature such as `portal/login`, or a population")?;
        let mut range = first.range();
        let named = self.names.what(first.text);
        if let Some(what @ ("phase" | "fault" | "schedule")) = named {
            return Err(Slip::new(
                range,
                format!(
                    "`{}` is a {what}; a sentence is about a service, a feature or a population",
                    first.text
                ),
                format!("a {what}"),
            ));
        }
        let subject = if self.words.accept("/") {
            if named == Some("population") {
                return Err(Slip::new(
                    range,
                    format!("`{}` is a population, which has no features", first.text),
                    "a service was expected here",
                ));
            }
            let feature = self.words.name("a feature")?;
            range.end = feature.range().end;
            Subject::Feature {
                service: first.text.to_owned(),
                feature: feature.text.to_owned(),
            }
        } else if named == Some("population") {
            Subject::Population(first.text.to_owned())
        } else {
            Subject::Service(first.text.to_owned())
        };
        Ok(Spanned::new(subject, self.text.part(range)))
    }

    fn happening(&mut self, subject: &Spanned<Subject>) -> Result<Happening, Slip> {
        let at = self.words.peek();
        let happening = self.words.one_of("what happens", &HAPPENINGS)?;
        let happening = if happening == Happening::Unhealthy && self.words.accept("gracefully") {
            Happening::Graceful
        } else {
            happening
        };
        match &subject.value {
            Subject::Population(name) => Err(Slip::new(
                at.range(),
                format!("`{name}` is a population; this happens to services and features"),
                "not to a population",
            )
            .hint(format!("for example `{name} success >= 95%`"))),
            Subject::Feature { service, feature } if happening == Happening::Crash => {
                Err(Slip::new(
                    at.range(),
                    format!("a process crashes, a feature such as `{feature}` does not"),
                    "not to a feature",
                )
                .hint(format!(
                    "write `{service}` instead of `{service}/{feature}`, or `fails`"
                )))
            }
            Subject::Feature { .. } | Subject::Service(_) => Ok(happening),
        }
    }

    fn window(&mut self) -> Result<Option<Window>, Slip> {
        let word = self.words.peek();
        match word.text {
            "during" => {
                self.words.take();
                let of = phase_or_fault(&mut self.words, &self.text, self.names)?;
                Ok(Some(Window::During(of)))
            }
            "within" => {
                self.words.take();
                let span = self.words.span()?;
                self.words.expect("of", "within 5m of opening")?;
                let of = anchor(&mut self.words, &self.text, self.names)?;
                Ok(Some(Window::Within { span, of }))
            }
            "from" => {
                self.words.take();
                let from = anchor(&mut self.words, &self.text, self.names)?;
                self.words.expect("to", "from opening to sms_late.end")?;
                let to = anchor(&mut self.words, &self.text, self.names)?;
                Ok(Some(Window::Between(from, to)))
            }
            "" => Ok(None),
            text => {
                let mut slip = Slip::new(
                    word.range(),
                    format!("`{text}` cannot follow here"),
                    "`during`, `within`, `from` or the end was expected",
                );
                slip.hint = closest_hint(text, ["during", "within", "from"])
                    .filter(|hint| hint.starts_with("did"));
                Err(slip)
            }
        }
    }
}
