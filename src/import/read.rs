//! Reads files or streams into traffic.

use std::{
    io::{self, Read},
    time::Duration,
};

use super::{
    access::Access,
    dates::Dates,
    entry::Bad,
    error::ImportError,
    fields::FieldNames,
    format::{Format, detect},
    json::Json,
    lines::Lines,
    parser::{Parser, is_blank},
    prometheus,
    stamp::Stamp,
    table,
    tally::{Tally, Within},
    traffic::{Traffic, beginning},
};

/// A file or stream.
pub struct Input {
    /// What it is called, for people.
    pub name: String,
    /// What it holds.
    pub reader: Box<dyn Read>,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// How to read.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it is; found in its first lines if not given.
    pub format: Option<Format>,
    /// The fields of JSON lines.
    pub fields: FieldNames,
    /// Width of a bin, whole seconds; by the length of the log if not given.
    pub bin: Option<Duration>,
    /// How many bins there may be if their width is not given.
    pub most_bins: usize,
    /// How many routes become populations of their own.
    pub most_routes: usize,
    /// Only what came at this instant or later.
    pub from: Option<Stamp>,
    /// Only what came before this instant.
    pub to: Option<Stamp>,
}

/// Tables and answers are read as a whole; larger ones were not exported for people.
pub(super) const LARGEST_TABLE: usize = 256 << 20;

/// Reads traffic; several logs become one. A bad line is counted, never fatal.
///
/// # Errors
/// When nothing can be read, nothing of it is good, or the settings do not fit.
pub fn read(inputs: Vec<Input>, settings: &Settings) -> Result<Traffic, ImportError> {
    let within = Within {
        from: settings.from,
        to: settings.to,
    };
    let name = joined(&inputs);
    let several = inputs.len() > 1;
    let mut tally = Tally::new(settings.bin, settings.most_bins, within);
    let mut format = settings.format;
    for input in inputs {
        let mut opened = Opened::new(input, settings.format)?;
        format = format.or(Some(opened.format));
        if !opened.format.is_log() {
            if several {
                return Err(ImportError::Unsuited(format!(
                    "{} holds rates, not lines: import it by itself",
                    opened.name
                )));
            }
            return rates(opened, settings);
        }
        let mut parser = opened.parser(&settings.fields)?;
        while let Some(line) = opened.lines.next().map_err(|e| failed(&opened.name, e))? {
            if !line.whole {
                tally.bad(&opened.name, line.number, line.text, Bad::Long);
                continue;
            }
            let outcome = match parser.parse(line.text) {
                Ok(entry) => tally.add(&entry)?,
                Err(bad) => Err(bad),
            };
            if let Err(bad) = outcome
                && !is_blank(line.text)
            {
                tally.bad(&opened.name, line.number, line.text, bad);
            }
        }
    }
    tally.finish(name, format.unwrap_or(Format::Access), settings.most_routes)
}

/// A table or an answer, which brings its own bins.
fn rates(opened: Opened, settings: &Settings) -> Result<Traffic, ImportError> {
    let unsuited = [
        (settings.bin.is_some(), "--bin"),
        (settings.from.is_some(), "--from"),
        (settings.to.is_some(), "--to"),
    ];
    if let Some((_, flag)) = unsuited.iter().find(|(given, _)| *given) {
        return Err(ImportError::Unsuited(format!(
            "`{flag}` goes with logs; {} holds rates already",
            opened.name
        )));
    }
    let (name, format) = (opened.name, opened.format);
    let all = opened
        .lines
        .rest(LARGEST_TABLE)
        .map_err(|e| failed(&name, e))?;
    let Some(bytes) = all else {
        return Err(ImportError::Malformed {
            name,
            line: None,
            message: format!("larger than {} MB", LARGEST_TABLE >> 20),
            hint: None,
        });
    };
    let traffic = match format {
        Format::Prometheus => prometheus::read(name, &bytes)?,
        Format::Csv | Format::Access | Format::JsonLines | Format::Times => {
            table::read(name, &bytes)?
        }
    };
    Ok(traffic.folded_to(settings.most_routes))
}

fn joined(inputs: &[Input]) -> String {
    match inputs {
        [] => "nothing".to_owned(),
        [one] => one.name.clone(),
        [first, .., last] => format!("{} to {} ({} files)", first.name, last.name, inputs.len()),
    }
}

pub(super) fn failed(name: &str, source: io::Error) -> ImportError {
    ImportError::Read {
        name: name.to_owned(),
        source,
    }
}

/// An input whose format is known.
pub(super) struct Opened {
    pub(super) name: String,
    pub(super) format: Format,
    pub(super) lines: Lines<Box<dyn Read>>,
}

impl Opened {
    pub(super) fn new(input: Input, format: Option<Format>) -> Result<Self, ImportError> {
        let mut lines = Lines::new(input.reader);
        let head = lines.head().map_err(|e| failed(&input.name, e))?;
        let format = match format.or_else(|| detect(head)) {
            Some(format) => format,
            None if head.iter().all(u8::is_ascii_whitespace) => {
                return Err(ImportError::Empty(input.name));
            }
            None => {
                let mut all = head.split(|b| *b == b'\n');
                let first = all.find(|line| !is_blank(line)).unwrap_or_default();
                return Err(ImportError::UnknownFormat {
                    first: beginning(first.trim_ascii_end()),
                    name: input.name,
                });
            }
        };
        Ok(Self {
            name: input.name,
            format,
            lines,
        })
    }

    /// What reads its lines.
    pub(super) fn parser(&mut self, fields: &FieldNames) -> Result<Parser, ImportError> {
        Ok(match self.format {
            Format::JsonLines => {
                let head = self.lines.head().map_err(|e| failed(&self.name, e))?;
                Parser::Json(Json::new(&fields.found_in(head)?))
            }
            Format::Times => Parser::Times(Dates::default()),
            Format::Access | Format::Prometheus | Format::Csv => Parser::Access(Access::default()),
        })
    }
}
