//! A Toxiproxy that runs elsewhere, in place of a link of ours (`via: toxiproxy http://...`).
//!
//! Nothing that it says is taken on trust: each change is read back, and a removal is dialled. Who
//! asks for a change is a `writer`: our own client, or, by the feature `toxiproxy-rust`, the crate of
//! that name for what it can ask. What is put in is written down first with how to undo it; and where the other side is a
//! `brownout proxy`, a lease takes it out when we can no longer renew it.

mod api;
#[cfg(feature = "toxiproxy-rust")]
mod crate_writer;
mod injector;
mod lease;
mod link;
mod lookup;
mod orders;
mod writer;

#[cfg(test)]
mod tests;

pub(in crate::fault) use injector::{RemoteInjector, Undoing};
pub(in crate::fault) use link::RemoteLink;
pub(in crate::fault) use lookup::find_api;

/// Requests that undo a fault in a Toxiproxy, in order; each is done when it is answered with 2xx,
/// or with 404, since what is gone is undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteUndo {
    /// The fault's name.
    pub fault: String,
    /// Where the API listens.
    pub api: std::net::SocketAddr,
    /// Method, path and body.
    pub requests: Vec<(String, String, String)>,
}

/// Keeps a journal of what must be undone elsewhere.
#[async_trait::async_trait]
pub trait RemoteJournal: Send + Sync {
    /// Writes down how to undo a fault, before anything is done.
    ///
    /// # Errors
    /// When it could not be written down; then nothing may be done.
    async fn promise(&self, undo: &RemoteUndo) -> Result<(), String>;

    /// Strikes that out.
    ///
    /// # Errors
    /// When that could not be written.
    async fn keep(&self, fault: &str) -> Result<(), String>;
}
