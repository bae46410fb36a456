//! A staging process as a value: bind early, so that the address and its errors are known, serve
//! later, and stop quickly when told to.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::StageError;

/// Connections that may wait in the kernel until they are accepted. A flood arrives in bursts; with
/// the customary 128 the kernel would drop SYNs long before the portal itself is overloaded, and the
/// client would see connect timeouts of 1 s that say nothing about the portal. The kernel caps it at
/// `net.core.somaxconn`.
const BACKLOG: u32 = 4096;

/// How long requests in flight may go on after the order to stop. A supervisor waits for the exit.
const GRACE: Duration = Duration::from_millis(300);

/// A bound listener with the routes that it will serve and the background tasks that belong to it.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    background: JoinSet<()>,
    /// Removed after an orderly end; a killed process leaves it to its successor.
    scratch: Option<PathBuf>,
}

impl Server {
    /// Puts routes behind a listener. `background` is aborted when the server ends.
    pub(super) fn new(
        (listener, address): (TcpListener, SocketAddr),
        router: Router,
        background: JoinSet<()>,
    ) -> Self {
        Self {
            listener,
            address,
            router,
            background,
            scratch: None,
        }
    }

    /// Lets an orderly end remove this folder.
    pub(super) fn with_scratch(self, scratch: Option<PathBuf>) -> Self {
        Self { scratch, ..self }
    }

    /// Where the server listens: the port is known even when port 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is cancelled, then lets requests in flight end for at most 300 ms.
    ///
    /// # Errors
    /// When the listener itself fails; a failed connection is the client's affair.
    pub async fn serve(self, stop: CancellationToken) -> Result<(), StageError> {
        let Self {
            listener,
            address: _,
            router,
            mut background,
            scratch,
        } = self;
        // Answers are small: waiting for more bytes to send (Nagle) would only add delay. A socket
        // that refuses the option still works.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        let drain = stop.clone();
        let serving = axum::serve(listener, router)
            .with_graceful_shutdown(async move { drain.cancelled().await });
        let patience = async {
            stop.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        let ended = tokio::select! {
            served = async { serving.await } => served.map_err(StageError::Serve),
            () = patience => Ok(()),
        };
        background.shutdown().await;
        if let Some(folder) = scratch {
            // whoever cannot remove it cannot be helped: the next start uses it again
            let _ = std::fs::remove_dir_all(folder);
        }
        ended
    }
}

/// Binds a listener that a restarted process can take over at once (`SO_REUSEADDR`: connections of
/// the former process may still linger) and that holds a flood's burst.
pub(super) fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StageError> {
    let bind = || -> io::Result<(TcpListener, SocketAddr)> {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let listener = socket.listen(BACKLOG)?;
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    bind().map_err(|source| StageError::Listen { address, source })
}
