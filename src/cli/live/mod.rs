//! What the operator sees on stderr while a run goes on: three lines that renew themselves on a
//! terminal, or lines that pipe. An [`Observer`] like the record: events become words (`events`),
//! a second's measurements become a [`Status`] (`status`), which is shown as
//! `lines` on a `screen`, or `plain`.

mod events;
mod lines;
mod plain;
mod screen;
mod status;

use std::{io::IsTerminal, sync::Arc};

use brownout::{
    event::{ObserveError, Observer, RunEvent},
    plan::Plan,
    time::Offset,
};

pub(crate) use self::plain::HELP as PLAIN_HELP;
use self::{
    screen::{Screen, emit},
    status::{Collected, Status},
};
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
    /// Three lines that renew themselves, with events above them; without a terminal, `plain`.
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

#[derive(Clone)]
enum Shown {
    /// On a terminal, perhaps in colours.
    Lines { screen: Arc<Screen>, colour: bool },
    /// A line every so many seconds.
    Plain { every: u64 },
    /// Not at all.
    Nothing,
}

/// For who speaks from elsewhere while the run is shown.
pub(crate) struct Voice(Shown);

impl Voice {
    /// Says something that is no event, without disturbing what is shown.
    pub(crate) fn say(&self, text: &str) {
        match &self.0 {
            Shown::Lines { screen, .. } => screen.say(text),
            Shown::Plain { .. } | Shown::Nothing => talk::note(text),
        }
    }
}

impl Live {
    pub(crate) fn new(mode: LiveMode, plan: &Plan) -> Self {
        let lines = std::io::stderr().is_terminal() && talk::cursor_moves();
        let shown = match mode {
            LiveMode::Auto | LiveMode::Line if lines => Shown::Lines {
                screen: Arc::default(),
                colour: talk::colour(),
            },
            LiveMode::Auto => Shown::Plain { every: SELDOM },
            LiveMode::Line | LiveMode::Plain => Shown::Plain { every: 1 },
            LiveMode::Off => Shown::Nothing,
        };
        if let Shown::Lines { screen, .. } = &shown {
            screen.show("starting the target".to_owned());
        }
        Self {
            collected: Collected::new(plan),
            plan: plan.clone(),
            shown,
        }
    }

    pub(crate) fn voice(&self) -> Voice {
        Voice(self.shown.clone())
    }

    fn say(&self, at: Offset, text: &str) {
        match &self.shown {
            Shown::Lines { screen, .. } => screen.say(&lines::event(at, text)),
            Shown::Plain { .. } => emit(&(plain::event(at, text) + "\n")),
            Shown::Nothing => {}
        }
    }

    fn show(&mut self, at: Offset) {
        match &self.shown {
            Shown::Lines { screen, colour } => {
                let status = self.collected.take(at, &self.plan);
                let width = talk::width_of(&std::io::stderr()).unwrap_or(USUAL_WIDTH);
                screen.show(lines::block(&status, width, *colour));
            }
            Shown::Plain { every } => {
                if self.collected.seconds() >= *every {
                    let status = self.collected.take(at, &self.plan);
                    emit(&(plain::line(&status) + "\n"));
                }
            }
            Shown::Nothing => {}
        }
    }
}

impl Observer for Live {
    fn observe(&mut self, at: Offset, event: &RunEvent) -> Result<(), ObserveError> {
        self.collected.take_in(event, &self.plan);
        if let Some(text) = events::words(event, &self.plan) {
            self.say(at, &text);
        }
        match (event, &self.shown) {
            (RunEvent::Harness(_), _) => self.show(at),
            (RunEvent::Ended { .. }, Shown::Lines { screen, .. }) => screen.clear(),
            _ => {}
        }
        Ok(())
    }
}
