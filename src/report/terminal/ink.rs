//! Colour, where it is wanted.

use owo_colors::{OwoColorize, Style};

use crate::analysis::{State, Verdict};

/// Paints, or leaves alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ink {
    /// Whether to write escape sequences at all.
    pub(super) on: bool,
}

impl Ink {
    /// The text in a style.
    pub(super) fn paint(self, text: &str, style: Style) -> String {
        if self.on {
            text.style(style).to_string()
        } else {
            text.into()
        }
    }

    /// A heading.
    pub(super) fn bold(self, text: &str) -> String {
        self.paint(text, Style::new().bold())
    }

    /// What matters less.
    pub(super) fn dim(self, text: &str) -> String {
        self.paint(text, Style::new().dimmed())
    }
}

/// The style of a verdict.
pub(super) const fn of_verdict(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Pass => Style::new().green(),
        Verdict::Fail => Style::new().red(),
        Verdict::Inconclusive | Verdict::Stopped => Style::new().yellow(),
    }
}

/// The style of a state.
pub(super) const fn of_state(state: State) -> Style {
    match state {
        State::Collapse => Style::new().white().on_red().bold(),
        State::Outage => Style::new().red().bold(),
        State::Brownout => Style::new().yellow(),
        State::Shedding => Style::new().blue(),
        State::Graceful => Style::new().cyan(),
        State::Healthy => Style::new().green(),
        State::Unknown => Style::new().dimmed(),
    }
}
