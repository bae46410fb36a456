//! What lies beyond a link: where it dials, and how it speaks there.

use std::{io, net::SocketAddr, time::Duration};

use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, sync::OnceCell};
use tokio_rustls::TlsConnector;

use crate::{
    fault::tcp::dial,
    guard::Guard,
    plan::{Protocol, ServicePlan},
    tls::{H2, HTTP_1_1, Stream, Trust, client, name},
};

/// How long a handshake with the upstream may take.
const SHAKEN_WITHIN: Duration = Duration::from_secs(10);

/// The upstream of a link.
pub(in crate::fault) struct Beyond {
    addr: SocketAddr,
    guard: Guard,
    tls: Option<Tls>,
    /// What the target's file says is spoken there.
    says_http2: bool,
    /// Whether it agreed on HTTP/2 when it was asked.
    agrees: OnceCell<bool>,
}

/// TLS towards it, by what is offered.
struct Tls {
    name: ServerName<'static>,
    http1: TlsConnector,
    http2: TlsConnector,
    both: TlsConnector,
}

impl std::fmt::Debug for Beyond {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beyond")
            .field("addr", &self.addr)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

impl Beyond {
    /// A service at this address; plain HTTP when nothing is known of it.
    ///
    /// # Errors
    /// What is wrong with which of its certificate files, for people.
    pub(in crate::fault) fn new(
        addr: SocketAddr,
        guard: Guard,
        service: Option<&ServicePlan>,
    ) -> Result<Self, String> {
        let tls = match service.filter(|service| service.https) {
            Some(service) => Some(Tls::new(service)?),
            None => None,
        };
        let protocol = service.map(|service| service.protocol);
        Ok(Self {
            addr,
            guard,
            tls,
            says_http2: matches!(protocol, Some(Protocol::Http2 { .. })),
            agrees: OnceCell::new(),
        })
    }

    /// Where it is.
    pub(super) const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The scheme of its URLs.
    pub(super) const fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Dials it, and shakes hands if it speaks TLS.
    ///
    /// # Errors
    /// When it cannot be reached, when its certificate is not to be trusted, and when it does not
    /// speak HTTP/2 where that is wanted.
    pub(super) async fn dial(&self, http2: bool) -> io::Result<Stream<TcpStream>> {
        let stream = dial(self.addr, &self.guard).await?;
        let Some(tls) = &self.tls else {
            return Ok(Stream::Plain(stream));
        };
        let connector = if http2 { &tls.http2 } else { &tls.http1 };
        let shaken = tls.shake(connector, stream).await?;
        if http2 && shaken.get_ref().1.alpn_protocol() != Some(H2) {
            let text = "the upstream does not agree on HTTP/2";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
        Ok(Stream::Tls(Box::new(shaken.into())))
    }

    /// Whether HTTP/2 may be agreed on with who dials the link: it must be spoken beyond it too. One
    /// that speaks TLS is asked once; as long as it cannot be reached, the target's file decides.
    pub(super) async fn speaks_http2(&self) -> bool {
        let Some(tls) = &self.tls else {
            return self.says_http2;
        };
        let ask = || async {
            let stream = dial(self.addr, &self.guard).await?;
            let shaken = tls.shake(&tls.both, stream).await?;
            Ok::<_, io::Error>(shaken.get_ref().1.alpn_protocol() == Some(H2))
        };
        let agrees = self.agrees.get_or_try_init(ask).await;
        agrees.map_or(self.says_http2, |agrees| *agrees)
    }
}

impl Tls {
    fn new(service: &ServicePlan) -> Result<Self, String> {
        let offering =
            |protocols: &[&[u8]]| client(service, Trust::AsSet, protocols).map(TlsConnector::from);
        Ok(Self {
            name: name(service)?,
            http1: offering(&[HTTP_1_1])?,
            http2: offering(&[H2])?,
            both: offering(&[H2, HTTP_1_1])?,
        })
    }

    async fn shake(
        &self,
        connector: &TlsConnector,
        stream: TcpStream,
    ) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let shaking = connector.connect(self.name.clone(), stream);
        tokio::time::timeout(SHAKEN_WITHIN, shaking).await?
    }
}
