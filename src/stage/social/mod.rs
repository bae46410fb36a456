//! Three apps of one company, the service that knows who their people are, and a neighbour.
//!
//! ```text
//! an app (facebook, instagram, whatsapp), one process each
//!   POST /login        {"account"}  -> {"token"}; asks auth
//!   GET  /feed/{page}               -> a page; needs the token
//!   GET  /media/{id}                -> a picture; anybody may see it, as from a CDN
//!   POST /send         {"text"}     -> 201; needs the token
//!   POST /call         {"to"}       -> 201; needs the token
//! auth
//!   POST /login        {"account"}  -> {"token"}
//!   GET  /session                   -> {"account"}; 401 for a token that opens no door
//! the neighbour
//!   GET  /timeline/{page}, POST /post {"text"}, POST /signup {"account"}
//! each
//!   GET  /healthz                   -> liveness; never queues
//!   GET  /stats                     -> queues, places, connections in use
//! ```
//!
//! Accounts 1 to 1000 hold a session from the start: their token is their number.
//!
//! # Capacity
//!
//! Each has a store behind a bounded pool: throughput = connections / round trip, by waiting and not
//! by CPU. The round trips stand for a network that an in-memory store does not have. Pages and
//! sessions are cached; what nobody asks for is dropped after a while, so that after a long silence
//! everything is cold: then the first to come pay the whole price.
//!
//! # Two modes
//!
//! *Naive*: every request waits in an unbounded queue, each app asks auth about each request, each
//! miss asks the store again although others have asked the same, and what callers have given up
//! is worked on all the same. *Hardened*: bulkheads with short queues (503 and `Retry-After` for
//! what does not fit), one question to the store for all who miss the same thing, and reads from what
//! was known before, marked `x-degraded`, until it is known anew.

mod app;
mod auth;
mod cache;
mod config;
mod doors;
mod flights;
mod lookup;
mod neighbour;
mod sessions;
mod store;

#[cfg(test)]
mod tests;

pub use app::bind as bind_app;
pub use auth::bind as bind_auth;
pub use config::{App, Auth, Hardened, Mode, Neighbour};
pub use neighbour::bind as bind_neighbour;
