//! What a fault does: one file a plane.

use serde::{Deserialize, Serialize};

mod dns;
mod exec;
mod http;
mod process;
mod tcp;
mod tls;

pub use self::{
    dns::{DnsAnswer, DnsEffect, Family, OverTcp, ShareOf},
    exec::ExecEffect,
    http::{
        Cut, FieldMatch, HttpAction, HttpClose, HttpDelay, HttpEffect, HttpMatch, JsonEdit,
        JsonMatch, Person, RateLimit, RateWindow, Spread, Wanted,
    },
    process::ProcessEffect,
    tcp::{TcpEffect, TcpStream},
    tls::TlsEffect,
};

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// To HTTP requests on a link.
    Http(HttpEffect),
    /// To TCP connections on a link.
    Tcp(TcpEffect),
    /// To TLS handshakes on a link.
    Tls(TlsEffect),
    /// To answers about names.
    Dns(DnsEffect),
    /// To a launched process.
    Process(ProcessEffect),
    /// Whatever a command does.
    Exec(ExecEffect),
}
