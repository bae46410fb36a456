//! The codec on its own: tables, generated and broken input, hyper as the reference, and a
//! connection in memory whose clock stands still.

use super::{decode::Wanted, *};
use crate::measure::Outcome;

mod any_bytes;
mod connection;
mod generated;
mod heads;
mod reference;
mod requests;

/// What a response is to the one who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Whole {
    status: u16,
    body: Vec<u8>,
    reusable: bool,
}

/// What the bytes of a connection, in these pieces and then its end, are to a decoder.
fn decode<'a>(
    wanted: Wanted,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Whole, Outcome> {
    let mut decoder = Decoder::new(wanted);
    for piece in pieces {
        decoder.feed(piece).map_err(|_| Outcome::Protocol)?;
    }
    decoder.close()?;
    let reusable = decoder.is_reusable();
    let (head, body) = decoder.into_parts();
    Ok(Whole {
        status: head.expect("complete").status,
        body,
        reusable,
    })
}

/// Whoever asks by GET and wants the body.
const GET: Wanted = Wanted {
    head: false,
    headers: false,
    body: true,
};
const HEAD: Wanted = Wanted { head: true, ..GET };
