//! How a portal behaves: every tunable, with its unit, resolved before the portal starts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::stage::{Limit, Naive, Terms};

/// A portal, ready to be bound.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 takes any free port.
    pub listen: SocketAddr,
    /// The SMS gateway, `http://host:port`.
    pub sms: String,
    /// Where the data are kept.
    pub database: Database,
    /// Database connections, each held by one request at a time.
    pub connections: usize,
    /// What a networked database would add to a query; slept while the connection is held.
    pub round_trip: Duration,
    /// How long an OTP can be confirmed. History: 180 s.
    pub otp_validity: Duration,
    /// How the portal deals with more work than it can do.
    pub mode: Mode,
}

impl Config {
    /// A portal with the defaults: 5 connections, 15 ms round trip, OTPs valid for 180 s.
    #[must_use]
    pub fn new(listen: SocketAddr, sms: impl Into<String>, mode: Mode) -> Self {
        Self {
            listen,
            sms: sms.into(),
            database: Database::OfPort,
            connections: 5,
            round_trip: Duration::from_millis(15),
            otp_validity: Duration::from_secs(180),
            mode,
        }
    }
}

/// Where the data are kept. Either way they survive a restart, however the process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// A private folder below the system's temporary folder, named after the port: a portal that is
    /// started again on the same port finds its data.
    OfPort,
    /// This file; its folder must exist.
    File(PathBuf),
}

/// How the portal deals with more work than it can do.
#[derive(Debug, Clone)]
pub enum Mode {
    /// As the portal of 2021: it takes everything and waits.
    Naive(Naive),
    /// Admission control, bulkheads, deadlines, asynchronous SMS.
    Hardened(Hardened),
}

/// The tunables of a hardened portal.
#[derive(Debug, Clone)]
pub struct Hardened {
    /// The front door: `POST /otp/generate`. It is the narrowest, so that under a flood new visitors
    /// are shed before those who have begun.
    pub generate: Limit,
    /// `POST /otp/confirm`.
    pub confirm: Limit,
    /// `POST /register`.
    pub register: Limit,
    /// `GET /slots/{pin}`.
    pub slots: Limit,
    /// `GET /certificate/{id}`.
    pub certificates: Limit,
    /// How long each bulkhead lets people wait.
    pub terms: Terms,
    /// Messages that may wait for the SMS gateway; when it is full, `POST /otp/generate` is shed.
    pub outbox: usize,
    /// Calls to the SMS gateway at a time.
    pub senders: usize,
    /// How long one call to the SMS gateway may take.
    pub sms_deadline: Duration,
    /// Second attempts at a message, in percent of first attempts.
    pub retry_percent: u32,
}

impl Hardened {
    /// Bulkheads that fit a pool of `connections`.
    ///
    /// A bulkhead of as many places as there are connections lets one feature alone use the whole
    /// pool, and no more: it waits at its own door and not in the pool. The front door gets two
    /// fifths of that. With all bulkheads full, 4 x the pool competes for it, and a request holds its
    /// place for at most about four round trips: 70 ms.
    #[must_use]
    pub fn for_pool(connections: usize) -> Self {
        let whole = Limit::concurrent(connections.max(1));
        let part = Limit::concurrent((connections * 2 / 5).max(1));
        Self {
            generate: part,
            confirm: whole,
            register: whole,
            slots: whole,
            certificates: part,
            terms: Terms::default(),
            outbox: 4096,
            // The front door lets at most 2 / 16 ms = 125 OTPs/s in; a gateway that takes 12 s then
            // has 1500 calls in flight.
            senders: 1536,
            sms_deadline: Duration::from_secs(30),
            retry_percent: 10,
        }
    }
}
