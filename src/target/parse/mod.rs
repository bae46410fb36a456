//! From the tree to the model.

mod agree;
mod env;
mod guard;
pub(crate) mod keys;
mod launch;
mod link;
mod probe;
mod protocol;
mod root;
mod routes;
mod service;
mod tls;
mod url;
mod zone;

#[cfg(test)]
mod tests;

pub use root::{load, parse};
