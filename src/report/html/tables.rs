//! The tables of the page, in text.

use crate::{
    analysis::{Analysis, LatencySummary, Recovery, ServiceEvent, SubjectResult},
    report::{
        losses,
        numbers::{NOTHING, amount, count, instant, percent, rate, seconds, times},
        words::{self, time_to_recover},
    },
};

/// A table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) title: String,
    /// A sentence below the title, or nothing.
    pub(super) note: String,
    pub(super) head: Vec<Head>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// A column's heading.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) label: &'static str,
    pub(super) number: bool,
}

/// A cell under its heading.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) label: &'static str,
    pub(super) number: bool,
    pub(super) text: String,
    /// A bar to draw below the text, in percent of its column.
    pub(super) bar: Option<f64>,
}

/// A table whose columns from `numbers_from` on hold numbers.
fn table<const N: usize>(
    title: impl Into<String>,
    note: &str,
    numbers_from: usize,
    head: [&'static str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Table {
    let cell = |(i, text): (usize, String)| Cell {
        label: head[i],
        number: i >= numbers_from,
        text,
        bar: None,
    };
    Table {
        title: title.into(),
        note: note.into(),
        rows: rows
            .map(|row| row.into_iter().enumerate().map(cell).collect())
            .collect(),
        head: head
            .into_iter()
            .enumerate()
            .map(|(i, label)| Head {
                label,
                number: i >= numbers_from,
            })
            .collect(),
    }
}

/// How each service and feature came back.
pub(super) fn recovery(analysis: &Analysis) -> Table {
    let rows = subjects(analysis).map(|(name, subject)| {
        let worst = subject.incidents.iter().map(|i| i.worst).min();
        let last = subject.incidents.last();
        let deepest = subject.incidents.iter().map(|i| i.depth).reduce(f64::max);
        let detected = last.map(|i| match i.detected_after_s {
            Some(after) => seconds(Some(after)),
            None => "not detected".into(),
        });
        let recovery = subject.recovery.as_ref();
        let of = |say: &dyn Fn(&Recovery) -> String| recovery.map_or_else(dash, say);
        let share = |r: &Recovery| match r.hangover_share {
            Some(s) => format!("{} ({})", amount(r.lost_after), percent(Some(s))),
            None => amount(r.lost_after),
        };
        [
            name,
            worst.map_or_else(
                || words::silent(subject).unwrap_or("no incident").into(),
                |s| words::state(s).into(),
            ),
            of(&|r| format!("{} ({})", r.of, instant(Some(r.from_s)))),
            instant(last.map(|i| i.onset_s)),
            detected.unwrap_or_else(dash),
            percent(deepest),
            of(&time_to_recover),
            of(&|r| seconds(r.outage_s)),
            of(&|r| amount(r.lost_during)),
            of(&share),
            of(&|r| r.surge.map_or_else(dash, times)),
        ]
    });
    table(
        "Recovery",
        "Of the last incident. Time to recover counts from the verified removal of the fault; lost \
         are the good requests that a healthy target would have answered.",
        3,
        [
            "subject",
            "worst state",
            "counted from",
            "onset",
            "detected after",
            "depth",
            "time to recover",
            "outage",
            "lost during",
            "lost after (share)",
            "surge",
        ],
        rows,
    )
}

/// What became of the features while one was lost: a table for each loss.
pub(super) fn losses(analysis: &Analysis) -> Vec<Table> {
    losses::told(analysis)
        .map(|(title, rows)| {
            table(
                format!("Lost features: {title}"),
                "Counted while the fault was in force; back counts from its verified removal.",
                1,
                losses::HEAD,
                rows.into_iter(),
            )
        })
        .collect()
}

/// What each service and feature delivered.
pub(super) fn delivered(analysis: &Analysis) -> Table {
    let rows = subjects(analysis).map(|(name, s)| {
        let interval = s.success_interval;
        [
            name,
            s.judged_by.clone(),
            count(s.offered),
            count(s.good),
            count(s.shed),
            percent(s.success),
            interval.map_or_else(dash, |(low, high)| {
                format!("{} – {}", percent(Some(low)), percent(Some(high)))
            }),
            percent(s.admitted_success),
            s.budget_burn.map_or_else(dash, times),
            percent(s.budget_30d),
            seconds(s.latency.p50_s),
            seconds(s.latency.p99_s),
        ]
    });
    table(
        "What was delivered",
        "Over the whole run. Burn is how much faster than allowed errors came; the last share is the \
         part of a 30-day error budget that this run would have cost.",
        2,
        [
            "subject",
            "judged by",
            "offered",
            "good",
            "shed",
            "success",
            "95% interval",
            "admitted",
            "burn",
            "30-day budget",
            "median",
            "p99",
        ],
        rows,
    )
}

/// What became of the requests.
pub(super) fn outcomes(analysis: &Analysis) -> Table {
    let load = &analysis.load;
    let mut classes: Vec<(String, u64)> = load
        .errors
        .iter()
        .map(|(class, n)| (class.clone(), *n))
        .chain(
            load.not_sent
                .iter()
                .map(|(why, n)| (format!("not sent, {why}"), *n)),
        )
        .filter(|(_, n)| *n > 0)
        .collect();
    classes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let full = load.good.saturating_sub(load.fallback);
    let head = [
        ("good", full),
        ("good, by a fallback", load.fallback),
        ("shed", load.shed),
    ];
    let all: Vec<(String, u64)> = head
        .into_iter()
        .map(|(class, n)| (class.to_owned(), n))
        .chain(classes)
        .collect();
    let share = |n: u64| (load.offered > 0).then(|| n as f64 / load.offered as f64);
    let rows = all
        .iter()
        .map(|(class, n)| [class.clone(), count(*n), percent(share(*n))]);
    let mut outcomes = table(
        "Outcomes",
        &format!(
            "{}; {} requests were offered and {} sent. {}",
            words::began(analysis),
            count(load.offered),
            count(load.sent),
            words::met(analysis).unwrap_or_default()
        ),
        1,
        ["outcome", "requests", "of offered"],
        rows,
    );
    for (row, (_, n)) in outcomes.rows.iter_mut().zip(&all) {
        if let (Some(cell), Some(share)) = (row.last_mut(), share(*n)) {
            cell.bar = Some(share.min(1.0) * 100.0);
        }
    }
    outcomes
}

/// The populations.
pub(super) fn populations(analysis: &Analysis) -> Table {
    let rows = analysis.populations.iter().map(|(name, p)| {
        [
            name.clone(),
            if p.retry_storm { "yes" } else { "no" }.into(),
            words::planned(p),
            count(p.began),
            count(p.good),
            count(p.failed),
            count(p.first_attempts),
            count(p.attempts),
            times(p.amplification),
            times(p.peak_amplification),
            seconds(p.latency.p50_s),
            seconds(p.latency.p99_s),
        ]
    });
    table(
        "Populations",
        "Journeys, one an arrival or many a user, and the requests that they made.",
        2,
        [
            "population",
            "retry storm",
            "planned",
            "began",
            "good",
            "failed",
            "first attempts",
            "attempts",
            "amplification",
            "peak",
            "median",
            "p99",
        ],
        rows,
    )
}

/// The faults.
pub(super) fn faults(analysis: &Analysis) -> Table {
    let rows = analysis.faults.iter().map(|f| {
        [
            f.name.clone(),
            f.at.clone(),
            f.effect.clone(),
            if f.verified { "yes" } else { "no" }.into(),
            format!("{}{}", f.detail, f.conditions())
                .trim_start_matches("; ")
                .to_owned(),
            instant(Some(f.planned_s)),
            instant(f.injected_s),
            instant(f.removed_s),
            f.hits.map_or_else(|| "not known".into(), count),
            f.failures.map_or_else(|| NOTHING.into(), count),
            f.failures_injected.map_or_else(|| NOTHING.into(), count),
        ]
    });
    table(
        "Faults",
        "",
        5,
        [
            "fault",
            "where",
            "effect",
            "removal verified",
            "detail",
            "planned",
            "in force",
            "removed",
            "hits",
            "failures meanwhile",
            "of them injected",
        ],
        rows,
    )
}

/// The phases, on both clocks.
pub(super) fn phases(analysis: &Analysis) -> Table {
    let rows = analysis.phases.iter().map(|p| {
        [
            p.name.clone(),
            format!("{} – {}", p.story_from, p.story_to),
            format!("{} – {}", instant(Some(p.from_s)), instant(Some(p.to_s))),
            rate(p.offered_rate),
            rate(p.good_rate),
            percent(p.success),
            seconds(p.latency.p50_s),
            seconds(p.latency.p99_s),
        ]
    });
    table(
        "Phases",
        "",
        3,
        [
            "phase", "story", "real", "offered", "good", "success", "median", "p99",
        ],
        rows,
    )
}

/// Crashes, restarts and the like.
pub(super) fn events(analysis: &Analysis) -> Table {
    let mut events: Vec<_> = analysis
        .services
        .iter()
        .flat_map(|(name, s)| s.events.iter().map(move |e| (name, e)))
        .collect();
    events.sort_by(|a, b| a.1.at_s.total_cmp(&b.1.at_s));
    let rows = events.into_iter().map(|(name, e)| {
        [
            instant(Some(e.at_s)),
            name.clone(),
            e.kind.replace('_', " "),
            cause(e).into(),
            e.detail.clone(),
        ]
    });
    let head = ["at", "service", "event", "caused by", "evidence"];
    table("Crashes and restarts", "", 5, head, rows)
}

/// What an event was caused by, where that is worth a word.
fn cause(event: &ServiceEvent) -> &'static str {
    match (event.injected, event.kind.as_str()) {
        (true, _) => "a fault of ours",
        (false, "crash") => "the target itself",
        (false, _) => NOTHING,
    }
}

/// The baseline's figures as label and value.
pub(super) fn baseline(analysis: &Analysis) -> Vec<(&'static str, String)> {
    let b = &analysis.baseline;
    vec![
        ("verdict", b.verdict.replace('_', " ")),
        (
            "window",
            format!("{} – {}", instant(Some(b.from_s)), instant(Some(b.to_s))),
        ),
        ("requests", count(b.requests)),
        ("success", percent(b.success)),
        ("goodput", b.goodput.map_or_else(dash, rate)),
        ("response time", quantiles(&b.latency)),
    ]
}

/// `11 ms median, 60 ms p99`.
fn quantiles(latency: &LatencySummary) -> String {
    format!(
        "{} median, {} p99",
        seconds(latency.p50_s),
        seconds(latency.p99_s)
    )
}

fn dash() -> String {
    NOTHING.into()
}

/// Services and features with their full names, each service before its features.
pub(super) fn subjects(analysis: &Analysis) -> impl Iterator<Item = (String, &SubjectResult)> {
    analysis.services.iter().flat_map(|(name, service)| {
        let features = service
            .features
            .iter()
            .map(move |(feature, subject)| (format!("{name}/{feature}"), subject));
        std::iter::once((name.clone(), &service.whole)).chain(features)
    })
}
