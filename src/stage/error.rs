//! Why a staging process could not start or could not go on.

use std::net::SocketAddr;
use std::path::PathBuf;

/// A failure of the staging process itself, never of a request to it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StageError {
    /// The address could not be bound: busy, not ours, or not permitted.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The folder of the database could not be made, or belongs to somebody else.
    #[error("cannot use {} as the folder of the database", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The database could not be opened or brought up to date.
    #[error("cannot open the database {}", path.display())]
    Database {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The address of another process is not of the form `http://host:port`.
    #[error("`{url}` is not the address of {what}: expected http://host:port")]
    PeerUrl {
        /// The address as given.
        url: String,
        /// Whose it should have been.
        what: &'static str,
    },
    /// A thread could not be started.
    #[error("cannot start a thread for a database connection")]
    Thread(#[source] std::io::Error),
    /// The listener failed while serving.
    #[error("the listener failed")]
    Serve(#[source] std::io::Error),
}
