//! When journeys begin. Pure: the plan and the seed decide, never the target and never the clock,
//! so a flood does not slow down because the target does (open arrivals).
//!
//! Both spacings put exactly the planned number of arrivals into the run by placing them on the
//! *mass* axis, where the rate is one everywhere, and mapping that back to time (`inverse`):
//!
//! - uniform: arrival `i` lies where the integral of the rate reaches `i + 0.5`. The half keeps
//!   the last arrival inside the run whichever way its count was rounded, and makes the count of
//!   any stretch right to within one arrival.
//! - Poisson: a Poisson process of known count is that many independent, evenly spread masses in
//!   order (Cox and Lewis, *The Statistical Analysis of Series of Events*, 1966). They are drawn
//!   block by block (`poisson`), so that memory stays bounded and each worker draws the same.

mod inverse;
mod poisson;
mod replay;
mod schedule;

pub use replay::{Replayed, ReplayedShard};
pub use schedule::{Schedule, Shard};

#[cfg(test)]
mod tests;
