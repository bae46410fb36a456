//! Reading a record, whole or cut off.

use std::{
    collections::BTreeMap,
    fs::{File, TryLockError},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{CutOff, FILE_NAME, FORMAT_VERSION, Header, Line, Record};
use crate::{
    event::RunEvent,
    measure::{BinDelta, JourneyCell, PackedCell},
    time::Offset,
};

/// Why a record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The first line is missing or is not a header.
    #[error("{path} is not a record of brownout: {detail}")]
    NotARecord {
        /// The file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// It was written by another version.
    #[error("{path} has record version {found}; this brownout reads version {FORMAT_VERSION}")]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A line in the middle is damaged.
    #[error("{path}:{line}: damaged line: {detail}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        detail: String,
    },
}

/// Reads the record in a run's folder (or the file itself).
///
/// # Errors
/// When there is none, or it is not readable. A record that was cut off is no error.
pub fn read(path: &Path) -> Result<Record, ReadError> {
    let path = if path.is_dir() {
        path.join(FILE_NAME)
    } else {
        path.to_owned()
    };
    let file = File::open(&path).map_err(|source| ReadError::Io {
        path: path.clone(),
        source,
    })?;
    // only the lock's holder, the writer of a run that goes on, keeps us from a shared one
    let running = matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
    let mut record = read_from(BufReader::with_capacity(256 * 1024, file), &path)?;
    if let Some(cut_off) = &mut record.cut_off
        && running
    {
        cut_off.running = true;
        cut_off.detail = "the run is still going on".into();
    }
    Ok(record)
}

/// Reads a record from anything; `path` is only named in errors.
///
/// # Errors
/// As [`read`].
pub fn read_from(mut input: impl BufRead, path: &Path) -> Result<Record, ReadError> {
    let mut reading = Reading::default();
    let mut line = Vec::new();
    let mut header = None;
    for number in 1.. {
        line.clear();
        let n = input
            .read_until(b'\n', &mut line)
            .map_err(|source| ReadError::Io {
                path: path.to_owned(),
                source,
            })?;
        if n == 0 {
            break;
        }
        let whole = line.ends_with(b"\n");
        let Some(_) = &header else {
            header = Some(read_header(&line, whole, path)?);
            continue;
        };
        match serde_json::from_slice::<Line>(&line) {
            Ok(parsed) if whole => reading.take(parsed),
            // a line without its end is where the writer was killed, whatever stands in it
            Ok(_) => reading.torn = true,
            Err(_) if !whole => reading.torn = true,
            Err(error) => {
                let detail = error.to_string();
                return Err(ReadError::Damaged {
                    path: path.to_owned(),
                    line: number,
                    detail,
                });
            }
        }
    }
    let not_a_record = || ReadError::NotARecord {
        path: path.to_owned(),
        detail: "it is empty".into(),
    };
    Ok(reading.finish(header.ok_or_else(not_a_record)?))
}

fn read_header(line: &[u8], whole: bool, path: &Path) -> Result<Header, ReadError> {
    #[derive(Deserialize)]
    struct Version {
        record: u32,
    }
    let wrong = |detail: String| ReadError::NotARecord {
        path: path.to_owned(),
        detail,
    };
    if !whole {
        return Err(wrong("its first line is cut off".into()));
    }
    let version: Version = serde_json::from_slice(line).map_err(|e| wrong(e.to_string()))?;
    if version.record != FORMAT_VERSION {
        return Err(ReadError::Version {
            path: path.to_owned(),
            found: version.record,
        });
    }
    serde_json::from_slice(line).map_err(|e| wrong(e.to_string()))
}

#[derive(Default)]
struct Reading {
    events: Vec<(Offset, RunEvent)>,
    harness: Vec<(Offset, crate::event::HarnessTick)>,
    cells: BTreeMap<(u32, crate::plan::SeriesId), PackedCell>,
    journeys: BTreeMap<(u32, u16), JourneyCell>,
    last: Offset,
    ended: bool,
    torn: bool,
}

impl Reading {
    fn take(&mut self, Line { at, event }: Line) {
        self.last = self.last.max(at);
        match event {
            RunEvent::Measured(delta) => self.add(delta),
            RunEvent::Harness(tick) => self.harness.push((at, tick)),
            event => {
                self.ended |= matches!(event, RunEvent::Ended { .. });
                self.events.push((at, event));
            }
        }
    }

    fn add(&mut self, delta: BinDelta) {
        for cell in &delta.cells {
            let sum = self.cells.entry((cell.bin, cell.series)).or_default();
            sum.merge(&cell.into());
        }
        for journey in delta.journeys {
            let sum = self
                .journeys
                .entry((journey.bin, journey.population))
                .or_default();
            sum.merge(&journey);
        }
    }

    fn finish(self, header: Header) -> Record {
        let cut_off = (!self.ended).then(|| CutOff {
            at: self.last,
            detail: if self.torn {
                "the record ends in the middle of a line: brownout was killed while writing".into()
            } else {
                "the record has no end: brownout was killed".into()
            },
            running: false,
        });
        Record {
            header,
            events: self.events,
            harness: self.harness,
            cells: self.cells,
            journeys: self.journeys,
            cut_off,
        }
    }
}
