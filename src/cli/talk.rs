//! Data to stdout, talk to stderr; colours only on a terminal that wants them.

use std::{
    io::{IsTerminal, Write},
    os::fd::AsFd,
};

use owo_colors::OwoColorize;

use crate::cli::exit::Exit;

/// Whether colours are wanted at all (https://no-color.org).
pub(crate) fn colour() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && cursor_moves()
}

/// Whether a terminal understands escape sequences at all.
pub(crate) fn cursor_moves() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Columns to fill with a report: the terminal's, or 100.
pub(crate) fn width() -> usize {
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    let measured = || width_of(&std::io::stdout());
    columns.or_else(measured).unwrap_or(100).clamp(60, 160)
}

/// Columns that a terminal has now; `None` of what is none.
pub(crate) fn width_of(terminal: &impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Prints data. A reader that went away is no failure.
pub(crate) fn data(text: &str) -> Exit {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Exit::Pass,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Pass,
        Err(error) => {
            self::error(&format!("cannot write to stdout: {error}"), None);
            Exit::Internal
        }
    }
}

/// Says something. Whether anybody still listens to talk is nothing to a run and its exit code.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Says what went wrong and what would help.
pub(crate) fn error(message: &str, hint: Option<&str>) {
    if std::io::stderr().is_terminal() && colour() {
        note(&format!("{} {message}", "error:".red().bold()));
    } else {
        note(&format!("error: {message}"));
    }
    if let Some(hint) = hint {
        note(&format!("hint: {hint}"));
    }
}
