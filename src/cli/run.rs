//! `brownout run`: one scenario from its file to its report.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    sync::atomic::{AtomicBool, Ordering},
};

use brownout::run::{Interrupt, Options, RunErrorKind};

use crate::cli::{
    exit::Exit,
    files::{self, Overriding},
    heal,
    live::{Live, LiveMode, PLAIN_HELP, Voice},
    report, talk,
};

/// Run a scenario against its target, and judge how it fared.
///
/// brownout starts the target (if its file says how), waits until it is ready, measures a baseline,
/// sends the load, puts the faults in and takes them out, watches the recovery, and writes a report.
/// Ctrl-C once stops in an orderly way (faults out, report written, exit code 3); twice at once.
///
/// Exit codes: 0 every gate held; 1 a gate failed; 2 a file or flag is wrong, or an address is taken; 3 stopped early;
/// 4 inconclusive; 5 brownout itself failed.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The scenario file.
    scenario: PathBuf,
    #[command(flatten)]
    overriding: Overriding,
    /// Where runs are kept; each gets a folder of its own.
    #[arg(long, value_name = "DIR", default_value = "reports")]
    reports: PathBuf,
    /// How the run is shown while it goes on (on stderr).
    #[arg(long, value_enum, default_value = "auto", long_help = PLAIN_HELP)]
    live: LiveMode,
    /// Threads that send load [default: as many as the plan needs, at most one for each processor].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: Option<u16>,
    /// Let faults run their commands (`exec`); `brownout plan` shows them.
    #[arg(long)]
    allow_exec: bool,
}

pub(crate) fn main(args: Args) -> Exit {
    let plan = match files::plan(&args.scenario, &args.overriding) {
        Ok(plan) => plan,
        Err(exit) => return exit,
    };
    let executable = match std::env::current_exe() {
        Ok(path) => path,
        Err(error) => {
            talk::error(&format!("cannot find my own executable: {error}"), None);
            return Exit::Internal;
        }
    };
    heal::warn(&args.reports);
    let live = Live::new(args.live, &plan);
    let interrupt = Interrupt::default();
    let may_finish = Arc::new(AtomicBool::new(false));
    if let Err(error) = listen_to_signals(&interrupt, &may_finish, live.voice()) {
        talk::error(&format!("cannot listen to signals: {error}"), None);
        return Exit::Internal;
    }
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let options = Options {
        reports: args.reports,
        executable,
        interrupt,
        workers: args
            .workers
            .map_or_else(|| brownout::load::workers(&plan, processors), usize::from),
        allow_exec: args.allow_exec,
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            talk::error(&format!("cannot start the runtime: {error}"), None);
            return Exit::Internal;
        }
    };
    let finished = runtime.block_on(brownout::run::run(plan, options, vec![Box::new(live)]));
    runtime.shutdown_background();
    may_finish.store(true, Ordering::Relaxed);
    match finished {
        Ok(finished) => write_reports(&finished.folder),
        Err(error) => {
            talk::error(&error.message, error.hint.as_deref());
            match error.kind {
                RunErrorKind::Reports | RunErrorKind::Setup => Exit::BadInput,
                RunErrorKind::Internal => Exit::Internal,
            }
        }
    }
}

/// The first signal asks for an orderly stop; the second ends this process at once, and the
/// guardian then undoes what is left.
fn listen_to_signals(
    interrupt: &Interrupt,
    done: &Arc<AtomicBool>,
    voice: Voice,
) -> Result<(), ctrlc::Error> {
    let (interrupt, done) = (interrupt.clone(), Arc::clone(done));
    ctrlc::set_handler(move || {
        if interrupt.raise() >= 2 || done.load(Ordering::Relaxed) {
            std::process::exit(i32::from(Exit::Stopped as u8));
        }
        voice.say("stopping: faults are taken out and the report is written (again: stop at once)");
    })
}

fn write_reports(folder: &Path) -> Exit {
    let analysis = match report::analyse(folder) {
        Ok(analysis) => analysis,
        Err(exit) => return exit,
    };
    if let Err(exit) = report::write_all(&analysis, folder) {
        return exit;
    }
    report::print_terminal(&analysis);
    talk::note(&format!(
        "\nreport: {}",
        folder.join("report.html").display()
    ));
    talk::note(&format!(
        "record: {}",
        folder.join(brownout::record::FILE_NAME).display()
    ));
    Exit::of_code(analysis.exit_code)
}
