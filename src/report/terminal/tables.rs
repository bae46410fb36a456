//! The tables of the terminal report.

use tabled::{
    Table,
    builder::Builder,
    settings::{Alignment, Style, Width, object::Columns, peaker::Priority},
};

use crate::{
    analysis::{Analysis, ClaimResult, State, SubjectResult, UNFINISHED},
    report::{
        losses,
        numbers::{NOTHING, amount, clock, count, instant, percent, rate, seconds},
        words::{self, shorten, tame, time_to_recover},
    },
};

/// The longest text that a cell shows: a table is no place for a novel.
const LONGEST_CELL: usize = 200;

/// The gates, or nothing when there are none. Why a run ended early stands above them, not in each of
/// their rows.
pub(super) fn gates(gates: &[ClaimResult], width: usize) -> Option<String> {
    let rows = gates.iter().map(|g| {
        let text = match &g.detail {
            Some(detail) if g.observed != UNFINISHED => format!("{} ({detail})", g.observed),
            Some(_) | None => g.observed.clone(),
        };
        [
            words::mark(g.verdict).into(),
            g.text.clone(),
            text,
            g.required.clone(),
            instant(g.at_s),
        ]
    });
    table(["", "gate", "observed", "required", "at"], rows, 4, width)
}

/// How each service and feature came back.
pub(super) fn recovery(analysis: &Analysis, width: usize) -> Option<String> {
    let rows = subjects(analysis).map(|(name, subject)| {
        let worst = subject.incidents.iter().map(|i| i.worst).min();
        let onset = subject.incidents.last().map(|i| i.onset_s);
        let deepest = subject.incidents.iter().map(|i| i.depth).reduce(f64::max);
        let recovery = subject.recovery.as_ref();
        let lost = |part: fn(&crate::analysis::Recovery) -> f64| {
            recovery.map_or_else(|| NOTHING.into(), |r| amount(part(r)))
        };
        [
            name,
            worst.map_or_else(|| untroubled(subject), |s| words::state(s).into()),
            instant(onset),
            percent(deepest),
            recovery.map_or_else(|| NOTHING.into(), time_to_recover),
            lost(|r| r.lost_during),
            lost(|r| r.lost_after),
        ]
    });
    let head = [
        "subject",
        "worst",
        "onset",
        "depth",
        "to recover",
        "lost during",
        "after",
    ];
    table(head, rows, 2, width)
}

/// What became of the features while one was lost.
pub(super) fn losses(rows: Vec<[String; 6]>, width: usize) -> Option<String> {
    table(losses::HEAD, rows.into_iter(), 1, width)
}

/// The populations.
pub(super) fn populations(analysis: &Analysis, width: usize) -> Option<String> {
    let rows = analysis.populations.iter().map(|(name, p)| {
        let storm = if p.retry_storm { ", retry storm" } else { "" };
        [
            name.clone(),
            format!("{} of {}", count(p.good), count(p.began)),
            count(p.attempts),
            format!(
                "{} (peak {}{storm})",
                amplification(p.amplification),
                amplification(p.peak_amplification)
            ),
            format!(
                "{} / {}",
                seconds(p.latency.p50_s),
                seconds(p.latency.p99_s)
            ),
        ]
    });
    let head = [
        "population",
        "good journeys",
        "attempts",
        "amplification",
        "p50 / p99",
    ];
    table(head, rows, 1, width)
}

/// What became of the requests that were neither good nor shed.
pub(super) fn errors(analysis: &Analysis, width: usize) -> Option<String> {
    let load = &analysis.load;
    let not_sent = load
        .not_sent
        .iter()
        .map(|(why, n)| (format!("not sent, {why}"), *n));
    let mut classes: Vec<(String, u64)> = load
        .errors
        .iter()
        .map(|(class, n)| (class.clone(), *n))
        .chain(not_sent)
        .filter(|(_, n)| *n > 0)
        .collect();
    classes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let rows = classes.into_iter().map(|(class, n)| {
        let share = (load.offered > 0).then(|| n as f64 / load.offered as f64);
        [class, count(n), percent(share)]
    });
    table(
        ["not good, by class", "requests", "of offered"],
        rows,
        1,
        width,
    )
}

/// The phases.
pub(super) fn phases(analysis: &Analysis, width: usize) -> Option<String> {
    let rows = analysis.phases.iter().map(|p| {
        [
            p.name.clone(),
            format!("{}–{}", p.story_from, p.story_to),
            format!("{}–{}", clock(p.from_s), clock(p.to_s)),
            rate(p.offered_rate),
            rate(p.good_rate),
            percent(p.success),
            seconds(p.latency.p99_s),
        ]
    });
    let head = [
        "phase", "story", "real", "offered", "good", "success", "p99",
    ];
    table(head, rows, 1, width)
}

/// Services and features, each service before its features.
fn subjects(analysis: &Analysis) -> impl Iterator<Item = (String, &SubjectResult)> {
    analysis.services.iter().flat_map(|(name, service)| {
        let features = service
            .features
            .iter()
            .map(move |(feature, subject)| (format!("  {feature}"), subject));
        std::iter::once((name.clone(), &service.whole)).chain(features)
    })
}

/// The word for a subject without incidents.
fn untroubled(subject: &SubjectResult) -> String {
    match words::silent(subject) {
        Some(_) => "no data".into(),
        None => words::state(State::Healthy).into(),
    }
}

fn amplification(value: f64) -> String {
    crate::report::numbers::times(value)
}

/// A table whose columns from `numbers_from` on are aligned right; `None` without rows.
fn table<const N: usize>(
    head: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
    numbers_from: usize,
    width: usize,
) -> Option<String> {
    let mut builder = Builder::default();
    builder.push_record(head);
    let mut any = false;
    for row in rows {
        any = true;
        builder.push_record(row.iter().map(|cell| shorten(&tame(cell), LONGEST_CELL)));
    }
    if !any {
        return None;
    }
    let mut table: Table = builder.build();
    let fit = Width::wrap(width)
        .keep_words(true)
        .priority(Priority::max(true));
    table.with(Style::sharp().remove_frame());
    table.modify(Columns::new(numbers_from..), Alignment::right());
    table.with(fit);
    let text = table.to_string();
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    Some(lines.join("\n"))
}
