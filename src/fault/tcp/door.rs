//! A listener that can be closed and opened again on the same port.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Connections that wait to be accepted; floods come in bursts.
const BACKLOG: i32 = 4096;

/// An address that stays ours whether or not anything listens there.
#[derive(Debug)]
pub(super) struct Door {
    addr: SocketAddr,
    /// A bound socket that never listens: while the listener is closed it keeps the port from
    /// becoming the source port of somebody's outgoing connection (Linux lets two sockets with
    /// SO_REUSEADDR share a port as long as only one listens; elsewhere the port is merely freed).
    _reserved: Option<Socket>,
}

impl Door {
    /// Takes an address (port 0 = any) and opens it.
    ///
    /// # Errors
    /// What the system says, above all that the address is in use.
    pub(super) fn bind(addr: SocketAddr) -> io::Result<(Self, TcpListener)> {
        if cfg!(target_os = "linux") {
            let reserved = bound(addr)?;
            let addr = reserved.local_addr()?.as_socket().unwrap_or(addr);
            let door = Self {
                addr,
                _reserved: Some(reserved),
            };
            let listener = door.open()?;
            Ok((door, listener))
        } else {
            let listener = listen(addr)?;
            let door = Self {
                addr: listener.local_addr()?,
                _reserved: None,
            };
            Ok((door, listener))
        }
    }

    /// Where it is.
    pub(super) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Listens (again), without waiting. Dropping the listener and its copies closes the door: who dials is
    /// refused.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(&self) -> io::Result<TcpListener> {
        listen(self.addr)
    }
}

fn bound(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = bound(addr)?;
    // without it a small answer could wait 40 ms for a delayed acknowledgement; who sets it here need
    // not set it for each connection, on Linux
    socket.set_tcp_nodelay(true)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Dials `addr` from a port that is told beforehand, so that the listener can know who calls.
///
/// # Errors
/// What the system says; refused above all.
pub(super) async fn knock(
    addr: SocketAddr,
    announce: impl FnOnce(SocketAddr),
) -> io::Result<tokio::net::TcpStream> {
    let reachable = match addr {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
            SocketAddr::from(([127, 0, 0, 1], v4.port()))
        }
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port()))
        }
        other => other,
    };
    let socket = if addr.is_ipv4() {
        tokio::net::TcpSocket::new_v4()?
    } else {
        tokio::net::TcpSocket::new_v6()?
    };
    socket.bind(SocketAddr::new(reachable.ip(), 0))?;
    // nothing was sent, so nothing is lost; and no port is left in TIME_WAIT
    SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO))?;
    announce(socket.local_addr()?);
    socket.connect(reachable).await
}
