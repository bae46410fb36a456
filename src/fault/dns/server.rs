//! The server: UDP and TCP on each of its addresses, on a thread of its own, so that neither a busy
//! run nor many questions make the other wait.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    book::{Book, Outcome, Verdict},
    forward::{self, System},
    log::Log,
    rules::{Rule, Way},
    zone::Zones,
};
use crate::{
    fault::{BindError, board::is_posted},
    marks::{Marks, Touch},
    plan::ZonePlan,
};

/// Idle TCP connections are closed after this (RFC 7766 section 6.2.3: a few seconds).
const TCP_IDLE: Duration = Duration::from_secs(5);
/// TCP connections at a time.
const TCP_CONNECTIONS: usize = 1000;
/// Answers that wait at a time: held ones, and those that others are asked for. More questions
/// than that are dropped, as by any server that is overrun.
const WAITING: usize = 50_000;
/// How often another port is tried when one is free for UDP but not for TCP.
const PORTS_TRIED: usize = 16;
/// How many spare loopback addresses are tried.
const SPARE_TRIED: u8 = 250;
/// Where programs look for a resolver.
const PORT: u16 = 53;
/// A flood of questions comes in bursts (bytes).
const RECEIVE_BUFFER: usize = 4 << 20;
/// Longest question that is read over UDP; real ones have some 40 bytes.
const LONGEST_QUESTION: usize = 4096;

/// The fault DNS server.
pub(in crate::fault) struct DnsServer {
    addrs: Vec<SocketAddr>,
    resolvers: Vec<IpAddr>,
    pub(super) book: Arc<Book>,
    stop: CancellationToken,
    thread: tokio::sync::Mutex<Option<thread::JoinHandle<()>>>,
}

/// Where a server shall listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fault) struct Listen {
    /// At each of these; of port 0 any free one is taken.
    pub(in crate::fault) at: Vec<SocketAddr>,
    /// Each server also at port 53 of a loopback address of its own, where a program looks for a
    /// resolver: resolv.conf knows no ports.
    pub(in crate::fault) resolvers: bool,
}

impl Listen {
    /// So many free ports of 127.0.0.1.
    pub(in crate::fault) fn anywhere(servers: u32, resolvers: bool) -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            at: (0..servers.max(1)).map(|_| any).collect(),
            resolvers,
        }
    }
}

/// What the tasks of a server share.
struct Shared {
    book: Arc<Book>,
    system: System,
    log: Option<Log>,
    /// Where it is noted whom a fault keeps waiting.
    marks: Option<Arc<Marks>>,
    waiting: Arc<Semaphore>,
    connections: Arc<Semaphore>,
}

/// An address, bound for both.
struct Pair {
    udp: std::net::UdpSocket,
    tcp: std::net::TcpListener,
    server: u32,
}

impl DnsServer {
    /// Binds its addresses and begins to serve.
    ///
    /// # Errors
    /// When an address is taken or none is free, or a zone's name is none.
    pub(in crate::fault) fn bind(
        zones: &[ZonePlan],
        listen: &Listen,
        log: Option<Log>,
        marks: Option<Arc<Marks>>,
    ) -> Result<Self, BindError> {
        let book = Arc::new(Book::new(Zones::prepare(zones)?));
        let mut pairs = Vec::new();
        let mut addrs = Vec::new();
        for (server, &wanted) in (0..).zip(&listen.at) {
            let failed = |source| BindError::Dns {
                addr: wanted,
                source,
            };
            let (udp, tcp) = bind_both(wanted).map_err(failed)?;
            addrs.push(udp.local_addr().map_err(failed)?);
            pairs.push(Pair { udp, tcp, server });
        }
        let mut resolvers = Vec::new();
        for server in (0..).take(if listen.resolvers { addrs.len() } else { 0 }) {
            let (addr, udp, tcp) = bind_spare(PORT)?;
            resolvers.push(addr.ip());
            pairs.push(Pair { udp, tcp, server });
        }
        let stop = CancellationToken::new();
        let shared = Shared {
            book: Arc::clone(&book),
            system: System::load(),
            log,
            marks,
            waiting: Arc::new(Semaphore::new(WAITING)),
            connections: Arc::new(Semaphore::new(TCP_CONNECTIONS)),
        };
        let thread = serve_apart(pairs, shared, stop.clone()).map_err(|source| BindError::Dns {
            addr: addrs.first().copied().unwrap_or_else(any_address),
            source,
        })?;
        Ok(Self {
            addrs,
            resolvers,
            book,
            stop,
            thread: tokio::sync::Mutex::new(Some(thread)),
        })
    }

    /// Where it listens, one address a server.
    pub(in crate::fault) fn addrs(&self) -> &[SocketAddr] {
        &self.addrs
    }

    /// Where programs find it that ask at port 53, one address a server; none unless asked for.
    pub(in crate::fault) fn resolvers(&self) -> &[IpAddr] {
        &self.resolvers
    }

    /// Ends it, for good: its sockets are closed when this returns.
    pub(in crate::fault) async fn shut_down(&self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.lock().await.take() {
            // an error means that it had ended already
            let _ = tokio::task::spawn_blocking(|| thread.join()).await;
        }
    }
}

impl Drop for DnsServer {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn any_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

fn bind_both(wanted: SocketAddr) -> io::Result<(std::net::UdpSocket, std::net::TcpListener)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PORTS_TRIED {
        let udp = std::net::UdpSocket::bind(wanted)?;
        match std::net::TcpListener::bind(udp.local_addr()?) {
            Err(error) => last = error,
            Ok(tcp) => {
                widen(&udp);
                udp.set_nonblocking(true)?;
                tcp.set_nonblocking(true)?;
                return Ok((udp, tcp));
            }
        }
        if wanted.port() != 0 {
            break;
        }
    }
    Err(last)
}

/// Binds a port of the first loopback address in 127.53.0.0/16 that nobody uses: those are ours on
/// Linux without being asked for.
fn bind_spare(
    port: u16,
) -> Result<(SocketAddr, std::net::UdpSocket, std::net::TcpListener), BindError> {
    let mut numbers = 1..=SPARE_TRIED;
    loop {
        let number = numbers.next().unwrap_or(SPARE_TRIED);
        let addr = SocketAddr::from((Ipv4Addr::new(127, 53, 0, number), port));
        match bind_both(addr) {
            Ok((udp, tcp)) => return Ok((addr, udp, tcp)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && !numbers.is_empty() => {}
            Err(source) => return Err(BindError::Resolver { addr, source }),
        }
    }
}

/// Whether a program can be answered where it looks for a resolver.
///
/// # Errors
/// What forbids it.
pub fn can_resolve() -> Result<(), BindError> {
    bind_spare(PORT).map(drop)
}

/// Makes room for a burst of questions; the system may grant less.
fn widen(udp: &std::net::UdpSocket) {
    // beyond the system's limit, which only root may
    #[cfg(target_os = "linux")]
    if nix::sys::socket::setsockopt(udp, nix::sys::socket::sockopt::RcvBufForce, &RECEIVE_BUFFER)
        .is_ok()
    {
        return;
    }
    let _ = socket2::SockRef::from(udp).set_recv_buffer_size(RECEIVE_BUFFER);
}

fn serve_apart(
    pairs: Vec<Pair>,
    shared: Shared,
    stop: CancellationToken,
) -> io::Result<thread::JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut sockets = Vec::new();
    {
        let _entered = runtime.enter();
        for pair in pairs {
            let udp = Arc::new(UdpSocket::from_std(pair.udp)?);
            sockets.push((udp, TcpListener::from_std(pair.tcp)?, pair.server));
        }
    }
    let shared = Arc::new(shared);
    thread::Builder::new().name("dns".into()).spawn(move || {
        runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for (udp, tcp, server) in sockets {
                tasks.spawn(serve_udp(udp, server, Arc::clone(&shared)));
                tasks.spawn(serve_tcp(tcp, server, Arc::clone(&shared)));
            }
            stop.cancelled().await;
        });
        // with it go its sockets and every answer that waits
        runtime.shutdown_background();
    })
}

async fn serve_udp(socket: Arc<UdpSocket>, server: u32, shared: Arc<Shared>) {
    let mut packet = [0; LONGEST_QUESTION];
    let mut out = Vec::with_capacity(LONGEST_QUESTION);
    loop {
        let Ok((length, from)) = socket.recv_from(&mut packet).await else {
            // an error of an earlier send; the socket itself is well
            tokio::task::yield_now().await;
            continue;
        };
        let packet = &packet[..length];
        let way = Way {
            udp: true,
            server,
            own: shared.book.is_own(&from),
        };
        let (verdict, outcome) = shared.book.answer(packet, way, &mut out);
        shared.note(packet, from, way, &verdict, outcome);
        match verdict {
            Verdict::Silence | Verdict::HangUp => {}
            Verdict::Send => {
                // who asked may have gone; when the way is full the answer is lost, as datagrams are
                if let Err(error) = socket.try_send_to(&out, from)
                    && error.kind() == io::ErrorKind::WouldBlock
                {
                    let _ = socket.send_to(&out, from).await;
                }
            }
            Verdict::Hold(rule, delay) => {
                let (socket, answer) = (Arc::clone(&socket), out.clone());
                let book = Arc::clone(&shared.book);
                shared.later(async move {
                    hold(&book, rule, delay).await;
                    let _ = socket.send_to(&answer, from).await;
                });
            }
            Verdict::Forward(rule) => {
                let (socket, packet) = (Arc::clone(&socket), packet.to_vec());
                let asking = Arc::clone(&shared);
                shared.later(async move {
                    if let Some(answer) = asking.forward(&packet, from, way, rule).await {
                        let _ = socket.send_to(&answer, from).await;
                    }
                });
            }
        }
    }
}

async fn serve_tcp(listener: TcpListener, server: u32, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        // it is never closed
        let permit = Arc::clone(&shared.connections).acquire_owned().await;
        let Ok((stream, from)) = listener.accept().await else {
            // no descriptors left, perhaps
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // a client that breaks off breaks nothing
            let _ = converse(stream, from, server, &shared).await;
            drop(permit);
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Answers the questions of a connection, one after the other.
async fn converse(
    mut stream: TcpStream,
    from: SocketAddr,
    server: u32,
    shared: &Arc<Shared>,
) -> io::Result<()> {
    let way = Way {
        udp: false,
        server,
        own: false,
    };
    let (mut packet, mut out) = (Vec::new(), Vec::new());
    loop {
        let read = timeout(TCP_IDLE, async {
            let length = stream.read_u16().await?;
            packet.resize(usize::from(length), 0);
            stream.read_exact(&mut packet).await
        });
        read.await??;
        let (verdict, outcome) = shared.book.answer(&packet, way, &mut out);
        shared.note(&packet, from, way, &verdict, outcome);
        match verdict {
            Verdict::Silence => continue,
            Verdict::HangUp => return Ok(()),
            Verdict::Send => {}
            Verdict::Hold(rule, delay) => hold(&shared.book, rule, delay).await,
            Verdict::Forward(rule) => match shared.forward(&packet, from, way, rule).await {
                Some(answer) => out = answer,
                None => continue,
            },
        }
        let length = u16::try_from(out.len()).map_err(io::Error::other)?;
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend_from_slice(&out);
        stream.write_all(&framed).await?;
    }
}

/// Waits as long as the rule says, but no longer than it stands.
async fn hold(book: &Book, rule: Arc<Rule>, delay: Duration) {
    let mut posted = book.rules.subscribe();
    let taken_down = posted.wait_for(|posted| !is_posted(posted, &rule));
    // the board lives as long as the book
    let _ = timeout(delay, taken_down).await;
}

impl Shared {
    /// Does something that takes time, unless too much waits already.
    fn later(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(permit) = Arc::clone(&self.waiting).try_acquire_owned() {
            tokio::spawn(async move {
                work.await;
                drop(permit);
            });
        }
    }

    /// The answer that the system's resolver gives, changed as the rule says if it still stands
    /// when that answer has come.
    async fn forward(
        &self,
        packet: &[u8],
        from: SocketAddr,
        way: Way,
        rule: Option<Arc<Rule>>,
    ) -> Option<Vec<u8>> {
        let weak = rule.as_ref().map(Arc::downgrade);
        drop(rule);
        let found = forward::ask(&self.system, packet).await?;
        let rule = weak.and_then(|weak| weak.upgrade());
        let rule = rule.filter(|rule| is_posted(&self.book.rules.snapshot(), rule));
        let (answer, outcome) = found.answer(rule.as_ref(), way.udp)?;
        if let Some(log) = &self.log {
            log.forwarded(packet, from, way, &outcome);
        }
        drop(outcome);
        if let Some(rule) = rule
            && let Some(delay) = rule.delay()
        {
            hold(&self.book, rule, delay).await;
        }
        Some(answer)
    }

    /// Takes the outcome, and so the rule in it: who waits for it to be let go waits for nobody else.
    fn note(&self, packet: &[u8], from: SocketAddr, way: Way, verdict: &Verdict, outcome: Outcome) {
        if let Some(marks) = self
            .marks
            .as_ref()
            .filter(|_| way.udp && outcome.rule.is_some())
            && matches!(verdict, Verdict::Silence | Verdict::Hold(..))
        {
            marks.note(&from.to_string(), Touch::Held);
        }
        if let Some(log) = &self.log {
            log.answered(packet, from, way, verdict, &outcome);
        }
    }
}
