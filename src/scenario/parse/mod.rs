//! From the tree to the model.

mod branch;
mod check;
mod claim;
mod client;
mod csv;
mod curve;
mod data;
mod effect;
mod fault;
mod herd;
mod journey;
pub(crate) mod keys;
mod limit;
mod loss;
mod measure;
mod names;
mod phases;
mod place;
mod population;
mod random;
mod recorded;
mod retry;
mod root;
mod shape;
mod spread;
mod step;
mod template;
mod turns;
mod when;

pub(crate) use check::{checks, header_name, header_value};
#[cfg(test)]
mod tests;

pub use data::built_in_data;
pub use effect::dns_effect;
pub(crate) use effect::route;
pub(crate) use names::is_reserved;
pub(crate) use place::fault_place;
pub(crate) use root::version;
pub use root::{load, parse};
pub(crate) use spread::names as place_names;
