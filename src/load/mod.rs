//! The open model: arrivals start journeys at the planned instants, whatever the target does.
//!
//! A thread for each worker, each with its own runtime, connections, resolvers and recorder;
//! nothing is shared for a request. A worker releases what falls due (worker, pacer); each arrival
//! walks its journey (journey, script, data) through the client and records each attempt from its
//! intended start; what holds its retries back stands in retry, budget and breaker. The dispatcher empties the recorders once a second (handle).

pub mod arrivals;
mod brakes;
mod breaker;
mod budget;
mod data;
mod fine_timer;
mod handle;
mod journey;
mod limits;
mod pacer;
mod release;
mod retry;
mod rolling;
mod script;
mod text;
mod walkers;
mod worker;

pub use handle::{
    ArrivalSource, Drained, LoadHandle, LoadSetup, Shard, WorkerState, planned, spawn,
};
pub use limits::{CATCH_UP_LIMIT, IN_FLIGHT_JOURNEYS};
pub use script::LoadError;

#[cfg(test)]
mod tests;
