//! What the operator sees on stderr while a run goes on: three lines that renew themselves on a
//! terminal, or lines that pipe. An [`Observer`] like the record: events become words (`events`),
//! a second's measurements become a [`Status`] (`status`), which is shown as `lines` or `plain`.

mod events;
mod lines;
mod plain;
mod status;

use std::io::IsTerminal;

use brownout::{
    event::{ObserveError, Observer, RunEvent},
    plan::Plan,
    time::Offset,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(crate) use self::plain::HELP as PLAIN_HELP;
use self::status::{Collected, Status};
use crate::cli::talk;

/// Where nobody looks on, a line of numbers every so many seconds is enough.
const SELDOM: u64 = 10;

/// Of a terminal that does not tell.
const USUAL_WIDTH: usize = 80;

/// How a run is shown while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LiveMode {
    /// `line` on a terminal; elsewhere like `plain`, but every 10 seconds.
    Auto,
    /// Three lines that renew themselves, with events above them.
    Line,
    /// A line of `key=value` a second, and a line for each event.
    Plain,
    /// Nothing.
    Off,
}

/// Shows a run on stderr.
pub(crate) struct Live {
    plan: Plan,
    shown: Shown,
    collected: Collected,
}

/// Says something that is no event, without disturbing what is shown.
pub(crate) struct Voice(Option<ProgressBar>);

impl Voice {
    pub(crate) fn say(&self, text: &str) {
        match &self.0 {
            Some(block) => block.println(text),
            None => talk::note(text),
        }
    }
}

enum Shown {
    /// On a terminal: the block of lines, and whether it has colours.
    Lines { block: ProgressBar, colour: bool },
    /// A line every so many seconds.
    Plain { every: u64 },
    /// Not at all.
    Nothing,
}

impl Live {
    pub(crate) fn new(mode: LiveMode, plan: &Plan) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let shown = match mode {
            LiveMode::Line => Shown::lines(terminal),
            LiveMode::Auto if terminal => Shown::lines(terminal),
            LiveMode::Auto => Shown::Plain { every: SELDOM },
            LiveMode::Plain => Shown::Plain { every: 1 },
            LiveMode::Off => Shown::Nothing,
        };
        Self {
            collected: Collected::new(plan),
            plan: plan.clone(),
            shown,
        }
    }

    /// For who speaks from elsewhere while the run is shown.
    pub(crate) fn voice(&self) -> Voice {
        Voice(match &self.shown {
            Shown::Lines { block, .. } => Some(block.clone()),
            Shown::Plain { .. } | Shown::Nothing => None,
        })
    }

    #[expect(clippy::print_stderr, reason = "this is the talk that goes to stderr")]
    fn say(&self, at: Offset, text: &str) {
        match &self.shown {
            Shown::Lines { block, .. } => block.println(lines::event(at, text)),
            Shown::Plain { .. } => eprintln!("{}", plain::event(at, text)),
            Shown::Nothing => {}
        }
    }

    #[expect(clippy::print_stderr, reason = "this is the talk that goes to stderr")]
    fn show(&mut self, at: Offset) {
        match &self.shown {
            Shown::Lines { block, colour } => {
                let status = self.collected.take(at, &self.plan);
                let width = talk::width_of(&std::io::stderr()).unwrap_or(USUAL_WIDTH);
                block.set_message(lines::block(&status, width, *colour));
            }
            Shown::Plain { every } => {
                if self.collected.seconds() >= *every {
                    let status = self.collected.take(at, &self.plan);
                    eprintln!("{}", plain::line(&status));
                }
            }
            Shown::Nothing => {}
        }
    }
}

impl Shown {
    fn lines(terminal: bool) -> Self {
        let block = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        block.set_style(ProgressStyle::with_template("{msg}").expect("a valid template"));
        block.set_message("starting the target");
        Self::Lines {
            block,
            colour: terminal && talk::colour(),
        }
    }
}

impl Observer for Live {
    fn observe(&mut self, at: Offset, event: &RunEvent) -> Result<(), ObserveError> {
        self.collected.take_in(event, &self.plan);
        if let Some(text) = events::words(event, &self.plan) {
            self.say(at, &text);
        }
        match event {
            RunEvent::Harness(_) => self.show(at),
            RunEvent::Ended { .. } => {
                if let Shown::Lines { block, .. } = &self.shown {
                    block.finish_and_clear();
                }
            }
            _ => {}
        }
        Ok(())
    }
}
