//! The end of a process's output, for error messages.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

const BYTES: u64 = 4096;
const LINES: usize = 10;

/// The last lines of a file; empty when it cannot be read.
pub(super) fn tail(path: &Path) -> String {
    let read = || -> std::io::Result<(bool, Vec<u8>)> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let from = length.saturating_sub(BYTES);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(BYTES).read_to_end(&mut bytes)?;
        Ok((from > 0, bytes))
    };
    let (cut, bytes) = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().skip(usize::from(cut)).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_whole_last_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("log");
        assert_eq!(tail(&path), "");
        std::fs::write(&path, "one\ntwo\n").expect("writes");
        assert_eq!(tail(&path), "one\ntwo");
        let many: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&path, many).expect("writes");
        let last = tail(&path);
        assert_eq!(last.lines().count(), LINES);
        assert!(
            last.starts_with("line 990\n") && last.ends_with("line 999"),
            "{last}"
        );
        std::fs::write(&path, "x".repeat(10_000)).expect("writes");
        assert_eq!(tail(&path), "", "no whole line in sight");
    }
}
