//! Words and marks that all forms of the report share.

use crate::analysis::{
    Analysis, ClaimResult, FaultResult, PopulationResult, Recovery, State, SubjectResult, Verdict,
};

use super::numbers::{NOTHING, count, seconds};

/// At most so many faults are named in a sentence.
const MOST_FAULTS: usize = 6;

/// All states, worst first, as legends list them.
pub(super) const STATES: [State; 7] = [
    State::Collapse,
    State::Outage,
    State::Brownout,
    State::Shedding,
    State::Graceful,
    State::Healthy,
    State::Unknown,
];

/// A state in one word, as in `report.json`.
pub(super) const fn state(state: State) -> &'static str {
    match state {
        State::Collapse => "collapse",
        State::Outage => "outage",
        State::Brownout => "brownout",
        State::Shedding => "shedding",
        State::Graceful => "graceful",
        State::Healthy => "healthy",
        State::Unknown => "unknown",
    }
}

/// A state in one character, so that a timeline needs no colour.
pub(super) const fn letter(state: State) -> char {
    match state {
        State::Collapse => '#',
        State::Outage => 'x',
        State::Brownout => '~',
        State::Shedding => 's',
        State::Graceful => 'g',
        State::Healthy => '.',
        State::Unknown => ' ',
    }
}

/// What a state means, in a short sentence.
pub(super) const fn meaning(state: State) -> &'static str {
    match state {
        State::Collapse => "alive and listening, offered much, delivering next to nothing",
        State::Outage => "success at or below 5%",
        State::Brownout => "below its objective, or too slow",
        State::Shedding => "refuses honestly; those admitted get their objective",
        State::Graceful => "meets its objective with more fallbacks than usual",
        State::Healthy => "meets its objective",
        State::Unknown => "no data",
    }
}

/// Why nothing is known of a subject; `None` when it was heard of.
pub(super) fn silent(subject: &SubjectResult) -> Option<&'static str> {
    let heard = subject.states.iter().any(|s| s.state != State::Unknown);
    match (heard, subject.judged_by.as_str()) {
        (true, _) => None,
        (false, "nothing") => Some("no traffic, no probe"),
        (false, _) => Some("too little data"),
    }
}

/// How many journeys began, of those planned and of those that users began when they liked.
pub(super) fn began(analysis: &Analysis) -> String {
    let load = &analysis.load;
    let arrivals = format!(
        "{} of {} planned arrivals began",
        count(load.began),
        count(load.planned)
    );
    let closed = analysis
        .populations
        .values()
        .filter(|p| p.users.is_some())
        .count();
    if closed == 0 {
        return arrivals;
    }
    let users = format!(
        "users, who wait for their answers, began {} journeys",
        count(load.begun_by_users)
    );
    match closed == analysis.populations.len() {
        true => users,
        false => format!("{arrivals}; {users}"),
    }
}

/// How many journeys of a population were planned, or how many users it has.
pub(super) fn planned(population: &PopulationResult) -> String {
    match (population.planned, population.users) {
        (Some(planned), _) => count(planned),
        (None, Some(users)) => format!("up to {users} users"),
        (None, None) => NOTHING.into(),
    }
}

/// What the faults met, each where it stands, and what is known of that request by request;
/// `None` when no fault went in.
pub(super) fn met(analysis: &Analysis) -> Option<String> {
    let faults = || analysis.faults.iter().filter(|f| f.injected_s.is_some());
    let mut each: Vec<String> = faults()
        .take(MOST_FAULTS)
        .map(|f| {
            let hits = f.hits.map_or_else(|| "not known".to_owned(), count);
            format!("{} {hits}", f.name)
        })
        .collect();
    match faults().count().saturating_sub(MOST_FAULTS) {
        0 => {}
        more => each.push(format!("{more} more")),
    }
    (!each.is_empty()).then(|| {
        format!(
            "Hits of the faults, each where it stands: {}. Of the visitors' requests {} are known \
             to have been hit, and {} to have failed by it (per request on visitors' links; on \
             inner links by time only).",
            each.join(", "),
            count(analysis.load.injected),
            count(analysis.load.injected_failures)
        )
    })
}

/// Whose doing the failures were while a fault was in force, as far as it is known request by
/// request, and what it could not do.
pub(super) fn blame(fault: &FaultResult) -> Option<String> {
    let mut parts = Vec::new();
    if let (Some(failures), Some(injected)) = (fault.failures, fault.failures_injected) {
        parts.push(format!(
            "of {} failures of its service meanwhile {} were injected",
            count(failures),
            count(injected)
        ));
    }
    if fault.spared > 0 {
        parts.push(format!("it could do nothing to {}", count(fault.spared)));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// A verdict in one word, as in `report.json`.
pub(super) const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Stopped => "stopped",
    }
}

/// A gate's mark.
pub(super) const fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::Inconclusive | Verdict::Stopped => "?",
    }
}

/// A symptom's verdict in words: for a symptom, pass means that it was seen.
pub(super) const fn seen(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "seen",
        Verdict::Fail => "not seen",
        Verdict::Inconclusive | Verdict::Stopped => "cannot say",
    }
}

/// What the run's exit code means.
pub(super) fn exit_meaning(analysis: &Analysis) -> &'static str {
    let failed = analysis.gates.iter().any(|g| g.verdict == Verdict::Fail);
    match analysis.exit_code {
        0 => "every gate held",
        1 if failed => "a gate failed",
        1 => "the target was not fit to be tested",
        2 => "the input was wrong",
        3 => "stopped early",
        4 => "inconclusive: the measurement is in doubt, or the target could not be reached",
        _ => "brownout itself failed",
    }
}

/// `history repeated itself: 4 of 5`, or nothing where the scenario names no symptoms. Where none was
/// seen and one could not be judged, nobody can say.
pub(super) fn history(symptoms: &[ClaimResult]) -> Option<String> {
    if symptoms.is_empty() {
        return None;
    }
    let seen = held(symptoms);
    let unsaid = |s: &ClaimResult| matches!(s.verdict, Verdict::Inconclusive | Verdict::Stopped);
    if seen == 0 && symptoms.iter().any(unsaid) {
        return Some("whether history repeated itself cannot be said".to_owned());
    }
    let lead = match seen {
        0 => "history did not repeat itself",
        _ => "history repeated itself",
    };
    Some(format!("{lead}: {seen} of {}", symptoms.len()))
}

/// How many claims have the verdict pass.
pub(super) fn held(claims: &[ClaimResult]) -> usize {
    claims.iter().filter(|c| c.verdict == Verdict::Pass).count()
}

/// The time to recover, as text: `31.0 s`, `> 30.0 s` when it did not within the window, `at once`
/// when it was healthy already.
pub(super) fn time_to_recover(recovery: &Recovery) -> String {
    match (recovery.time_to_recover_s, recovery.more_than_s) {
        (Some(t), _) if t <= 0.0 => "at once".into(),
        (Some(t), _) => seconds(Some(t)),
        (None, Some(x)) => format!("> {}", seconds(Some(x))),
        (None, None) => NOTHING.into(),
    }
}

/// Whether the run ended otherwise than planned, and how: `(what, why)`.
pub(super) fn cut_short(analysis: &Analysis) -> Vec<(&'static str, &str)> {
    let mut said = Vec::new();
    if let Some(why) = &analysis.run.stopped {
        said.push(("stopped early", why.as_str()));
    }
    if let Some(how) = &analysis.run.cut_off {
        said.push(("record cut off", how.as_str()));
    }
    if said.is_empty() && !analysis.run.complete {
        said.push(("incomplete", "the run did not reach its intended end"));
    }
    said
}

/// Text that cannot drive a terminal: control characters, and those that reorder what is read,
/// become `�`; line breaks become spaces.
pub(super) fn tame(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            c if c.is_control() => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// [`tame`] for text whose line breaks are markup.
pub(super) fn tame_lines(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(tame).collect();
    lines.join("\n")
}

/// At most `width` characters, the last of which is `…` where something was left off.
pub(super) fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.into();
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_state_has_its_own_letter() {
        let letters: BTreeSet<char> = STATES.iter().map(|s| letter(*s)).collect();
        assert_eq!(letters.len(), STATES.len());
    }

    #[test]
    fn words_are_those_of_the_json() {
        for s in STATES {
            assert_eq!(serde_json::to_value(s).unwrap(), state(s));
        }
        for v in [
            Verdict::Pass,
            Verdict::Fail,
            Verdict::Inconclusive,
            Verdict::Stopped,
        ] {
            assert_eq!(serde_json::to_value(v).unwrap(), verdict(v));
        }
    }

    #[test]
    fn a_name_cannot_drive_the_terminal() {
        assert_eq!(tame("a\x1b[31mb\u{202e}c\nd"), "a\u{fffd}[31mb\u{fffd}c d");
        assert_eq!(shorten("portal", 4), "por…");
        assert_eq!(shorten("portal", 6), "portal");
    }
}
