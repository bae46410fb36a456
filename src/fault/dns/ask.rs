//! A question of our own, really sent over UDP: looks whether a fault is gone.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use hickory_proto::{
    op::{Message, Query, ResponseCode},
    rr::{Name, RecordType},
};
use tokio::net::UdpSocket;

/// Largest answer without EDNS (RFC 1035 section 4.2.1).
const LARGEST: usize = 512;

/// Asks `server` for the addresses of `name`; the code of its answer, `None` if none came in time.
///
/// # Errors
/// When the question cannot be sent or the answer not be read.
pub(super) async fn ask(
    server: SocketAddr,
    name: Name,
    within: Duration,
    announce: impl FnOnce(SocketAddr),
) -> io::Result<Option<ResponseCode>> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    announce(socket.local_addr()?);
    socket.connect(server).await?;
    let mut question = Message::query();
    // only our server can answer on a connected socket of this machine, and it is asked once
    question.metadata.id = 1;
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name, RecordType::A));
    let bytes = question.to_vec().map_err(io::Error::other)?;
    socket.send(&bytes).await?;
    let mut buffer = [0; LARGEST];
    match tokio::time::timeout(within, socket.recv(&mut buffer)).await {
        Err(_) => Ok(None),
        Ok(read) => {
            let message = Message::from_vec(&buffer[..read?]).map_err(io::Error::other)?;
            Ok(Some(message.metadata.response_code))
        }
    }
}
