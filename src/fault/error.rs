//! What can go wrong with us (never with the target: that is data).

use std::{io, net::SocketAddr};

use crate::guard::Blocked;

/// The planes could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A link's address is taken or not ours.
    #[error("link `{link}` cannot listen on {addr}: {source}")]
    Link {
        /// The link's name.
        link: String,
        /// Where it should have listened.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A link leads where brownout may not go.
    #[error("link `{link}` would dial a forbidden address: {source}")]
    Forbidden {
        /// The link's name.
        link: String,
        /// The guard's answer.
        source: Blocked,
    },
    /// A link's certificate, or one of those that it goes by towards the service, cannot be used.
    #[error("link `{link}` cannot speak TLS: {detail}")]
    Certificate {
        /// The link's name.
        link: String,
        /// What is wrong.
        detail: String,
    },
    /// Nobody knows where the Toxiproxy of a link is.
    #[error("link `{link}`: its Toxiproxy {host} cannot be found: {detail}")]
    NotFound {
        /// The link's name.
        link: String,
        /// Host and port.
        host: String,
        /// Why.
        detail: String,
    },
    /// The DNS server could not be set up.
    #[error("the fault DNS server cannot listen on {addr}: {source}")]
    Dns {
        /// Where it should have listened.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The DNS server could not be set up where launched processes look for a resolver.
    #[error("the fault DNS server cannot answer launched processes on {addr}: {source}")]
    Resolver {
        /// Where it should have listened.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A zone's name is not a DNS name.
    #[error("`{name}` is not a DNS name: {detail}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A fault's effect does not fit the place where it is put in, or cannot be carried out.
    #[error("fault `{fault}` cannot be put in at {at}: {detail}")]
    Misplaced {
        /// The fault's name.
        fault: String,
        /// Its place.
        at: String,
        /// What does not fit.
        detail: String,
    },
}

/// A fault could not be put in, changed or taken out.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// The plan has no fault of that index.
    #[error("there is no fault number {index}")]
    Unknown {
        /// The index.
        index: usize,
    },
    /// Its level was to change while it was not in force.
    #[error("fault `{fault}` is not in force")]
    NotInForce {
        /// The fault's name.
        fault: String,
    },
    /// The planes were shut down.
    #[error("the fault planes are shut down")]
    ShutDown,
    /// It did not take effect.
    #[error("fault `{fault}` did not take effect: {detail}")]
    NotInjected {
        /// The fault's name.
        fault: String,
        /// Why.
        detail: String,
    },
    /// It is still there.
    #[error("fault `{fault}` could not be taken out: {detail}")]
    NotRemoved {
        /// The fault's name.
        fault: String,
        /// Why.
        detail: String,
    },
}
