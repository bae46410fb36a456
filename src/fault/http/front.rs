//! The front of a link that speaks TLS with who dials it.
//!
//! A handshake shows the certificate of the earliest fault in force that meets it, or else the link's
//! own. Those that stand are left alone, as by a certificate that expires. When a fault goes, the
//! handshakes that it met and that still go on are ended, so that its removal is exact.

use std::{io, net::SocketAddr, sync::Arc};

use rustls::{pki_types::ServerName, server::Acceptor};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{LazyConfigAcceptor, TlsConnector, server::TlsStream};

use super::beyond::Beyond;
use crate::{
    fault::{
        board::{Board, is_posted},
        dose::Dose,
    },
    marks::{Marks, Touch, handshake_from},
    plan::{LinkPlan, LinkTls, ServicePlan},
    scenario::model::TlsEffect,
    tls::{Authority, HTTP_1_1, Identity, Shown, Trust, client, name, shows},
};

/// What a link shows, and to whom it would show something else.
pub(in crate::fault) struct Front {
    names: Vec<String>,
    /// Who signs certificates with flaws; nobody where the link's own is the operator's.
    authority: Option<Arc<Authority>>,
    good: Shown,
    /// To look with.
    looker: (TlsConnector, ServerName<'static>),
    pub(super) flawed: Board<Flawed>,
}

/// A certificate fault in force.
#[derive(Debug)]
pub(super) struct Flawed {
    pub(super) dose: Arc<Dose>,
    pub(super) shown: Shown,
}

impl std::fmt::Debug for Front {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Front")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl Front {
    /// The front of a link to `service`; `None` when who dials it speaks no TLS.
    ///
    /// # Errors
    /// What is wrong with which certificate file, for people.
    pub(in crate::fault) fn new(
        link: &LinkPlan,
        service: &ServicePlan,
        authority: Option<&Arc<Authority>>,
    ) -> Result<Option<Self>, String> {
        let names = names(link, service);
        let (identity, authority) = match (&link.tls, authority) {
            (None, _) => return Ok(None),
            (Some(LinkTls::Files { cert, key }), _) => (Identity::read(cert, key)?, None),
            (Some(LinkTls::Generated), Some(authority)) => {
                let identity = authority.leaf(&names, None)?;
                (identity, Some(Arc::clone(authority)))
            }
            (Some(LinkTls::Generated), None) => {
                return Err("there is no authority to sign its certificate".to_owned());
            }
        };
        let looker = client(service, Trust::Anyone, &[HTTP_1_1])?;
        Ok(Some(Self {
            good: Shown::new(identity)?,
            looker: (TlsConnector::from(looker), name(service)?),
            names,
            authority,
            flawed: Board::default(),
        }))
    }

    /// A certificate with a flaw, in place of the link's own.
    ///
    /// # Errors
    /// When nobody can sign it.
    pub(super) fn flawed(&self, flaw: TlsEffect) -> Result<Shown, String> {
        let identity = Identity::flawed(self.authority.as_deref(), &self.names, flaw)?;
        Shown::new(identity)
    }

    /// Shakes hands with who dials.
    ///
    /// # Errors
    /// When nothing came of it; who dialled has been told, as far as TLS has a word for it.
    pub(super) async fn shake<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        from: SocketAddr,
        beyond: &Beyond,
        marks: &Marks,
    ) -> io::Result<TlsStream<S>> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let offered = start.client_hello().alpn();
        let wants = offered.is_some_and(|mut all| all.any(|one| one == crate::tls::H2));
        let http2 = wants && beyond.speaks_http2().await;
        let met = {
            let posted = self.flawed.snapshot();
            posted.iter().find(|one| one.dose.holds_next()).cloned()
        };
        let Some(met) = met else {
            let config = Arc::clone(self.good.config(http2));
            return start.into_stream(config).await;
        };
        met.dose.hit();
        // before the certificate is out: who refuses it asks at once
        marks.note(&handshake_from(from), Touch::Ended);
        let config = Arc::clone(met.shown.config(http2));
        let mut changes = self.flawed.subscribe();
        let gone = async {
            // it fails when there is nobody left to change anything
            let _ = changes.wait_for(|posted| !is_posted(posted, &met)).await;
        };
        tokio::select! {
            shaken = start.into_stream(config) => shaken,
            () = gone => Err(io::ErrorKind::ConnectionAborted.into()),
        }
    }

    /// The fault that still shows something else, if there is one.
    pub(super) fn held_by(&self) -> Option<String> {
        let posted = self.flawed.snapshot();
        posted.first().map(|one| one.dose.name().to_owned())
    }

    /// Looks whether its own certificate is shown: shakes hands with itself, over a connection of
    /// which both ends are here.
    ///
    /// # Errors
    /// What is wrong with what was seen, for people.
    pub(super) async fn look(
        &self,
        near: TcpStream,
        far: TcpStream,
        beyond: &Beyond,
        marks: &Marks,
    ) -> Result<(), String> {
        let told = |error: io::Error| format!("a handshake with it failed: {error}");
        let from = near.local_addr().map_err(told)?;
        let (connector, name) = &self.looker;
        let ask = connector.connect(name.clone(), near);
        let answer = self.shake(far, from, beyond, marks);
        let (seen, _answered) = tokio::try_join!(ask, answer).map_err(told)?;
        if shows(seen.get_ref().1.peer_certificates(), self.good.leaf()) {
            Ok(())
        } else {
            Err("it does not show its own certificate".to_owned())
        }
    }
}

/// By what names and addresses the link is dialled: the service's, and where it listens.
fn names(link: &LinkPlan, service: &ServicePlan) -> Vec<String> {
    let host = service.host.trim_end_matches('.');
    let mut names = vec![host.to_owned()];
    let listens = link.listen.ip();
    let own = ["localhost".to_owned(), "127.0.0.1".into(), "::1".into()];
    let set = Some(service.tls.server_name.clone()).filter(|name| !name.is_empty());
    let listens = Some(listens.to_string()).filter(|_| !listens.is_unspecified());
    for name in set.into_iter().chain(listens).chain(own) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
