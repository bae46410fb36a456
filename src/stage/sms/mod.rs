//! The SMS gateway: takes messages, and is the citizen's phone as well.
//!
//! ```text
//! POST /send {"mobile": "...", "otp": "123456"}  -> 202 after its processing time
//! GET  /inbox/{mobile}                           -> 200 {"otp": ..., "text": ...} newest, or 404
//! GET  /healthz                                  -> 200
//! ```
//!
//! It is a well-behaved upstream: it never slows down by itself. When messages are late, that is a
//! fault put on the link towards it.

mod gateway;
mod inbox;

pub use gateway::{Config, bind};
