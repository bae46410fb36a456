//! Where a link leads.

use std::{io, net::SocketAddr, time::Duration};

use tokio::net::TcpStream;

use crate::guard::Guard;

/// How long an upstream may take to accept.
pub(super) const DIAL_WITHIN: Duration = Duration::from_secs(10);

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fault) enum Upstream {
    /// An address.
    At(SocketAddr),
    /// A `host:port` that is looked up anew for each connection, since names move.
    Named(String),
}

impl Upstream {
    /// Dials it: the guard is asked first, and there is a time limit.
    ///
    /// # Errors
    /// What the system or the guard says of the last address that was tried.
    pub(super) async fn dial(&self, guard: &Guard) -> io::Result<TcpStream> {
        let name = match self {
            Self::At(addr) => return dial(*addr, guard).await,
            Self::Named(name) => name,
        };
        let connecting = async {
            let mut failed = io::Error::from(io::ErrorKind::NotFound);
            for addr in tokio::net::lookup_host(name.as_str()).await? {
                match connect(addr, guard).await {
                    Ok(stream) => return Ok(stream),
                    Err(error) => failed = error,
                }
            }
            Err(failed)
        };
        tokio::time::timeout(DIAL_WITHIN, connecting).await?
    }
}

/// Dials an upstream: the guard is asked first, and there is a time limit.
///
/// # Errors
/// What the system or the guard says.
pub(in crate::fault) async fn dial(addr: SocketAddr, guard: &Guard) -> io::Result<TcpStream> {
    tokio::time::timeout(DIAL_WITHIN, connect(addr, guard)).await?
}

async fn connect(addr: SocketAddr, guard: &Guard) -> io::Result<TcpStream> {
    guard
        .check(addr)
        .map_err(|blocked| io::Error::new(io::ErrorKind::PermissionDenied, blocked))?;
    let stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
