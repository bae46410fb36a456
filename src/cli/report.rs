//! `brownout report` and `brownout runs`: what was kept, read again.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
};

use brownout::{analysis::Analysis, record, report};

use crate::cli::{exit::Exit, talk};

/// Make the report of a run again, from its record alone.
///
/// RUN is a run's id, its folder, or `latest`. A run that was killed can be reported too: the
/// report says where its record was cut off.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A run's id, its folder, or `latest`.
    run: String,
    /// What to make.
    #[arg(long, value_enum, default_value = "terminal")]
    format: Format,
    /// Write to a file instead of stdout.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where runs are kept.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    reports: PathBuf,
}

/// List the runs that are kept, the newest last.
#[derive(Debug, clap::Args)]
pub(crate) struct RunsArgs {
    /// Where runs are kept.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    reports: PathBuf,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// Tables and a timeline for a terminal.
    Terminal,
    /// The whole analysis (docs/report-json.md).
    Json,
    /// One test case a gate, for CI.
    Junit,
    /// A self-contained page.
    Html,
}

pub(crate) fn main(args: &Args) -> Exit {
    let folder = match find(&args.run, &args.reports) {
        Ok(folder) => folder,
        Err(exit) => return exit,
    };
    let analysis = match analyse(&folder) {
        Ok(analysis) => analysis,
        Err(exit) => return exit,
    };
    let to_terminal = args.output.is_none() && std::io::stdout().is_terminal();
    let text = match args.format {
        Format::Terminal => {
            report::terminal::render(&analysis, to_terminal && talk::colour(), talk::width())
        }
        Format::Json => report::json::render(&analysis),
        Format::Junit => report::junit::render(&analysis),
        Format::Html => report::html::render(&analysis),
    };
    match &args.output {
        None => talk::data(&text),
        Some(path) => match std::fs::write(path, text) {
            Ok(()) => Exit::Pass,
            Err(error) => {
                talk::error(&format!("cannot write {}: {error}", path.display()), None);
                Exit::BadInput
            }
        },
    }
}

pub(crate) fn runs(args: &RunsArgs) -> Exit {
    let mut lines = String::new();
    for folder in run_folders(&args.reports) {
        let id = folder
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        let line = match record::read(&folder) {
            Ok(record) => {
                let analysis = brownout::analysis::analyse(&record);
                let running = record.cut_off.as_ref().is_some_and(|cut| cut.running);
                let verdict = if running {
                    "running".into()
                } else {
                    serde_json::to_value(analysis.verdict).unwrap_or_default()
                };
                format!(
                    "{id}  {:<12}  {}\n",
                    verdict.as_str().unwrap_or("?"),
                    analysis.run.title
                )
            }
            Err(error) => format!("{id}  unreadable    {error}\n"),
        };
        lines.push_str(&line);
    }
    if lines.is_empty() {
        talk::note(&format!("no runs in {}", args.reports.display()));
    }
    talk::data(&lines)
}

/// Folders that hold a record, oldest first.
pub(crate) fn run_folders(reports: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(reports).map(|dir| dir.flatten().collect::<Vec<_>>());
    let mut folders: Vec<_> = entries
        .unwrap_or_default()
        .into_iter()
        .map(|entry| entry.path())
        .filter(|path| path.join(record::FILE_NAME).is_file())
        .map(|path| {
            let modified = path
                .join(record::FILE_NAME)
                .metadata()
                .and_then(|m| m.modified())
                .ok();
            (modified, path)
        })
        .collect();
    folders.sort();
    folders.into_iter().map(|(_, path)| path).collect()
}

/// The folder of a run that is named by id, folder, or `latest`.
pub(crate) fn find(run: &str, reports: &Path) -> Result<PathBuf, Exit> {
    if run == "latest" {
        return run_folders(reports).pop().ok_or_else(|| {
            let message = format!("there are no runs in {}", reports.display());
            talk::error(&message, Some("start one with `brownout run SCENARIO`"));
            Exit::BadInput
        });
    }
    let as_path = PathBuf::from(run);
    let candidates = [reports.join(run), as_path];
    candidates
        .into_iter()
        .find(|path| path.exists())
        .ok_or_else(|| {
            let message = format!("there is no run `{run}` in {}", reports.display());
            talk::error(&message, Some("`brownout runs` lists them"));
            Exit::BadInput
        })
}

/// Reads a run's record and says what it means.
pub(crate) fn analyse(folder: &Path) -> Result<Analysis, Exit> {
    match record::read(folder) {
        Ok(record) => Ok(brownout::analysis::analyse(&record)),
        Err(error) => {
            talk::error(&error.to_string(), None);
            Err(Exit::BadInput)
        }
    }
}

/// Writes report.json, junit.xml and report.html beside the record.
pub(crate) fn write_all(analysis: &Analysis, folder: &Path) -> Result<(), Exit> {
    let files = [
        ("report.json", report::json::render(analysis)),
        ("junit.xml", report::junit::render(analysis)),
        ("report.html", report::html::render(analysis)),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::write(&path, text).map_err(|error| {
            let hint = "the record is kept: `brownout report RUN -o FILE` makes it again elsewhere";
            talk::error(
                &format!("cannot write {}: {error}", path.display()),
                Some(hint),
            );
            Exit::Internal
        })?;
    }
    Ok(())
}

/// Prints the terminal report to stdout.
pub(crate) fn print_terminal(analysis: &Analysis) {
    let colour = std::io::stdout().is_terminal() && talk::colour();
    let text = report::terminal::render(analysis, colour, talk::width());
    // a closed pipe is the reader's choice
    let _ = std::io::stdout().write_all(text.as_bytes());
}
