//! Answers as they travel.

use std::net::IpAddr;

use super::{
    name::LONGEST_LABEL,
    question::{A, AAAA, ANY, Edns, HEADER, IN, OPT, Question, SOA},
};
use crate::{marks::FAULT_TEXT, scenario::model::Family};

/// Response codes (RFC 1035 section 4.1.1, RFC 6891 section 9).
pub(super) const NOERROR: u16 = 0;
pub(super) const FORMERR: u16 = 1;
pub(super) const SERVFAIL: u16 = 2;
pub(super) const NXDOMAIN: u16 = 3;
pub(super) const NOTIMP: u16 = 4;
pub(super) const REFUSED: u16 = 5;
pub(super) const BADVERS: u16 = 16;

/// Extended errors (RFC 8914 section 4).
pub(super) const OTHER: u16 = 0;
pub(super) const STALE: u16 = 3;

/// The option that carries them.
pub(super) const EXTENDED_ERROR: u16 = 15;

/// Bounds of an answer over UDP: what every asker takes, and what passes any network unfragmented
/// (DNS flag day 2020).
const UDP_LEAST: u16 = 512;
pub(super) const UDP_MOST: u16 = 1232;
/// Longest text of an extended error: names of faults are short.
const LONGEST_TEXT: usize = 100;

const AUTHORITATIVE: u8 = 0x04;
const TRUNCATED: u8 = 0x02;

/// An answer before it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reply<'a> {
    pub(super) code: u16,
    pub(super) authoritative: bool,
    pub(super) truncated: bool,
    /// Whatever was asked for is denied.
    pub(super) denied: bool,
    /// Addresses of the name; written are those that were asked for.
    pub(super) addresses: &'a [IpAddr],
    /// Only of this kind.
    pub(super) only: Option<Family>,
    /// At most so many of each kind.
    pub(super) most: u32,
    pub(super) ttl: u32,
    /// The SOA record of the zone: in the answer when it was asked for, and else, when there is no
    /// answer, beside it, so that caches know how long to keep that (RFC 2308 section 3).
    pub(super) soa: Option<Authority<'a>>,
    /// Who made it so (RFC 8914): the code and the fault's name.
    pub(super) fault: Option<(u16, &'a str)>,
}

/// What a zone says of itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Authority<'a> {
    /// Its name.
    pub(super) zone: &'a [u8],
    pub(super) ttl: u32,
}

impl Reply<'_> {
    /// Nothing but a code.
    pub(super) const fn code(code: u16) -> Self {
        Self {
            code,
            authoritative: false,
            truncated: false,
            denied: false,
            addresses: &[],
            only: None,
            most: u32::MAX,
            ttl: 0,
            soa: None,
            fault: None,
        }
    }

    /// Writes the answer to `question` into `out`; over UDP only that it is truncated, when it is
    /// longer than the asker takes. Returns how many records answer.
    pub(super) fn write(&self, question: &Question<'_>, udp: bool, out: &mut Vec<u8>) -> u16 {
        let room = udp_room(question.edns.as_ref());
        let answers = self.write_whole(question, out);
        if udp && out.len() > room {
            let cut = Self {
                truncated: true,
                addresses: &[],
                soa: None,
                ..*self
            };
            return cut.write_whole(question, out);
        }
        answers
    }

    fn write_whole(&self, question: &Question<'_>, out: &mut Vec<u8>) -> u16 {
        header(&question.header, self.code, out);
        out[2] |= if self.authoritative { AUTHORITATIVE } else { 0 };
        out[2] |= if self.truncated { TRUNCATED } else { 0 };
        out[5] = 1;
        out.extend_from_slice(question.section);
        let mut answers: u16 = 0;
        let wanted = |family, kind| {
            (question.kind == kind || question.kind == ANY)
                && self.only.is_none_or(|only| only == family)
        };
        let (mut v4, mut v6) = (0, 0);
        for address in self.addresses {
            match address {
                IpAddr::V4(ip) if wanted(Family::A, A) && v4 < self.most => {
                    v4 += 1;
                    record(NAME, A, self.ttl, &ip.octets(), out);
                }
                IpAddr::V6(ip) if wanted(Family::Aaaa, AAAA) && v6 < self.most => {
                    v6 += 1;
                    record(NAME, AAAA, self.ttl, &ip.octets(), out);
                }
                IpAddr::V4(_) | IpAddr::V6(_) => continue,
            }
            answers += 1;
        }
        if let Some(soa) = self.soa.filter(|_| answers == 0) {
            let asked = soa.zone == question.name() && matches!(question.kind, SOA | ANY);
            let asked = asked && !self.denied;
            soa.write(question, out);
            if asked {
                answers += 1;
            } else {
                out[9] = 1;
            }
        }
        out[6..8].copy_from_slice(&answers.to_be_bytes());
        if question.edns.is_some() {
            self.write_opt(out);
            out[11] = 1;
        }
        answers
    }

    /// A question with EDNS gets an answer with EDNS (RFC 6891 section 6.1.1).
    fn write_opt(&self, out: &mut Vec<u8>) {
        let [extended, _] = (self.code << 4).to_be_bytes();
        out.push(0);
        out.extend_from_slice(&OPT.to_be_bytes());
        out.extend_from_slice(&UDP_MOST.to_be_bytes());
        out.extend_from_slice(&[extended, 0, 0, 0]);
        let Some((error, fault)) = self.fault else {
            out.extend_from_slice(&[0, 0]);
            return;
        };
        let data = extended_error(error, fault);
        let length = data.len() as u16;
        for number in [length + 4, EXTENDED_ERROR, length] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out.extend_from_slice(&data);
    }
}

/// The data of the option that says which fault made an answer.
pub(super) fn extended_error(error: u16, fault: &str) -> Vec<u8> {
    let text = FAULT_TEXT.bytes().chain(fault.bytes());
    let code = error.to_be_bytes();
    code.into_iter().chain(text.take(LONGEST_TEXT)).collect()
}

/// How long an answer over UDP may be.
pub(super) fn udp_room(edns: Option<&Edns>) -> usize {
    edns.map_or(UDP_LEAST, |edns| edns.payload.clamp(UDP_LEAST, UDP_MOST))
        .into()
}

/// The header of an answer without records, in place of what `out` held.
pub(super) fn header(asked: &[u8; HEADER], code: u16, out: &mut Vec<u8>) {
    out.clear();
    // the opcode, and that recursion was desired; it is there to be had
    let flags = 0x80 | asked[2] & 0x79;
    // whether checking is disabled is repeated too (RFC 4035 section 3.2.2)
    let more = 0x80 | asked[3] & 0x10 | (code & 0x0f) as u8;
    out.extend_from_slice(&[asked[0], asked[1], flags, more, 0, 0, 0, 0, 0, 0, 0, 0]);
}

/// A pointer to the name that was asked about (RFC 1035 section 4.1.4).
const NAME: u16 = 0xc000 | HEADER as u16;

fn record(owner: u16, kind: u16, ttl: u32, data: &[u8], out: &mut Vec<u8>) {
    for number in [owner, kind, IN] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(&ttl.to_be_bytes());
    out.extend_from_slice(&(data.len() as u16).to_be_bytes());
    out.extend_from_slice(data);
}

impl Authority<'_> {
    /// The SOA record. What was asked about lies in the zone, so its name ends with the zone's.
    fn write(&self, question: &Question<'_>, out: &mut Vec<u8>) {
        const MAIL: &[u8] = b"hostmaster";
        const _: () = assert!(MAIL.len() <= LONGEST_LABEL);
        let before = question.name().len().saturating_sub(self.zone.len());
        let zone = NAME + before as u16;
        let mut data = Vec::with_capacity(64);
        data.extend_from_slice(&zone.to_be_bytes());
        data.push(MAIL.len() as u8);
        data.extend_from_slice(MAIL);
        data.extend_from_slice(&zone.to_be_bytes());
        // serial, refresh, retry, expire: there is nothing to transfer; then the negative TTL
        for number in [1, 3600, 600, 86_400, self.ttl] {
            data.extend_from_slice(&u32::to_be_bytes(number));
        }
        record(zone, SOA, self.ttl, &data, out);
    }
}
