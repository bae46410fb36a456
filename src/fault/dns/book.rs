//! What the answer to a packet depends on, and the answer: a pure decision about bytes, but for the
//! counters of the faults.

use std::{
    collections::HashSet,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use super::{
    question::{A, AAAA, IN, Packet, Question, read},
    reply::{self, Reply},
    rules::{Rule, Way, meet},
    zone::{Said, Zones},
};
use crate::{
    fault::board::Board,
    scenario::model::{DnsAnswer, OverTcp},
};

/// How long an expired answer is good for (RFC 8767 section 4), and a made-up one about a name
/// whose own time to live is not known.
const STALE_TTL: u32 = 30;

/// What answers depend on.
pub(super) struct Book {
    pub(super) zones: Zones,
    pub(super) rules: Board<Rule>,
    own: Mutex<HashSet<SocketAddr>>,
    /// How many of them there are, to look at without the lock.
    owns: AtomicUsize,
}

/// What becomes of a packet.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Nothing is sent.
    Silence,
    /// The answer that was written is sent.
    Send,
    /// It is sent after this time, or when the rule is taken down.
    Hold(Arc<Rule>, Duration),
    /// The connection is closed.
    HangUp,
    /// The name is not ours: somebody else is to be asked; by this rule then, if any.
    Forward(Option<Arc<Rule>>),
}

/// What a question came to, for a log.
#[derive(Debug, Clone, Default)]
pub(super) struct Outcome {
    /// The rule that met it.
    pub(super) rule: Option<Arc<Rule>>,
    /// The response code.
    pub(super) code: u16,
    /// How many records answer.
    pub(super) answers: u16,
}

impl Book {
    pub(super) fn new(zones: Zones) -> Self {
        Self {
            zones,
            rules: Board::default(),
            own: Mutex::default(),
            owns: AtomicUsize::new(0),
        }
    }

    /// From now on questions from there are our own.
    pub(super) fn expect_own(&self, from: SocketAddr) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.insert(from);
        self.owns.store(own.len(), Ordering::SeqCst);
    }

    /// They no longer are.
    pub(super) fn forget_own(&self, from: &SocketAddr) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.remove(from);
        self.owns.store(own.len(), Ordering::SeqCst);
    }

    /// Whether a question from there is our own.
    pub(super) fn is_own(&self, from: &SocketAddr) -> bool {
        self.owns.load(Ordering::SeqCst) > 0 && {
            let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
            own.contains(from)
        }
    }

    /// What becomes of a packet; an answer, if there is one, is left in `out`.
    pub(super) fn answer(&self, packet: &[u8], way: Way, out: &mut Vec<u8>) -> (Verdict, Outcome) {
        let only = |code| Outcome {
            code,
            ..Outcome::default()
        };
        let question = match read(packet) {
            Packet::Noise => return (Verdict::Silence, Outcome::default()),
            Packet::Unknown(header) => {
                reply::header(&header, reply::NOTIMP, out);
                return (Verdict::Send, only(reply::NOTIMP));
            }
            Packet::Garbled(header) => {
                reply::header(&header, reply::FORMERR, out);
                return (Verdict::Send, only(reply::FORMERR));
            }
            Packet::Question(question) => question,
        };
        let refusal = if question.edns.is_some_and(|edns| edns.version > 0) {
            Some(reply::BADVERS)
        } else if question.class == IN {
            None
        } else {
            Some(reply::REFUSED)
        };
        if let Some(code) = refusal {
            Reply::code(code).write(&question, way.udp, out);
            return (Verdict::Send, only(code));
        }
        let rule = meet(&self.rules.snapshot(), question.name(), way);
        let said = self.zones.say(question.name());
        let verdict = match judge(&question, said, rule.as_deref(), way.udp) {
            Judged::Silence => Verdict::Silence,
            Judged::HangUp => Verdict::HangUp,
            // a look at our rules need not bother other people's servers
            Judged::Abroad if way.own => {
                Reply::code(reply::NOERROR).write(&question, way.udp, out);
                Verdict::Send
            }
            Judged::Abroad => Verdict::Forward(rule.clone()),
            Judged::Say(reply) => {
                let answers = reply.write(&question, way.udp, out);
                let code = reply.code;
                let delay = rule.as_deref().and_then(Rule::delay);
                let verdict = match (delay, rule.clone()) {
                    (Some(delay), Some(rule)) => Verdict::Hold(rule, delay),
                    (None, _) | (_, None) => Verdict::Send,
                };
                let outcome = Outcome {
                    rule,
                    code,
                    answers,
                };
                return (verdict, outcome);
            }
        };
        let outcome = Outcome {
            rule,
            ..Outcome::default()
        };
        (verdict, outcome)
    }
}

/// What is said, before it is written.
enum Judged<'a> {
    Say(Reply<'a>),
    Silence,
    HangUp,
    /// Nothing that we know, or change, ourselves.
    Abroad,
}

fn judge<'a>(
    question: &Question<'_>,
    said: Option<Said<'a>>,
    rule: Option<&'a Rule>,
    udp: bool,
) -> Judged<'a> {
    let truth = said.map(|said| Reply {
        authoritative: true,
        addresses: said.addresses,
        ttl: said.authority.ttl,
        soa: Some(said.authority),
        ..Reply::code(if said.exists {
            reply::NOERROR
        } else {
            reply::NXDOMAIN
        })
    });
    let Some(rule) = rule else {
        return truth.map_or(Judged::Abroad, Judged::Say);
    };
    let denial = |code| Reply {
        authoritative: said.is_some(),
        denied: true,
        soa: said.map(|said| said.authority),
        ..Reply::code(code)
    };
    let effect = &rule.effect;
    let asks_addresses = matches!(question.kind, A | AAAA);
    let invented = |addresses: &'a [IpAddr]| match said {
        Some(said) if said.addresses.is_empty() => truth,
        None if !asks_addresses => None,
        said => Some(Reply {
            addresses,
            ttl: said.map_or(STALE_TTL, |said| said.authority.ttl),
            ..denial(reply::NOERROR)
        }),
    };
    let reply = match &effect.answer {
        DnsAnswer::Drop => return Judged::Silence,
        DnsAnswer::Servfail => Some(Reply::code(reply::SERVFAIL)),
        DnsAnswer::Refused => Some(Reply::code(reply::REFUSED)),
        DnsAnswer::Nxdomain => Some(denial(reply::NXDOMAIN)),
        DnsAnswer::NoData => Some(denial(reply::NOERROR)),
        DnsAnswer::Truncate { .. } if udp => Some(Reply {
            authoritative: said.is_some(),
            truncated: true,
            ..Reply::code(reply::NOERROR)
        }),
        DnsAnswer::Truncate { over_tcp } => match over_tcp {
            OverTcp::Answer => truth,
            OverTcp::Drop => return Judged::Silence,
            OverTcp::Close => return Judged::HangUp,
        },
        DnsAnswer::Wrong(addresses) => invented(addresses),
        DnsAnswer::Stale(addresses) => invented(addresses).map(|reply| Reply {
            // who serves expired data is no authority
            authoritative: false,
            ttl: STALE_TTL,
            ..reply
        }),
        DnsAnswer::Truth => truth,
        DnsAnswer::Keep(most) => truth.map(|reply| Reply {
            most: *most,
            ..reply
        }),
        DnsAnswer::Only(family) => truth.map(|reply| Reply {
            only: Some(*family),
            ..reply
        }),
    };
    let Some(mut reply) = reply else {
        return Judged::Abroad;
    };
    if let Some(ttl) = effect.ttl {
        // whole seconds, as the parser sees to
        let ttl = u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX >> 1);
        reply.ttl = ttl;
        if let Some(soa) = &mut reply.soa {
            soa.ttl = ttl;
        }
    }
    let error = match effect.answer {
        DnsAnswer::Stale(_) => reply::STALE,
        _ => reply::OTHER,
    };
    reply.fault = Some((error, rule.dose.name()));
    Judged::Say(reply)
}
