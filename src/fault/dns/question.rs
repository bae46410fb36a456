//! What a packet asks: our own reading of DNS questions (RFC 1035 section 4.1, RFC 6891), bounded
//! and without allocations. A test holds it against hickory-proto's.

use super::name::{LONGEST, LONGEST_LABEL};

/// Length of a header.
pub(super) const HEADER: usize = 12;
/// The class of the internet.
pub(super) const IN: u16 = 1;
/// Types of records.
pub(super) const A: u16 = 1;
pub(super) const SOA: u16 = 6;
pub(super) const AAAA: u16 = 28;
pub(super) const OPT: u16 = 41;
pub(super) const ANY: u16 = 255;
/// Bits of the second and third byte of the header's flags.
const RESPONSE: u8 = 0x80;
const OPCODE: u8 = 0x78;

/// A question that was understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question<'p> {
    /// The header: id, flags, counts.
    pub(super) header: [u8; HEADER],
    /// Name, type and class as they came.
    pub(super) section: &'p [u8],
    lower: [u8; LONGEST],
    length: usize,
    /// The type that is asked for.
    pub(super) kind: u16,
    pub(super) class: u16,
    /// What the asker said by EDNS.
    pub(super) edns: Option<Edns>,
}

/// The part of an OPT record that matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edns {
    /// Largest answer over UDP that the asker takes.
    pub(super) payload: u16,
    pub(super) version: u8,
}

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack of one call"
)]
pub(super) enum Packet<'p> {
    /// Nothing to be answered: an answer, or no message at all.
    Noise,
    /// Not a kind of request that we know.
    Unknown([u8; HEADER]),
    /// Not well formed.
    Garbled([u8; HEADER]),
    /// A question.
    Question(Question<'p>),
}

impl Question<'_> {
    /// The name in lower case, as it travels.
    pub(super) fn name(&self) -> &[u8] {
        &self.lower[..self.length]
    }
}

/// Reads a packet. Whatever follows the records is ignored, as is what other records say.
pub(super) fn read(packet: &[u8]) -> Packet<'_> {
    let Some(header) = packet.first_chunk::<HEADER>() else {
        return Packet::Noise;
    };
    let header = *header;
    if header[2] & RESPONSE != 0 {
        return Packet::Noise;
    }
    if header[2] & OPCODE != 0 {
        return Packet::Unknown(header);
    }
    match question(packet, header) {
        Some(question) => Packet::Question(question),
        None => Packet::Garbled(header),
    }
}

fn question(packet: &[u8], header: [u8; HEADER]) -> Option<Question<'_>> {
    let count = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    if count(4) != 1 {
        return None;
    }
    let mut lower = [0; LONGEST];
    let mut at = HEADER;
    // a name stands alone at the beginning: there is nothing that it could be compressed with
    let length = loop {
        let label = usize::from(*packet.get(at)?);
        let copied = at - HEADER;
        if label > LONGEST_LABEL || copied + label + 1 > LONGEST {
            return None;
        }
        let from = packet.get(at..=at + label)?;
        let to = lower.get_mut(copied..=copied + label)?;
        to.copy_from_slice(from);
        to[1..].make_ascii_lowercase();
        at += label + 1;
        if label == 0 {
            break at - HEADER;
        }
    };
    let kind = number(packet, at)?;
    let class = number(packet, at + 2)?;
    at += 4;
    let section = &packet[HEADER..at];
    let records = usize::from(count(6)) + usize::from(count(8)) + usize::from(count(10));
    let mut edns = None;
    for _ in 0..records {
        let root = packet.get(at) == Some(&0);
        at = after_name(packet, at)?;
        let kind = number(packet, at)?;
        let payload = number(packet, at + 2)?;
        let version = *packet.get(at + 5)?;
        let data = usize::from(number(packet, at + 8)?);
        if kind == OPT {
            // one, and of the root (RFC 6891 section 6.1.1)
            if edns.is_some() || !root {
                return None;
            }
            edns = Some(Edns { payload, version });
        }
        at += 10 + data;
        if at > packet.len() {
            return None;
        }
    }
    Some(Question {
        header,
        section,
        lower,
        length,
        kind,
        class,
        edns,
    })
}

/// Where the name ends that begins at `at`. A pointer ends it: where it leads is of no interest.
fn after_name(packet: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *packet.get(at)? {
            0 => return Some(at + 1),
            label @ 1..=63 => at += usize::from(label) + 1,
            64..=191 => return None,
            192..=255 => return packet.get(at + 1).map(|_| at + 2),
        }
    }
}

fn number(packet: &[u8], at: usize) -> Option<u16> {
    let bytes = packet.get(at..at + 2)?;
    Some(u16::from_be_bytes([bytes[0], bytes[1]]))
}
