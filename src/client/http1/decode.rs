//! A response, byte by byte or all at once.

use super::{
    Malformed,
    chunked::{Chunked, Found},
    head::{Framing, Head},
};
use crate::{client::exchange::KEPT_BODY, measure::Outcome};

/// A head may be so long, with all interim ones before it.
const HEADS: usize = 64 << 10;
/// So many interim responses may come before the answer.
const INTERIM: u32 = 32;
/// What every response begins with.
const BEGINNING: &[u8] = b"HTTP/1.";
/// A body of known length is made room for at once up to here.
const ROOM: u64 = 64 << 10;

/// What the one who asks wants to know, and how it asked.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    /// The answer is one to HEAD.
    pub(super) head: bool,
    /// All headers.
    pub(super) headers: bool,
    /// The body, up to [`KEPT_BODY`] bytes.
    pub(super) body: bool,
}

/// Reads one response.
#[derive(Debug)]
pub(super) struct Decoder {
    wanted: Wanted,
    at: At,
    /// The beginning of a head that is not complete.
    begun: Vec<u8>,
    /// Trying to read the head again is worth while from this length on.
    retry: usize,
    /// Bytes in heads so far.
    heads: usize,
    interim: u32,
    head: Option<Head>,
    body: Vec<u8>,
    excess: bool,
}

#[derive(Debug)]
enum At {
    Head,
    Length(u64),
    Chunked(Chunked),
    Close,
    End,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// More bytes must come, or the connection must end.
    More,
    /// The response is complete.
    Complete,
}

impl Decoder {
    pub(super) const fn new(wanted: Wanted) -> Self {
        Self {
            wanted,
            at: At::Head,
            begun: Vec::new(),
            retry: 0,
            heads: 0,
            interim: 0,
            head: None,
            body: Vec::new(),
            excess: false,
        }
    }

    /// Takes the next bytes of the connection.
    pub(super) fn feed(&mut self, mut input: &[u8]) -> Result<Progress, Malformed> {
        loop {
            match &mut self.at {
                At::Head => {
                    if !self.feed_head(&mut input)? {
                        return Ok(Progress::More);
                    }
                }
                At::Length(left) => {
                    let most = usize::try_from(*left).unwrap_or(usize::MAX);
                    let (data, rest) = input.split_at(input.len().min(most));
                    input = rest;
                    *left -= data.len() as u64;
                    if *left > 0 {
                        self.keep(data);
                        return Ok(Progress::More);
                    }
                    self.at = At::End;
                    self.keep(data);
                }
                At::Chunked(chunked) => match chunked.next(&mut input)? {
                    Found::Data(data) => self.keep(data),
                    Found::More => return Ok(Progress::More),
                    Found::End => self.at = At::End,
                },
                At::Close => {
                    self.keep(input);
                    return Ok(Progress::More);
                }
                At::End => {
                    // nobody asked for more: who knows what it would be taken for
                    self.excess |= !input.is_empty();
                    return Ok(Progress::Complete);
                }
            }
        }
    }

    /// The connection has ended in an orderly way. An error is the outcome of a response that was
    /// cut off.
    pub(super) fn close(&mut self) -> Result<(), Outcome> {
        match self.at {
            At::End => Ok(()),
            At::Close => {
                self.at = At::End;
                Ok(())
            }
            At::Head if Head::read(&self.begun, self.wanted).is_err() => Err(Outcome::Protocol),
            At::Head | At::Length(_) | At::Chunked(_) => Err(Outcome::ClosedEarly),
        }
    }

    /// The head, once it is complete.
    pub(super) const fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Whether the connection may bear another request: the response ended where it said that it
    /// would, nothing came after it, and the server is willing.
    pub(super) fn is_reusable(&self) -> bool {
        let willing = self.head.as_ref().is_some_and(|head| head.keep_alive);
        matches!(self.at, At::End) && willing && !self.excess
    }

    /// The head and what was kept of the body.
    pub(super) fn into_parts(self) -> (Option<Head>, Vec<u8>) {
        (self.head, self.body)
    }

    /// Whether a head was completed.
    fn feed_head(&mut self, input: &mut &[u8]) -> Result<bool, Malformed> {
        let before = self.begun.len();
        // the usual case: all of it in one piece, read where it lies
        if before == 0 {
            if let Some(used) = self.read_head(input)? {
                *input = &input[used..];
                return Ok(true);
            }
            self.begun.extend_from_slice(input);
        } else {
            self.begun.extend_from_slice(input);
            let due = self.begun.len() >= self.retry.min(HEADS - self.heads);
            if !due && !has_empty_line(&self.begun, before) {
                *input = &[];
                return Ok(false);
            }
            let begun = std::mem::take(&mut self.begun);
            if let Some(used) = self.read_head(&begun)? {
                // it was not complete before, or it would have been found then
                *input = &input[used.saturating_sub(before)..];
                return Ok(true);
            }
            self.begun = begun;
        }
        if self.heads + self.begun.len() >= HEADS {
            return Err(Malformed::Oversized);
        }
        // so that a head in many pieces costs no more than a few times its length
        self.retry = self.begun.len() * 2;
        *input = &[];
        Ok(false)
    }

    /// Reads a head and acts by it; its length, if it is complete.
    fn read_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        let common = bytes.len().min(BEGINNING.len());
        if bytes[..common] != BEGINNING[..common] {
            return Err(Malformed::Head(httparse::Error::Version));
        }
        let Some((head, length)) = Head::read(bytes, self.wanted)? else {
            return Ok(None);
        };
        self.heads += length;
        if self.heads > HEADS {
            return Err(Malformed::Oversized);
        }
        if head.status == 101 {
            return Err(Malformed::Upgrade);
        }
        if head.status < 200 {
            self.interim += 1;
            if self.interim > INTERIM {
                return Err(Malformed::Interim);
            }
            return Ok(Some(length));
        }
        self.at = match head.framing {
            Framing::Empty | Framing::Length(0) => At::End,
            Framing::Length(length) => {
                if self.wanted.body {
                    // no more than ROOM, so it fits
                    self.body.reserve(length.min(ROOM) as usize);
                }
                At::Length(length)
            }
            Framing::Chunked => At::Chunked(Chunked::new()),
            Framing::Close => At::Close,
        };
        self.head = Some(head);
        Ok(Some(length))
    }

    fn keep(&mut self, data: &[u8]) {
        if self.wanted.body {
            let room = KEPT_BODY - self.body.len();
            self.body.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
}

/// Whether an empty line ends at or after `from`.
fn has_empty_line(bytes: &[u8], from: usize) -> bool {
    let tail = &bytes[from.saturating_sub(3)..];
    tail.windows(2).any(|pair| pair == b"\n\n") || tail.windows(3).any(|three| three == b"\n\r\n")
}
