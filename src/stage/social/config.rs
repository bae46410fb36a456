//! How the processes behave: every tunable, with its unit, resolved before they start.

use std::net::SocketAddr;
use std::time::Duration;

use crate::stage::{Naive, Terms};

/// One of the apps.
#[derive(Debug, Clone)]
pub struct App {
    /// Where to listen; port 0 takes any free port.
    pub listen: SocketAddr,
    /// What it calls itself.
    pub name: String,
    /// The auth service, `http://host:port`.
    pub auth: String,
    /// Connections to its store, each held by one request at a time.
    pub connections: usize,
    /// How long a page or picture holds a connection.
    pub read: Duration,
    /// How long a message or call holds a connection.
    pub write: Duration,
    /// How long an answer takes besides: whatever else a page is made of.
    pub work: Duration,
    /// A page that nobody asked for during this time is cold.
    pub idle: Duration,
    /// How it deals with more work than it can do.
    pub mode: Mode,
}

impl App {
    /// 2 connections, 80 ms for a read and 10 ms for a write, 50 ms besides; cold after 45 s.
    #[must_use]
    pub fn new(
        listen: SocketAddr,
        name: impl Into<String>,
        auth: impl Into<String>,
        mode: Mode,
    ) -> Self {
        Self {
            listen,
            name: name.into(),
            auth: auth.into(),
            connections: 2,
            read: Duration::from_millis(80),
            write: Duration::from_millis(10),
            work: Duration::from_millis(50),
            idle: Duration::from_secs(45),
            mode,
        }
    }
}

/// The service that knows who is who.
#[derive(Debug, Clone)]
pub struct Auth {
    /// Where to listen; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Connections to the session store, each held by one request at a time.
    pub connections: usize,
    /// How long a session or login holds a connection.
    pub round_trip: Duration,
    /// A session that nobody asked for during this time is cold.
    pub idle: Duration,
    /// How it deals with more work than it can do.
    pub mode: Mode,
}

impl Auth {
    /// 2 connections, 40 ms each time: 50 logins or cold sessions a second. Cold after 45 s.
    #[must_use]
    pub fn new(listen: SocketAddr, mode: Mode) -> Self {
        Self {
            listen,
            connections: 2,
            round_trip: Duration::from_millis(40),
            idle: Duration::from_secs(45),
            mode,
        }
    }
}

/// The place where people go when the others are gone.
#[derive(Debug, Clone)]
pub struct Neighbour {
    /// Where to listen; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Connections to its store, each held by one request at a time.
    pub connections: usize,
    /// How long a page of the timeline or a post holds a connection.
    pub round_trip: Duration,
    /// How long a sign-up does: it is many questions.
    pub sign_up: Duration,
    /// How it deals with more work than it can do.
    pub mode: Mode,
}

impl Neighbour {
    /// 15 connections, 50 ms for a page and 500 ms for a sign-up.
    #[must_use]
    pub fn new(listen: SocketAddr, mode: Mode) -> Self {
        Self {
            listen,
            connections: 15,
            round_trip: Duration::from_millis(50),
            sign_up: Duration::from_millis(500),
            mode,
        }
    }
}

/// How a process deals with more work than it can do.
#[derive(Debug, Clone)]
pub enum Mode {
    /// It takes everything and waits.
    Naive(Naive),
    /// It takes what it can do, and says so to the others.
    Hardened(Hardened),
}

/// The tunables of a hardened process.
#[derive(Debug, Clone, Copy)]
pub struct Hardened {
    /// How long each bulkhead lets people wait.
    pub terms: Terms,
    /// How long after its last use something known may still be shown, marked as degraded.
    pub keep: Duration,
    /// Different questions to the store or to auth at a time.
    pub flights: usize,
}

impl Default for Hardened {
    /// 300 ms in a queue and 900 ms in all, so that a refusal comes within a second; come back after
    /// 1 s; old answers for ten minutes; 24 questions at a time.
    fn default() -> Self {
        Self {
            terms: Terms {
                queue_deadline: Duration::from_millis(300),
                deadline: Duration::from_millis(900),
                retry_after: Duration::from_secs(1),
            },
            keep: Duration::from_secs(600),
            flights: 24,
        }
    }
}
