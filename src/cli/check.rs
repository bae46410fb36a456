//! `brownout check`: all mistakes of scenario and target files.

use std::{
    io::{IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use brownout::{
    diagnostic::{Diagnostics, RenderStyle},
    document::{self, FileKind},
    plan::{self, Overrides, Plan},
    run::{self, Hindrance},
    scenario::{
        self,
        model::{Effect, Scenario},
    },
    target::{self, model::Target},
};

use crate::cli::{
    exit::Exit,
    files::{missing_target, tidy},
    here,
};

/// Check scenario and target files: all mistakes at once. Nothing is started.
///
/// With --here, say what this machine can do, and which faults of the files cannot be put in here.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario or target files; a scenario's target is checked too.
    #[arg(required_unless_present = "here", value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Look at this machine, too.
    #[arg(long, conflicts_with = "format")]
    here: bool,
    /// How mistakes are shown; JSON goes to stdout.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(crate) fn main(args: &Args) -> Exit {
    let mut checked = Checked::default();
    for file in &args.files {
        checked.file(file);
    }
    let able = match args.here {
        true => checked.here(),
        false => true,
    };
    match checked.show(args.format) {
        Ok(()) if checked.found.has_errors() || !able => Exit::BadInput,
        Ok(()) => Exit::Pass,
        // nobody reads what we say; then at least the exit code should
        Err(_) => Exit::Internal,
    }
}

/// The style for mistakes on stderr: drawn for a person, plain for a log.
pub(crate) fn stderr_style() -> RenderStyle {
    if std::io::stderr().is_terminal() {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        RenderStyle::Terminal { colour: !no_colour }
    } else {
        RenderStyle::Plain
    }
}

#[derive(Default)]
struct Checked {
    found: Diagnostics,
    good: Vec<String>,
    plans: Vec<Plan>,
    /// Targets that scenarios share are checked once; `None` = it has mistakes.
    targets: Vec<(PathBuf, Option<Target>)>,
}

impl Checked {
    fn file(&mut self, path: &Path) {
        match document::kind_of(path) {
            Ok(FileKind::Scenario) => self.scenario(path),
            Ok(FileKind::Target) => {
                self.target(path);
            }
            Err(mistakes) => self.found.0.extend(mistakes.0),
        }
    }

    fn scenario(&mut self, path: &Path) {
        match scenario::load(path) {
            Ok((scenario, warnings)) => {
                self.found.0.extend(warnings.0);
                let fits = scenario
                    .target_path()
                    .is_none_or(|target| self.together(&scenario, &tidy(&target)));
                if fits {
                    self.good.push(format!(
                        "ok: {}: scenario `{}`, {} phases, {} populations, {} faults, {} gates",
                        path.display(),
                        scenario.name.value,
                        scenario.phases.len(),
                        scenario.load.len(),
                        scenario.faults.len(),
                        scenario.gates.len(),
                    ));
                    // whoever checks a stranger's file should see what it would run
                    for fault in &scenario.faults {
                        if let Effect::Exec(exec) = &fault.effect.value {
                            self.good
                                .push(format!("    fault `{}` {exec}", fault.name.value));
                        }
                    }
                }
            }
            Err(mistakes) => self.found.0.extend(mistakes.0),
        }
    }

    /// Whether the two files fit together: what one names, the other has.
    fn together(&mut self, scenario: &Scenario, target: &Path) -> bool {
        if let Some(missing) = missing_target(scenario, target) {
            self.found.0.push(missing);
            return false;
        }
        let Some(target) = self.target(target) else {
            return true; // the target's own mistakes are told already
        };
        // without knowing this machine its limits are not checked; `plan` and `run` will say why
        let Ok(here) = here::here() else {
            return true;
        };
        let resolved = plan::resolve(scenario, target, &Overrides::default(), &here);
        let fits = resolved.is_ok();
        let found = match resolved {
            Ok((plan, warnings)) => {
                self.plans.push(plan);
                warnings
            }
            Err(mistakes) => mistakes,
        };
        self.found.0.extend(found.0);
        fits
    }

    fn target(&mut self, path: &Path) -> Option<&Target> {
        let same = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if let Some(at) = self.targets.iter().position(|(seen, _)| *seen == same) {
            return self.targets[at].1.as_ref();
        }
        let loaded = match target::load(path, &|name| std::env::var(name).ok()) {
            Ok((target, warnings)) => {
                self.found.0.extend(warnings.0);
                self.found.0.extend(here::warnings(&target));
                self.good.push(format!(
                    "ok: {}: target `{}`, {} services, {} links, {} launched",
                    path.display(),
                    target.name.value,
                    target.services.len(),
                    target.links.len(),
                    target.launch.len(),
                ));
                Some(target)
            }
            Err(mistakes) => {
                self.found.0.extend(mistakes.0);
                None
            }
        };
        self.targets.push((same, loaded));
        self.targets.last().and_then(|(_, target)| target.as_ref())
    }

    /// Says what this machine can do; false when some fault cannot be put in here.
    fn here(&mut self) -> bool {
        let here = here::here();
        let (descriptors, executable) = here.map_or_else(
            |_| (0, PathBuf::from("brownout")),
            |here| (here.descriptor_limit, here.executable),
        );
        let line = |able: bool, what: &str, detail: &str| {
            let able = if able { "yes" } else { "no " };
            format!("{able}  {what:<20} {detail}")
        };
        self.good.push("this machine".to_owned());
        for ability in run::abilities(descriptors, &executable) {
            self.good
                .push(line(ability.able, ability.what, &ability.detail));
        }
        let mut able = true;
        for plan in &self.plans {
            self.good.push(format!("the faults of `{}`", plan.scenario));
            for fault in &plan.faults {
                let hindrance = run::hindrance(fault);
                let detail = match &hindrance {
                    None => format!("at {}", fault.at),
                    Some(Hindrance { reason, hint }) => {
                        format!("at {}: {reason} (hint: {hint})", fault.at)
                    }
                };
                self.good
                    .push(line(hindrance.is_none(), &fault.name, &detail));
                able &= hindrance.is_none();
            }
        }
        able
    }

    fn show(&self, format: Format) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        match format {
            Format::Json => write!(out, "{}", self.found.render(RenderStyle::Json)),
            Format::Text => {
                let text = self.found.render(stderr_style());
                write!(std::io::stderr().lock(), "{text}")?;
                for line in &self.good {
                    writeln!(out, "{line}")?;
                }
                Ok(())
            }
        }
    }
}
