//! `brownout stage social`, `social-auth` and `social-neighbour`.

use std::net::SocketAddr;
use std::time::Duration;

use brownout::stage::social::{self, Hardened, Mode};
use brownout::stage::{Naive, Server, StageError, Terms};

use super::{Behaviour, count, duration};

/// An app of the company: feed, media, messages, calls, login.
///
/// Each request but for media asks the auth service who is asking. Pages and pictures are cached;
/// what nobody asks for during --idle is cold, and costs a connection to the store for --read. With
/// the defaults that are 2 / 80 ms = 25 cold pages a second.
///
/// naive: all routes share one pool of workers behind an unbounded queue, auth is asked about each
/// request, and each miss of the cache asks the store again. hardened: a bulkhead per route (503 and
/// Retry-After for what does not fit), one question for all who miss the same thing, and reads from
/// what was known before, marked x-degraded, until it is known anew.
///
/// GET /stats shows queues and connections. Accounts 1 to 1000 have a session: their number.
///
/// Example: brownout stage social --app facebook --listen 127.0.0.1:8401 --auth http://127.0.0.1:8400
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct App {
    /// Where to listen; port 0 takes any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8401")]
    listen: SocketAddr,
    /// What it calls itself
    #[arg(long, value_name = "NAME", default_value = "app")]
    app: String,
    /// The auth service, http://host:port
    #[arg(long, value_name = "URL")]
    auth: String,
    /// Connections to the store
    #[arg(long, value_name = "N", default_value = "2", value_parser = count)]
    connections: usize,
    /// How long a cold page or picture holds a connection
    #[arg(long, value_name = "TIME", default_value = "80ms", value_parser = duration)]
    read: Duration,
    /// How long a message or call holds a connection
    #[arg(long, value_name = "TIME", default_value = "10ms", value_parser = duration)]
    write: Duration,
    /// How long an answer takes besides
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = duration)]
    work: Duration,
    /// A page that nobody asked for during this time is cold
    #[arg(long, value_name = "TIME", default_value = "45s", value_parser = duration)]
    idle: Duration,
    #[command(flatten)]
    manner: Manner,
}

/// The service that knows who is who, for all apps.
///
/// A login, and a session that nobody asked for during --idle, hold a connection to the session
/// store: 2 / 40 ms = 50 a second. Sessions in use are answered from memory.
///
/// Example: brownout stage social-auth --listen 127.0.0.1:8400
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Auth {
    /// Where to listen; port 0 takes any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8400")]
    listen: SocketAddr,
    /// Connections to the session store
    #[arg(long, value_name = "N", default_value = "2", value_parser = count)]
    connections: usize,
    /// How long a login or a cold session holds a connection
    #[arg(long, value_name = "TIME", default_value = "40ms", value_parser = duration)]
    round_trip: Duration,
    /// A session that nobody asked for during this time is cold
    #[arg(long, value_name = "TIME", default_value = "45s", value_parser = duration)]
    idle: Duration,
    #[command(flatten)]
    manner: Manner,
}

/// The neighbour, where people go when the apps are gone: timeline, posts, sign-ups.
///
/// A page or post holds a connection for --round-trip, a sign-up for --sign-up. With the defaults,
/// 75 pages and 30 sign-ups a second take 75 x 50 ms + 30 x 500 ms = 19 connections; there are 15.
///
/// naive: everybody waits in one line. hardened: sign-ups get a third of the connections, and the
/// others are told to come back.
///
/// Example: brownout stage social-neighbour --listen 127.0.0.1:8410
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Neighbour {
    /// Where to listen; port 0 takes any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8410")]
    listen: SocketAddr,
    /// Connections to the store
    #[arg(long, value_name = "N", default_value = "15", value_parser = count)]
    connections: usize,
    /// How long a page or post holds a connection
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = duration)]
    round_trip: Duration,
    /// How long a sign-up holds a connection
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = duration)]
    sign_up: Duration,
    #[command(flatten)]
    manner: Manner,
}

/// How a process deals with more work than it can do.
#[derive(Debug, clap::Args)]
struct Manner {
    /// How it deals with more work than it can do
    #[arg(long, value_enum, default_value_t = Behaviour::Naive)]
    mode: Behaviour,

    /// Worker slots, shared by all routes
    #[arg(long, value_name = "N", default_value = "256", value_parser = count)]
    #[arg(help_heading = "Naive mode")]
    workers: usize,
    /// Memory that each request holds while it waits or is worked on, in KiB
    #[arg(
        long,
        value_name = "KIB",
        default_value = "4",
        help_heading = "Naive mode"
    )]
    session_kib: u16,
    /// When the gateway in front answers 504, while the work goes on behind it
    #[arg(long, value_name = "TIME", default_value = "29s", value_parser = duration)]
    #[arg(help_heading = "Naive mode")]
    gateway_limit: Duration,

    /// How long a request may wait for its bulkhead before it is shed
    #[arg(long, value_name = "TIME", default_value = "300ms", value_parser = duration)]
    #[arg(help_heading = "Hardened mode")]
    queue_deadline: Duration,
    /// How long a request may take in all before it is answered 503
    #[arg(long, value_name = "TIME", default_value = "900ms", value_parser = duration)]
    #[arg(help_heading = "Hardened mode")]
    deadline: Duration,
    /// What Retry-After says, in whole seconds
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    #[arg(help_heading = "Hardened mode")]
    retry_after: Duration,
    /// How long after its last use something known may still be shown, marked x-degraded
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = duration)]
    #[arg(help_heading = "Hardened mode")]
    keep: Duration,
    /// Different questions to the store or to auth at a time
    #[arg(long, value_name = "N", default_value = "24", value_parser = count)]
    #[arg(help_heading = "Hardened mode")]
    flights: usize,
}

impl Manner {
    fn mode(&self) -> (Mode, &'static str) {
        match self.mode {
            Behaviour::Naive => {
                let naive = Naive {
                    workers: self.workers,
                    session_bytes: usize::from(self.session_kib) * 1024,
                    gateway_limit: self.gateway_limit,
                };
                (Mode::Naive(naive), "naive")
            }
            Behaviour::Hardened => {
                let hardened = Hardened {
                    terms: Terms {
                        queue_deadline: self.queue_deadline,
                        deadline: self.deadline,
                        retry_after: self.retry_after,
                    },
                    keep: self.keep,
                    flights: self.flights,
                };
                (Mode::Hardened(hardened), "hardened")
            }
        }
    }
}

impl App {
    pub(super) fn bind(self) -> Result<(Server, String), StageError> {
        let (mode, manner) = self.manner.mode();
        let name = format!("social: {} ({manner})", self.app);
        let mut config = social::App::new(self.listen, self.app, self.auth, mode);
        config.connections = self.connections;
        (config.read, config.write) = (self.read, self.write);
        (config.work, config.idle) = (self.work, self.idle);
        Ok((social::bind_app(config)?, name))
    }
}

impl Auth {
    pub(super) fn bind(self) -> Result<(Server, String), StageError> {
        let (mode, manner) = self.manner.mode();
        let mut config = social::Auth::new(self.listen, mode);
        config.connections = self.connections;
        (config.round_trip, config.idle) = (self.round_trip, self.idle);
        let name = format!("social-auth ({manner})");
        Ok((social::bind_auth(config)?, name))
    }
}

impl Neighbour {
    pub(super) fn bind(self) -> Result<(Server, String), StageError> {
        let (mode, manner) = self.manner.mode();
        let mut config = social::Neighbour::new(self.listen, mode);
        config.connections = self.connections;
        (config.round_trip, config.sign_up) = (self.round_trip, self.sign_up);
        let name = format!("social-neighbour ({manner})");
        Ok((social::bind_neighbour(config)?, name))
    }
}
