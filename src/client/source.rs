//! From which address of ours a connection goes out.
//!
//! A port is taken per pair of addresses, so each further source address brings the whole range
//! of ports again. All of 127.0.0.0/8 is ours on Linux (RFC 1122 section 3.2.1.3), so towards a
//! loopback target there are more sources to be had: the next is used when the ports of one are
//! used up. It stays in use until it is used up in turn: asking the kernel for a port where there
//! is none makes it search the whole range.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::atomic::{AtomicU64, Ordering},
};

use rustix::io::Errno;
use tokio::net::{TcpSocket, TcpStream};

use crate::plan::LOOPBACK_SOURCES;

/// The sources of one run, in turn.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// How often ports ran out.
    moves: AtomicU64,
}

/// One attempt to find a port.
#[derive(Debug, Clone, Copy)]
struct Turn {
    moves: u64,
    tried: u8,
}

impl Turn {
    /// The address to bind; `None` leaves it to the system, which takes 127.0.0.1.
    fn source(self) -> Option<Ipv4Addr> {
        let number = (self.moves % u64::from(LOOPBACK_SOURCES)) as u8;
        (number > 0).then(|| Ipv4Addr::new(127, 0, 0, 1 + number))
    }
}

impl Sources {
    /// How many have been in use.
    pub(super) fn count(&self) -> u32 {
        let moves = self.moves.load(Ordering::Relaxed);
        moves.saturating_add(1).min(LOOPBACK_SOURCES.into()) as u32
    }

    /// Connects from the source whose turn it is, and from every other one before it gives up for
    /// want of ports.
    pub(super) async fn connect(&self, addr: SocketAddr) -> io::Result<TcpStream> {
        if !can_move(addr) {
            return TcpStream::connect(addr).await;
        }
        let mut turn = self.first();
        loop {
            let dialled = match turn.source() {
                None => TcpStream::connect(addr).await,
                Some(source) => connect_from(source, addr).await,
            };
            match dialled {
                Err(error) if is_out_of_ports(&error) => match self.after(turn) {
                    Some(next) => turn = next,
                    None => return Err(error),
                },
                other => return other,
            }
        }
    }

    fn first(&self) -> Turn {
        Turn {
            moves: self.moves.load(Ordering::Relaxed),
            tried: 1,
        }
    }

    /// The next attempt after one that found no port; `None` when every source was asked.
    fn after(&self, turn: Turn) -> Option<Turn> {
        if turn.tried >= LOOPBACK_SOURCES {
            return None;
        }
        let (now, next) = (turn.moves, turn.moves + 1);
        let relaxed = Ordering::Relaxed;
        // when another moved on meanwhile, its move is ours
        let _ = self.moves.compare_exchange(now, next, relaxed, relaxed);
        Some(Turn {
            tried: turn.tried + 1,
            ..self.first()
        })
    }
}

fn is_out_of_ports(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::ADDRNOTAVAIL.raw_os_error())
}

/// Elsewhere than on Linux, only 127.0.0.1 is there without being asked for.
const fn can_move(addr: SocketAddr) -> bool {
    match addr.ip() {
        IpAddr::V4(ip) => cfg!(target_os = "linux") && ip.is_loopback(),
        IpAddr::V6(_) => false,
    }
}

async fn connect_from(source: Ipv4Addr, addr: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    // The port is then chosen by connect, which knows the other end; bind would choose one that
    // is free towards everybody. A kernel without it (before 4.2) only runs out sooner.
    #[cfg(target_os = "linux")]
    let _ = nix::sys::socket::setsockopt(
        &socket,
        nix::sys::socket::sockopt::IpBindAddressNoPort,
        &true,
    );
    socket.bind((source, 0).into())?;
    socket.connect(addr).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Dials where the first `full` sources have no port left: whether one was found, and who was
    /// asked, by the last number of its address.
    fn dial(sources: &Sources, full: u8) -> (bool, Vec<u8>) {
        let mut asked = Vec::new();
        let mut turn = Some(sources.first());
        while let Some(now) = turn {
            let number = now.source().map_or(1, |ip| ip.octets()[3]);
            asked.push(number);
            if number > full {
                return (true, asked);
            }
            turn = sources.after(now);
        }
        (false, asked)
    }

    #[test]
    fn the_next_source_is_used_when_one_is_used_up() {
        let sources = Sources::default();
        assert_eq!(dial(&sources, 0), (true, vec![1]));
        assert_eq!(sources.count(), 1);
        assert_eq!(dial(&sources, 2), (true, vec![1, 2, 3]));
        // and stays in use, so that nobody asks in vain
        assert_eq!(dial(&sources, 2), (true, vec![3]));
        assert_eq!(sources.count(), 3);
    }

    #[test]
    fn every_source_is_asked_before_it_gives_up() {
        let sources = Sources::default();
        let all: Vec<u8> = (1..=LOOPBACK_SOURCES).collect();
        assert_eq!(dial(&sources, u8::MAX), (false, all));
        // the last stays in use, since the others were used up more lately than it
        let (found, asked) = dial(&sources, LOOPBACK_SOURCES - 1);
        assert!(found);
        assert_eq!(asked, [LOOPBACK_SOURCES]);
        assert_eq!(sources.count(), u32::from(LOOPBACK_SOURCES));
    }

    #[test]
    fn two_who_find_the_same_source_used_up_move_on_once() {
        let sources = Sources::default();
        let (one, other) = (sources.first(), sources.first());
        let next = sources.after(one).and_then(Turn::source);
        assert_eq!(next, Some(Ipv4Addr::new(127, 0, 0, 2)));
        assert_eq!(sources.after(other).and_then(Turn::source), next);
    }

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn the_other_end_sees_the_source() {
        let server = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let server = server.expect("a free port");
        let addr = server.local_addr().expect("bound");
        assert!(can_move(addr) && !can_move(([192, 0, 2, 1], 80).into()));
        let source = Ipv4Addr::new(127, 0, 0, 7);
        let (dialled, accepted) = tokio::join!(connect_from(source, addr), server.accept());
        dialled.expect("accepted");
        assert_eq!(accepted.expect("dialled").1.ip(), source);
    }
}
