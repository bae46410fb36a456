//! Names that are not ours: the hosts file, `localhost`, then the system's resolver, as any program
//! on this machine would ask them. The guard is not asked here: it is asked with the addresses that
//! are found, at each connect.

use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::{
    op::{Query, ResponseCode},
    rr::{Name, RData, Record, RecordType},
};
use hickory_resolver::{
    Hosts, TokioResolver,
    config::ResolveHosts,
    net::{DnsError, NetError},
};

/// What the system knows.
pub(super) struct System {
    hosts: Hosts,
    /// `None` when the system has no (readable) configuration.
    resolver: Option<TokioResolver>,
}

/// What was found: records, or why there are none.
pub(super) type Found = Result<Vec<Record>, ResponseCode>;

impl System {
    /// Reads the system's configuration. A machine without one still answers from its hosts file.
    pub(super) fn load() -> Self {
        let resolver = TokioResolver::builder_tokio().ok().and_then(|mut builder| {
            let options = builder.options_mut();
            // caches are the askers' business: their TTLs are part of what is rehearsed
            options.cache_size = 0;
            options.use_hosts_file = ResolveHosts::Never;
            builder.build().ok()
        });
        Self {
            hosts: Hosts::from_system().unwrap_or_default(),
            resolver,
        }
    }

    /// Asks about a fully qualified name.
    pub(super) async fn ask(&self, name: &Name, kind: RecordType) -> Found {
        if let Some(records) = self.known(name, kind) {
            return Ok(records);
        }
        let Some(resolver) = &self.resolver else {
            return Err(ResponseCode::ServFail);
        };
        match resolver.lookup(name.clone(), kind).await {
            Ok(lookup) => Ok(lookup.answers().to_vec()),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => match none.response_code {
                ResponseCode::NoError => Ok(Vec::new()),
                code => Err(code),
            },
            Err(NetError::Dns(DnsError::ResponseCode(code))) => Err(code),
            Err(_) => Err(ResponseCode::ServFail),
        }
    }

    /// What needs no server. Such answers may not be kept (TTL 0): the file is this machine's, and
    /// no cache stands between it and a program.
    fn known(&self, name: &Name, kind: RecordType) -> Option<Vec<Record>> {
        if let Some(found) = self
            .hosts
            .lookup_static_host(&Query::query(name.clone(), kind))
        {
            let mut records = found.answers().to_vec();
            for record in &mut records {
                record.ttl = 0;
            }
            return Some(records);
        }
        // names below it too, and never asked of a server (RFC 6761 section 6.3)
        let last = name.iter().next_back()?;
        if !last.eq_ignore_ascii_case(b"localhost") {
            return None;
        }
        let data = match kind {
            RecordType::A => Some(RData::from(Ipv4Addr::LOCALHOST)),
            RecordType::AAAA => Some(RData::from(Ipv6Addr::LOCALHOST)),
            _ => None,
        };
        let record = data.map(|data| Record::from_rdata(name.clone(), 0, data));
        Some(record.into_iter().collect())
    }
}
