//! Three lines that renew themselves. What a game day needs most stands first in each: a narrow
//! terminal cuts off the rest.

use std::time::Duration;

use brownout::{time::Offset, units::Span};
use owo_colors::{OwoColorize, Style};

use super::{Status, status::Journeys};

/// Cells of the bar, where there is room for them.
const BAR: usize = 20;
/// Narrower than this there is no bar.
const ROOM_FOR_BAR: usize = 60;
/// Later than this is worth a colour.
const LATE: Duration = Duration::from_millis(5);

/// One event, above the block.
pub(super) fn event(at: Offset, text: &str) -> String {
    let tenths = u64::try_from(at.0.as_millis()).unwrap_or(u64::MAX) / 100 * 100;
    format!(
        "{:>8} {text}",
        Span(Duration::from_millis(tenths)).to_string()
    )
}

/// The block. Each line leaves two of the `width` columns free: so none wraps, also when the
/// terminal adds the `^C` that was typed.
pub(super) fn block(status: &Status, width: usize, colour: bool) -> String {
    let width = width.saturating_sub(2);
    [head(status, width), counts(status), times(status)]
        .map(|line| line.fit(width, colour))
        .join("\n")
}

fn head(status: &Status, width: usize) -> Line {
    let mut line = Line::default();
    if width >= ROOM_FOR_BAR {
        let done = status.at.0.as_secs_f64() / status.length.as_secs_f64().max(0.001);
        let full = ((done * BAR as f64) as usize).min(BAR);
        line.add("━".repeat(full), Style::new().cyan());
        line.add("─".repeat(BAR - full) + "  ", Style::new().dimmed());
    }
    line.add(status.phase.clone(), Style::new().bold());
    let left = Duration::from_secs(status.left().as_secs_f64().round() as u64);
    let left = match left.is_zero() {
        true => "  last answers".to_owned(),
        false => format!("  {} left", Span(left)),
    };
    line.add(left, Style::new());
    if !status.faults.is_empty() {
        line.add(
            format!("  ⚡ {}", status.faults.join(", ")),
            Style::new().magenta().bold(),
        );
    }
    line
}

fn counts(status: &Status) -> Line {
    let mut line = Line::default();
    let mut add = |name: &str, n: u64, style: Style| {
        let style = if n > 0 { style } else { Style::new() };
        let gap = if line.0.is_empty() { "" } else { "  " };
        line.add(format!("{gap}{name} {n}"), style);
    };
    let bad = Style::new().red();
    add("good", status.good, Style::new().green());
    add("errors", status.errors, bad);
    add("shed", status.shed, Style::new().yellow());
    add("sent", status.sent, Style::new());
    // where there are users alone, nothing is
    if status.planned > 0 || status.journeys.is_none() {
        add("planned", status.planned, Style::new());
    }
    if let Some(Journeys { began, ended }) = status.journeys {
        add("journeys of users", began, Style::new());
        add("ended", ended, Style::new());
    }
    if status.not_sent > 0 {
        add("not sent", status.not_sent, bad);
    }
    add("in flight", status.in_flight, Style::new());
    line
}

fn times(status: &Status) -> Line {
    let mut line = Line::default();
    let (plain, dim) = (Style::new(), Style::new().dimmed());
    match (
        status.response.quantile(0.5),
        status.response.quantile(0.99),
    ) {
        (Some(p50), Some(p99)) => {
            line.add(format!("p50 {}  p99 {}", short(p50), short(p99)), plain);
            line.add(format!(" (n {})", status.response.len()), dim);
        }
        _ => line.add("no answers".to_owned(), plain),
    }
    let late = if status.lag > LATE {
        Style::new().yellow()
    } else {
        plain
    };
    line.add(format!("  lag {}", short(status.lag)), late);
    if !status.classes.is_empty() {
        let classes = status.classes.iter().map(|(name, n)| format!("{name} {n}"));
        let classes = classes.collect::<Vec<_>>().join(", ");
        line.add(format!("  {classes}"), Style::new().red());
    }
    line
}

/// A latency in at most three figures: `4.2ms`, `312ms`, `5.0s`.
fn short(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        _ if ms < 10.0 => format!("{ms:.1}ms"),
        _ if ms < 999.5 => format!("{ms:.0}ms"),
        _ => format!("{:.1}s", ms / 1e3),
    }
}

/// A line in pieces, each with its style.
#[derive(Default)]
struct Line(Vec<(String, Style)>);

impl Line {
    fn add(&mut self, text: String, style: Style) {
        self.0.push((text, style));
    }

    /// The line in `width` columns: cut off with `…` where it is longer, between words, since half
    /// a number is another number.
    fn fit(&self, width: usize, colour: bool) -> String {
        let whole: Vec<char> = self.0.iter().flat_map(|(text, _)| text.chars()).collect();
        let cut = whole.len() > width;
        let mut room = whole.len();
        if cut {
            let most = width.saturating_sub(1);
            let blank = whole[..=most].iter().rposition(|c| *c == ' ');
            room = blank.unwrap_or(most);
            while room > 0 && whole[room - 1] == ' ' {
                room -= 1;
            }
        }
        let mut out = String::new();
        for (text, style) in &self.0 {
            let piece: String = text.chars().take(room).collect();
            room -= piece.chars().count();
            if colour && !piece.is_empty() {
                out.push_str(&piece.style(*style).to_string());
            } else {
                out.push_str(&piece);
            }
        }
        if cut {
            out.push('…');
        }
        out
    }
}

#[cfg(test)]
pub(super) mod tests {
    use brownout::measure::Latencies;

    use super::*;

    /// A second of a bad time.
    pub(crate) fn status() -> Status {
        let mut response = Latencies::default();
        for _ in 0..420 {
            response.record(Duration::from_millis(2));
        }
        for _ in 0..8 {
            response.record(Duration::from_millis(1500));
        }
        Status {
            at: Offset::from_secs_f64(23.002),
            seconds: 1,
            length: Duration::from_secs(75),
            phase: "broken".into(),
            faults: vec!["lost".into(), "late".into()],
            planned: 400,
            journeys: None,
            sent: 431,
            not_sent: 3,
            good: 300,
            shed: 20,
            errors: 108,
            classes: vec![("http_5xx", 100), ("refused", 8), ("not_sent_lag", 3)],
            response,
            in_flight: 12,
            lag: Duration::from_micros(1_200),
            cpu: 0.314,
        }
    }

    #[test]
    fn everything_stands_in_80_columns() {
        assert_eq!(
            block(&status(), 80, false),
            "━━━━━━──────────────  broken  52s left  ⚡ lost, late\n\
             good 300  errors 108  shed 20  sent 431  planned 400  not sent 3  in flight 12\n\
             p50 2.0ms  p99 1.5s (n 428)  lag 1.2ms  http_5xx 100, refused 8, not_sent_lag…"
        );
    }

    #[test]
    fn users_have_no_plan_but_journeys() {
        let (began, ended) = (31, 28);
        let status = Status {
            journeys: Some(Journeys { began, ended }),
            ..status()
        };
        let block = block(&status, 120, false);
        let counts =
            "sent 431  planned 400  journeys of users 31  ended 28  not sent 3  in flight 12";
        assert!(block.contains(counts), "{block}");
    }

    #[test]
    fn forty_columns_keep_what_matters() {
        assert_eq!(
            block(&status(), 40, false),
            "broken  52s left  ⚡ lost, late\n\
             good 300  errors 108  shed 20  sent…\n\
             p50 2.0ms  p99 1.5s (n 428)  lag…"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_colour_adds_only_colour() {
        for width in 1..120 {
            let plain = block(&status(), width, false);
            for line in plain.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
            let painted = block(&status(), width, true);
            let mut stripped = String::new();
            for (i, piece) in painted.split('\u{1b}').enumerate() {
                let text = if i == 0 {
                    piece
                } else {
                    piece.split_once('m').map_or("", |p| p.1)
                };
                stripped.push_str(text);
            }
            assert_eq!(stripped, plain, "{width}");
        }
    }

    #[test]
    fn times_are_short() {
        for (micros, text) in [
            (1_234, "1.2ms"),
            (99_960, "100ms"),
            (999_600, "1.0s"),
            (12_340_000, "12.3s"),
        ] {
            assert_eq!(short(Duration::from_micros(micros)), text);
        }
    }
}
