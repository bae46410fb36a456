//! Lines of a stream, found in large blocks, in constant memory.

use std::io::{self, Read};

const BLOCK: usize = 256 * 1024;
/// A longer line is no line of a log; what it holds is skipped.
const LONGEST: usize = 1024 * 1024;

/// A line, without its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line<'a> {
    /// Its number, from 1.
    pub(super) number: u64,
    /// What it holds; cut off when it was too long.
    pub(super) text: &'a [u8],
    /// Whether all of it is there.
    pub(super) whole: bool,
}

/// The lines of a reader.
pub(super) struct Lines<R> {
    input: R,
    block: Vec<u8>,
    /// What of the block is yet to be handed out.
    start: usize,
    end: usize,
    number: u64,
    ended: bool,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            block: vec![0; BLOCK],
            start: 0,
            end: 0,
            number: 0,
            ended: false,
        }
    }

    /// As much of the beginning as one block holds; it is handed out as lines all the same.
    pub(super) fn head(&mut self) -> io::Result<&[u8]> {
        while !self.ended && self.end < self.block.len() {
            self.fill()?;
        }
        // a byte order mark is no part of the first line
        if self.number == 0 && self.block[self.start..self.end].starts_with(b"\xef\xbb\xbf") {
            self.start += 3;
        }
        Ok(&self.block[self.start..self.end])
    }

    /// The next line.
    pub(super) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        let mut looked = self.start;
        let stop = loop {
            if let Some(at) = memchr::memchr(b'\n', &self.block[looked..self.end]) {
                break Some(looked + at);
            }
            looked = self.end;
            if self.ended {
                break None;
            }
            if self.start > 0 {
                self.block.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                looked -= self.start;
                self.start = 0;
            }
            if self.end == self.block.len() {
                if self.block.len() >= LONGEST {
                    return self.overlong().map(Some);
                }
                self.block.resize(self.block.len() * 2, 0);
            }
            self.fill()?;
        };
        let (begin, end) = (self.start, stop.unwrap_or(self.end));
        if stop.is_none() && begin == end {
            return Ok(None);
        }
        self.start = stop.map_or(end, |at| at + 1);
        self.number += 1;
        let text = &self.block[begin..end];
        Ok(Some(Line {
            number: self.number,
            text: text.strip_suffix(b"\r").unwrap_or(text),
            whole: true,
        }))
    }

    /// All that is left, if that is not more than `most` bytes.
    pub(super) fn rest(mut self, most: usize) -> io::Result<Option<Vec<u8>>> {
        let mut all = self.block[self.start..self.end].to_vec();
        let more = (most as u64 + 1).saturating_sub(all.len() as u64);
        self.input.by_ref().take(more).read_to_end(&mut all)?;
        Ok((all.len() <= most).then_some(all))
    }

    /// Drops a line that never ends, up to its end.
    fn overlong(&mut self) -> io::Result<Line<'_>> {
        const SHOWN: usize = 256;
        self.number += 1;
        let rest = loop {
            self.end = SHOWN;
            let before = self.end;
            self.fill()?;
            match memchr::memchr(b'\n', &self.block[before..self.end]) {
                Some(at) => break before + at + 1,
                None if self.ended => break self.end,
                None => {}
            }
        };
        self.start = rest;
        Ok(Line {
            number: self.number,
            text: &self.block[..SHOWN],
            whole: false,
        })
    }

    fn fill(&mut self) -> io::Result<()> {
        let read = loop {
            match self.input.read(&mut self.block[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.end += read;
        self.ended |= read == 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hands out a few bytes at a time.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(buffer.len());
            (&mut self.0).take(len as u64).read(buffer)
        }
    }

    fn lines(text: &[u8], drop: usize) -> Vec<Vec<u8>> {
        let mut lines = Lines::new(Drops(text, drop));
        lines.head().expect("readable");
        let mut all = Vec::new();
        while let Some(line) = lines.next().expect("readable") {
            assert!(line.whole);
            all.push(line.text.to_vec());
            assert_eq!(line.number, all.len() as u64);
        }
        all
    }

    #[test]
    fn lines_end_in_any_way() {
        assert_eq!(lines(b"", 5), Vec::<Vec<u8>>::new());
        assert_eq!(lines(b"\n", 5), [b""]);
        assert_eq!(lines(b"\xef\xbb\xbfa\r\nb", 1), [b"a", b"b"]);
    }

    #[test]
    fn a_line_that_never_ends_is_skipped() {
        let mut text = b"before\n".to_vec();
        text.extend(vec![b'x'; 3 * LONGEST]);
        text.extend(b"\nafter\n");
        let mut lines = Lines::new(&text[..]);
        let mut seen = Vec::new();
        while let Some(line) = lines.next().expect("readable") {
            seen.push((line.number, line.text[..1].to_vec(), line.whole));
        }
        let expected = [(1, b"b", true), (2, b"x", false), (3, b"a", true)];
        assert_eq!(seen, expected.map(|(n, t, w)| (n, t.to_vec(), w)));
    }

    proptest::proptest! {
        #[test]
        fn split_anywhere(text in "[ab\n]{0,200}", drop in 1usize..40) {
            let mut expected: Vec<_> = text.split('\n').map(|l| l.as_bytes().to_vec()).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            proptest::prop_assert_eq!(lines(text.as_bytes(), drop), expected);
        }
    }
}
