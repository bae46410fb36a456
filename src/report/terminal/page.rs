//! The whole text, section by section.

use crate::{
    analysis::{Analysis, Verdict},
    report::{
        harness, losses,
        numbers::{self, count, percent, times},
        words::{self, history, shorten, tame},
    },
};

use super::{
    ink::{self, Ink},
    tables, timeline,
};

/// Narrower than this nothing can be laid out; the text is then wider than asked for.
const NARROWEST: usize = 60;

/// The report as text, with escape sequences for colour only if asked for. No line of it is wider
/// than `width` columns (or 60, if `width` is less). Names from files cannot drive the terminal.
pub fn render(analysis: &Analysis, colour: bool, width: usize) -> String {
    let width = width.max(NARROWEST);
    let mut page = Page {
        ink: Ink { on: colour },
        width,
        lines: Vec::new(),
    };
    page.head(analysis);
    page.claims(analysis);
    page.timeline(analysis);
    page.numbers(analysis);
    page.harness(analysis);
    page.doubts(analysis);
    let mut text = page.lines.join("\n");
    text.push('\n');
    text
}

struct Page {
    ink: Ink,
    width: usize,
    lines: Vec<String>,
}

impl Page {
    fn head(&mut self, analysis: &Analysis) {
        let run = &analysis.run;
        let title = wrap(&tame(&run.title), self.width);
        for line in title {
            let line = self.ink.bold(&line);
            self.lines.push(line);
        }
        self.text(&format!(
            "scenario {} · target {} ({}) · load {} · time {} · seed {}",
            run.scenario,
            run.target,
            run.environment,
            numbers::scale(run.load_scale),
            numbers::scale(run.time_scale),
            analysis.seed,
        ));
        self.text(&format!("run {} · {}", run.id, run.started_at));
        self.gap();
        self.verdict(analysis);
        self.gap();
        for sentence in &analysis.summary {
            self.text(sentence);
        }
        for (what, why) in words::cut_short(analysis) {
            self.text(&format!("{what}: {why}"));
        }
    }

    fn verdict(&mut self, analysis: &Analysis) {
        let name = words::verdict(analysis.verdict).to_uppercase();
        let mark = words::mark(analysis.verdict);
        let box_text = format!("  {mark}  {name}  ");
        let line = "━".repeat(box_text.chars().count());
        let style = ink::of_verdict(analysis.verdict).bold();
        let meaning = format!(
            "exit code {}: {}",
            analysis.exit_code,
            words::exit_meaning(analysis)
        );
        let box_width = box_text.chars().count() + 4;
        let mut beside = wrap(&meaning, self.width.saturating_sub(box_width));
        beside.resize(beside.len().max(2), String::new());
        let rows = [
            (format!("┏{line}┓"), String::new()),
            (format!("┃{box_text}┃"), beside[0].clone()),
            (format!("┗{line}┛"), beside[1].clone()),
        ];
        for (frame, meaning) in rows {
            let frame = self.ink.paint(&frame, style);
            let row = format!("{frame}  {meaning}");
            self.lines.push(row.trim_end().to_owned());
        }
    }

    fn claims(&mut self, analysis: &Analysis) {
        if let Some(table) = tables::gates(&analysis.gates, self.width) {
            let held = words::held(&analysis.gates);
            self.heading(&format!("Gates: {held} of {} held", analysis.gates.len()));
            self.table(&table);
        }
        let Some(history) = history(&analysis.symptoms) else {
            return;
        };
        self.heading(&format!("Symptoms: {history}"));
        for symptom in &analysis.symptoms {
            let mark = match symptom.verdict {
                Verdict::Pass => "seen      ",
                Verdict::Fail => "not seen  ",
                Verdict::Inconclusive | Verdict::Stopped => "cannot say",
            };
            let text = format!("{} ({})", symptom.text, symptom.observed);
            let lines = self.fold(&text, &format!("{mark}  "));
            self.lines.extend(lines);
        }
    }

    fn timeline(&mut self, analysis: &Analysis) {
        self.heading("Timeline");
        let lines = timeline::lines(analysis, self.ink, self.width);
        self.lines.extend(lines);
        self.gap();
        // Colour would be counted as width: fold the plain legend, then paint nothing but letters.
        let plain = timeline::legend(analysis, Ink { on: false });
        if plain.chars().count() <= self.width {
            self.lines.push(timeline::legend(analysis, self.ink));
        } else {
            self.text(&plain);
        }
    }

    fn numbers(&mut self, analysis: &Analysis) {
        if let Some(table) = tables::recovery(analysis, self.width) {
            self.heading("Recovery (of the last incident; lost = good requests that were not)");
            self.table(&table);
        }
        if !analysis.order_of_return.is_empty() {
            let order: Vec<String> = analysis
                .order_of_return
                .iter()
                .map(|r| {
                    format!(
                        "{}. {} at {}",
                        r.rank,
                        r.subject,
                        numbers::instant(Some(r.at_s))
                    )
                })
                .collect();
            self.gap();
            self.text(&format!("order of return: {}", order.join(", ")));
        }
        for (title, rows) in losses::told(analysis) {
            if let Some(table) = tables::losses(rows, self.width) {
                self.heading(&tame(&format!("Lost features: {title}")));
                self.table(&table);
            }
        }
        let load = &analysis.load;
        let share = |n: u64| percent((load.offered > 0).then(|| n as f64 / load.offered as f64));
        self.heading("Load");
        self.text(&format!(
            "{}; {} requests offered, {} sent; {} good ({}), \
             of which {} fallback; {} shed; amplification {}",
            words::began(analysis),
            count(load.offered),
            count(load.sent),
            count(load.good),
            share(load.good),
            count(load.fallback),
            count(load.shed),
            times(analysis.amplification),
        ));
        if let Some(met) = words::met(analysis) {
            self.text(&met);
        }
        for table in [
            tables::errors(analysis, self.width),
            tables::populations(analysis, self.width),
            tables::phases(analysis, self.width),
        ]
        .into_iter()
        .flatten()
        {
            self.gap();
            self.table(&table);
        }
        self.heading("Faults");
        for fault in &analysis.faults {
            let removed = match (fault.removed_s, fault.verified) {
                (Some(at), true) => format!("removed {} (verified)", numbers::instant(Some(at))),
                (Some(at), false) => {
                    format!("removed {} (NOT verified)", numbers::instant(Some(at)))
                }
                (None, _) => "not removed".into(),
            };
            let when = match fault.injected_s {
                Some(at) if fault.spells.len() > 1 => format!(
                    "in force {} times, first {}, {removed}",
                    fault.spells.len(),
                    numbers::instant(Some(at))
                ),
                Some(at) => format!("in force {}, {removed}", numbers::instant(Some(at))),
                None if fault.detail.is_empty() => format!(
                    "never put in (planned for {})",
                    numbers::instant(Some(fault.planned_s))
                ),
                None => fault.detail.clone(),
            };
            if fault.injected_s.is_none() {
                let (name, at, effect) = (&fault.name, &fault.at, &fault.effect);
                self.entry(&format!("{name} at {at}: {effect}; {when}"));
                continue;
            }
            let conditions = fault.conditions();
            self.entry(&format!(
                "{} at {}: {}; {when}{conditions}; {}{}{}",
                fault.name,
                fault.at,
                fault.effect,
                match fault.hits {
                    None => "hits not known".to_owned(),
                    Some(1) => "1 hit".to_owned(),
                    Some(hits) => format!("{} hits", count(hits)),
                },
                match fault.detail.as_str() {
                    "" => String::new(),
                    detail => format!("; {detail}"),
                },
                words::blame(fault).map_or_else(String::new, |blame| format!("; {blame}"))
            ));
        }
        if analysis.faults.is_empty() {
            self.text("none: load only");
        }
        self.heading("Baseline");
        let baseline = &analysis.baseline;
        self.text(&format!("{}: {}", baseline.verdict, baseline.detail));
    }

    fn harness(&mut self, analysis: &Analysis) {
        let facts = harness::facts(analysis);
        if facts.is_empty() {
            return;
        }
        self.heading("Harness (at worst of any second)");
        let facts: Vec<_> = facts.iter().map(|(k, v)| format!("{k} {v}")).collect();
        self.text(&facts.join("; "));
    }

    fn doubts(&mut self, analysis: &Analysis) {
        if analysis.warnings.is_empty() {
            return;
        }
        self.heading("Doubts and advice");
        for warning in &analysis.warnings {
            self.entry(&format!("{}: {}", warning.kind, warning.message));
            // an advice of the plan says by itself what to do
            if warning.hint.is_empty() {
                continue;
            }
            for line in self.fold(&warning.hint, "  hint: ") {
                let line = self.ink.dim(&line);
                self.lines.push(line);
            }
        }
    }

    fn heading(&mut self, text: &str) {
        self.gap();
        let heading = self.ink.bold(&shorten(text, self.width));
        self.lines.push(heading);
        self.lines.push(self.ink.dim(&"─".repeat(self.width)));
    }

    fn gap(&mut self) {
        self.lines.push(String::new());
    }

    /// Prose, folded.
    fn text(&mut self, text: &str) {
        self.lines.extend(wrap(&tame(text), self.width));
    }

    /// An entry of a list: its first line stands at the margin, the others are indented.
    fn entry(&mut self, text: &str) {
        let mut lines = wrap(&tame(text), self.width - 2);
        for line in lines.iter_mut().skip(1) {
            line.insert_str(0, "  ");
        }
        self.lines.extend(lines);
    }

    fn table(&mut self, table: &str) {
        let ink = self.ink;
        let paint = |line: &str| {
            // The mark is the first thing in the row of a gate.
            for verdict in [Verdict::Pass, Verdict::Fail, Verdict::Inconclusive] {
                let mark = format!(" {} ", words::mark(verdict));
                if let Some(rest) = line.strip_prefix(&mark) {
                    return ink.paint(&mark, ink::of_verdict(verdict).bold()) + rest;
                }
            }
            line.to_owned()
        };
        self.lines.extend(table.lines().map(paint));
    }

    /// A lead, and text that hangs beside it.
    fn fold(&self, text: &str, lead: &str) -> Vec<String> {
        let indent = lead.chars().count();
        let mut lines = wrap(&tame(text), self.width.saturating_sub(indent));
        for (i, line) in lines.iter_mut().enumerate() {
            match i {
                0 => line.insert_str(0, lead),
                _ => line.insert_str(0, &" ".repeat(indent)),
            }
        }
        lines
    }
}

/// Lines of at most `width` characters, broken at blanks where possible. Blanks at the beginning
/// are kept.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_inclusive(' ') {
        let bare = word.trim_end().chars().count();
        if used > 0 && used + bare > width {
            lines.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            if used == width && c != ' ' {
                lines.push(String::new());
                used = 0;
            }
            if used < width {
                lines.last_mut().expect("there is a first line").push(c);
                used += 1;
            }
        }
    }
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}
