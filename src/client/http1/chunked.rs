//! The chunked transfer coding (RFC 9112 section 7.1).

use super::Malformed;

/// Extensions and padding of all size lines together.
const EXTENSIONS: usize = 16 << 10;
/// All trailer fields together.
const TRAILERS: usize = 16 << 10;

/// Takes the coding off, whatever pieces the bytes come in.
#[derive(Debug, Clone)]
pub(super) struct Chunked {
    at: At,
    /// Of the size line: its value; of the chunk: what is left of it.
    left: u64,
    extensions: usize,
    trailers: usize,
}

/// What the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The first digit of a size.
    Size,
    /// A further digit, or what follows the size.
    Digits,
    /// Padding between size and extension.
    Padding,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// The first byte of a trailer line, or of the empty line at the end.
    Line,
    Name,
    Value,
    LineLf,
    EndLf,
    End,
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// Bytes of the body.
    Data(&'a [u8]),
    /// The end of the body and its trailers.
    End,
    /// All bytes were used, and more must come.
    More,
}

impl Chunked {
    pub(super) const fn new() -> Self {
        Self {
            at: At::Size,
            left: 0,
            extensions: 0,
            trailers: 0,
        }
    }

    /// Goes on to the next piece of the body. What it used is cut off `input`.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Found<'a>, Malformed> {
        loop {
            if self.at == At::End {
                return Ok(Found::End);
            }
            if self.at == At::Data {
                let most = usize::try_from(self.left).unwrap_or(usize::MAX);
                let (data, rest) = input.split_at(input.len().min(most));
                if data.is_empty() {
                    return Ok(Found::More);
                }
                *input = rest;
                self.left -= data.len() as u64;
                if self.left == 0 {
                    self.at = At::DataCr;
                }
                return Ok(Found::Data(data));
            }
            let Some((&byte, rest)) = input.split_first() else {
                return Ok(Found::More);
            };
            *input = rest;
            self.at = self.after(byte)?;
        }
    }

    fn after(&mut self, byte: u8) -> Result<At, Malformed> {
        match (self.at, byte) {
            (At::Size, _) => {
                self.left = u64::from(digit(byte).ok_or(Malformed::Chunk)?);
                Ok(At::Digits)
            }
            (At::Digits, b'\r') => Ok(At::SizeLf),
            (At::Digits | At::Padding, b' ' | b'\t') => self.extension(At::Padding),
            (At::Digits | At::Padding, b';') => self.extension(At::Extension),
            (At::Digits, _) => {
                let digit = u64::from(digit(byte).ok_or(Malformed::Chunk)?);
                let value = self.left.checked_mul(16).map(|value| value | digit);
                self.left = value.ok_or(Malformed::Chunk)?;
                // zeros in front are padding, too
                self.extension(At::Digits)
            }
            (At::Padding | At::Extension, b'\r') => Ok(At::SizeLf),
            (At::Extension, b'\n') => Err(Malformed::Chunk),
            (At::Extension, _) => self.extension(At::Extension),
            (At::SizeLf, b'\n') => Ok(if self.left == 0 { At::Line } else { At::Data }),
            (At::DataCr, b'\r') => Ok(At::DataLf),
            (At::DataLf, b'\n') => Ok(At::Size),
            (At::Padding | At::SizeLf | At::DataCr | At::DataLf, _) => Err(Malformed::Chunk),
            (At::Line, b'\r') => Ok(At::EndLf),
            // a line that begins with a space is a folded one
            (At::Line, _) if is_token(byte) => self.trailer(At::Name),
            (At::Name, b':') => self.trailer(At::Value),
            (At::Name, _) if is_token(byte) => self.trailer(At::Name),
            (At::Value, b'\r') => Ok(At::LineLf),
            (At::Value, b'\t' | b' '..=b'~' | 0x80..) => self.trailer(At::Value),
            (At::LineLf, b'\n') => Ok(At::Line),
            (At::EndLf, b'\n') => Ok(At::End),
            (At::Line | At::Name | At::Value | At::LineLf | At::EndLf, _) => {
                Err(Malformed::Trailer)
            }
            // neither looks at single bytes
            (At::Data | At::End, _) => Ok(self.at),
        }
    }

    fn extension(&mut self, then: At) -> Result<At, Malformed> {
        self.extensions += 1;
        if self.extensions > EXTENSIONS {
            return Err(Malformed::Chunk);
        }
        Ok(then)
    }

    fn trailer(&mut self, then: At) -> Result<At, Malformed> {
        self.trailers += 1;
        if self.trailers > TRAILERS {
            return Err(Malformed::Trailer);
        }
        Ok(then)
    }
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// RFC 9110 section 5.6.2.
const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}
