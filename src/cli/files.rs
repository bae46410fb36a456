//! The two files of a run and the flags that override them, as `plan` and `run` take them.

use std::{
    io::{IsTerminal, Write},
    path::{Component, Path, PathBuf},
};

use brownout::{
    diagnostic::{Diagnostic, Diagnostics, RenderStyle, Severity},
    plan::{self, Overrides, Plan},
    scenario::{self, model::Scenario},
    seed::Seed,
    target::{self, model::Target},
    time::Compression,
};

use crate::cli::{exit::Exit, here, talk};

/// What the command line says instead of the scenario.
#[derive(Debug, clap::Args)]
pub(crate) struct Overriding {
    /// The target file, in place of the scenario's `target:`.
    #[arg(long, value_name = "FILE")]
    target: Option<PathBuf>,
    /// How much of history's load comes, in place of `scale.load`: `1%`, `0.5` or `2x`.
    #[arg(long, value_name = "X", value_parser = load_scale)]
    load_scale: Option<f64>,
    /// How many seconds of story pass in a real one, in place of `scale.time`: `60x` or `1`.
    #[arg(long, value_name = "X", value_parser = time_scale)]
    time_scale: Option<Compression>,
    /// The seed of every random choice, in place of `seed`.
    #[arg(long, value_name = "N", value_parser = seed)]
    seed: Option<Seed>,
}

/// Reads both files and resolves them into a plan. What is wrong with them is told here.
pub(crate) fn plan(scenario: &Path, overriding: &Overriding) -> Result<Plan, Exit> {
    let here = here::here().map_err(|error| {
        talk::error(&format!("cannot find my own executable: {error}"), None);
        Exit::Internal
    })?;
    let overrides = Overrides {
        load_scale: overriding.load_scale,
        time_scale: overriding.time_scale,
        seed: overriding.seed,
    };
    let planned = load_files(scenario, overriding.target.as_deref()).and_then(|files| {
        let (scenario, target, mut found) = files;
        found.0.extend(here::warnings(&target));
        match plan::resolve(&scenario, &target, &overrides, &here) {
            Ok((plan, warnings)) => {
                found.0.extend(warnings.0);
                Ok((plan, found))
            }
            Err(mistakes) => {
                found.0.extend(mistakes.0);
                Err(found)
            }
        }
    });
    match planned {
        Ok((plan, warnings)) => {
            tell(&warnings);
            Ok(plan)
        }
        Err(found) => {
            tell(&found);
            Err(Exit::BadInput)
        }
    }
}

/// Loads a scenario and its target: the one given, or the one that the scenario names, relative to
/// the scenario's folder.
pub(crate) fn load_files(
    scenario: &Path,
    target: Option<&Path>,
) -> Result<(Scenario, Target, Diagnostics), Diagnostics> {
    let (scenario, mut found) = scenario::load(scenario)?;
    let named = scenario.target.as_ref().map(|named| {
        let folder = scenario.source.path.parent();
        folder.map_or_else(|| named.value.clone(), |f| tidy(&f.join(&named.value)))
    });
    if target.is_none()
        && let Some(missing) = named
            .as_ref()
            .and_then(|named| missing_target(&scenario, named))
    {
        found.0.push(missing);
        return Err(found);
    }
    let Some(path) = target.map(Path::to_owned).or(named) else {
        found.0.push(Diagnostic {
            severity: Severity::Error,
            message: "no target is named".to_owned(),
            source: scenario.source.clone(),
            labels: vec![(scenario.name.place, "this scenario".to_owned())],
            hint: Some("write `target: FILE` in the scenario, or give `--target FILE`".to_owned()),
        });
        return Err(found);
    };
    match target::load(&path, &|name| std::env::var(name).ok()) {
        Ok((target, warnings)) => {
            found.0.extend(warnings.0);
            Ok((scenario, target, found))
        }
        Err(mistakes) => {
            found.0.extend(mistakes.0);
            Err(found)
        }
    }
}

/// The mistake of a scenario whose target file `named` is not there.
pub(crate) fn missing_target(scenario: &Scenario, named: &Path) -> Option<Diagnostic> {
    let written = scenario.target.as_ref().filter(|_| !named.exists())?;
    Some(Diagnostic {
        severity: Severity::Error,
        message: format!("there is no file `{}`", named.display()),
        source: scenario.source.clone(),
        labels: vec![(written.place, "not found".to_owned())],
        hint: Some("the path is relative to the scenario's folder".to_owned()),
    })
}

/// `scenarios/../targets/x.yaml` as `targets/x.yaml`, where that is the same file (behind a
/// symbolic link it need not be).
pub(crate) fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match (part, tidy.components().next_back()) {
            (Component::ParentDir, Some(Component::Normal(_))) => {
                tidy.pop();
            }
            _ => tidy.push(part),
        }
    }
    match (tidy.canonicalize(), path.canonicalize()) {
        (Ok(one), Ok(other)) if one == other => tidy,
        _ => path.to_owned(),
    }
}

/// Says what was found to stderr.
pub(crate) fn tell(found: &Diagnostics) {
    if found.0.is_empty() {
        return;
    }
    let style = if std::io::stderr().is_terminal() {
        RenderStyle::Terminal {
            colour: talk::colour(),
        }
    } else {
        RenderStyle::Plain
    };
    // nobody is left to tell when stderr is gone
    let _ = write!(std::io::stderr(), "{}", found.render(style));
}

/// Parses `1%`, `0.5` or `2x`.
fn load_scale(text: &str) -> Result<f64, String> {
    let wrong = || format!("`{text}` is not a scale: write `1%`, `0.5` or `2x`");
    let (number, factor) = match (text.strip_suffix('%'), text.strip_suffix('x')) {
        (Some(percent), _) => (percent, 0.01),
        (None, Some(times)) => (times, 1.0),
        (None, None) => (text, 1.0),
    };
    let scale = number.trim().parse::<f64>().map_err(|_| wrong())? * factor;
    if scale.is_finite() && scale > 0.0 {
        Ok(scale)
    } else {
        Err(wrong())
    }
}

/// Parses `60x` or `60`.
fn time_scale(text: &str) -> Result<Compression, String> {
    let number = text.strip_suffix('x').unwrap_or(text).trim();
    number
        .parse::<f64>()
        .ok()
        .and_then(Compression::new)
        .ok_or_else(|| format!("`{text}` is not a compression of time: write `60x` or `1`"))
}

/// Parses `20210428`, `2021_04_28` or `0xc0ffee`.
fn seed(text: &str) -> Result<Seed, String> {
    let digits = text.replace('_', "");
    let parsed = match digits.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => digits.parse(),
    };
    parsed
        .map(Seed)
        .map_err(|_| format!("`{text}` is not a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_as_people_write_them() {
        assert_eq!(load_scale("1%"), Ok(0.01));
        assert_eq!(load_scale("0.5"), Ok(0.5));
        assert_eq!(load_scale("2x"), Ok(2.0));
        assert_eq!(time_scale("60x").map(Compression::get), Ok(60.0));
        assert_eq!(time_scale("1"), Ok(Compression::NONE));
        for wrong in ["", "0", "-1", "x", "%", "NaN", "inf", "1s"] {
            assert!(load_scale(wrong).is_err(), "{wrong}");
            assert!(time_scale(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn paths_are_tidied_only_where_they_stay_the_same() {
        assert_eq!(
            tidy(Path::new("src/../Cargo.toml")),
            Path::new("Cargo.toml")
        );
        let nowhere = Path::new("nowhere/../Cargo.toml");
        assert_eq!(tidy(nowhere), nowhere);
    }

    #[test]
    fn seeds() {
        assert_eq!(seed("2021_04_28"), Ok(Seed(20_210_428)));
        assert_eq!(seed("0xff"), Ok(Seed(255)));
        assert!(seed("-1").is_err());
    }
}
