//! `{file: curve.csv}` and `{replay: access.log}`: traffic that a file tells, read here, so that its
//! mistakes stand beside those of the scenario.

use std::path::Path;

use super::{
    keys::{CURVE_FILE, REPLAY},
    phases::factor,
};
use crate::{
    diagnostic::{Place, Spanned},
    document::{Fields, Mistakes, Node, beside},
    import::{ImportError, curve_file, replay_file},
    scenario::model::{DemandKind, Recorded, RecordedTraffic},
    time::Compression,
};

/// Whether a mapping names a file rather than phases (a phase may be called `file`).
pub(super) fn is_recorded(node: &Spanned<Node>, phases: &[String]) -> bool {
    let Node::Map(entries) = &node.value else {
        return false;
    };
    entries.iter().any(|(key, _)| {
        matches!(key.value.as_str(), "file" | "replay") && !phases.contains(&key.value)
    })
}

/// Traffic from a file, for one phase or (`None`) for the whole run.
pub(super) fn recorded(
    node: &Spanned<Node>,
    phase: Option<Spanned<String>>,
    kind: DemandKind,
    mistakes: &mut Mistakes,
) -> Option<Recorded> {
    let replays = matches!(&node.value, Node::Map(entries)
        if entries.iter().any(|(key, _)| key.value == "replay"));
    if replays {
        return replayed(node, phase, kind, mistakes);
    }
    let fields = Fields::open(node, &CURVE_FILE, mistakes)?;
    let step = fields.get("step").and_then(|node| mistakes.flag(node));
    let file = file(&fields, "file", mistakes)?;
    let points = match curve_file(&beside(mistakes.source(), Path::new(&file.value))) {
        Ok(points) => points,
        Err(error) => {
            complain(&error, &file, "its lines are `time,rate`", mistakes);
            return None;
        }
    };
    Some(Recorded {
        phase,
        place: file.place,
        file: file.value,
        what: RecordedTraffic::Curve {
            points,
            step: step.unwrap_or(false),
        },
    })
}

fn replayed(
    node: &Spanned<Node>,
    phase: Option<Spanned<String>>,
    kind: DemandKind,
    mistakes: &mut Mistakes,
) -> Option<Recorded> {
    let fields = Fields::open(node, &REPLAY, mistakes)?;
    let speed = fields.get("speed").and_then(|node| {
        const WHAT: &str = "a speed such as `60x`";
        let factor = mistakes.parse(node, WHAT, |words| factor(words, WHAT, false))?;
        Compression::new(factor)
    });
    let file = file(&fields, "replay", mistakes)?;
    if kind == DemandKind::Requests {
        mistakes
            .error(
                file.place,
                "each line of a replayed log is an arrival, not a request of a budget",
                "a log",
            )
            .hint = Some("write `arrivals:` in place of `requests:`".to_owned());
        return None;
    }
    let log = match replay_file(&beside(mistakes.source(), Path::new(&file.value))) {
        Ok(log) => log,
        Err(error) => {
            let hint = "an access log, JSON lines with usual names, or a list of times is replayed";
            complain(&error, &file, hint, mistakes);
            return None;
        }
    };
    if log.bad > 0 {
        let message = format!(
            "{} lines of `{}` could not be read and are not replayed",
            log.bad, file.value
        );
        mistakes.warning(file.place, message, "this log");
    }
    Some(Recorded {
        phase,
        place: file.place,
        file: file.value,
        what: RecordedTraffic::Replay {
            log,
            speed: speed.unwrap_or(Compression::NONE),
        },
    })
}

fn file(fields: &Fields<'_>, key: &str, mistakes: &mut Mistakes) -> Option<Spanned<String>> {
    let node = fields.get(key)?;
    let path = mistakes.string(node, "the path of a file, relative to this one")?;
    Some(Spanned::new(path, node.place))
}

fn complain(error: &ImportError, file: &Spanned<String>, usual: &str, mistakes: &mut Mistakes) {
    let place: Place = file.place;
    let (message, hint) = match error {
        ImportError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => (
            format!("there is no file `{}`", file.value),
            "the path is relative to the scenario's folder".to_owned(),
        ),
        ImportError::Malformed { .. } => (
            error.to_string(),
            error.hint().unwrap_or_else(|| usual.to_owned()),
        ),
        ImportError::Read { .. }
        | ImportError::UnknownFormat { .. }
        | ImportError::NoField { .. }
        | ImportError::NothingGood { .. }
        | ImportError::Empty(_)
        | ImportError::NothingThen { .. }
        | ImportError::TooManyBins { .. }
        | ImportError::Unsuited(_) => (error.to_string(), usual.to_owned()),
    };
    mistakes.error(place, message, "this file").hint = Some(hint);
}
