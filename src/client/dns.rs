//! One question to a DNS server, over UDP, and over TCP when the answer was cut (RFC 1035 section
//! 4.2, RFC 7766).

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use hickory_proto::{
    op::{Message, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::{Instant, timeout, timeout_at},
};

use super::failure;
use crate::measure::Outcome;

/// An unanswered datagram is sent again after this time.
const RETRANSMIT: Duration = Duration::from_secs(1);
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

/// Asks `server` for the addresses of `name` of one family. `id` should be unpredictable.
pub(super) async fn ask(
    server: SocketAddr,
    name: &Name,
    family: RecordType,
    id: u16,
    deadline: Instant,
) -> Reply {
    let mut question = Message::query();
    question.metadata.id = id;
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name.clone(), family));
    let Ok(bytes) = question.to_vec() else {
        return Reply::Failed(Outcome::DnsOther);
    };
    let answer = match timeout_at(deadline, over_udp(server, &bytes, &question)).await {
        Ok(Ok(answer)) if answer.metadata.truncation => {
            match timeout_at(deadline, over_tcp(server, &bytes, &question)).await {
                Ok(answer) => answer,
                Err(_) => return Reply::Failed(Outcome::DnsTimeout),
            }
        }
        Ok(answer) => answer,
        Err(_) => return Reply::Failed(Outcome::DnsTimeout),
    };
    match answer {
        Ok(answer) => read(&answer, family),
        Err(error) => Reply::Failed(failure::of_exhaustion(&error).unwrap_or(Outcome::DnsOther)),
    }
}

async fn over_udp(server: SocketAddr, bytes: &[u8], question: &Message) -> io::Result<Message> {
    let any: IpAddr = if server.is_ipv4() {
        Ipv4Addr::UNSPECIFIED.into()
    } else {
        Ipv6Addr::UNSPECIFIED.into()
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    let mut buffer = vec![0; 4096];
    loop {
        socket.send(bytes).await?;
        let received = timeout(RETRANSMIT, async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                // what is not the answer to this question is ignored, as a resolver does
                if let Some(answer) = parse(&buffer[..length], question) {
                    return Ok(answer);
                }
            }
        });
        if let Ok(answer) = received.await {
            return answer;
        }
    }
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
