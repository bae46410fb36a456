//! The skeleton of a scenario that replays traffic: a calm, the traffic itself, and a calm again, so
//! that there is a baseline before and time to recover after.

use std::{fmt::Write as _, time::Duration};

use super::{
    names::names,
    segments::Segment,
    stamp::Stamp,
    target,
    traffic::{Traffic, Way},
};
use crate::units::{Rate, Span};

/// A baseline's needs, as `measure:` has them by default, with a tenth to spare.
const BASELINE_REQUESTS: f64 = 550.0;
const WARM_UP: f64 = 3.0;
const SHORTEST_CALM: f64 = 20.0;
/// A calm that would have to be longer is no rehearsal any more: the baseline becomes optional.
const LONGEST_CALM: f64 = 600.0;
/// Long enough to see a recovery: `measure.hold` and `measure.observe`, and a little more.
const AFTER: Duration = Duration::from_secs(45);

/// What the skeleton is to be called.
#[derive(Debug, Clone)]
pub struct Skeleton {
    /// The scenario's name.
    pub scenario: String,
    /// The service that all requests go to.
    pub service: String,
    /// Write curves into the scenario itself rather than into files of their own.
    pub inline: bool,
}

/// A file of the skeleton.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkeletonFile {
    /// Its path in the skeleton's folder.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// Writes the skeleton: the scenario first; unless it is `inline`, then a target and a curve for
/// each way.
#[must_use]
pub fn skeleton(traffic: &Traffic, settings: &Skeleton) -> Vec<SkeletonFile> {
    let names = names(&traffic.ways);
    let mut files = vec![SkeletonFile {
        path: "scenario.yaml".to_owned(),
        text: scenario(traffic, &names, settings),
    }];
    if settings.inline {
        return files;
    }
    files.push(SkeletonFile {
        path: "target.yaml".to_owned(),
        text: target::target(&settings.service, &traffic.ways, &names),
    });
    for (way, name) in traffic.ways.iter().zip(&names) {
        files.push(SkeletonFile {
            path: curve_path(name),
            text: curve(traffic, way),
        });
    }
    files
}

fn curve_path(name: &str) -> String {
    format!("curves/{name}.csv")
}

/// A YAML text in double quotes: JSON's are YAML's.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn scenario(traffic: &Traffic, names: &[String], settings: &Skeleton) -> String {
    let calm = Calm::of(traffic);
    let mut text = String::new();
    // a String takes all that is written to it
    let _ = heading(&mut text, traffic, settings, &calm);
    let _ = load(&mut text, traffic, names, &calm, settings.inline);
    let _ = journeys(&mut text, traffic, names, settings);
    let _ = claims(&mut text, &settings.service, &calm);
    text
}

fn heading(
    text: &mut String,
    traffic: &Traffic,
    settings: &Skeleton,
    calm: &Calm,
) -> std::fmt::Result {
    let plain = traffic.name.replace(char::is_control, "\u{fffd}");
    writeln!(
        text,
        "# Made by `brownout import` from {plain} ({}).",
        traffic.format.name()
    )?;
    writeln!(
        text,
        "# {:.0} requests from {} to {}, in bins of {}.",
        traffic.requests(),
        traffic.from,
        traffic.to,
        Span(traffic.bin),
    )?;
    if let Some((at, rate)) = traffic.busiest_bin() {
        writeln!(text, "# The busiest bin begins at {at}: {}/s.", short(rate))?;
    }
    if let Some((at, count)) = traffic.peak {
        writeln!(text, "# The busiest second is {at}: {count} requests.")?;
    }
    if traffic.bad > 0 {
        writeln!(
            text,
            "# {} lines could not be read and are left out.",
            traffic.bad
        )?;
    }
    text.push_str(
        "#\n# FILL IN what is marked so; then `brownout check` and `brownout plan` this file.\n",
    );
    writeln!(text, "brownout: 1\nscenario: {}", settings.scenario)?;
    let title = format!(
        "The traffic of {}, {} to {}",
        traffic.name, traffic.from, traffic.to
    );
    writeln!(text, "title: {}", quoted(&title))?;
    if settings.inline {
        text.push_str("# target: target.yaml      # FILL IN, or give `--target FILE`\n");
    } else {
        text.push_str("target: target.yaml\n");
    }
    writeln!(
        text,
        "scale: {{load: 100%, time: 1x}}      # a smaller staging system bears a smaller share\n\
         seed: 1\n\
         phases: [{{calm: {}}}, {{replayed: {}}}, {{after: {}}}]",
        Span(calm.length),
        Span(traffic.length()),
        Span(AFTER),
    )
}

/// The load before and after.
struct Calm {
    /// By way, in requests a second.
    rates: Vec<f64>,
    length: Duration,
    /// There is too little traffic for a baseline in a sensible time.
    thin: bool,
}

impl Calm {
    /// The mean of the first bins; the very first one is seldom full.
    fn of(traffic: &Traffic) -> Self {
        let bins = match traffic.bins {
            few @ 0..3 => 0..few,
            many => 1..1 + (many / 20).clamp(1, 5),
        };
        let count = bins.len().max(1) as f64;
        let mean = |way: &Way| {
            let mean = way.rates[bins.clone()].iter().sum::<f64>() / count;
            // digits that nobody needs are left out
            (mean * 1e4).round() / 1e4
        };
        let rates: Vec<f64> = traffic.ways.iter().map(mean).collect();
        let total: f64 = rates.iter().sum();
        let needed = (WARM_UP + BASELINE_REQUESTS / total)
            .max(SHORTEST_CALM)
            .ceil();
        let thin = needed > LONGEST_CALM;
        let seconds = if thin { SHORTEST_CALM } else { needed };
        Self {
            rates,
            length: Duration::from_secs_f64(seconds),
            thin,
        }
    }
}

fn load(
    text: &mut String,
    traffic: &Traffic,
    names: &[String],
    calm: &Calm,
    inline: bool,
) -> std::fmt::Result {
    text.push_str("load:\n");
    let all = traffic.requests();
    for ((way, name), calm) in traffic.ways.iter().zip(names).zip(&calm.rates) {
        let share = if all > 0.0 {
            way.requests / all * 100.0
        } else {
            0.0
        };
        write!(text, "  # {:.1}% of the traffic", share)?;
        if way.is_rest {
            write!(
                text,
                ", {} smaller routes and what has none",
                traffic.folded
            )?;
        }
        if let Some(failed) = way.failed.filter(|failed| *failed > 0) {
            write!(
                text,
                "; {:.1}% of it was answered with 5xx",
                failed as f64 / way.requests * 100.0
            )?;
        }
        let curve = if inline {
            in_words(traffic, way)
        } else {
            format!("{{file: {}, step: true}}", curve_path(name))
        };
        let calm = match *calm > 0.0 {
            true => [format!("calm: {calm}/s, "), format!(", after: {calm}/s")],
            false => [String::new(), String::new()],
        };
        let source = source(traffic, way, all);
        writeln!(
            text,
            "\n  {name}:\n    journey: {name}\n    \
             requests: {{{}replayed: {curve}{}}}\n    source: {}",
            calm[0],
            calm[1],
            quoted(&source),
        )?;
    }
    Ok(())
}

fn source(traffic: &Traffic, way: &Way, all: f64) -> String {
    format!(
        "{}, {} to {}, {:.0} of {all:.0} requests",
        traffic.name, traffic.from, traffic.to, way.requests
    )
}

fn journeys(
    text: &mut String,
    traffic: &Traffic,
    names: &[String],
    settings: &Skeleton,
) -> std::fmt::Result {
    text.push_str("# One request each. FILL IN what belongs together: a journey of several steps.\njourneys:\n");
    let mut data: Vec<(&str, String)> = Vec::new();
    for (way, name) in traffic.ways.iter().zip(names) {
        let method = way.method.as_deref().unwrap_or("GET").to_ascii_lowercase();
        let (path, known) = match step_path(way, &mut data) {
            Some(path) => (path, true),
            None => ("/".to_owned(), false),
        };
        let has_body = matches!(method.as_str(), "post" | "put" | "patch");
        let address = quoted(&format!("{}:{path}", settings.service));
        let body = if has_body { ", json: {}" } else { "" };
        let wanted = match (known && !way.is_rest, has_body) {
            (true, true) => "      # FILL IN the body",
            (true, false) => "",
            (false, true) => "      # FILL IN the path and the body",
            (false, false) => "      # FILL IN the path",
        };
        writeln!(
            text,
            "  {name}:\n    - {{step: {name}, {method}: {address}{body}}}{wanted}"
        )?;
    }
    if !data.is_empty() {
        text.push_str("data:\n");
    }
    for (name, values) in data {
        writeln!(
            text,
            "  {name}: {values}      # FILL IN: what there is in staging"
        )?;
    }
    Ok(())
}

/// The path of a step, with holes for ids; notes the data that fills them.
fn step_path(way: &Way, data: &mut Vec<(&'static str, String)>) -> Option<String> {
    let (path, example) = match (&way.path, &way.example) {
        (Some(path), Some(example)) => (path.as_str(), example.as_str()),
        (None, Some(example)) => (example.as_str(), example.as_str()),
        (_, None) => return None,
    };
    let mut add = |name, values: String| {
        if data.iter().all(|(known, _)| *known != name) {
            data.push((name, values));
        }
    };
    let mut segments = Vec::new();
    for (part, example) in path.split('/').zip(example.split('/')) {
        let holds = |c: char| part.starts_with(c);
        let segment = Segment::of(example.as_bytes());
        segments.push(if segment == Segment::Uuid {
            "{{uuid}}".to_owned()
        } else if segment == Segment::Token {
            add("token", format!("{{one_of: [{}]}}", quoted(example)));
            "{{token}}".to_owned()
        } else if segment == Segment::Number || holds(':') || holds('{') || holds('<') {
            // also `{id}` and `<id>`, as other tools write routes
            add("id", "{between: 1..1000}".to_owned());
            "{{id}}".to_owned()
        } else if segment == Segment::Odd {
            return None;
        } else {
            part.to_owned()
        });
    }
    Some(segments.join("/"))
}

fn claims(text: &mut String, service: &str, calm: &Calm) -> std::fmt::Result {
    writeln!(
        text,
        "# faults:                             # FILL IN what breaks, for example\n\
         #   lost: {{at: service {service}, from: replayed + 5m, for: 1m, http: {{status: 503}}}}\n\
         steady_state:\n  - {service} success >= 99%\n\
         gates:\n  - {service} never collapses\n  - {service} success >= 99% during replayed"
    )?;
    if calm.thin {
        text.push_str(
            "# too little traffic for a baseline: 500 requests would take longer than 10 minutes\n\
             measure: {baseline: optional}\n",
        );
    }
    Ok(())
}

/// The rates of a way as steps: where each begins, and how many bins it lasts.
fn steps(way: &Way) -> Vec<(usize, usize, f64)> {
    let mut steps: Vec<(usize, usize, f64)> = Vec::new();
    for (bin, rate) in way.rates.iter().enumerate() {
        match steps.last_mut() {
            Some((_, bins, last)) if last == rate => *bins += 1,
            _ => steps.push((bin, 1, *rate)),
        }
    }
    steps
}

fn bins_long(traffic: &Traffic, bins: usize) -> Duration {
    let bins = u32::try_from(bins).unwrap_or(u32::MAX);
    traffic.bin.saturating_mul(bins)
}

/// A curve in the scenario's own words: `5/s hold 1m then 7/s hold 2m`.
fn in_words(traffic: &Traffic, way: &Way) -> String {
    let pieces: Vec<String> = steps(way)
        .into_iter()
        .filter_map(|(_, bins, rate)| {
            let rate = Rate::per_second(rate)?;
            Some(format!("{rate} hold {}", Span(bins_long(traffic, bins))))
        })
        .collect();
    pieces.join(" then ")
}

/// The text of a curve's file.
fn curve(traffic: &Traffic, way: &Way) -> String {
    let label = way.label.replace(char::is_control, "\u{fffd}");
    let begin: Stamp = traffic.begin;
    let mut text = format!(
        "# {label}: {:.0} requests, from {begin} on, in bins of {}\ntime,rate\n",
        way.requests,
        Span(traffic.bin)
    );
    for (bin, _, rate) in steps(way) {
        let _ = writeln!(text, "{},{rate}", bins_long(traffic, bin).as_secs_f64());
    }
    // where it ends
    let _ = writeln!(text, "{},0", traffic.length().as_secs_f64());
    text
}

/// A rate with no more digits than people read.
fn short(rate: f64) -> f64 {
    (rate * 100.0).round() / 100.0
}
