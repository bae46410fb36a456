//! A target file, checked.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    diagnostic::{Source, Spanned},
    guard::Guard,
    scenario::model::{Check, FaultPlace, RoutePattern},
    units::{ByteSize, Rate, Span},
};

/// A target file. Story time never appears in it.
#[derive(Debug, Clone)]
pub struct Target {
    /// The file.
    pub source: Source,
    /// Its name.
    pub name: Spanned<String>,
    /// What kind of environment it is; `production` was refused.
    pub environment: String,
    /// Where brownout may connect to.
    pub guard: Guard,
    /// The highest rate that may be offered to it.
    pub max_rate: Option<Spanned<Rate>>,
    /// Environment variables that the file uses; each was found.
    pub env: Vec<String>,
    /// Its services.
    pub services: Vec<Service>,
    /// Directed edges between services where faults can be put in.
    pub links: Vec<Link>,
    /// Names that brownout answers for.
    pub zones: Vec<Zone>,
    /// How many servers answer for them. Default 1.
    pub dns_servers: u32,
    /// Processes that brownout starts.
    pub launch: Vec<Launch>,
}

impl Target {
    /// A path that the file names (of a certificate, a folder), seen from where brownout was
    /// started.
    #[must_use]
    pub fn path(&self, written: &std::path::Path) -> PathBuf {
        crate::document::beside(&self.source, written)
    }
}

/// A service.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub name: Spanned<String>,
    /// The URL that clients use, without path: scheme, host, port.
    pub url: Spanned<ServiceUrl>,
    /// Where it really listens, when that is not what the URL says.
    pub at: Option<Spanned<SocketAddr>>,
    /// Whether it is well: 2xx = yes.
    pub health: Option<ProbeRequest>,
    /// The goodput that it is known to bear (K).
    pub capacity: Option<Rate>,
    /// Headers sent with every request to it. Values may hold secrets: never printed.
    pub headers: Vec<(String, Secret)>,
    /// What is spoken to it.
    pub protocol: Protocol,
    /// TLS settings.
    pub tls: TlsSettings,
    /// What its users can do.
    pub features: Vec<Feature>,
}

/// The version of HTTP that is spoken to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1: one request at a time on a connection.
    #[default]
    Http1,
    /// HTTP/2: agreed on by ALPN over TLS, known in advance without.
    Http2 {
        /// At most so many requests at a time on a shared connection.
        streams: u32,
    },
}

/// Scheme, host and port of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceUrl {
    /// `https` rather than `http`.
    pub https: bool,
    /// A name or an address (without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
}

/// A text that must not appear in any output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A user-visible ability: routes and a probe.
#[derive(Debug, Clone)]
pub struct Feature {
    /// Its name.
    pub name: Spanned<String>,
    /// The requests that belong to it.
    pub routes: Vec<Spanned<RoutePattern>>,
    /// A request that says whether it works, sent once a second.
    pub probe: Option<ProbeRequest>,
    /// What marks a good answer as degraded; any of them suffices.
    pub fallback: Vec<Check>,
    /// Where what it needs is reached: links, names and processes.
    pub needs: Vec<Spanned<FaultPlace>>,
}

/// A request without a body that says whether something works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProbeRequest {
    /// GET or HEAD.
    pub method: crate::scenario::model::Method,
    /// Path and query.
    pub path: String,
}

/// TLS towards a service.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// A PEM file of certificate authorities to trust beside none other; the system's otherwise.
    pub ca: Option<Spanned<PathBuf>>,
    /// A PEM file with a client certificate (chain).
    pub cert: Option<Spanned<PathBuf>>,
    /// Its key.
    pub key: Option<Spanned<PathBuf>>,
    /// The name to expect, when it is not the URL's host.
    pub server_name: Option<String>,
    /// Do not verify the certificate.
    pub insecure: bool,
}

/// A directed edge where faults can be put in.
#[derive(Debug, Clone)]
pub struct Link {
    /// The service that dials.
    pub from: Spanned<String>,
    /// The service that is dialled.
    pub to: Spanned<String>,
    /// The layer at which it understands the traffic.
    pub layer: Layer,
    /// Where the dialling service dials.
    pub listen: Spanned<SocketAddr>,
    /// What it shows to the dialling service, if that speaks TLS with it.
    pub tls: Option<Spanned<Certificate>>,
    /// The API of a Toxiproxy that runs elsewhere and has a proxy that listens there: host and port.
    pub via: Option<Spanned<String>>,
}

/// The certificate of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Certificate {
    /// Made for the run, and signed by an authority made for the run.
    Generated,
    /// The operator's own: PEM files.
    Files {
        /// The certificate, and what leads from it to its authority.
        cert: PathBuf,
        /// Its key.
        key: PathBuf,
    },
}

/// The layer of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// Bytes.
    Tcp,
    /// Requests (takes tcp faults too).
    Http,
}

/// A DNS zone that brownout answers for.
#[derive(Debug, Clone)]
pub struct Zone {
    /// The zone's name, without a final dot.
    pub name: Spanned<String>,
    /// Relative names and their addresses.
    pub records: Vec<(Spanned<String>, Vec<IpAddr>)>,
    /// Time to live of its answers, real time.
    pub ttl: Duration,
}

/// A process that brownout starts, watches, restarts and reaps.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The service that it is.
    pub service: Spanned<String>,
    /// The program and its arguments; `brownout` as the first means this executable.
    pub command: Vec<String>,
    /// Extra environment.
    pub env: Vec<(String, Secret)>,
    /// Working directory; the target file's folder when not given.
    pub directory: Option<PathBuf>,
    /// Whom it asks about names.
    pub resolver: Resolver,
    /// The disk that it gets for itself.
    pub disk: Option<Disk>,
    /// Services that must be ready before.
    pub needs: Vec<Spanned<String>>,
    /// Ready when this answers 2xx; else when its port accepts.
    pub ready: Option<ProbeRequest>,
    /// How long it may take to become ready. Default 30 s.
    pub ready_within: Duration,
    /// When it is judged dead.
    pub liveness: Option<Liveness>,
    /// Started again when it exits by itself. Default: yes.
    pub restart: bool,
    /// Wait before a restart (scheduler's back-off). Default 0.5 s.
    pub restart_after: Span,
}

/// Whom a launched process asks about names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolver {
    /// Whom every program on this machine asks.
    #[default]
    System,
    /// Our DNS server, so that dns faults meet its look-ups.
    Brownout,
}

/// A disk of a launched process's own: a file system in memory, of a size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// The folder in whose place it stands, relative to the process's working folder.
    pub path: PathBuf,
    /// How much it holds.
    pub size: ByteSize,
}

/// A liveness probe, as a scheduler in production has it.
#[derive(Debug, Clone)]
pub struct Liveness {
    /// What is asked.
    pub get: ProbeRequest,
    /// How often.
    pub every: Duration,
    /// How long it waits for the answer. Default 1 s.
    pub timeout: Duration,
    /// How many failures in a row make it dead.
    pub failures: u32,
}
