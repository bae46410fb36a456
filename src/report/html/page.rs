//! The page: everything that `templates/report.html` shows.

use askama::Template;

use crate::{
    analysis::{Analysis, ClaimResult, State, Verdict},
    report::{
        axis::Axis,
        harness,
        numbers::{NOTHING, count, instant, long, percent, scale, times},
        words::{self, time_to_recover},
    },
};

use super::{
    backdrop::Backdrop,
    chart::{self, Chart, View},
    data,
    lanes::{self, Lane},
    series::bins_a_column,
    tables::{self, Table},
};

/// The most columns of the main charts: more than a wide screen can show.
const WIDE: usize = 600;
/// The most columns of a small chart.
const SMALL: usize = 240;

/// The report as one HTML page. It asks nothing of any network, works without a script, and shows
/// every text as text. Runs of more bins than can be seen are thinned by the lowest and highest
/// value a column, and the page says so.
pub fn render(analysis: &Analysis) -> String {
    let page = Page::of(analysis)
        .render()
        .expect("writing to a string does not fail, and the page's filters are infallible");
    // Escaping leaves characters alone that turn the text around them; the page's own has none.
    words::tame_lines(&page)
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    a: &'a Analysis,
    verdict: &'static str,
    mark: &'static str,
    exit_meaning: &'static str,
    cut_short: Vec<(&'static str, &'a str)>,
    tiles: Vec<Tile>,
    back: Backdrop,
    charts: Vec<Chart>,
    lanes: Vec<Lane>,
    legend: Vec<(&'static str, &'static str)>,
    /// Whether any lane bears a crash or restart, which the legend then explains.
    events: bool,
    thinned: Option<String>,
    gates: Vec<Claim<'a>>,
    gates_held: usize,
    symptoms: Vec<Claim<'a>>,
    history: Option<String>,
    panels: Vec<Panel>,
    recovery: Table,
    returns: Vec<(String, &'a str, String)>,
    tables: Vec<Table>,
    baseline: Vec<(&'static str, String)>,
    harness: Vec<(&'static str, String)>,
    meta: Vec<(&'static str, String)>,
    data: String,
}

/// A key figure.
struct Tile {
    label: &'static str,
    value: String,
    note: String,
}

/// A gate or symptom.
struct Claim<'a> {
    claim: &'a ClaimResult,
    class: &'static str,
    mark: &'static str,
    word: &'static str,
    at: String,
}

/// The small charts of one service or feature.
struct Panel {
    subject: String,
    feature: bool,
    facts: String,
    charts: Vec<Chart>,
}

impl<'a> Page<'a> {
    fn of(a: &'a Analysis) -> Self {
        let axis = Axis::of(a);
        let bins = a.curves.subjects.values().map(|c| c.offered.len());
        let lanes = lanes::lanes(a, &axis);
        let size = bins_a_column(bins.max().unwrap_or(0), WIDE);
        Self {
            verdict: words::verdict(a.verdict),
            mark: words::mark(a.verdict),
            exit_meaning: words::exit_meaning(a),
            cut_short: words::cut_short(a),
            tiles: tiles(a),
            back: Backdrop::of(a, &axis),
            charts: charts(a, axis, "", None, WIDE),
            events: lanes.iter().any(|l| !l.marks.is_empty()),
            lanes,
            legend: lanes::legend(a),
            thinned: (size > 1).then(|| {
                format!(
                    "The run has more bins than can be drawn: each drawn column stands for {} bins \
                     of {}, and shows the lowest and the highest value among them.",
                    count(size as u64),
                    crate::report::numbers::seconds(Some(a.curves.bin_s)),
                )
            }),
            gates: a.gates.iter().map(gate).collect(),
            gates_held: words::held(&a.gates),
            symptoms: a.symptoms.iter().map(symptom).collect(),
            history: words::history(&a.symptoms),
            panels: panels(a, axis),
            recovery: tables::recovery(a),
            returns: a
                .order_of_return
                .iter()
                .map(|r| {
                    (
                        r.rank.to_string(),
                        r.subject.as_str(),
                        instant(Some(r.at_s)),
                    )
                })
                .collect(),
            tables: tables::losses(a)
                .into_iter()
                .chain([
                    tables::events(a),
                    tables::delivered(a),
                    tables::outcomes(a),
                    tables::populations(a),
                    tables::faults(a),
                    tables::phases(a),
                ])
                .filter(|t| !t.rows.is_empty())
                .collect(),
            baseline: tables::baseline(a),
            harness: harness::facts(a),
            meta: meta(a),
            data: data::script_data(a, &axis, WIDE),
            a,
        }
    }
}

fn gate(claim: &ClaimResult) -> Claim<'_> {
    Claim {
        claim,
        class: words::verdict(claim.verdict),
        mark: words::mark(claim.verdict),
        word: match claim.verdict {
            Verdict::Pass => "held",
            Verdict::Fail => "failed",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Stopped => "stopped",
        },
        at: instant(claim.at_s),
    }
}

/// That a symptom was seen is neither good nor bad news for the verdict: it has no colour.
fn symptom(claim: &ClaimResult) -> Claim<'_> {
    Claim {
        class: match claim.verdict {
            Verdict::Pass => "seen",
            Verdict::Fail => "unseen",
            Verdict::Inconclusive | Verdict::Stopped => "unsaid",
        },
        mark: match claim.verdict {
            Verdict::Pass => "●",
            Verdict::Fail => "○",
            Verdict::Inconclusive | Verdict::Stopped => "?",
        },
        word: words::seen(claim.verdict),
        ..gate(claim)
    }
}

fn charts(a: &Analysis, axis: Axis, subject: &str, k: Option<f64>, columns: usize) -> Vec<Chart> {
    let Some(curve) = a.curves.subjects.get(subject) else {
        return Vec::new();
    };
    let view = View {
        axis,
        bin_s: a.curves.bin_s,
        columns,
    };
    let rates = chart::rates(subject, curve, k, view);
    let latencies = chart::latencies(subject, curve, view);
    rates.into_iter().chain(latencies).collect()
}

fn panels(a: &Analysis, axis: Axis) -> Vec<Panel> {
    tables::subjects(a)
        .map(|(subject, result)| {
            let service = a.services.get(&subject);
            let capacity = service.and_then(|s| s.capacity);
            let mut facts = match result.judged_by.as_str() {
                "requests" => format!(
                    "{} of {} requests good ({})",
                    count(result.good),
                    count(result.offered),
                    percent(result.success)
                ),
                "probe" => "no requests of its own: judged by its probe".into(),
                _ => "not judged: neither requests nor a probe".into(),
            };
            if let Some(k) = capacity {
                facts.push_str(&format!(" · capacity {}", crate::report::numbers::rate(k)));
            }
            Panel {
                charts: charts(a, axis, &subject, capacity, SMALL),
                feature: service.is_none(),
                facts,
                subject,
            }
        })
        .filter(|p| !p.charts.is_empty())
        .collect()
}

fn tiles(a: &Analysis) -> Vec<Tile> {
    let tile = |label, value, note| Tile { label, value, note };
    let load = &a.load;
    let good = (load.offered > 0).then(|| load.good as f64 / load.offered as f64);
    let crashes: Vec<&str> = a
        .services
        .iter()
        .flat_map(|(name, s)| s.events.iter().map(move |e| (name, e)))
        .filter(|(_, e)| e.kind == "crash" && !e.injected)
        .map(|(name, _)| name.as_str())
        .collect();
    let peak = a.populations.values().map(|p| p.peak_amplification);
    vec![
        tile(
            "gates held",
            format!("{} of {}", words::held(&a.gates), a.gates.len()),
            words::history(&a.symptoms).unwrap_or_default(),
        ),
        worst(a),
        tile(
            "crashes",
            count(crashes.len() as u64),
            crashes.first().map_or_else(
                || "no unexpected exit or restart".into(),
                |_| {
                    let mut names = crashes.clone();
                    names.dedup();
                    format!("of {}", names.join(", "))
                },
            ),
        ),
        slowest(a),
        tile(
            "good",
            percent(good),
            format!("{} of {} requests", count(load.good), count(load.offered)),
        ),
        tile(
            "amplification",
            times(a.amplification),
            peak.reduce(f64::max)
                .map_or_else(String::new, |p| format!("peak {} within 10 s", times(p))),
        ),
    ]
}

/// The worst state of any service or feature.
fn worst(a: &Analysis) -> Tile {
    let states = tables::subjects(a).flat_map(|(name, s)| {
        let spans = s.states.iter();
        spans.map(move |span| (span.state, span.to_s - span.from_s, name.clone()))
    });
    // The worst state first; among equals the longest stretch.
    let worst = states.min_by(|a, b| a.0.cmp(&b.0).then_with(|| b.1.total_cmp(&a.1)));
    let (value, note) = match worst {
        None | Some((State::Unknown, ..)) => (NOTHING.into(), "no data".into()),
        Some((State::Healthy, ..)) => ("healthy".into(), "throughout".into()),
        Some((state, length, name)) => (
            words::state(state).to_owned(),
            format!("{name}, {} in a row", long(length)),
        ),
    };
    Tile {
        label: "worst state",
        value,
        note,
    }
}

/// The subject that took longest to come back, or did not.
fn slowest(a: &Analysis) -> Tile {
    let slowest = tables::subjects(a)
        .filter_map(|(name, s)| {
            let recovery = s.recovery.as_ref()?;
            let time = recovery.time_to_recover_s.unwrap_or(f64::INFINITY);
            Some((time, name, time_to_recover(recovery)))
        })
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let (value, note) = match slowest {
        None => (NOTHING.into(), "nothing had to recover".into()),
        Some((time, name, text)) if time.is_finite() => (text, format!("{name}, the slowest")),
        Some((_, name, text)) => (text, format!("{name} did not recover")),
    };
    Tile {
        label: "time to recover",
        value,
        note,
    }
}

fn meta(a: &Analysis) -> Vec<(&'static str, String)> {
    let run = &a.run;
    vec![
        ("run", run.id.clone()),
        ("started", run.started_at.clone()),
        ("scenario", run.scenario.clone()),
        ("target", format!("{} ({})", run.target, run.environment)),
        ("seed", a.seed.to_string()),
        (
            "load scale",
            format!("{} of history", scale(run.load_scale)),
        ),
        (
            "time scale",
            format!("{} (story seconds a real second)", scale(run.time_scale)),
        ),
        ("planned length", instant(Some(run.planned_s))),
        ("observed length", instant(Some(run.observed_s))),
        ("complete", if run.complete { "yes" } else { "no" }.into()),
        ("brownout", run.brownout.clone()),
        ("host", run.host.clone()),
        ("report format", a.report.to_string()),
    ]
}
