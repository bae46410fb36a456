//! What holds whatever the target did.

use std::{collections::BTreeMap, time::Duration};

use proptest::prelude::*;

use super::script::{
    END, LOGIN, SLOTS, Script, claim, during, feature, portal, removal, success_at_least, times,
};
use crate::{
    analysis::{Verdict, analyse},
    event::StopReason,
    measure::{Outcome, PackedCell},
    plan::Rule,
    scenario::model::Happening,
};

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Ok),
        Just(Outcome::Fallback),
        Just(Outcome::Shed),
        Just(Outcome::Http5xx),
        Just(Outcome::TimeoutFirstByte),
        Just(Outcome::Refused),
        Just(Outcome::NotSentLag),
    ]
}

/// Changes to a calm run: from, length, outcome, requests.
fn changes() -> impl Strategy<Value = Vec<(u64, u64, Outcome, u64)>> {
    let change = (0..END, 1u64..40, outcome(), 0u64..300);
    prop::collection::vec(change, 0..5)
}

fn scripted(changes: &[(u64, u64, Outcome, u64)]) -> Script {
    let mut script = Script::at_rate(40);
    for (from, length, outcome, n) in changes {
        for second in *from..(from + length).min(END) {
            script.clear(second, LOGIN);
            script.add(second, LOGIN, *outcome, *n);
            if n % 2 == 0 {
                script.clear(second, SLOTS);
            }
        }
    }
    script
}

/// One gate of each kind.
fn with_gates(script: Script) -> Script {
    let never = Rule::Never {
        subject: portal(),
        what: Happening::Collapse,
        window: during(0, END),
    };
    let happens = Rule::Happens {
        subject: feature("slots"),
        what: Happening::Unhealthy,
        window: during(20, 90),
    };
    let recovers = Rule::Recovers {
        subject: portal(),
        within: Duration::from_secs(20),
        of: removal(),
    };
    let tolerates = Rule::Tolerates {
        subject: feature("login"),
        fault: 0,
        others: Vec::new(),
    };
    let order = Rule::ReturnsBefore {
        first: feature("login"),
        second: feature("slots"),
    };
    [never, happens, recovers, tolerates, order]
        .into_iter()
        .fold(script, |script, rule| script.gate(claim(rule)))
        .gate(success_at_least(portal(), 0.9, during(30, 60)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn any_run_may_be_stopped_at_any_time(changes in changes(), stop in 0..=END) {
        let script = with_gates(scripted(&changes)).stop(stop, StopReason::Condition);
        let analysis = analyse(&script.record);
        let after_end = |at: f64| at > stop as f64;
        for gate in &analysis.gates {
            let decided = matches!(gate.verdict, Verdict::Pass | Verdict::Fail);
            let at = gate.at_s.filter(|_| decided);
            prop_assert!(!at.is_some_and(after_end), "{:?}", gate);
        }
        for subject in analysis.services["portal"].features.values() {
            let last = subject.states.last();
            prop_assert!(!last.is_some_and(|span| after_end(span.to_s)));
        }
    }

    #[test]
    fn every_report_is_well_formed(changes in changes()) {
        let analysis = analyse(&with_gates(scripted(&changes)).record);
        prop_assert_eq!(analysis.gates.len(), 6);
        let service = &analysis.services["portal"];
        for subject in service.features.values().chain([&service.whole]) {
            prop_assert!(subject.lost_goodput >= 0.0);
            // states cover the run without gaps or repetition
            let mut at = 0.0;
            for pair in subject.states.windows(2) {
                prop_assert!(pair[0].state != pair[1].state);
            }
            for span in &subject.states {
                prop_assert_eq!(span.from_s, at);
                prop_assert!(span.to_s > span.from_s);
                at = span.to_s;
            }
            prop_assert_eq!(at, END as f64);
            let mut before = -1.0;
            for incident in &subject.incidents {
                prop_assert!(incident.onset_s > before);
                before = incident.end_s.unwrap_or(f64::INFINITY);
                prop_assert!(before > incident.onset_s);
                prop_assert!((0.0..=1.0).contains(&incident.depth));
                prop_assert!(incident.lost_goodput <= subject.lost_goodput + 1e-6);
            }
            if let Some(recovery) = &subject.recovery {
                prop_assert!(recovery.recovered_s.is_some() != recovery.more_than_s.is_some());
                prop_assert!(recovery.lost_during >= 0.0 && recovery.lost_after >= 0.0);
                prop_assert!(recovery.time_to_recover_s.unwrap_or(0.0) >= 0.0);
            }
        }
        prop_assert!(serde_json::to_string(&analysis).is_ok());
    }

    #[test]
    fn deltas_may_come_in_any_order(
        parts in prop::collection::vec((0u32..5, outcome(), 1u64..50, 1u64..5_000), 1..30),
        seed in any::<u64>(),
    ) {
        let add = |parts: &[(u32, Outcome, u64, u64)]| {
            let mut script = Script::calm();
            for (bin, outcome, n, millis) in parts {
                let mut delta = PackedCell::default();
                delta.counts.add(*outcome, *n);
                delta.first_attempts = *n;
                delta.response = times(Duration::from_millis(*millis), 1);
                let cell = script.record.cells.entry((*bin + 40, LOGIN)).or_default();
                cell.merge(&delta);
            }
            serde_json::to_value(analyse(&script.record)).expect("serialises")
        };
        let mut shuffled: BTreeMap<u64, _> = BTreeMap::new();
        for (i, part) in parts.iter().enumerate() {
            let key = crate::seed::Seed(seed).indexed(i as u64).0;
            shuffled.insert(key, *part);
        }
        let shuffled: Vec<_> = shuffled.into_values().collect();
        prop_assume!(shuffled.len() == parts.len());
        prop_assert_eq!(add(&parts), add(&shuffled));
    }
}
