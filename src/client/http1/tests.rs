//! The codec on its own: tables, generated and broken input, hyper as the reference, and a
//! connection in memory whose clock stands still.

use super::{
    decode::Wanted,
    laws::{GET, HEAD, Whole, decode},
    *,
};
use crate::measure::Outcome;

mod any_bytes;
mod connection;
mod generated;
mod heads;
mod reference;
mod requests;
