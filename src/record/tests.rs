//! A record survives being cut off at any byte.

use std::{io::Cursor, path::Path, time::Duration};

use super::*;
use crate::{
    event::{HarnessTick, Observer, RunEvent, StopReason},
    measure::{BinCell, BinDelta, JourneyCell, Latencies, Outcome, OutcomeCounts},
    plan::{SeriesId, fixture::empty_plan},
    time::Offset,
};

fn header() -> Header {
    Header {
        record: FORMAT_VERSION,
        brownout: "0.0.0".into(),
        run_id: "s-1".into(),
        started_at: jiff::Timestamp::UNIX_EPOCH,
        host: Host::default(),
        plan: empty_plan(),
    }
}

fn delta(bin: u32, good: u64) -> RunEvent {
    let mut counts = OutcomeCounts::default();
    counts.add(Outcome::Ok, good);
    let mut response = Latencies::default();
    (0..good).for_each(|_| response.record(Duration::from_millis(3)));
    let cell = BinCell {
        bin,
        series: SeriesId(0),
        counts,
        first_attempts: good,
        injected: 0,
        injected_bad: 0,
        service: response.clone(),
        response,
    };
    let journey = JourneyCell {
        bin,
        population: 0,
        began: good,
        good,
        failed: 0,
    };
    RunEvent::Measured(BinDelta {
        cells: vec![cell],
        journeys: vec![journey],
    })
}

fn written() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = Writer::create(folder.path(), &header()).expect("created");
    let second = Duration::from_secs(1);
    let events = [
        RunEvent::Started,
        RunEvent::Phase { index: 0 },
        delta(0, 3),
        RunEvent::Harness(HarnessTick::default()),
        delta(1, 4),
        delta(0, 2),
        RunEvent::Stopping {
            reason: StopReason::Operator,
            detail: "ctrl-c".into(),
        },
        RunEvent::Ended { complete: false },
    ];
    for (i, event) in events.iter().enumerate() {
        let at = Offset::ZERO.plus(second * u32::try_from(i).expect("few"));
        writer.observe(at, event).expect("written");
    }
    std::fs::read(folder.path().join(FILE_NAME)).expect("there")
}

#[test]
fn reads_back_what_was_written() {
    let record = read_from(Cursor::new(written()), Path::new("r")).expect("reads");
    assert_eq!(record.cut_off, None);
    assert_eq!(record.events.len(), 4);
    assert_eq!(record.harness.len(), 1);
    let first = &record.cells[&(0, SeriesId(0))];
    assert_eq!(
        (first.counts.good(), first.response.len()),
        (5, 5),
        "late results are added"
    );
    assert_eq!(record.journeys[&(0, 0)].began, 5);
}

#[test]
fn is_readable_when_cut_off_at_any_byte() {
    let bytes = written();
    let head = bytes.iter().position(|b| *b == b'\n').expect("a header") + 1;
    for length in 0..bytes.len() {
        let read = read_from(Cursor::new(&bytes[..length]), Path::new("r"));
        if length < head {
            assert!(
                matches!(read, Err(ReadError::NotARecord { .. })),
                "{length}"
            );
        } else {
            let record = read.unwrap_or_else(|e| panic!("cut at {length}: {e}"));
            assert!(record.cut_off.is_some(), "{length}");
        }
    }
}

#[test]
fn another_version_is_refused_by_name() {
    let text =
        String::from_utf8(written())
            .expect("text")
            .replacen("\"record\":1", "\"record\":99", 1);
    let error = read_from(Cursor::new(text), Path::new("r")).expect_err("refused");
    assert!(
        matches!(error, ReadError::Version { found: 99, .. }),
        "{error}"
    );
}

#[test]
fn a_damaged_line_in_the_middle_is_named() {
    let text = String::from_utf8(written())
        .expect("text")
        .replacen("\"phase\"", "\"fhase\"", 1);
    let error = read_from(Cursor::new(text), Path::new("r")).expect_err("refused");
    assert!(
        matches!(error, ReadError::Damaged { line: 3, .. }),
        "{error}"
    );
}

#[test]
fn an_existing_record_is_never_overwritten() {
    let folder = tempfile::tempdir().expect("a folder");
    Writer::create(folder.path(), &header()).expect("created");
    assert!(Writer::create(folder.path(), &header()).is_err());
}

#[test]
fn a_run_that_goes_on_is_not_taken_for_one_that_was_cut_off() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = Writer::create(folder.path(), &header()).expect("created");
    writer
        .observe(Offset::ZERO, &RunEvent::Started)
        .expect("written");
    let running = |why: &str| {
        read(folder.path())
            .expect(why)
            .cut_off
            .map(|cut| cut.running)
    };
    assert_eq!(running("while it is written"), Some(true));
    drop(writer);
    assert_eq!(running("after its writer went away"), Some(false));
}
