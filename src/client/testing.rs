//! For tests: plans made in a line, and a server that does what it is told on the wire.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::plan::{Plan, Protocol, ServicePlan, TlsPlan, fixture::empty_plan};

/// A plan with these services and nothing else, one minute long.
pub(crate) fn plan(services: Vec<ServicePlan>) -> Plan {
    let data = crate::scenario::built_in_data().into_iter();
    Plan {
        length: Duration::from_secs(60),
        services,
        data: data
            .map(|(name, source)| (name.to_owned(), source))
            .collect(),
        ..empty_plan()
    }
}

/// A service by URL host and port, without more.
pub(crate) fn service(host: &str, port: u16) -> ServicePlan {
    ServicePlan {
        name: "portal".into(),
        https: false,
        host: host.into(),
        port,
        at: None,
        in_zone: false,
        health: None,
        capacity: None,
        headers: Vec::new(),
        protocol: Protocol::default(),
        tls: TlsPlan::default(),
        features: Vec::new(),
    }
}

/// The service that a server of this machine is.
pub(crate) fn service_at(addr: SocketAddr) -> ServicePlan {
    service(&addr.ip().to_string(), addr.port())
}

/// An address where connections are refused for as long as the socket is held: it is bound, so that
/// nobody else gets the port, and does not listen.
pub(crate) fn closed_port() -> (socket2::Socket, SocketAddr) {
    let socket =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let any: SocketAddr = (Ipv4Addr::LOCALHOST, 0).into();
    socket.bind(&any.into()).expect("a free port");
    let addr = socket.local_addr().expect("bound");
    (socket, addr.as_socket().expect("an address"))
}

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Method, path and version.
    pub(crate) line: String,
    /// Header lines, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Which connection it came on, from 0.
    pub(crate) connection: usize,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    /// `p.a.s.t` in numbers.
    pub(crate) fn id(&self) -> Vec<u64> {
        let id = self.header("brownout-request").unwrap_or_default();
        id.split('.').filter_map(|part| part.parse().ok()).collect()
    }
}

/// What the server does with a request, step by step; then it reads the next one.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Write(String),
    Sleep(Duration),
    /// Closes properly.
    Close,
    /// Closes with RST.
    Reset,
    /// Reads on and never answers.
    Hang,
}

/// An answer with a body and a length.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> Vec<Act> {
    let length = body.len();
    vec![Act::Write(format!(
        "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    ))]
}

/// A server on 127.0.0.1 with a thread for each connection. It lives as long as the test.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn start(script: impl Fn(&Seen) -> Vec<Act> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicUsize::new(0));
        let script = Arc::new(script);
        let server = Self {
            addr,
            seen: Arc::clone(&seen),
            connections: Arc::clone(&connections),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { continue };
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                std::thread::spawn(move || serve(stream, number, &seen, &*script));
            }
        });
        server
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic").clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn serve(
    mut stream: TcpStream,
    connection: usize,
    seen: &Mutex<Vec<Seen>>,
    script: &dyn Fn(&Seen) -> Vec<Act>,
) {
    while let Some(request) = read(&mut stream, connection) {
        let acts = script(&request);
        seen.lock().expect("no panic").push(request);
        for act in acts {
            match act {
                Act::Write(text) => {
                    if stream.write_all(text.as_bytes()).is_err() {
                        return;
                    }
                }
                Act::Sleep(span) => std::thread::sleep(span),
                Act::Close => return,
                Act::Reset => {
                    let socket = socket2::SockRef::from(&stream);
                    socket.set_linger(Some(Duration::ZERO)).expect("a socket");
                    return;
                }
                Act::Hang => {
                    let _ = stream.read(&mut [0; 1]);
                    return;
                }
            }
        }
    }
}

fn read(stream: &mut TcpStream, connection: usize) -> Option<Seen> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<_> = lines
        .filter_map(|l| l.split_once(": "))
        .map(|(n, v)| (n.to_ascii_lowercase(), v.to_owned()))
        .collect();
    let length = headers.iter().find(|(n, _)| n == "content-length");
    let length = length.and_then(|(_, v)| v.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Seen {
        line,
        headers,
        body: String::from_utf8(body).ok()?,
        connection,
    })
}
