//! `random:`: schedules that are drawn.

use super::{fault::anchor_of, keys::RANDOM, names::Names};
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node, closest_hint},
    scenario::model::Random,
    seed::Seed,
    time::Story,
};

/// How many faults are in force at once where nothing is said.
const AT_MOST: u32 = 1;

/// The section `random:`.
pub(super) fn section(node: &Spanned<Node>, names: &Names, mistakes: &mut Mistakes) -> Vec<Random> {
    let entries = mistakes.entries(node, "a mapping of names to schedules");
    let read: Vec<Option<Random>> = entries
        .iter()
        .map(|(name, node)| schedule(name, node, names, mistakes))
        .collect();
    read.into_iter().flatten().collect()
}

fn schedule(
    name: &Spanned<String>,
    node: &Spanned<Node>,
    names: &Names,
    mistakes: &mut Mistakes,
) -> Option<Random> {
    let fields = Fields::open(node, &RANDOM, mistakes)?;
    let of = fields.get("of").map(|node| of(name, node, names, mistakes));
    let from = fields
        .get("from")
        .and_then(|node| anchor_of(node, names, mistakes));
    let until = fields
        .get("until")
        .and_then(|node| anchor_of(node, names, mistakes));
    let every = spans(&fields, "every", mistakes);
    let lasting = spans(&fields, "for", mistakes);
    let at_most = match fields.get("at_most") {
        Some(node) => mistakes.count(node, 1..=100)?,
        None => AT_MOST,
    };
    let seed = match fields.get("seed") {
        Some(node) => Some(Seed(mistakes.whole(node, 0..=u64::MAX)?)),
        None => None,
    };
    Some(Random {
        name: name.clone(),
        of: of?,
        from: from?,
        until: until?,
        every: every?.value,
        lasting: lasting?,
        at_most,
        seed,
    })
}

fn of(
    schedule: &Spanned<String>,
    node: &Spanned<Node>,
    names: &Names,
    mistakes: &mut Mistakes,
) -> Vec<Spanned<String>> {
    let mut faults: Vec<Spanned<String>> = Vec::new();
    for item in mistakes.one_or_more(node) {
        let Some(fault) = mistakes.name(item, "the name of a fault") else {
            continue;
        };
        let wrong = match names.what(&fault.value) {
            Some("fault") => None,
            _ => Some(format!("no fault is called `{}`", fault.value)),
        };
        let twice = faults.iter().any(|other| other.value == fault.value);
        let taken = names.drawn_by(&fault.value) != Some(schedule.value.as_str());
        let wrong = wrong
            .or_else(|| twice.then(|| format!("`{}` stands here twice", fault.value)))
            .or_else(|| taken.then(|| format!("another schedule draws `{}`", fault.value)));
        match wrong {
            None => faults.push(fault),
            Some(message) => {
                let known = names.faults.iter().map(String::as_str);
                let known = known.filter(|name| !name.contains('.'));
                let hint = closest_hint(&fault.value, known);
                let error = mistakes.error(item.place, message, "in this schedule");
                error.hint = hint.filter(|_| names.what(&fault.value).is_none());
            }
        }
    }
    faults
}

fn spans(
    fields: &Fields<'_>,
    key: &str,
    mistakes: &mut Mistakes,
) -> Option<Spanned<(Story, Story)>> {
    let node = fields.get(key)?;
    let (low, high) = mistakes.span_range(node)?;
    if low.is_zero() {
        mistakes.expected(node, "a range of time above zero such as `2m..5m`");
        return None;
    }
    Some(Spanned::new((Story(low), Story(high)), node.place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        diagnostic::Source,
        scenario::{model::Scenario, parse},
    };

    fn read(faults: &str, random: &str) -> Result<Scenario, Vec<String>> {
        let text = format!(
            "brownout: 1\nscenario: s\nphases: [{{calm: 1h}}, {{storm: 1h}}]\n\
             load: {{crowd: {{journey: j, requests: 5/s}}}}\n\
             journeys: {{j: [{{step: look, get: \"portal:/\"}}]}}\n\
             faults: {{{faults}}}\nrandom: {{{random}}}\n\
             steady_state: [portal success >= 99%]\ngates: [portal never crashes]\n"
        );
        match parse(Source::new("s.yaml", text)) {
            Ok((scenario, _)) => Ok(scenario),
            Err(found) => Err(found.0.iter().map(|d| d.message.clone()).collect()),
        }
    }

    const SLOW: &str = "slow: {at: service portal, http: {delay: 2s}}";
    const CHAOS: &str = "from: storm, until: storm.end, every: 2m..5m, for: 20s..60s";

    #[test]
    fn a_schedule_names_faults_that_do_not_say_when_they_come() {
        let faults = format!("{SLOW}, died: {{at: process portal, process: kill}}");
        let scenario = read(&faults, &format!("chaos: {{of: [slow, died], {CHAOS}}}"));
        let scenario = scenario.expect("good");
        let [chaos] = &scenario.random[..] else {
            panic!("one schedule");
        };
        let drawn: Vec<_> = scenario.faults.iter().map(|f| &f.drawn_by).collect();
        assert_eq!(
            drawn,
            [&Some("chaos".to_owned()), &Some("chaos".to_owned())]
        );
        assert_eq!((chaos.at_most, chaos.seed), (1, None));
        let minutes = |n: u64| Story(std::time::Duration::from_secs(60 * n));
        assert_eq!(chaos.every, (minutes(2), minutes(5)));
        let both = format!("chaos: {{of: [slow, died], {CHAOS}, at_most: 2, seed: 7}}");
        let scenario = read(&faults, &both).expect("good");
        let chaos = &scenario.random[0];
        assert_eq!((chaos.at_most, chaos.seed), (2, Some(Seed(7))));
    }

    #[test]
    fn wrong_schedules_are_refused() {
        let timed = "slow: {at: service portal, from: storm, for: 5m, http: hang}";
        let flapping = "slow: {at: service portal, flap: {in: 2s, out: 2s}, http: hang}";
        for (faults, random, said) in [
            (
                SLOW,
                format!("chaos: {{of: slo, {CHAOS}}}"),
                "no fault is called `slo`",
            ),
            (
                SLOW,
                format!("a: {{of: slow, {CHAOS}}}, b: {{of: slow, {CHAOS}}}"),
                "another schedule draws `slow`",
            ),
            (
                SLOW,
                format!("chaos: {{of: [slow, slow], {CHAOS}}}"),
                "`slow` stands here twice",
            ),
            (
                timed,
                format!("chaos: {{of: slow, {CHAOS}}}"),
                "the schedule `chaos` says when `slow` comes and goes",
            ),
            (
                flapping,
                format!("chaos: {{of: slow, {CHAOS}}}"),
                "the schedule `chaos` says when `slow` comes and goes",
            ),
            (
                SLOW,
                "chaos: {of: slow, from: storm, until: storm.end, every: 0s..5m, for: 20s}".into(),
                "expected a range of time above zero such as `2m..5m`, found the text `0s..5m`",
            ),
            (
                SLOW,
                format!("slow: {{of: slow, {CHAOS}}}"),
                "the name `slow` is given to a fault and to a schedule",
            ),
            (
                "slow: {at: service portal, http: hang}, x: {at: service portal, from: storm, for: 1m, http: hang}",
                "chaos: {of: x}".into(),
                "missing key `from`",
            ),
        ] {
            let found = read(faults, &random).expect_err(said);
            assert!(found.iter().any(|f| f == said), "{said}: {found:?}");
        }
    }
}
