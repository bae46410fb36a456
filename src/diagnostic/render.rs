//! Mistakes as text: for a terminal, for a log, for a tool.

use std::fmt::Write as _;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report,
    SourceSpan, ThemeCharacters, ThemeStyles,
};

use super::{Diagnostic, Diagnostics, Place, Severity};

/// How mistakes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenderStyle {
    /// With a drawn snippet, for a person at a terminal.
    Terminal {
        /// With colours.
        colour: bool,
    },
    /// Lines of ASCII that begin with `file:line:column`, for logs and editors.
    Plain,
    /// One JSON document, for tools.
    Json,
}

/// Longest message, label or hint that is shown.
const LONGEST_TEXT: usize = 400;
/// Longest part of a line that is shown.
const LONGEST_LINE: usize = 120;

impl Diagnostics {
    /// All mistakes as one text that ends with a line end; empty when there are none (JSON: an
    /// empty list). Whatever stands in the file, no control character reaches the output.
    #[must_use]
    pub fn render(&self, style: RenderStyle) -> String {
        match style {
            RenderStyle::Plain => self.0.iter().map(plain).collect::<Vec<_>>().join("\n"),
            RenderStyle::Terminal { colour } => self
                .0
                .iter()
                .map(|mistake| graphical(mistake, colour))
                .collect(),
            RenderStyle::Json => {
                let all: Vec<_> = self.0.iter().map(json).collect();
                format!("{:#}\n", serde_json::json!({ "diagnostics": all }))
            }
        }
    }
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Without control characters, and not endless.
fn tame(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(LONGEST_TEXT));
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST_TEXT {
            out.push('…');
            break;
        }
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// The part of a line around column `at` (from 0) that fits, and the column in it.
fn window(line: &str, at: usize) -> (String, usize) {
    let chars: Vec<char> = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if chars.len() <= LONGEST_LINE {
        return (chars.into_iter().collect(), at);
    }
    let from = at.saturating_sub(LONGEST_LINE / 2);
    let to = (from + LONGEST_LINE).min(chars.len());
    let cut: String = chars[from..to].iter().collect();
    let (head, shift) = if from > 0 { ("…", 1) } else { ("", 0) };
    let tail = if to < chars.len() { "…" } else { "" };
    (format!("{head}{cut}{tail}"), at - from + shift)
}

fn plain(mistake: &Diagnostic) -> String {
    let source = &mistake.source;
    let mut out = String::new();
    let main = mistake.labels.first().map_or(Place::default(), |l| l.0);
    let _ = writeln!(
        out,
        "{}:{}: {}: {}",
        tame(&source.path.to_string_lossy()),
        source.position(main.start),
        mistake.severity.as_str(),
        tame(&mistake.message)
    );
    for (place, label) in &mistake.labels {
        let position = source.position(place.start);
        let (line, column) = window(source.line_at(place.start), position.column - 1);
        let end = (place.start + place.len).min(source.text.len());
        // a place inside a character, or after the end, is only a point
        let marked = source.text.get(place.start..end).unwrap_or_default();
        let marked = marked.lines().next().unwrap_or_default().chars().count();
        let room = line.chars().count().saturating_sub(column).max(1);
        let marks = "^".repeat(marked.clamp(1, room));
        let _ = writeln!(out, "{:>5} | {line}", position.line);
        let text = format!("      | {}{marks} {}", " ".repeat(column), tame(label));
        let _ = writeln!(out, "{}", text.trim_end());
    }
    if let Some(hint) = &mistake.hint {
        let _ = writeln!(out, "  hint: {}", tame(hint));
    }
    out
}

fn graphical(mistake: &Diagnostic, colour: bool) -> String {
    // a drawing of a line of a megabyte helps nobody
    let source = &mistake.source;
    let longest = mistake
        .labels
        .iter()
        .map(|(place, _)| source.line_at(place.start).len())
        .max();
    if longest.is_some_and(|longest| longest > 500) {
        return plain(mistake) + "\n";
    }
    let clean: String = source
        .text
        .chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            // one byte for one byte, so that places stay right
            c if c.is_ascii_control() => ' ',
            c => c,
        })
        .collect();
    let labels = mistake.labels.iter().enumerate().map(|(i, (place, text))| {
        let start = place.start.min(clean.len());
        let span = SourceSpan::new(start.into(), place.len.min(clean.len() - start));
        if i == 0 {
            LabeledSpan::new_primary_with_span(Some(tame(text)), span)
        } else {
            LabeledSpan::new_with_span(Some(tame(text)), span)
        }
    });
    let severity = match mistake.severity {
        Severity::Warning => miette::Severity::Warning,
        Severity::Error => miette::Severity::Error,
    };
    let diagnostic = MietteDiagnostic::new(tame(&mistake.message))
        .with_severity(severity)
        .with_labels(labels.collect::<Vec<_>>());
    let named = NamedSource::new(tame(&source.path.to_string_lossy()), clean);
    let report = Report::new(diagnostic).with_source_code(named);
    let theme = GraphicalTheme {
        characters: ThemeCharacters::unicode(),
        styles: if colour {
            ThemeStyles::ansi()
        } else {
            ThemeStyles::none()
        },
    };
    let mut handler = GraphicalReportHandler::new_themed(theme).with_links(false);
    if let Some(hint) = &mistake.hint {
        handler = handler.with_footer(format!("hint: {}", tame(hint)));
    }
    let mut out = String::new();
    if handler.render_report(&mut out, report.as_ref()).is_err() {
        return plain(mistake) + "\n";
    }
    out.push('\n');
    out
}

fn json(mistake: &Diagnostic) -> serde_json::Value {
    let source = &mistake.source;
    let labels: Vec<_> = mistake
        .labels
        .iter()
        .map(|(place, text)| {
            let position = source.position(place.start);
            serde_json::json!({
                "line": position.line,
                "column": position.column,
                "start": place.start,
                "length": place.len,
                "text": text,
            })
        })
        .collect();
    let main = mistake.labels.first().map_or(Place::default(), |l| l.0);
    let position = source.position(main.start);
    serde_json::json!({
        "severity": mistake.severity.as_str(),
        "message": mistake.message,
        "file": source.path.to_string_lossy(),
        "line": position.line,
        "column": position.column,
        "hint": mistake.hint,
        "labels": labels,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Source;

    fn one() -> Diagnostics {
        let source = Source::new("a/b.yaml", "scenario: x\nfautls: {}\n");
        let place = Place { start: 12, len: 6 };
        Diagnostics(vec![
            Diagnostic::error(&source, "unknown key `fautls`")
                .at(place, "not a key of a scenario")
                .hint("did you mean `faults`?"),
        ])
    }

    #[test]
    fn plain_is_a_line_that_editors_understand() {
        insta::assert_snapshot!(one().render(RenderStyle::Plain), @r"
        a/b.yaml:2:1: error: unknown key `fautls`
            2 | fautls: {}
              | ^^^^^^ not a key of a scenario
          hint: did you mean `faults`?
        ");
    }

    #[test]
    fn terminal_draws_and_colours_only_when_asked() {
        let drawn = one().render(RenderStyle::Terminal { colour: false });
        assert!(!drawn.contains('\u{1b}'), "{drawn}");
        assert!(drawn.contains("a/b.yaml:2:1"), "{drawn}");
        assert!(drawn.contains("hint: did you mean"), "{drawn}");
        let coloured = one().render(RenderStyle::Terminal { colour: true });
        assert!(coloured.contains("\u{1b}["), "{coloured}");
    }

    #[test]
    fn json_has_the_place() {
        let text = one().render(RenderStyle::Json);
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let first = &value["diagnostics"][0];
        assert_eq!(first["line"], 2);
        assert_eq!(first["column"], 1);
        assert_eq!(first["hint"], "did you mean `faults`?");
    }

    #[test]
    fn no_control_character_and_no_endless_line_gets_out() {
        let long = format!("key: \u{7f}{}\n", "x".repeat(100_000));
        let source = Source::new("h\u{1b}[31m.yaml", long);
        let mistakes = Diagnostics(vec![
            Diagnostic::error(&source, "bad \u{1b}]0;title\u{7} value")
                .at(
                    Place {
                        start: 50_000,
                        len: 9_000_000,
                    },
                    "\u{1b}[2J",
                )
                .hint("y".repeat(100_000)),
        ]);
        for style in [RenderStyle::Plain, RenderStyle::Terminal { colour: false }] {
            let text = mistakes.render(style);
            assert!(
                text.chars().all(|c| c == '\n' || !c.is_control()),
                "{text:?}"
            );
            assert!(text.len() < 5_000, "{}", text.len());
        }
    }
}
