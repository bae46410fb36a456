//! One question to DNS servers in turn, as a stub resolver asks: over UDP, and over TCP when the
//! answer was cut (RFC 1035 section 4.2, RFC 7766).

use std::{
    future::poll_fn,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    task::Poll,
    time::Duration,
};

use hickory_proto::{
    op::{Edns, Message, Query, ResponseCode},
    rr::{
        Name, RData, RecordType,
        rdata::opt::{EdnsCode, EdnsOption},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadBuf},
    net::{TcpStream, UdpSocket},
    time::{Instant, timeout, timeout_at},
};

use super::failure;
use crate::{
    marks::{FAULT_TEXT, Marks},
    measure::Outcome,
};

/// A server that has not answered in this time is passed over for the next; the only one is asked
/// again.
const TRY: Duration = Duration::from_secs(1);
/// Longest answer over UDP that is read.
const LONGEST: usize = 4096;
/// What servers are told of it: what passes any network unfragmented (DNS flag day 2020).
const LARGEST: u16 = 1232;
/// How long a negative answer without SOA is kept: not at all.
const NO_SOA: u32 = 0;

/// What a server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// Addresses, good for so many seconds.
    Addresses(Vec<IpAddr>, u32),
    /// The name exists but has no such address; good for so many seconds (RFC 2308 section 5).
    NoData(u32),
    /// The name does not exist; good for so many seconds.
    NxDomain(u32),
    /// No usable answer; not to be kept.
    Failed(Outcome),
}

/// What a server said, and whether a fault of ours is known to have had a part in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) reply: Reply,
    pub(super) injected: bool,
}

impl Heard {
    const fn failed(outcome: Outcome) -> Self {
        Self {
            reply: Reply::Failed(outcome),
            injected: false,
        }
    }
}

/// Asks `servers` for the addresses of `name` of one family. `id` should be unpredictable.
///
/// Each is asked in its turn, and the first that knows decides, were its answer late. One that
/// fails (SERVFAIL, REFUSED) is passed over as well; when every server was asked and some have
/// failed, the last failure is the answer. The silent ones are asked again until the deadline.
///
/// An answer that a fault made says so itself (RFC 8914); of silence the `marks` tell.
pub(super) async fn ask(
    servers: &[SocketAddr],
    name: &Name,
    family: RecordType,
    id: u16,
    deadline: Instant,
    marks: &Marks,
) -> Heard {
    let mut question = Message::query();
    question.metadata.id = id;
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name.clone(), family));
    let mut edns = Edns::new();
    edns.set_max_payload(LARGEST).set_version(0);
    question.edns = Some(edns);
    let Ok(bytes) = question.to_vec() else {
        return Heard::failed(Outcome::DnsOther);
    };
    let mut sockets: Vec<Option<UdpSocket>> = servers.iter().map(|_| None).collect();
    let asking = Asking {
        servers,
        question: &question,
        bytes: &bytes,
        family,
    };
    if let Ok(heard) = timeout_at(deadline, asking.in_turn(&mut sockets)).await {
        return heard;
    }
    // a fault proxy notes the address of whom it keeps waiting
    let mut from = sockets.iter().flatten().filter_map(|s| s.local_addr().ok());
    Heard {
        reply: Reply::Failed(Outcome::DnsTimeout),
        injected: from.any(|from| marks.take(&from.to_string()).is_some()),
    }
}

/// A question on its way.
struct Asking<'a> {
    servers: &'a [SocketAddr],
    question: &'a Message,
    bytes: &'a [u8],
    family: RecordType,
}

impl Asking<'_> {
    async fn in_turn(&self, sockets: &mut [Option<UdpSocket>]) -> Heard {
        loop {
            let mut failed = None;
            for (turn, server) in self.servers.iter().enumerate() {
                let heard = match send(&mut sockets[turn], *server, self.bytes).await {
                    Ok(()) => timeout(TRY, self.hear(sockets)).await.ok(),
                    Err(error) => Some((turn, Err(error))),
                };
                // silence: an answer that comes late is still heard in the turn of the others
                let Some((from, heard)) = heard else { continue };
                match self.judge(from, heard).await {
                    Some(heard) if matches!(heard.reply, Reply::Failed(_)) => failed = Some(heard),
                    Some(heard) => return heard,
                    None => {}
                }
                // what it says later is of no interest
                sockets[from] = None;
            }
            if let Some(failed) = failed {
                return failed;
            }
        }
    }

    /// The first answer that any server gives to this question. What is not one is ignored, as a
    /// resolver does.
    async fn hear(&self, sockets: &[Option<UdpSocket>]) -> (usize, io::Result<Message>) {
        let mut buffer = vec![0; LONGEST];
        poll_fn(|context| {
            for (from, socket) in sockets.iter().enumerate() {
                let Some(socket) = socket else { continue };
                loop {
                    let mut buffer = ReadBuf::new(&mut buffer);
                    match socket.poll_recv(context, &mut buffer) {
                        Poll::Pending => break,
                        Poll::Ready(Err(error)) => return Poll::Ready((from, Err(error))),
                        Poll::Ready(Ok(())) => {
                            if let Some(answer) = parse(buffer.filled(), self.question) {
                                return Poll::Ready((from, Ok(answer)));
                            }
                        }
                    }
                }
            }
            Poll::Pending
        })
        .await
    }

    /// What an answer says; `None` when it was cut and nothing came over TCP while another server
    /// may be asked.
    async fn judge(&self, from: usize, heard: io::Result<Message>) -> Option<Heard> {
        let heard = match heard {
            Ok(answer) if answer.metadata.truncation => {
                let over_tcp = over_tcp(self.servers[from], self.bytes, self.question);
                if self.servers.len() > 1 {
                    timeout(TRY, over_tcp).await.ok()?
                } else {
                    over_tcp.await
                }
            }
            heard => heard,
        };
        Some(match heard {
            Ok(answer) => Heard {
                reply: read(&answer, self.family),
                injected: names_a_fault(&answer),
            },
            Err(error) => {
                Heard::failed(failure::of_exhaustion(&error).unwrap_or(Outcome::DnsOther))
            }
        })
    }
}

/// Sends a datagram, the first time from a new socket.
async fn send(socket: &mut Option<UdpSocket>, server: SocketAddr, bytes: &[u8]) -> io::Result<()> {
    let socket = match socket {
        Some(socket) => socket,
        None => {
            let any: IpAddr = if server.is_ipv4() {
                Ipv4Addr::UNSPECIFIED.into()
            } else {
                Ipv6Addr::UNSPECIFIED.into()
            };
            let new = UdpSocket::bind((any, 0)).await?;
            new.connect(server).await?;
            socket.insert(new)
        }
    };
    socket.send(bytes).await.map(drop)
}

async fn over_tcp(server: SocketAddr, bytes: &[u8], question: &Message) -> io::Result<Message> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(bytes.len()).map_err(io::Error::other)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(bytes);
    stream.write_all(&framed).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    parse(&answer, question).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse(bytes: &[u8], question: &Message) -> Option<Message> {
    let answer = Message::from_vec(bytes).ok()?;
    let same = answer.metadata.id == question.metadata.id
        && (answer.queries.is_empty() || answer.queries == question.queries);
    same.then_some(answer)
}

/// Whether an extended error of the answer names a fault of ours.
fn names_a_fault(answer: &Message) -> bool {
    const EXTENDED_ERROR: u16 = 15;
    let edns = answer.edns.as_ref();
    let option = edns.and_then(|edns| edns.option(EdnsCode::Unknown(EXTENDED_ERROR)));
    // behind the code stands the text
    matches!(option, Some(EdnsOption::Unknown(EXTENDED_ERROR, data))
        if data.get(2..).is_some_and(|text| text.starts_with(FAULT_TEXT.as_bytes())))
}

fn read(answer: &Message, family: RecordType) -> Reply {
    let negative_ttl = || {
        answer
            .authorities
            .iter()
            .find_map(|record| match &record.data {
                RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
                _ => None,
            })
            .unwrap_or(NO_SOA)
    };
    match answer.metadata.response_code {
        ResponseCode::NoError => {
            // every record of the answer section counts, so that a chain of CNAMEs bounds the TTL
            let ttl = answer.answers.iter().map(|record| record.ttl).min();
            let addresses: Vec<_> = answer
                .answers
                .iter()
                .filter(|record| record.record_type() == family)
                .filter_map(|record| record.data.ip_addr())
                .collect();
            match ttl {
                Some(ttl) if !addresses.is_empty() => Reply::Addresses(addresses, ttl),
                _ => Reply::NoData(negative_ttl()),
            }
        }
        ResponseCode::NXDomain => Reply::NxDomain(negative_ttl()),
        ResponseCode::ServFail => Reply::Failed(Outcome::DnsServfail),
        _ => Reply::Failed(Outcome::DnsOther),
    }
}
