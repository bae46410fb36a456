//! `brownout heal`: the second net, for what an interrupted run left behind.

use std::{
    fmt::Write as _,
    io::{BufRead as _, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use brownout::guardian::{self, FILE_NAME, HealError, Remains};

use crate::cli::{
    exit::Exit,
    report::{find, run_folders},
    talk,
};

/// Undo what an interrupted run left behind.
///
/// A run takes out what it put in, and its guardian does when the run is killed. This is for what is left
/// when the guardian was killed too, or when an undo command failed: it reads the run's journal, shows what is
/// still there, undoes it in reverse order, ends the processes, and looks again. A process is ended only
/// with proof that it belongs to the run.
///
/// RUN is a run's id, its folder, or `latest`; without it every run that is kept is looked at.
///
/// Exit codes: 0 nothing is left; 1 something is left (with --dry-run: there is something to undo); 2 there is
/// no such run, it still goes on, or nobody could be asked; 3 the answer was no.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A run's id, its folder, or `latest`.
    run: Option<String>,
    /// Only show what is left.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// Where runs are kept.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    reports: PathBuf,
}

pub(crate) fn main(args: &Args) -> Exit {
    let folders = match &args.run {
        Some(run) => match find(run, &args.reports) {
            Ok(folder) => vec![folder],
            Err(exit) => return exit,
        },
        None => run_folders(&args.reports),
    };
    let mut all = Vec::new();
    for folder in folders {
        match remains(&folder) {
            Ok(left) if left.is_empty() => {}
            Ok(left) => all.push((folder, left)),
            // of all runs, those that go on are none of ours
            Err(HealError::Running) if args.run.is_none() => {}
            Err(error) => return refused(&folder, &error),
        }
    }
    if all.is_empty() {
        return talk::data("nothing is left behind\n");
    }
    let text: String = all
        .iter()
        .map(|(folder, left)| shown(folder, left))
        .collect();
    let told = talk::data(&text);
    if told != Exit::Pass {
        return told;
    }
    if args.dry_run {
        return Exit::Fail;
    }
    if !args.yes {
        match ask() {
            Some(true) => {}
            Some(false) => return Exit::Stopped,
            None => {
                let hint = "`--yes` undoes it without asking, `--dry-run` only shows it";
                talk::error("nobody can be asked whether to undo this", Some(hint));
                return Exit::BadInput;
            }
        }
    }
    all.iter()
        .fold(Exit::Pass, |worst, (folder, _)| match undo(folder) {
            Exit::Pass => worst,
            other => other,
        })
}

/// Warns, before a run, of earlier ones in the same place that left something.
pub(crate) fn warn(reports: &Path) {
    for folder in run_folders(reports) {
        let Ok(left) = remains(&folder) else { continue };
        if !left.is_empty() {
            let (folder, count) = (folder.display(), left.owed.len() + left.processes.len());
            talk::note(&format!("warning: {folder} left {count} things behind"));
            talk::note(&format!(
                "hint: `brownout heal {folder}` shows and undoes them"
            ));
        }
    }
}

/// What is left of a run; nothing of one that never got as far as a journal.
fn remains(folder: &Path) -> Result<Remains, HealError> {
    let journal = folder.join(FILE_NAME);
    if !journal.exists() {
        return Ok(Remains::default());
    }
    guardian::remains(&journal)
}

fn undo(folder: &Path) -> Exit {
    let healed = guardian::heal(&folder.join(FILE_NAME), &mut |line| {
        talk::note(&format!("  {line}"));
    });
    match healed {
        Ok(left) if left.is_empty() => Exit::Pass,
        Ok(left) => {
            let told = talk::data(&format!("still left\n{}", shown(folder, &left)));
            if told == Exit::Pass { Exit::Fail } else { told }
        }
        Err(error) => refused(folder, &error),
    }
}

fn refused(folder: &Path, error: &HealError) -> Exit {
    let hint = match error {
        HealError::Running => Some("stop it with Ctrl-C first; it takes out what it put in"),
        HealError::Journal(_) => None,
    };
    talk::error(&format!("{}: {error}", folder.display()), hint);
    Exit::BadInput
}

/// What is left, in the order in which it will be undone.
fn shown(folder: &Path, left: &Remains) -> String {
    let mut text = format!("{}\n", folder.display());
    for owed in &left.owed {
        // writing to a String cannot fail
        let _ = writeln!(text, "  {}", owed.note);
        let _ = writeln!(text, "    to undo it: {}", owed.undo);
        if let Some(tried) = &owed.tried {
            let _ = writeln!(text, "    it was tried: {tried}");
        }
    }
    for process in &left.processes {
        let proof = match process.born {
            Some(ticks) => format!("started {ticks} ticks after boot"),
            None => "marked by the run's guardian".to_owned(),
        };
        let (pid, program) = (process.pid, &process.program);
        let _ = writeln!(text, "  process {pid} ({program}), {proof}: to be ended");
    }
    text
}

/// Asks on a terminal; `None` when there is none.
fn ask() -> Option<bool> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return None;
    }
    let mut err = std::io::stderr();
    let _ = write!(err, "undo all this? [y/N] ").and_then(|()| err.flush());
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).ok()?;
    Some(matches!(answer.trim(), "y" | "Y" | "yes"))
}
