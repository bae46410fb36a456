//! The whole file.

use std::path::{Path, PathBuf};

use super::{
    claim::Sentence,
    data, fault, journey,
    keys::SCENARIO,
    measure,
    names::Names,
    phases,
    population::{self, Story},
    random,
};
use crate::{
    diagnostic::{Diagnostics, Source, Spanned},
    document::{Entry, Fields, Mistakes, Node, read, tree},
    scenario::model::{Claim, Measure, MeasureSettings, Scenario, StopCondition, Subject},
    seed::Seed,
    time::Compression,
};

/// The seed of a scenario that gives none.
const SEED: Seed = Seed(1);

/// Reads and checks a scenario file. With the scenario come warnings.
///
/// # Errors
/// All mistakes of the file at once.
pub fn load(path: &Path) -> Result<(Scenario, Diagnostics), Diagnostics> {
    parse(read(path)?)
}

/// Checks the text of a scenario file. With the scenario come warnings.
///
/// # Errors
/// All mistakes of the text at once.
pub fn parse(source: Source) -> Result<(Scenario, Diagnostics), Diagnostics> {
    let mut mistakes = Mistakes::new(source);
    let scenario = tree(&mut mistakes).and_then(|node| lower(&node, &mut mistakes));
    match scenario {
        Some(scenario) if !mistakes.has_errors() => Ok((scenario, mistakes.finish())),
        _ => Err(mistakes.finish()),
    }
}

fn lower(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<Scenario> {
    let fields = Fields::open(node, &SCENARIO, mistakes)?;
    version(&fields, mistakes);
    let name = fields
        .get("scenario")
        .and_then(|node| mistakes.name(node, "a name for a scenario"));
    let title = fields
        .get("title")
        .and_then(|node| mistakes.string(node, "one line for people"));
    let target = fields.get("target").and_then(|node| {
        let path = mistakes.string(node, "the path of a target file")?;
        Some(Spanned::new(PathBuf::from(path), node.place))
    });
    let (load_scale, time_scale) = fields
        .get("scale")
        .map_or((1.0, Compression::NONE), |node| {
            phases::scale(node, mistakes)
        });
    let seed = fields
        .get("seed")
        .and_then(|node| mistakes.whole(node, 0..=u64::MAX))
        .map_or(SEED, Seed);

    let names = Names::gather(&fields, mistakes);
    let phases = section(&fields, "phases", mistakes, phases::section);
    let data = section(&fields, "data", mistakes, data::section);
    let mut known: Vec<String> = data::built_in_data()
        .into_iter()
        .map(|(name, _)| name.to_owned())
        .collect();
    known.extend(
        data.iter()
            .flat_map(|(name, source)| data::holes(&name.value, source)),
    );
    let mut used = Vec::new();
    let journeys = section(&fields, "journeys", mistakes, |node, mistakes| {
        journey::section(node, &known, &mut used, mistakes)
    });
    let unused = |(name, source): &&(Spanned<String>, _)| {
        let holes = data::holes(&name.value, source);
        !holes
            .iter()
            .chain([&name.value])
            .any(|hole| used.contains(hole))
    };
    for (name, _) in data.iter().filter(unused) {
        mistakes.warning(
            name.place,
            format!("no journey uses `{}`", name.value),
            "not used",
        );
    }
    let journey_names = keys_of(fields.get("journeys"));
    let story = Story {
        names: &names,
        phases: &phases,
        journeys: &journeys,
        journey_names: &journey_names,
    };
    let load = section(&fields, "load", mistakes, |node, mistakes| {
        population::section(node, &story, mistakes)
    });
    let faults = section(&fields, "faults", mistakes, |node, mistakes| {
        fault::section(node, &names, mistakes)
    });
    let random = section(&fields, "random", mistakes, |node, mistakes| {
        random::section(node, &names, mistakes)
    });
    names.against_services(&journeys, &faults, mistakes);
    let measure = fields
        .get("measure")
        .map_or_else(MeasureSettings::default, |node| {
            measure::section(node, mistakes)
        });
    let mut claims = |key: &str| {
        section(&fields, key, mistakes, |node, mistakes| {
            sentences(node, &names, mistakes, Sentence::claim)
        })
    };
    let steady_state = claims("steady_state");
    let symptoms = claims("symptoms");
    let gates = claims("gates");
    let stop: Vec<Spanned<StopCondition>> = section(&fields, "stop", mistakes, |node, mistakes| {
        sentences(node, &names, mistakes, Sentence::stop)
    });
    check_steady_state(&fields, &steady_state, &measure, mistakes);
    if !fields.has("gates") {
        let place = fields.beginning();
        mistakes
            .warning(
                place,
                "no gates: the run cannot fail",
                "no `gates:` in this file",
            )
            .hint = Some("for example `gates: [portal never crashes]`".to_owned());
    }
    let name = name?;
    Some(Scenario {
        source: mistakes.source().clone(),
        title: title.unwrap_or_else(|| name.value.clone()),
        name,
        target,
        load_scale,
        time_scale,
        seed,
        phases,
        load,
        journeys,
        data,
        faults,
        random,
        steady_state,
        symptoms,
        gates,
        stop,
        measure,
    })
}

/// Refuses a version of the format that is not 1.
pub(crate) fn version(fields: &Fields<'_>, mistakes: &mut Mistakes) {
    if let Some(node) = fields.get("brownout")
        && !matches!(&node.value, Node::Scalar(scalar) if scalar.text == "1")
    {
        mistakes
            .expected(node, "the version of the format, `1`")
            .hint = Some("this brownout reads version 1 of the format: `brownout: 1`".to_owned());
    }
}

fn section<'a, T>(
    fields: &Fields<'a>,
    key: &str,
    mistakes: &mut Mistakes,
    read: impl FnOnce(&'a Spanned<Node>, &mut Mistakes) -> Vec<T>,
) -> Vec<T> {
    fields
        .get(key)
        .map_or_else(Vec::new, |node| read(node, mistakes))
}

fn keys_of(node: Option<&Spanned<Node>>) -> Vec<String> {
    let entries: &[Entry] = match node.map(|node| &node.value) {
        Some(Node::Map(entries)) => entries,
        _ => &[],
    };
    entries.iter().map(|(key, _)| key.value.clone()).collect()
}

fn sentences<'a, 'n, T>(
    node: &'a Spanned<Node>,
    names: &'n Names,
    mistakes: &mut Mistakes,
    read: impl Fn(Sentence<'a, 'n>) -> Result<T, crate::document::Slip>,
) -> Vec<Spanned<T>> {
    let mut out = Vec::new();
    for item in mistakes.list(node, "a list of sentences such as `- portal never crashes`") {
        let Some(text) = mistakes.text(item, "a sentence such as `portal never crashes`") else {
            continue;
        };
        match read(Sentence::new(text, names)) {
            Ok(claim) => out.push(Spanned::new(claim, item.place)),
            Err(slip) => mistakes.slip(&text, slip),
        }
    }
    out
}

/// The steady state is made of measures over the baseline, and says what success means.
fn check_steady_state(
    fields: &Fields<'_>,
    claims: &[Spanned<Claim>],
    measure: &MeasureSettings,
    mistakes: &mut Mistakes,
) {
    const EXAMPLE: &str = "for example `- portal success >= 99%`";
    let mut has_success = false;
    for claim in claims {
        match &claim.value {
            Claim::Measured {
                window: None,
                subject,
                measure,
                ..
            } => {
                let is_service = matches!(&subject.value, Subject::Service(_));
                has_success |= is_service && *measure == Measure::Success;
            }
            Claim::Measured { .. } => {
                mistakes.error(
                    claim.place,
                    "the steady state holds all the time",
                    "without a window",
                );
            }
            Claim::Never { .. }
            | Claim::Happens { .. }
            | Claim::Recovers { .. }
            | Claim::Tolerates { .. }
            | Claim::ReturnsBefore { .. } => {
                mistakes
                    .error(
                        claim.place,
                        "the steady state is made of measures",
                        "this belongs into `gates` or `symptoms`",
                    )
                    .hint = Some(EXAMPLE.to_owned());
            }
        }
    }
    // a sentence that could not be read may have been the one
    let unread = fields
        .get("steady_state")
        .is_some_and(|node| mistakes.one_or_more(node).len() > claims.len());
    if !has_success && !measure.baseline_optional && !unread {
        let (place, label) = match fields.entry("steady_state") {
            Some((key, _)) => (key.place, "no success of a service in here"),
            None => (fields.beginning(), "no `steady_state:` in this file"),
        };
        mistakes
            .error(
                place,
                "the steady state must say what success of a service is healthy",
                label,
            )
            .hint = Some(format!(
            "{EXAMPLE}; or `measure: {{baseline: optional}}` to run without a baseline"
        ));
    }
}
