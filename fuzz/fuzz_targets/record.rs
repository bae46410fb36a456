//! Any bytes as a record: read, refused with a place, or read up to where it is cut off.
#![no_main]

use std::{io::Cursor, path::Path};

use brownout::record::{ReadError, Record, read_from};

fn read(bytes: &[u8]) -> Result<Record, ReadError> {
    read_from(Cursor::new(bytes), Path::new("fuzz"))
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(record) = read(bytes) else {
        return;
    };
    // what was good stays good when its last line is cut off
    let last = bytes.trim_ascii_end();
    let lines = last.iter().filter(|byte| **byte == b'\n').count();
    if lines > 0 {
        let torn = read(&last[..last.len() - 1]).expect("a record that was cut off");
        assert!(torn.cut_off.is_some());
        assert!(torn.events.len() <= record.events.len());
    }
});
