//! What happened, in a few sentences that fit into a post-mortem.

mod faults;
mod groups;
mod outcome;
mod service;
mod spread;
mod untold;
mod words;
mod write;

pub(crate) use write::{Matter, summary};
