//! The codec on its own: tables, generated and broken input, hyper as the reference, and a
//! connection in memory whose clock stands still.

use super::{
    decode::Wanted,
    laws::{GET, Whole, decode},
    *,
};
use crate::measure::Outcome;

mod any_bytes;
mod connection;
mod generated;
mod heads;
mod reference;
mod requests;

/// Whoever asks by HEAD.
const HEAD: Wanted = Wanted { head: true, ..GET };
