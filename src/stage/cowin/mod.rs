//! The portal of `cowin`: a small but real vaccination portal that breaks for real reasons.
//!
//! ```text
//! POST /otp/generate {"mobile"}                 -> {"txn"}; the OTP goes out by SMS only
//! POST /otp/confirm  {"txn", "otp"}             -> {"token"}; 401 wrong, 410 after its validity
//! POST /register     {"name", "year_of_birth"}  -> {"beneficiary"}; needs the token
//! GET  /slots/{pin}                             -> {"centers": [], "reason"}: honestly empty
//! GET  /certificate/{id}                        -> a certificate, from its row
//! GET  /healthz                                 -> liveness
//! GET  /stats                                   -> queues, workers, bytes held; never queues itself
//! ```
//!
//! # Capacity
//!
//! By Little's law, throughput = concurrency / time held. Every request holds one database
//! connection for one round trip, so
//!
//! ```text
//! capacity = connections / (round trip + query) = 5 / (15 ms + ~1.5 ms) = about 300 requests/s
//! ```
//!
//! SQLite has no network: the round trip is declared (`--db-round-trip`) and slept while the
//! connection is held, as a networked database would hold it. So the capacity is a matter of
//! waiting, not of CPU, and it is the same in both modes and (nearly) on every machine.
//!
//! # Two modes
//!
//! [`Mode::Naive`] is as naive as the portal of 2021: one pool of workers for everything, an
//! unbounded queue in front of it, and a call to the SMS gateway while a worker waits. With a
//! gateway that takes 12 s and 50 OTPs/s, 50 x 12 = 600 workers would be needed; there are 64.
//! [`Mode::Hardened`] is the same portal with admission control, bulkheads, deadlines, an outbox for
//! SMS and a retry budget.

mod budget;
mod config;
mod gateway_client;
mod otp;
mod outbox;
mod pool;
mod portal;
mod routes;
mod schema;
mod store;
#[cfg(test)]
mod tests;

pub use config::{Config, Database, Hardened, Mode};
pub use portal::bind;
