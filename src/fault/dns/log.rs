//! What was asked and answered, a line each: for people who watch a server that stands alone.

use std::{fmt, net::SocketAddr};

use hickory_proto::{op::ResponseCode, rr::RecordType};

use super::{
    book::{Outcome, Verdict},
    name::to_text,
    question::{Packet, read},
    rules::Way,
};

/// Where lines go.
pub(in crate::fault) struct Log(Box<dyn Fn(&Line<'_>) + Send + Sync>);

/// A question and what became of it.
pub(super) struct Line<'a> {
    from: SocketAddr,
    udp: bool,
    server: u32,
    asked: String,
    what: String,
    fault: Option<&'a str>,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, asked, what) = (self.from, &self.asked, &self.what);
        let over = if self.udp { "udp" } else { "tcp" };
        write!(f, "{from} {over} {asked}: {what}")?;
        if self.server > 0 {
            write!(f, ", by server {}", self.server + 1)?;
        }
        match self.fault {
            Some(fault) => write!(f, " (fault {fault})"),
            None => Ok(()),
        }
    }
}

impl Log {
    pub(super) fn new(to: impl Fn(&Line<'_>) + Send + Sync + 'static) -> Self {
        Self(Box::new(to))
    }

    /// Tells of a question that was answered, or not, from what we know. Those that somebody else
    /// is asked about, and our own, are not told of here.
    pub(super) fn answered(
        &self,
        packet: &[u8],
        from: SocketAddr,
        way: Way,
        verdict: &Verdict,
        outcome: &Outcome,
    ) {
        let what = match verdict {
            Verdict::Forward(_) => return,
            Verdict::Silence => "dropped".to_owned(),
            Verdict::HangUp => "connection closed".to_owned(),
            Verdict::Send => told(outcome),
            Verdict::Hold(_, delay) => {
                format!("{}, in {} ms", told(outcome), delay.as_millis())
            }
        };
        if !way.own {
            self.line(packet, from, way, what, outcome);
        }
    }

    /// Tells of a question that somebody else was asked about.
    pub(super) fn forwarded(&self, packet: &[u8], from: SocketAddr, way: Way, outcome: &Outcome) {
        let what = format!("{}, from the system's resolver", told(outcome));
        self.line(packet, from, way, what, outcome);
    }

    fn line(&self, packet: &[u8], from: SocketAddr, way: Way, what: String, outcome: &Outcome) {
        let asked = match read(packet) {
            Packet::Question(question) => {
                let name = to_text(question.name());
                format!("{name} {}", RecordType::from(question.kind))
            }
            Packet::Noise | Packet::Unknown(_) | Packet::Garbled(_) => "no question".to_owned(),
        };
        (self.0)(&Line {
            from,
            udp: way.udp,
            server: way.server,
            asked,
            what,
            fault: outcome.rule.as_ref().map(|rule| rule.dose.name()),
        });
    }
}

fn told(outcome: &Outcome) -> String {
    let [high, low] = outcome.code.to_be_bytes();
    let code = ResponseCode::from(high, low).to_str();
    match outcome.answers {
        0 => code.to_owned(),
        1 => format!("{code}, 1 record"),
        many => format!("{code}, {many} records"),
    }
}
