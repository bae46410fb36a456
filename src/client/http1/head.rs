//! The head of a response, and what it says about the body and the connection.

use std::mem::MaybeUninit;

use hyper::header::{DATE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, SET_COOKIE};

use super::{Malformed, decode::Wanted};
use crate::{
    client::exchange::{FAULT_HEADER, MADE_HEADER},
    measure::Injected,
};

/// So many fields may a head have; as many as hyper allows.
const FIELDS: usize = 100;

/// Where the body ends (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    Empty,
    /// After so many bytes.
    Length(u64),
    /// Where its last chunk ends.
    Chunked,
    /// Where the connection ends.
    Close,
}

/// The head of a response.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) framing: Framing,
    /// Whether the server is willing to answer another request on the connection.
    pub(super) keep_alive: bool,
    /// It bears the mark of a fault of ours.
    pub(super) injected: Injected,
    /// All fields if they are wanted, else only those that tell a client what to do next.
    pub(super) headers: HeaderMap,
}

/// What the fields about the connection and the body say, taken together.
#[derive(Default)]
struct Fields {
    /// A Content-Length, unless it is one that cannot be believed.
    length: Option<Result<u64, Malformed>>,
    /// Whether the last transfer coding is `chunked`, if there is any.
    chunked: Option<bool>,
    /// `chunked` twice, or an empty member of the list, which some take for a last coding.
    doubtful_coding: bool,
    close: bool,
    keep_alive: bool,
    injected: Injected,
}

impl Head {
    /// Reads a head from the beginning of `bytes`, and how long it is; `None` while it is not
    /// complete.
    pub(super) fn read(bytes: &[u8], wanted: Wanted) -> Result<Option<(Self, usize)>, Malformed> {
        let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
        let mut response = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut response,
            bytes,
            &mut fields,
        );
        let length = match parsed {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Malformed::Oversized),
            Err(error) => return Err(Malformed::Head(error)),
        };
        let (Some(status), Some(minor)) = (response.code, response.version) else {
            return Err(Malformed::Status);
        };
        if status < 100 {
            return Err(Malformed::Status);
        }
        let mut seen = Fields::default();
        let mut headers = HeaderMap::new();
        for field in response.headers.iter() {
            seen.take(field.name, field.value);
            if wanted.headers || steers(field.name) {
                keep(field, &mut headers)?;
            }
        }
        if !wanted.headers && !headers.is_empty() {
            // times in them are seen from the server's clock
            let dates = response.headers.iter();
            for date in dates.filter(|field| field.name.eq_ignore_ascii_case(DATE.as_str())) {
                keep(date, &mut headers)?;
            }
        }
        let framing = seen.framing(status, minor, wanted.head)?;
        let persistent = if minor == 1 {
            !seen.close
        } else {
            seen.keep_alive && !seen.close
        };
        let head = Self {
            status,
            framing,
            keep_alive: persistent && framing != Framing::Close,
            injected: seen.injected,
            headers,
        };
        Ok(Some((head, length)))
    }
}

impl Fields {
    fn take(&mut self, name: &str, value: &[u8]) {
        // told apart by length first: most fields are none of these
        match name.len() {
            10 if name.eq_ignore_ascii_case("connection") => {
                for option in list(value) {
                    self.close |= option.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            14 if name.eq_ignore_ascii_case("content-length") => {
                // a list of equal numbers is what a careless gateway makes of two equal fields
                for one in value.split(|byte| *byte == b',') {
                    let length = number(one.trim_ascii()).ok_or(Malformed::ContentLength);
                    self.length = match self.length {
                        Some(other) if other != length => Some(Err(Malformed::ContentLength)),
                        _ => Some(length),
                    };
                }
            }
            13 if name.eq_ignore_ascii_case(MADE_HEADER) => self.injected = Injected::Made,
            14 if name.eq_ignore_ascii_case(FAULT_HEADER) && self.injected == Injected::No => {
                self.injected = Injected::Met;
            }
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                for coding in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    let chunked = coding.eq_ignore_ascii_case(b"chunked");
                    let twice = chunked && self.chunked == Some(true);
                    self.doubtful_coding |= twice || coding.is_empty();
                    self.chunked = Some(chunked);
                }
            }
            _ => {}
        }
    }

    fn framing(&self, status: u16, minor: u8, to_head: bool) -> Result<Framing, Malformed> {
        // whatever fields there are
        if to_head || matches!(status, 100..=199 | 204 | 304) {
            return Ok(Framing::Empty);
        }
        match (self.chunked, self.length) {
            (Some(_), _) if minor == 0 || self.doubtful_coding => Err(Malformed::TransferEncoding),
            (Some(_), Some(_)) => Err(Malformed::TwoLengths),
            (Some(true), None) => Ok(Framing::Chunked),
            (Some(false), None) | (None, None) => Ok(Framing::Close),
            (None, Some(length)) => length.map(Framing::Length),
        }
    }
}

fn keep(field: &httparse::Header<'_>, headers: &mut HeaderMap) -> Result<(), Malformed> {
    // httparse lets nothing pass that these forbid
    let wrong = |_| Malformed::Head(httparse::Error::HeaderName);
    let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(wrong)?;
    let wrong = |_| Malformed::Head(httparse::Error::HeaderValue);
    let value = HeaderValue::from_bytes(field.value).map_err(wrong)?;
    headers.append(name, value);
    Ok(())
}

/// Whether a client may go by a field without having asked for it.
fn steers(name: &str) -> bool {
    [SET_COOKIE, RETRY_AFTER, LOCATION]
        .iter()
        .any(|one| name.eq_ignore_ascii_case(one.as_str()))
}

/// The members of a list (RFC 9110 section 5.6.1).
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let members = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    members.filter(|member| !member.is_empty())
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}
