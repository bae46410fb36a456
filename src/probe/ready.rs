//! Whether a service is ready, asked once.

use std::{net::SocketAddr, time::Duration};

use tokio::time::Instant;

use crate::{
    client::{Broken, Call, Network, RequestId, of_handshake_in_words, one_shot},
    measure::Outcome,
    plan::{ProbePlan, ServiceId},
};

/// Why a service is not ready.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// It could not be asked.
    #[error("{}", .0.name().replace('_', " "))]
    Failed(Outcome),
    /// TLS could not be agreed on; in words.
    #[error("{0}")]
    Handshake(String),
    /// It answered with another status than 2xx.
    #[error("answered {0}")]
    Status(u16),
}

/// Asks once whether a service is ready: by `probe` (2xx = yes), or else by connecting alone (with
/// TLS where it speaks TLS). It dials `addr` where that is known, as for a launched process; else
/// where the service really is. Links of ours are passed by, the guard is not. Runs on any runtime.
///
/// # Errors
/// [`NotReady`], which is about the target.
pub async fn ready(
    network: &Network,
    service: ServiceId,
    addr: Option<SocketAddr>,
    probe: Option<&ProbePlan>,
    timeout: Duration,
) -> Result<(), NotReady> {
    let call = probe.map(|probe| Call {
        id: RequestId::Probe(0),
        service,
        method: probe.method,
        path: &probe.path,
        headers: &[],
        body: None,
        deadline: Instant::now() + timeout,
        connect_timeout: timeout,
        first_byte_timeout: None,
        keep_body: false,
        keep_headers: false,
    });
    match one_shot(network, service, addr, call, timeout).await {
        Ok(Some(answer)) if !(200..300).contains(&answer.status) => {
            Err(NotReady::Status(answer.status))
        }
        Ok(_) => Ok(()),
        Err(Broken {
            outcome: Outcome::Tls,
            handshake: Some(error),
            ..
        }) => Err(NotReady::Handshake(of_handshake_in_words(&error))),
        Err(Broken { outcome, .. }) => Err(NotReady::Failed(outcome)),
    }
}
