//! Runs with a scripted, known truth, measured to within one bin.

mod claims;
mod conditions;
mod doubts;
mod endings;
mod flaps;
mod laws;
mod losses;
mod machine;
mod script;
mod summary;
mod truth;
mod users;
