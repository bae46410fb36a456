//! Why nothing could be imported.

use std::{io, time::Duration};

use crate::units::Span;

/// Why nothing could be imported, or a file of arrivals is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("cannot read {name}: {source}")]
    Read {
        /// The file.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// The first lines are of no known format.
    #[error("{name} is in no format that is known here")]
    UnknownFormat {
        /// The file.
        name: String,
        /// Its first line, shortened.
        first: String,
    },
    /// A JSON log has no field for something.
    #[error("no field of these lines is known to hold the {missing} of a request")]
    NoField {
        /// `time` or `path`.
        missing: &'static str,
        /// The keys of the first object.
        known: Vec<String>,
    },
    /// No line was good.
    #[error("no line could be read as {format}: {bad} bad, for example line {line}: {reason}")]
    NothingGood {
        /// What the lines were read as.
        format: &'static str,
        /// How many there were.
        bad: u64,
        /// The first one.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// There is nothing in it.
    #[error("there is nothing in {0}")]
    Empty(String),
    /// All lines lie outside the wanted time.
    #[error("{outside} lines, but none between `--from` and `--to`; the first is of {first}")]
    NothingThen {
        /// How many there were.
        outside: u64,
        /// The time of the first of them.
        first: String,
    },
    /// A bin that is too short for the time that the log covers.
    #[error("bins of {} would be more than {most}", Span(*bin))]
    TooManyBins {
        /// The bin.
        bin: Duration,
        /// How many there may be.
        most: usize,
    },
    /// What the file says is not what its format demands.
    #[error("{name}{}: {message}", at_line(*line))]
    Malformed {
        /// The file.
        name: String,
        /// The line, if one is to blame.
        line: Option<u64>,
        /// What is wrong.
        message: String,
        /// What would be right.
        hint: Option<&'static str>,
    },
    /// Something that goes with logs only, or with rates only.
    #[error("{0}")]
    Unsuited(String),
}

fn at_line(line: Option<u64>) -> String {
    line.map_or_else(String::new, |line| format!(" line {line}"))
}

impl ImportError {
    /// What would help.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { source, .. } => (source.kind() == io::ErrorKind::NotFound).then(|| {
                "paths are relative to the folder that brownout was started in".to_owned()
            }),
            Self::UnknownFormat { first, .. } => Some(format!(
                "it begins with `{first}`; an access log, JSON lines, a Prometheus range query, a \
                 CSV table or a list of times is read (`--format` says which one it is meant to be)"
            )),
            Self::NoField { missing, known } => Some(format!(
                "name it with `--{missing} FIELD`{}",
                if known.is_empty() {
                    String::new()
                } else {
                    format!("; the first line has: {}", known.join(", "))
                }
            )),
            Self::NothingGood { .. } => Some(
                "`--format` says what the lines are meant to be; for JSON, `--time`, `--path` and \
                 `--method` name the fields"
                    .to_owned(),
            ),
            Self::TooManyBins { .. } => {
                Some("take longer bins, or only a part of the log with `--from` and `--to`".into())
            }
            Self::Malformed { hint, .. } => hint.map(str::to_owned),
            Self::Empty(_) | Self::NothingThen { .. } | Self::Unsuited(_) => None,
        }
    }
}
