//! What will happen: scenario and target resolved into one plan. Pure: the same files, flags and
//! seed give the same plan. Nothing in a plan is optional in the sense of "default".

mod anchors;
mod baseline;
mod claims;
mod course;
mod crowd;
mod curve;
mod describe;
mod faults;
mod fit;
mod habits;
mod herds;
mod journeys;
mod launch;
mod limits;
mod links;
mod losses;
mod mistakes;
pub mod model;
mod names;
mod needs;
mod phases;
mod ports;
mod random;
mod resolve;
mod services;
mod shapes;
mod subjects;
mod text;
mod users;
mod windows;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use anchors::whole_list;
pub use crowd::CrowdDescription;
pub use curve::Segment;
pub use describe::{Description, Moment, Reach, Touches, describe};
pub use model::*;
pub use names::{NOBODY, strangers};
pub use needs::{Needs, PopulationNeeds};
pub use ports::{LOOPBACK_SOURCES, PortReuse};
pub use resolve::{Here, Overrides, resolve};
pub use services::zones;
