//! Names that are not ours: the hosts file, `localhost`, then the system's resolver, as any program
//! on this machine would ask them. The guard is not asked here: it is asked with the addresses that
//! are found, at each connect. These answers are rare and of any kind, so hickory-proto reads and
//! writes them.

use std::net::{Ipv4Addr, Ipv6Addr};

use std::{sync::Arc, time::Duration};

use hickory_proto::{
    op::{Edns, Message, OpCode, Query, ResponseCode},
    rr::{Name, RData, Record, RecordType, rdata::opt::EdnsOption},
};
use hickory_resolver::{
    Hosts, TokioResolver,
    config::ResolveHosts,
    net::{DnsError, NetError},
};

use super::{
    book::Outcome,
    question::{Packet, read},
    reply::{EXTENDED_ERROR, OTHER, UDP_MOST, extended_error, udp_room},
    rules::Rule,
};
use crate::scenario::model::{DnsAnswer, Family};

/// What the system knows.
pub(super) struct System {
    hosts: Hosts,
    /// `None` when the system has no (readable) configuration.
    resolver: Option<TokioResolver>,
}

/// What was found: records, or why there are none.
type Found = Result<Vec<Record>, ResponseCode>;

/// A question and what was found.
pub(super) struct Heard {
    question: Message,
    /// How long an answer over UDP may be.
    room: usize,
    found: Found,
}

/// Asks what a packet asks; `None` for what is no question.
pub(super) async fn ask(system: &System, packet: &[u8]) -> Option<Heard> {
    let Packet::Question(read) = read(packet) else {
        return None;
    };
    let room = udp_room(read.edns.as_ref());
    let question = Message::from_vec(packet).ok()?;
    let query = question.queries.first()?;
    let mut name = query.name.clone();
    name.set_fqdn(true);
    let found = system.ask(&name, query.query_type).await;
    Some(Heard {
        question,
        room,
        found,
    })
}

impl Heard {
    /// The answer to it, changed as a rule says; and what it came to.
    pub(super) fn answer(self, rule: Option<&Arc<Rule>>, udp: bool) -> Option<(Vec<u8>, Outcome)> {
        let asked = &self.question.metadata;
        let mut answer = Message::response(asked.id, OpCode::Query);
        answer.metadata.recursion_desired = asked.recursion_desired;
        answer.metadata.recursion_available = true;
        answer.add_queries(self.question.queries.clone());
        match self.found {
            Err(code) => answer.metadata.response_code = code,
            Ok(records) => {
                let records = match rule {
                    Some(rule) => changed(records, rule),
                    None => records,
                };
                answer.add_answers(records);
            }
        }
        if self.question.edns.is_some() {
            let mut edns = Edns::new();
            edns.set_max_payload(UDP_MOST).set_version(0);
            if let Some(rule) = rule {
                let error = extended_error(OTHER, rule.dose.name());
                let option = EdnsOption::Unknown(EXTENDED_ERROR, error);
                edns.options_mut().insert(option);
            }
            answer.edns = Some(edns);
        }
        let outcome = Outcome {
            rule: rule.cloned(),
            code: answer.metadata.response_code.into(),
            answers: u16::try_from(answer.answers.len()).unwrap_or(u16::MAX),
        };
        let bytes = answer.to_vec().ok()?;
        if udp && bytes.len() > self.room {
            answer.answers.clear();
            answer.metadata.truncation = true;
            return Some((answer.to_vec().ok()?, outcome));
        }
        Some((bytes, outcome))
    }
}

/// Records as a rule lets them through.
fn changed(mut records: Vec<Record>, rule: &Rule) -> Vec<Record> {
    let effect = &rule.effect;
    match effect.answer {
        DnsAnswer::Keep(most) => {
            let (mut v4, mut v6) = (0, 0);
            records.retain(|record| {
                let count = match record.record_type() {
                    RecordType::A => &mut v4,
                    RecordType::AAAA => &mut v6,
                    _ => return true,
                };
                *count += 1;
                *count <= most
            });
        }
        DnsAnswer::Only(family) => records.retain(|record| match record.record_type() {
            RecordType::A => family == Family::A,
            RecordType::AAAA => family == Family::Aaaa,
            _ => true,
        }),
        DnsAnswer::Truth
        | DnsAnswer::Servfail
        | DnsAnswer::Nxdomain
        | DnsAnswer::Refused
        | DnsAnswer::NoData
        | DnsAnswer::Drop
        | DnsAnswer::Truncate { .. }
        | DnsAnswer::Wrong(_)
        | DnsAnswer::Stale(_) => {}
    }
    if let Some(ttl) = effect.ttl {
        for record in &mut records {
            record.ttl = seconds(ttl);
        }
    }
    records
}

fn seconds(ttl: Duration) -> u32 {
    u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX >> 1)
}

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
    async fn ask(&self, name: &Name, kind: RecordType) -> Found {
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
