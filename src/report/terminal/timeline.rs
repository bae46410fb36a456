//! The timeline: a strip of characters for the load, each service and each feature, below the
//! phases and faults, all on one axis.

use crate::{
    analysis::{Analysis, FaultResult, ServiceEvent, State, StateSpan, SubjectResult},
    report::{
        axis::Axis,
        numbers::{long, rate},
        words::{self, shorten, tame},
    },
};

use super::ink::{self, Ink};

/// The widest that a lane's label may grow.
const WIDEST_LABEL: usize = 24;
/// Heights of a column of the load strips; the first is exactly zero.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The timeline in lines, each at most `width` characters wide.
pub(super) fn lines(analysis: &Analysis, ink: Ink, width: usize) -> Vec<String> {
    let label = labels(analysis)
        .map(|l| l.chars().count())
        .max()
        .unwrap_or(0)
        .clamp(8, WIDEST_LABEL.min(width / 3));
    let strip = Strip {
        axis: Axis::of(analysis),
        columns: width.saturating_sub(label + 2).max(10),
    };
    let row = |name: &str, text: String| {
        let name = shorten(&tame(name), label);
        format!("{name:label$}  {text}").trim_end().to_owned()
    };

    let mut lines = Vec::new();
    let most = (strip.columns / 9).max(2);
    if strip.axis.compressed() {
        let story = strip.axis.story_ticks(most);
        lines.push(row(
            "story",
            strip.scale(&story, |t| long(strip.axis.story(t))),
        ));
    }
    lines.push(row("phases", strip.phases(analysis)));
    for fault in &analysis.faults {
        lines.push(row(&format!("! {}", fault.name), strip.fault(fault)));
    }
    lines.extend(load(analysis, &strip, row));
    for (name, service) in &analysis.services {
        if service.events.iter().any(|e| mark(e).is_some()) {
            lines.push(row("", strip.events(&service.events)));
        }
        let lane = |s: &SubjectResult| match words::silent(s) {
            Some(why) => ink.dim(&shorten(&format!("({why})"), strip.columns)),
            None => strip.lane(&s.states, ink),
        };
        lines.push(row(name, lane(&service.whole)));
        for (feature, subject) in &service.features {
            lines.push(row(&format!("  {feature}"), lane(subject)));
        }
    }
    let real = strip.axis.ticks(most);
    lines.push(row("real", strip.scale(&real, long)));
    lines
}

/// What the characters mean, and how much time one of them is.
pub(super) fn legend(analysis: &Analysis, ink: Ink) -> String {
    let mut parts: Vec<String> = words::STATES
        .into_iter()
        .filter(|s| *s != State::Unknown)
        .map(|s| {
            let letter = ink.paint(&words::letter(s).to_string(), ink::of_state(s));
            format!("{letter} {}", words::state(s))
        })
        .collect();
    parts.push("blank no data".into());
    let events = || analysis.services.values().flat_map(|s| &s.events);
    for (kind, text) in [
        ('C', "C crash"),
        ('k', "k killed by a fault"),
        ('r', "r restart"),
    ] {
        if events().any(|e| mark(e) == Some(kind)) {
            parts.push(text.into());
        }
    }
    parts.join("  ")
}

fn labels(analysis: &Analysis) -> impl Iterator<Item = String> {
    let faults = analysis.faults.iter().map(|f| format!("! {}", f.name));
    let lanes = analysis.services.iter().flat_map(|(name, service)| {
        let features = service.features.keys().map(|f| format!("  {f}"));
        std::iter::once(name.clone()).chain(features)
    });
    faults.chain(lanes).map(|l| tame(&l))
}

fn load(analysis: &Analysis, strip: &Strip, row: impl Fn(&str, String) -> String) -> Vec<String> {
    let Some(all) = analysis.curves.subjects.get("") else {
        return Vec::new();
    };
    let known = all.offered.iter().copied().flatten();
    let finite = known.filter(|v| v.is_finite());
    let peak = finite.fold(0.0, f64::max);
    if peak <= 0.0 {
        return Vec::new();
    }
    let bars = |values| strip.bars(values, analysis.curves.bin_s, peak);
    vec![
        row("offered", bars(&all.offered)),
        row("good", bars(&all.good)),
        row("", format!("(full height = {} offered)", rate(peak))),
    ]
}

/// The character of an event that a lane shows.
fn mark(event: &ServiceEvent) -> Option<char> {
    match (event.kind.as_str(), event.injected) {
        ("crash", false) => Some('C'),
        ("crash", true) | ("killed_by_us", _) => Some('k'),
        ("restart", _) => Some('r'),
        _ => None,
    }
}

struct Strip {
    axis: Axis,
    columns: usize,
}

impl Strip {
    /// The column in which an instant lies.
    fn column(&self, at_s: f64) -> usize {
        let column = (self.axis.share(at_s) * self.columns as f64).floor() as usize;
        column.min(self.columns - 1)
    }

    /// The columns that a stretch of time touches, at least one.
    fn columns(&self, from_s: f64, to_s: f64) -> std::ops::Range<usize> {
        let end = (self.axis.share(to_s) * self.columns as f64 - 1e-9).ceil() as usize;
        let from = self.column(from_s);
        from..end.clamp(from + 1, self.columns)
    }

    fn blank(&self) -> Vec<char> {
        vec![' '; self.columns]
    }

    fn scale(&self, ticks: &[f64], say: impl Fn(f64) -> String) -> String {
        let mut line = self.blank();
        let mut free = 0;
        for tick in ticks {
            let text: Vec<char> = say(*tick).chars().collect();
            let at = self
                .column(*tick)
                .min(self.columns.saturating_sub(text.len()));
            if at < free || at + text.len() > self.columns {
                continue;
            }
            line[at..at + text.len()].copy_from_slice(&text);
            free = at + text.len() + 1;
        }
        line.into_iter().collect()
    }

    fn phases(&self, analysis: &Analysis) -> String {
        let mut line = self.blank();
        for phase in &analysis.phases {
            let range = self.columns(phase.from_s, phase.to_s);
            let text = shorten(&tame(&phase.name), range.len().saturating_sub(1));
            for (at, c) in range.zip(std::iter::once('|').chain(text.chars())) {
                line[at] = c;
            }
        }
        line.into_iter().collect()
    }

    fn fault(&self, fault: &FaultResult) -> String {
        let stays = fault.stays();
        if stays.is_empty() {
            return "(never put in)".into();
        }
        let mut line = self.blank();
        let mut last = 0;
        for (from_s, to_s) in stays {
            let range = self.columns(from_s, to_s.unwrap_or(self.axis.observed_s));
            last = range.end - 1;
            line[range].fill('=');
        }
        if fault.removed_s.is_none() || !fault.verified {
            line[last] = '?';
        }
        line.into_iter().collect()
    }

    fn events(&self, events: &[ServiceEvent]) -> String {
        let mut line = self.blank();
        for event in events {
            let Some(mark) = mark(event) else { continue };
            // A crash is never hidden by the restart that follows it.
            let at = self.column(event.at_s);
            let taken = matches!(line[at], 'C' | 'k');
            match (taken, mark) {
                (true, 'r') if at + 1 < self.columns => line[at + 1] = mark,
                (true, 'r') => {}
                (true | false, _) => line[at] = mark,
            }
        }
        line.into_iter().collect()
    }

    /// Each column shows the worst state in it.
    fn lane(&self, spans: &[StateSpan], ink: Ink) -> String {
        let mut line = vec![State::Unknown; self.columns];
        for span in spans.iter().filter(|s| s.to_s > s.from_s) {
            for at in self.columns(span.from_s, span.to_s) {
                // States are ordered worst first.
                line[at] = line[at].min(span.state);
            }
        }
        line.chunk_by(|a, b| a == b)
            .map(|run| {
                let text = words::letter(run[0]).to_string().repeat(run.len());
                ink.paint(&text, ink::of_state(run[0]))
            })
            .collect()
    }

    /// Each column shows the highest value in it, so that no peak is lost; where the run was
    /// observed and yet nothing is known, a `?` (a blank would read as zero).
    fn bars(&self, values: &[Option<f64>], bin_s: f64, peak: f64) -> String {
        let mut line = vec![' '; self.columns];
        let mut highest = vec![f64::NEG_INFINITY; self.columns];
        let steps = (BARS.len() - 1) as f64;
        for (i, value) in values.iter().enumerate() {
            let from_s = i as f64 * bin_s;
            for at in self.columns(from_s, from_s + bin_s) {
                match value.filter(|v| v.is_finite()) {
                    Some(value) if value > highest[at] => {
                        let step = (value / peak * steps).ceil() as usize;
                        line[at] = BARS[step.min(BARS.len() - 1)];
                        highest[at] = value;
                    }
                    None if highest[at] == f64::NEG_INFINITY => line[at] = '?',
                    Some(_) | None => {}
                }
            }
        }
        line.into_iter().collect()
    }
}
