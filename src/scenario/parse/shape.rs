//! `share:` and `flap:` of a fault: how it comes and goes.

use super::keys::FLAP;
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    scenario::model::{Effect, Flap, Shape},
    time::Story,
    units::{Ratio, parse_span},
};

/// The share of a fault (the highest that it reaches), and its shape. `shortest` is how long it lasts at
/// least, as far as it says that.
pub(super) fn shape(
    fields: &Fields<'_>,
    effect: Option<&Effect>,
    shortest: Option<Story>,
    mistakes: &mut Mistakes,
) -> (Ratio, Shape) {
    let (share, steps) = match fields.get("share") {
        None => (Ratio::ONE, Vec::new()),
        Some(node) if matches!(node.value, Node::Map(_)) => {
            (Ratio::ONE, steps(node, shortest, mistakes))
        }
        Some(node) => (mistakes.ratio(node).unwrap_or(Ratio::ONE), Vec::new()),
    };
    let flap = fields.get("flap").and_then(|node| flap(node, mistakes));
    if let (Some((key, node)), Some(flap)) = (fields.entry("flap"), &flap) {
        if let Some(Effect::Process(effect)) = effect
            && effect.is_instant()
        {
            let word = effect.word();
            mistakes
                .error(
                    key.place,
                    format!("a `{word}` is an instant: it cannot come and go"),
                    "leave this out",
                )
                .hint = Some(format!(
                "use `process: pause`, or several faults that {word}"
            ));
        }
        if let Some(length) = shortest
            && flap.within >= length
        {
            mistakes
                .error(
                    node.place,
                    format!(
                        "the fault lasts {length}, so after {} in force it never goes and comes again",
                        flap.within
                    ),
                    "longer than the fault",
                )
                .hint = Some("lengthen `for`, shorten `in`, or take out `flap`".to_owned());
        }
    }
    let slopes = ["ramp", "ramp_out"];
    let stepped = fields.entry("share").filter(|_| !steps.is_empty());
    for (entry, what) in [
        (fields.entry("flap"), "comes and goes at once"),
        (stepped, "changes its share in steps"),
    ] {
        let Some((key, _)) = entry else { continue };
        for (slope, _) in slopes.iter().filter_map(|slope| fields.entry(slope)) {
            mistakes
                .error(
                    slope.place,
                    format!("a fault that {what} has no `{}`", slope.value),
                    "leave this out",
                )
                .at_also(key.place, "because of this");
        }
    }
    if let (Some((key, _)), Some((flap, _))) = (stepped, fields.entry("flap")) {
        mistakes
            .error(
                flap.place,
                "`flap` and a `share` in steps exclude each other",
                "the second",
            )
            .at_also(key.place, "the first");
    }
    (share, Shape { flap, steps })
}

fn flap(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<Flap> {
    let fields = Fields::open(node, &FLAP, mistakes)?;
    let mut span = |key: &str| {
        let node = fields.get(key)?;
        mistakes.positive_span(node).map(Story)
    };
    let (within, out) = (span("in"), span("out"));
    Some(Flap {
        within: within?,
        out: out?,
    })
}

/// `{0m: 90%, 15m: 40%}`: spans of the story since the fault's start, and shares.
fn steps(
    node: &Spanned<Node>,
    shortest: Option<Story>,
    mistakes: &mut Mistakes,
) -> Vec<(Story, Ratio)> {
    let mut steps: Vec<(Story, Ratio)> = Vec::new();
    for (key, node) in mistakes.entries(node, "a share, or a mapping of times to shares") {
        let at = match parse_span(&key.value) {
            Ok(at) => Story(at),
            Err(error) => {
                mistakes
                    .error(key.place, error.to_string(), "not a length of time")
                    .hint =
                    Some("so long after the fault's start: `{0m: 90%, 15m: 40%}`".to_owned());
                continue;
            }
        };
        let Some(share) = mistakes.ratio(node) else {
            continue;
        };
        let wrong = match steps.last() {
            None if !at.0.is_zero() => Some((
                "the first step is not at the fault's start".to_owned(),
                "begin with `0m`, which is the fault's start",
            )),
            Some((before, _)) if at <= *before => Some((
                format!("the step at {at} stands after that at {before}"),
                "steps are told in their order",
            )),
            _ => None,
        };
        let late = match shortest {
            Some(length) if at >= length => Some((
                format!("the fault lasts {length}, so it never comes to the step at {at}"),
                "steps are counted from the fault's start",
            )),
            _ => None,
        };
        if let Some((message, hint)) = wrong.or(late) {
            mistakes.error(key.place, message, "this step").hint = Some(hint.to_owned());
        }
        steps.push((at, share));
    }
    steps
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{diagnostic::Source, scenario::parse};

    /// What is read of a fault with these keys, or all that is said against it.
    fn read(keys: &str) -> Result<(Ratio, Shape), Vec<String>> {
        let text = format!(
            "brownout: 1\nscenario: s\nphases: [{{calm: 1h}}]\nload: {{c: {{journey: j, requests: 5/s}}}}\n\
             journeys: {{j: [{{step: look, get: \"portal:/\"}}]}}\n\
             faults: {{f: {{at: service portal, from: calm, for: 30m, {keys}}}}}\n\
             steady_state: [portal success >= 99%]\ngates: [portal never crashes]\n"
        );
        match parse(Source::new("s.yaml", text)) {
            Ok((scenario, _)) => {
                let fault = &scenario.faults[0];
                Ok((fault.share, fault.shape.clone()))
            }
            Err(found) => Err(found.0.iter().map(|d| d.message.clone()).collect()),
        }
    }

    fn seconds(seconds: u64) -> Story {
        Story(Duration::from_secs(seconds))
    }

    fn share(part: f64) -> Ratio {
        Ratio::new(part).expect("a ratio")
    }

    #[test]
    fn a_fault_may_flap_or_change_its_share() {
        let (_, shape) = read("flap: {in: 2m 30s, out: 5m}, http: hang").expect("good");
        let flap = Flap {
            within: seconds(150),
            out: seconds(300),
        };
        assert_eq!(shape.flap, Some(flap));
        let (whole, shape) = read("share: {0m: 90%, 15m: 0.4}, http: hang").expect("good");
        assert_eq!(whole, Ratio::ONE);
        assert_eq!(
            shape.steps,
            [(seconds(0), share(0.9)), (seconds(900), share(0.4))]
        );
        let (part, shape) = read("share: 25%, http: hang").expect("good");
        assert_eq!((part, shape), (share(0.25), Shape::default()));
    }

    #[test]
    fn what_makes_no_sense_together_is_refused() {
        for (keys, said) in [
            (
                "flap: {in: 1m, out: 1m}, ramp: 5m, http: hang",
                "a fault that comes and goes at once has no `ramp`",
            ),
            (
                "share: {0m: 9%, 1m: 8%}, ramp_out: 5m, http: hang",
                "a fault that changes its share in steps has no `ramp_out`",
            ),
            (
                "share: {0m: 9%, 1m: 8%}, flap: {in: 1m, out: 1m}, http: hang",
                "`flap` and a `share` in steps exclude each other",
            ),
            (
                "flap: {in: 30m, out: 1m}, http: hang",
                "the fault lasts 30m, so after 30m in force it never goes and comes again",
            ),
            (
                "flap: {in: 0s, out: 1m}, http: hang",
                "expected a length of time above zero, found the text `0s`",
            ),
            (
                "share: {1m: 9%}, http: hang",
                "the first step is not at the fault's start",
            ),
            (
                "share: {0m: 9%, 5m: 8%, 2m: 7%}, http: hang",
                "the step at 2m stands after that at 5m",
            ),
            (
                "share: {0m: 9%, 30m: 8%}, http: hang",
                "the fault lasts 30m, so it never comes to the step at 30m",
            ),
            (
                "share: {0m: 9%, 3m: 8%}, tcp: {timeout: 0s}",
                "the share of a tcp fault is the same all the time",
            ),
        ] {
            assert_eq!(read(keys).expect_err(keys), [said], "{keys}");
        }
    }
}
