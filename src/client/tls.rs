//! TLS towards services.

use rustls::pki_types::ServerName;
use tokio_rustls::TlsConnector;

use crate::{
    plan::{Protocol, ServicePlan},
    tls::{H2, Trust, client, name},
};

/// What is needed to speak TLS to one service.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) connector: TlsConnector,
    pub(super) name: ServerName<'static>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("name", &self.name).finish()
    }
}

impl Tls {
    /// Reads the service's files; `None` when it speaks plain HTTP.
    ///
    /// # Errors
    /// What is wrong with which file, for people.
    pub(super) fn new(service: &ServicePlan, trust: Trust<'_>) -> Result<Option<Self>, String> {
        if !service.https {
            return Ok(None);
        }
        let protocols = match service.protocol {
            // what every server speaks need not be asked for
            Protocol::Http1 => &[][..],
            Protocol::Http2 { .. } => &[H2][..],
        };
        let name = name(service)?;
        Ok(Some(Self {
            connector: TlsConnector::from(client(service, trust, protocols)?),
            name,
        }))
    }
}
