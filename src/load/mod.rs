//! The open model: arrivals start journeys at the planned instants, whatever the target does. And
//! the closed one: users who begin again some time after their last journey has ended.
//!
//! A thread for each worker, each with its own runtime, connections, resolvers and recorder;
//! nothing is shared for a request. A worker releases what falls due (worker, pacer); each arrival
//! walks its journey (journey, script, data) through the client and records each attempt from its
//! intended start; what holds its retries back stands in retry, budget and breaker. The dispatcher
//! empties the recorders once a second (handle). Users (users), whom goose schedules (goose), have
//! the workers walk their journeys.

pub mod arrivals;
mod brakes;
mod breaker;
mod budget;
mod data;
mod goose;
mod handle;
mod journey;
mod limits;
mod pacer;
mod release;
mod retry;
mod rolling;
mod script;
mod text;
mod users;
mod walkers;
mod worker;

pub use handle::{
    ArrivalSource, Drained, LoadHandle, LoadSetup, Shard, WorkerState, planned, spawn,
};
pub use limits::{CATCH_UP_LIMIT, IN_FLIGHT_JOURNEYS, workers};
pub use script::LoadError;

#[cfg(fuzzing)]
pub(crate) use text::{json_stays_json, values_stay_in_their_place};

#[cfg(test)]
mod tests;
