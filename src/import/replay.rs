//! The instants of a log's lines, for `arrivals: {replay: access.log}`.

use std::{fs::File, path::Path, sync::Arc};

use super::{
    entry::FAR,
    error::ImportError,
    fields::FieldNames,
    parser::is_blank,
    read::{Input, Opened, failed},
    stamp::Stamp,
};

/// Eight bytes are kept for each line; more lines than this are too many for that.
const MOST: usize = 50_000_000;
const SECOND: u64 = 1_000_000;

/// When the lines of a log came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayLog {
    /// Microseconds since the first line, in order.
    pub micros: Arc<[u64]>,
    /// When the first line came.
    pub begin: Stamp,
    /// Lines of no use.
    pub bad: u64,
}

/// Reads the instants of a log, or of a list of times.
///
/// # Errors
/// When it cannot be read, or holds no line that tells a request.
pub fn replay_file(path: &Path) -> Result<ReplayLog, ImportError> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|e| failed(&name, e))?;
    replay(Input {
        name,
        reader: Box::new(file),
    })
}

/// Reads the instants of a log that is already open.
///
/// # Errors
/// As [`replay_file`].
pub fn replay(input: Input) -> Result<ReplayLog, ImportError> {
    let mut opened = Opened::new(input, None)?;
    if !opened.format.is_log() {
        return Err(ImportError::Unsuited(format!(
            "{} holds rates, not lines that could be replayed",
            opened.name
        )));
    }
    let mut parser = opened.parser(&FieldNames::default())?;
    let mut stamps: Vec<i64> = Vec::new();
    let mut first_bad = None;
    let mut bad = 0;
    while let Some(line) = opened.lines.next().map_err(|e| failed(&opened.name, e))? {
        match parser.parse(line.text) {
            Ok(entry) if line.whole && is_near(&stamps, entry.at) => {
                stamps.push(entry.at.micros());
                if stamps.len() > MOST {
                    return Err(ImportError::Unsuited(format!(
                        "{} has more than {MOST} lines: replay a part of it, or import it as curves",
                        opened.name
                    )));
                }
            }
            Ok(_) => bad += 1,
            Err(_) if is_blank(line.text) => {}
            Err(why) => {
                bad += 1;
                first_bad.get_or_insert((line.number, why));
            }
        }
    }
    if !stamps.is_sorted() {
        stamps.sort_unstable();
    }
    let Some(first) = stamps.first().copied() else {
        return Err(match first_bad {
            Some((line, why)) => ImportError::NothingGood {
                format: opened.format.name(),
                bad,
                line,
                reason: why.to_string(),
            },
            None => ImportError::Empty(opened.name),
        });
    };
    let mut micros: Vec<u64> = stamps.iter().map(|at| at.abs_diff(first)).collect();
    let whole_seconds = stamps.iter().all(|at| at.rem_euclid(SECOND as i64) == 0);
    if whole_seconds {
        spread(&mut micros);
    }
    Ok(ReplayLog {
        micros: micros.into(),
        begin: Stamp::from_micros(first),
        bad,
    })
}

/// A time that is years away from the others would stretch the run.
fn is_near(stamps: &[i64], at: Stamp) -> bool {
    let first = stamps.first();
    first.is_none_or(|first| first.abs_diff(at.micros()) <= FAR)
}

/// A log that tells whole seconds does not say when in a second its lines came. They did not come
/// at once: the `k`-th of `n` is put at `(k + 1/2) / n` of it.
fn spread(micros: &mut [u64]) {
    for same in micros.chunk_by_mut(|a, b| a == b) {
        let count = 2 * same.len() as u64;
        for (at, odd) in same.iter_mut().zip((1u64..).step_by(2)) {
            *at += odd * SECOND / count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ReplayLog, ImportError> {
        replay(Input {
            name: "x.log".into(),
            reader: Box::new(std::io::Cursor::new(text.to_owned().into_bytes())),
        })
    }

    #[test]
    fn exact_times_stay_exact() {
        let log =
            read("1619605800.25\n\n1619605801.5\n1619605800.75\nnot a time\n").expect("times");
        assert_eq!(log.micros[..], [0, 500_000, 1_250_000]);
        assert_eq!(log.bad, 1);
        assert_eq!(log.begin.micros(), 1_619_605_800_250_000);
    }

    #[test]
    fn whole_seconds_are_spread() {
        let line = |second: u32| {
            format!("::1 - - [28/Apr/2021:10:30:0{second} +0000] \"GET / HTTP/1.1\" 200 5\n")
        };
        let log = read(&[line(1), line(1), line(0), line(2)].concat()).expect("a log");
        assert_eq!(log.micros[..], [500_000, 1_250_000, 1_750_000, 2_500_000]);
    }

    #[test]
    fn what_is_no_log() {
        for (text, says) in [
            ("", "nothing in"),
            ("time,rate\n1619605800,5\n1619605860,5", "holds rates"),
            ("brownout: 1", "no format"),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.to_string().contains(says), "{error}");
        }
    }
}
