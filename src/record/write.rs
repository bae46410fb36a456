//! Writing a record: an observer of the run.

use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, Write},
    path::Path,
};

use super::{FILE_NAME, Header, Line};
use crate::{
    event::{ObserveError, Observer, RunEvent},
    time::Offset,
};

/// Appends events to a record. Memory is constant: nothing is kept but a write buffer.
#[derive(Debug)]
pub struct Writer {
    file: BufWriter<File>,
}

impl Writer {
    /// Creates the record of a new run in its folder, which must exist, and writes its header.
    ///
    /// # Errors
    /// When the file exists already or cannot be written.
    pub fn create(folder: &Path, header: &Header) -> Result<Self, ObserveError> {
        let path = folder.join(FILE_NAME);
        let failed = |source| ObserveError {
            what: format!("cannot write {}", path.display()),
            source,
        };
        let file = OpenOptions::new()
            .create_new(true)
            .append(true)
            .open(&path)
            .map_err(failed)?;
        // Held until this process ends, however it ends: so a reader knows a run that goes on from
        // one that was cut off. A file system without locks is no reason not to run.
        let _ = file.try_lock();
        let mut writer = Self {
            file: BufWriter::with_capacity(64 * 1024, file),
        };
        writer.line(header)?;
        writer.flush()?;
        Ok(writer)
    }

    fn line<T: serde::Serialize>(&mut self, value: &T) -> Result<(), ObserveError> {
        let failed = |source| ObserveError {
            what: "cannot write the record".into(),
            source,
        };
        serde_json::to_writer(&mut self.file, value).map_err(|e| failed(e.into()))?;
        self.file.write_all(b"\n").map_err(failed)
    }

    fn flush(&mut self) -> Result<(), ObserveError> {
        let failed = |source| ObserveError {
            what: "cannot write the record".into(),
            source,
        };
        self.file.flush().map_err(failed)
    }
}

impl Observer for Writer {
    fn observe(&mut self, at: Offset, event: &RunEvent) -> Result<(), ObserveError> {
        #[derive(serde::Serialize)]
        struct Borrowed<'a> {
            at: Offset,
            #[serde(flatten)]
            event: &'a RunEvent,
        }
        // `Borrowed` must stay the same on disk as `Line`, which reads it
        const _: fn(Line) -> (Offset, RunEvent) = |line| (line.at, line.event);
        self.line(&Borrowed { at, event })?;
        // Measurements come once a second and end each batch; everything else is rare and matters
        // most just before a crash of ours. So every event goes to the kernel at once: what is
        // there survives a SIGKILL of this process.
        self.flush()
    }
}
