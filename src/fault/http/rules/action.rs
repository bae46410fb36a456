//! What a rule does, ready to use.

use std::sync::Arc;

use hyper::header::HeaderValue;

use super::{Answer, limiter::Limiter};
use crate::{
    fault::http::{copies::Copies, json::Edits},
    scenario::model::{Cut, HttpAction, HttpClose, HttpDelay, HttpEffect},
    seed::Seed,
};

/// What a rule does.
#[derive(Debug, Clone)]
pub(in crate::fault::http) enum Action {
    /// Answers.
    Answer(Arc<Answer>),
    /// Forwards later.
    Delay(HttpDelay),
    /// Holds until the rule is gone.
    Hang,
    /// Ends the connection instead of forwarding.
    End(Ending),
    /// Changes the upstream's answer.
    Change(Change),
    /// Answers as the same request was answered before the fault.
    Stale(Arc<Copies>),
    /// Answers those who exceed a limit.
    Limit(Arc<Limiter>, Arc<Answer>),
}

/// How a connection ends without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::fault::http) enum Ending {
    /// By RST.
    Reset,
    /// By FIN.
    Close,
}

/// How the upstream's answer is changed.
#[derive(Debug, Clone)]
pub(in crate::fault::http) enum Change {
    /// Its body ends too early, and the connection with it.
    Cut(Cut),
    /// Its body comes at so many bytes a second.
    Slow(f64),
    /// Its JSON is edited.
    Json(Arc<Edits>),
    /// It is 200 with broken JSON.
    Malformed,
    /// It says that it is of this type.
    ContentType(HeaderValue),
}

impl Action {
    /// Makes an effect ready.
    ///
    /// # Errors
    /// When a status or header cannot be sent, or a JSONPath is none.
    pub(in crate::fault::http) fn prepare(effect: &HttpEffect, seed: Seed) -> Result<Self, String> {
        Ok(match &effect.action {
            HttpAction::Delay(delay) => Self::Delay(*delay),
            HttpAction::Hang => Self::Hang,
            HttpAction::Status {
                code,
                headers,
                body,
            } => Self::Answer(Arc::new(Answer::new(*code, headers, body)?)),
            HttpAction::Reset => Self::End(Ending::Reset),
            HttpAction::Close(HttpClose::BeforeHeaders) => Self::End(Ending::Close),
            HttpAction::Close(HttpClose::AfterHeaders) => Self::Change(Change::Cut(Cut::Bytes(0))),
            HttpAction::Truncate(cut) => Self::Change(Change::Cut(*cut)),
            HttpAction::Slow(rate) => Self::Change(Change::Slow(rate.get())),
            HttpAction::Json(edits) => Self::Change(Change::Json(Arc::new(Edits::new(edits)?))),
            HttpAction::Malformed => Self::Change(Change::Malformed),
            HttpAction::ContentType(media) => {
                let value = HeaderValue::from_str(media);
                let value = value.map_err(|_| format!("`{media}` cannot be sent"))?;
                Self::Change(Change::ContentType(value))
            }
            HttpAction::Stale => Self::Stale(Arc::default()),
            HttpAction::RateLimit(limit) => {
                let retry = limit.retry_after.map(|after| {
                    // whole seconds (RFC 9110 section 10.2.3), and never too early
                    let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
                    ("retry-after".to_owned(), seconds.to_string())
                });
                let body = "refused by a rate limit\n";
                let headers: Vec<_> = retry.into_iter().collect();
                let answer = Arc::new(Answer::new(limit.status, &headers, body)?);
                match &limit.window {
                    None => Self::Answer(answer),
                    Some(window) => Self::Limit(Arc::new(Limiter::new(window, seed)), answer),
                }
            }
        })
    }

    /// Where copies are kept for it before it is in force, if it wants any, and of which requests.
    pub(in crate::fault::http) const fn copies(&self) -> Option<&Arc<Copies>> {
        match self {
            Self::Stale(copies) => Some(copies),
            Self::Answer(_)
            | Self::Delay(_)
            | Self::Hang
            | Self::End(_)
            | Self::Change(_)
            | Self::Limit(..) => None,
        }
    }

    /// What it has counted is forgotten: it is put in anew.
    pub(in crate::fault::http) fn renew(&self) {
        if let Self::Limit(limiter, _) = self {
            limiter.clear();
        }
    }
}
