//! The server: UDP and TCP on one loopback port.

use std::{
    collections::HashSet,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use hickory_proto::{
    op::{Edns, Header, HeaderCounts, MessageType, Metadata, OpCode, ResponseCode},
    rr::{DNSClass, Record, RecordType},
};
use hickory_server::{
    Server,
    net::runtime::Time,
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    zone_handler::MessageResponseBuilder,
};
use tokio::net::{TcpListener, UdpSocket};

use super::{
    forward::System,
    rules::{Rule, meet},
    zone::{Said, Zones},
};
use crate::{
    fault::{BindError, board::Board},
    plan::ZonePlan,
    scenario::model::DnsEffect,
};

/// Idle TCP connections are closed after this.
const TCP_IDLE: Duration = Duration::from_secs(5);
/// Answers that may wait on one TCP connection.
const TCP_BUFFER: usize = 16;
/// How often another port is tried when one is free for UDP but not for TCP.
const PORTS_TRIED: usize = 16;
/// Bounds of an answer over UDP.
const UDP_LEAST: u16 = 512;
const UDP_MOST: u16 = 1232;
/// A flood of questions comes in bursts (bytes).
const RECEIVE_BUFFER: usize = 1 << 20;

/// The fault DNS server.
pub(in crate::fault) struct DnsServer {
    addr: SocketAddr,
    pub(super) book: Arc<Book>,
    server: tokio::sync::Mutex<Option<Server<Handler>>>,
}

/// What answers depend on.
pub(super) struct Book {
    pub(super) zones: Zones,
    pub(super) rules: Board<Rule>,
    system: System,
    /// Where our own questions come from, those that look whether a fault is gone: they are not
    /// counted, and no share spares them.
    pub(super) own: Mutex<HashSet<SocketAddr>>,
}

struct Handler(Arc<Book>);

/// An answer before it is sent.
struct Answer {
    code: ResponseCode,
    records: Vec<Record>,
    soa: Option<Record>,
    authoritative: bool,
}

impl DnsServer {
    /// Binds a free port of 127.0.0.1 and begins to serve. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When there is none, or a zone's name is none.
    pub(in crate::fault) fn bind(zones: &[ZonePlan]) -> Result<Self, BindError> {
        let zones = Zones::prepare(zones)?;
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (udp, tcp) = bind_both(wanted).map_err(|source| BindError::Dns {
            addr: wanted,
            source,
        })?;
        let addr = udp.local_addr().map_err(|source| BindError::Dns {
            addr: wanted,
            source,
        })?;
        let book = Arc::new(Book {
            zones,
            rules: Board::default(),
            system: System::load(),
            own: Mutex::default(),
        });
        let mut server = Server::new(Handler(Arc::clone(&book)));
        server.register_socket(udp);
        server.register_listener(tcp, TCP_IDLE, TCP_BUFFER);
        Ok(Self {
            addr,
            book,
            server: tokio::sync::Mutex::new(Some(server)),
        })
    }

    /// Where it listens.
    pub(in crate::fault) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends it, for good. Dropping the server aborts its tasks; the sockets are closed when they
    /// have ended.
    pub(in crate::fault) async fn shut_down(&self) {
        if let Some(mut server) = self.server.lock().await.take() {
            // an error means that a task had ended already
            let _ = server.shutdown_gracefully().await;
        }
    }
}

fn bind_both(wanted: SocketAddr) -> io::Result<(UdpSocket, TcpListener)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PORTS_TRIED {
        let udp = std::net::UdpSocket::bind(wanted)?;
        match std::net::TcpListener::bind(udp.local_addr()?) {
            Err(error) => last = error,
            Ok(tcp) => {
                // the system may grant less
                let _ = socket2::SockRef::from(&udp).set_recv_buffer_size(RECEIVE_BUFFER);
                udp.set_nonblocking(true)?;
                tcp.set_nonblocking(true)?;
                return Ok((UdpSocket::from_std(udp)?, TcpListener::from_std(tcp)?));
            }
        }
    }
    Err(last)
}

impl Book {
    pub(super) fn own(&self) -> std::sync::MutexGuard<'_, HashSet<SocketAddr>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is answered; `None` = nothing at all.
    async fn answer(&self, request: &Request) -> Option<Answer> {
        if request.metadata.message_type != MessageType::Query {
            return None;
        }
        if request.metadata.op_code != OpCode::Query {
            return Some(Answer::code(ResponseCode::NotImp));
        }
        let Ok(info) = request.request_info() else {
            return Some(Answer::code(ResponseCode::FormErr));
        };
        if request.version() > 0 {
            return Some(Answer::code(ResponseCode::BADVERS));
        }
        if info.query.query_class() != DNSClass::IN {
            return Some(Answer::code(ResponseCode::Refused));
        }
        let mut asked = info.query.original().name().clone();
        asked.set_fqdn(true);
        let name = asked.to_ascii().to_ascii_lowercase();
        let name = name.trim_end_matches('.');
        let kind = info.query.query_type();

        let posted = self.rules.snapshot();
        let own = self.own().contains(&info.src);
        let effect = if own {
            let mut meaning = posted.iter().filter(|rule| rule.names.mean(name));
            meaning.next().map(|rule| rule.effect)
        } else {
            meet(&posted, name)
        };
        drop(posted);
        if let Some(effect) = effect {
            return self.lie(effect, name);
        }
        match self.zones.say(name, &asked, kind) {
            Some(said) => Some(said.into()),
            // a look at our rules need not bother other people's servers
            None if own => Some(Answer::code(ResponseCode::NoError)),
            None => Some(self.forward(&asked, kind).await),
        }
    }

    fn lie(&self, effect: DnsEffect, name: &str) -> Option<Answer> {
        let soa = self.zones.soa(name).cloned();
        let negative = |code| Answer {
            code,
            records: Vec::new(),
            authoritative: soa.is_some(),
            soa: soa.clone(),
        };
        match effect {
            DnsEffect::Drop => None,
            DnsEffect::Servfail => Some(Answer::code(ResponseCode::ServFail)),
            DnsEffect::Refused => Some(Answer::code(ResponseCode::Refused)),
            DnsEffect::Nxdomain => Some(negative(ResponseCode::NXDomain)),
            DnsEffect::NoData => Some(negative(ResponseCode::NoError)),
        }
    }

    async fn forward(&self, asked: &hickory_proto::rr::Name, kind: RecordType) -> Answer {
        match self.system.ask(asked, kind).await {
            Err(code) => Answer::code(code),
            Ok(records) => Answer {
                code: ResponseCode::NoError,
                records,
                soa: None,
                authoritative: false,
            },
        }
    }
}

impl Answer {
    const fn code(code: ResponseCode) -> Self {
        Self {
            code,
            records: Vec::new(),
            soa: None,
            authoritative: false,
        }
    }
}

impl From<Said<'_>> for Answer {
    fn from(said: Said<'_>) -> Self {
        let (code, records, soa) = match said {
            Said::Records(records) => (ResponseCode::NoError, records, None),
            Said::NoData(soa) => (ResponseCode::NoError, Vec::new(), Some(soa.clone())),
            Said::NoName(soa) => (ResponseCode::NXDomain, Vec::new(), Some(soa.clone())),
        };
        Self {
            code,
            records,
            soa,
            authoritative: true,
        }
    }
}

/// A question with EDNS gets an answer with EDNS (RFC 6891 section 6.1.1), no larger over UDP than
/// the asker takes and what passes any network unfragmented (DNS flag day 2020).
fn reply_edns(asked: &Edns) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(asked.max_payload().clamp(UDP_LEAST, UDP_MOST));
    edns.set_version(0);
    edns
}

#[async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(
        &self,
        request: &Request,
        mut handle: R,
    ) -> ResponseInfo {
        let mut metadata = Metadata::response_from_request(&request.metadata);
        let unsent = |metadata| {
            ResponseInfo::from(Header {
                metadata,
                counts: HeaderCounts::default(),
            })
        };
        let Some(answer) = self.0.answer(request).await else {
            return unsent(metadata);
        };
        metadata.response_code = answer.code;
        metadata.authoritative = answer.authoritative;
        metadata.recursion_available = true;
        let edns = request.edns.as_ref().map(reply_edns);
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if let Some(edns) = &edns {
            builder.edns(edns);
        }
        let response = builder.build(metadata, answer.records.iter(), [], answer.soa.iter(), []);
        // who asked may have gone
        handle
            .send_response(response)
            .await
            .unwrap_or_else(|_| unsent(metadata))
    }
}
