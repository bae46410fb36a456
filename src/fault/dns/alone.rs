//! The DNS server by itself, without a run: for `brownout dns`, for benches and for fuzzing.

use std::{net::SocketAddr, sync::Arc};

use super::{
    book::{Book, Verdict},
    log::Log,
    rules::{Names, Rule, Way},
    server::{DnsServer, Listen},
    zone::{Zones, wire},
};
use crate::{
    fault::{BindError, dose::Dose},
    plan::ZonePlan,
    scenario::model::DnsEffect,
    seed::Seed,
    units::Ratio,
};

/// The fault DNS server with faults that are in force as long as it runs.
pub struct NameServer {
    server: DnsServer,
    faults: Vec<Arc<Dose>>,
}

/// A fault of a server that stands alone.
#[derive(Debug, Clone, PartialEq)]
pub struct NameFault {
    /// What it is called, in logs and answers.
    pub name: String,
    /// The name that it is put in at, and all names below.
    pub at: String,
    /// The part that it meets.
    pub share: Ratio,
    /// What it does.
    pub effect: DnsEffect,
}

impl NameServer {
    /// Binds UDP and TCP at each of `listen` and begins to serve, on a thread of its own. `log` is
    /// called on that thread with a line for each question.
    ///
    /// # Errors
    /// When an address cannot be had, or a name is none.
    pub fn bind(
        zones: &[ZonePlan],
        listen: &[SocketAddr],
        faults: &[NameFault],
        log: Option<impl Fn(&dyn std::fmt::Display) + Send + Sync + 'static>,
    ) -> Result<Self, BindError> {
        let prepared: Vec<(Names, &NameFault)> = faults
            .iter()
            .map(|fault| {
                let name = wire(&fault.at)?;
                Ok((Names { name, zone: true }, fault))
            })
            .collect::<Result<_, BindError>>()?;
        let log = log.map(|log| Log::new(move |line| log(line)));
        let listen = Listen {
            at: listen.to_vec(),
            resolvers: false,
        };
        let server = DnsServer::bind(zones, &listen, log, None)?;
        let mut doses = Vec::new();
        for (names, fault) in prepared {
            let dose = Arc::new(Dose::of(&fault.name, fault.share, Seed(1)));
            let (of, effect) = (Arc::clone(&dose), fault.effect.clone());
            let rule = Rule::new(of, names, effect, &server.book.zones);
            server.book.rules.post(Arc::new(rule));
            doses.push(dose);
        }
        Ok(Self {
            server,
            faults: doses,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn addrs(&self) -> &[SocketAddr] {
        self.server.addrs()
    }

    /// The name of each fault, and how many questions it met.
    #[must_use]
    pub fn hits(&self) -> Vec<(String, u64)> {
        let faults = self.faults.iter();
        faults
            .map(|dose| (dose.name().to_owned(), dose.hits()))
            .collect()
    }

    /// Ends it; its sockets are closed when this returns.
    pub async fn shut_down(&self) {
        self.server.shut_down().await;
    }

    /// What a server of `zones` without faults answers to a packet, all by itself: bytes in, bytes
    /// out, for whoever wants to throw packets at it. `None` = nothing is sent, or somebody else
    /// would be asked.
    ///
    /// # Errors
    /// When a zone's name is none.
    pub fn answerer(
        zones: &[ZonePlan],
    ) -> Result<impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + use<>, BindError> {
        let book = Book::new(Zones::prepare(zones)?);
        let way = Way {
            udp: true,
            server: 0,
            own: false,
        };
        Ok(move |packet: &[u8]| {
            let mut out = Vec::new();
            match book.answer(packet, way, &mut out).0 {
                Verdict::Send | Verdict::Hold(..) => Some(out),
                Verdict::Silence | Verdict::HangUp | Verdict::Forward(_) => None,
            }
        })
    }
}
