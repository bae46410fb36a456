//! `from: {when: portal p99 > 1s for 10s, after: opening, before: evening}`: an edge of a fault that
//! waits for a measured condition.

use super::{claim::Sentence, fault::anchor_of, keys::WHEN, names::Names};
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node},
    scenario::model::{Anchor, Edge, When},
    time::Story,
};

/// Whether a value is a condition rather than one value for each place.
pub(super) fn is_condition(node: &Spanned<Node>) -> bool {
    match &node.value {
        Node::Map(entries) => entries.iter().any(|(key, _)| key.value == "when"),
        Node::Null | Node::Scalar(_) | Node::Seq(_) => false,
    }
}

/// The condition that a start waits for, and from when on it is watched: from the end of the first
/// phase, where the baseline ends, if nothing is said.
pub(super) fn start(
    node: &Spanned<Node>,
    names: &Names,
    mistakes: &mut Mistakes,
) -> Option<(Spanned<Anchor>, When)> {
    let fields = Fields::open(node, &WHEN, mistakes)?;
    let after = match fields.get("after") {
        Some(node) => anchor_of(node, names, mistakes),
        None => names.phases.first().map(|phase| {
            let anchor = Anchor {
                of: Spanned::new(phase.clone(), node.place),
                edge: Edge::End,
                plus: Story::default(),
            };
            Spanned::new(anchor, node.place)
        }),
    };
    let when = when(&fields, names, mistakes);
    Some((after?, when?))
}

/// The condition that an end waits for, while the fault is in force.
pub(super) fn end(node: &Spanned<Node>, names: &Names, mistakes: &mut Mistakes) -> Option<When> {
    let fields = Fields::open(node, &WHEN, mistakes)?;
    if let Some((key, _)) = fields.entry("after") {
        mistakes.error(
            key.place,
            "the condition of an end is watched while the fault is in force",
            "leave this out",
        );
    }
    when(&fields, names, mistakes)
}

fn when(fields: &Fields<'_>, names: &Names, mistakes: &mut Mistakes) -> Option<When> {
    let before = match fields.get("before") {
        Some(node) => Some(anchor_of(node, names, mistakes)?.value),
        None => None,
    };
    let node = fields.get("when")?;
    let text = mistakes.text(node, "a condition such as `portal p99 > 1s for 10s`")?;
    match Sentence::new(text, names).stop() {
        Ok(condition) => Some(When {
            text: text.value.split_whitespace().collect::<Vec<_>>().join(" "),
            condition: Spanned::new(condition, node.place),
            before,
            plus: Story::default(),
        }),
        Err(slip) => {
            mistakes.slip(&text, slip);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        diagnostic::Source,
        scenario::{
            model::{Fault, Measure, Until},
            parse,
        },
    };

    fn read(at: &str, keys: &str) -> Result<Vec<Fault>, Vec<String>> {
        let text = format!(
            "brownout: 1\nscenario: s\nphases: [{{calm: 1h}}, {{storm: 1h}}]\n\
             load: {{crowd: {{journey: j, requests: 5/s}}}}\n\
             journeys: {{j: [{{step: look, get: \"portal:/\"}}]}}\n\
             faults: {{f: {{at: {at}, http: hang, {keys}}}}}\n\
             steady_state: [portal success >= 99%]\ngates: [portal never crashes]\n"
        );
        match parse(Source::new("s.yaml", text)) {
            Ok((scenario, _)) => Ok(scenario.faults),
            Err(found) => Err(found.0.iter().map(|d| d.message.clone()).collect()),
        }
    }

    #[test]
    fn a_start_is_watched_from_the_first_phases_end_unless_it_says_otherwise() {
        let faults = read(
            "service portal",
            "from: {when: portal p99 > 1s  for 10s}, for: 5m",
        );
        let fault = &faults.expect("good")[0];
        let when = fault.when.as_ref().expect("a condition");
        assert_eq!(when.text, "portal p99 > 1s for 10s");
        assert_eq!(when.condition.value.lasting, Duration::from_secs(10));
        let measure = when.condition.value.condition.measure;
        assert_eq!(measure, Measure::Latency(9_900));
        let from = &fault.from.value;
        assert_eq!((from.of.value.as_str(), from.edge), ("calm", Edge::End));
        let faults = read(
            "service portal",
            "from: {when: portal p99 > 1s for 10s, after: storm + 2m, before: storm.end}, for: 5m",
        );
        let fault = &faults.expect("good")[0];
        assert_eq!(fault.from.value.of.value, "storm");
        assert_eq!(fault.from.value.plus, Story(Duration::from_secs(120)));
        let before = fault.when.as_ref().and_then(|when| when.before.as_ref());
        assert_eq!(before.map(|anchor| anchor.edge), Some(Edge::End));
    }

    #[test]
    fn an_end_and_the_places_of_a_list_may_wait_too() {
        let faults = read(
            "[service a, service b]",
            "from: {when: portal errors > 5% for 3s}, stagger: 2m, until: {when: portal errors < 1% for 5s}",
        );
        let faults = faults.expect("good");
        let plus = |fault: &Fault| fault.when.as_ref().map(|when| when.plus);
        let later = Story(Duration::from_secs(120));
        assert_eq!(plus(&faults[0]), Some(Story::default()));
        assert_eq!(plus(&faults[1]), Some(later));
        for fault in &faults {
            let until = fault.until.as_ref().map(|until| &until.value);
            assert!(matches!(until, Some(Until::When(when)) if when.before.is_none()));
        }
        let faults = read(
            "[service a, service b]",
            "from: {a: storm, b: {when: portal errors > 5% for 3s}}, for: 5m",
        );
        let faults = faults.expect("good");
        let waits: Vec<bool> = faults.iter().map(|f| f.when.is_some()).collect();
        assert_eq!(waits, [false, true]);
    }

    #[test]
    fn wrong_conditions_are_refused() {
        for (keys, said) in [
            (
                "from: {when: portal p99 > 1s}, for: 5m",
                "expected `for`, found the end",
            ),
            (
                "from: {when: portal p99 > 1s for 9s, before: f.end}, for: 5m",
                "the fault `f` waits for itself",
            ),
            (
                "from: storm, until: {when: portal p99 < 1s for 9s, after: storm}",
                "the condition of an end is watched while the fault is in force",
            ),
            (
                "from: storm, ramp_out: 1m, until: {when: portal p99 < 1s for 9s}",
                "nobody knows beforehand when the fault ends, so it cannot shrink before",
            ),
        ] {
            assert_eq!(
                read("service portal", keys).expect_err(keys),
                [said],
                "{keys}"
            );
        }
    }
}
