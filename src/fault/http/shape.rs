//! What rules change in the upstream's answer.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use bytes::{Bytes, BytesMut};
use hyper::{
    Response, StatusCode,
    body::{Body, Frame},
    header::{self, HeaderValue},
};

use super::{
    body::{Outbound, Rest, Source},
    forward::Honest,
    json::broken_off,
    pace::{Pace, gone},
    rules::{Change, Rule},
    wire::Wire,
};
use crate::{
    fault::board::{Board, is_posted},
    scenario::model::Cut,
};

/// A larger body is not read as a whole: it passes as it is.
const READ_MOST: usize = 4 << 20;

/// An answer, and the names of the faults that changed it.
pub(super) struct Shaped {
    pub(super) response: Response<Outbound>,
    pub(super) by: Vec<String>,
}

/// Changes an answer as those of the rules want it that are still in force. What cannot be changed
/// (no body, no JSON, too large, coded) passes as it is, and the fault counts that it spared it.
pub(super) async fn shape(
    response: Response<Honest>,
    changes: Vec<(Weak<Rule>, Change)>,
    board: &Board<Rule>,
    wire: &Arc<Wire>,
) -> Shaped {
    let mut shaped = Shaped {
        response: response.map(|body| Outbound::new(Source::Upstream(body))),
        by: Vec::new(),
    };
    // what needs the body whole comes before what happens to it on its way
    let (whole, passing): (Vec<_>, Vec<_>) = changes
        .into_iter()
        .partition(|(_, change)| matches!(change, Change::Json(_) | Change::Malformed));
    for (rule, change) in whole.into_iter().chain(passing) {
        let Some(rule) = rule.upgrade() else {
            continue;
        };
        if !is_posted(&board.snapshot(), &rule) {
            continue;
        }
        let dose = Arc::clone(&rule.dose);
        if shaped.apply(rule, &change, board, wire).await {
            shaped.by.push(dose.name().to_owned());
        } else {
            dose.spare();
        }
    }
    shaped
}

impl Shaped {
    /// Whether the change could be made.
    async fn apply(
        &mut self,
        rule: Arc<Rule>,
        change: &Change,
        board: &Board<Rule>,
        wire: &Arc<Wire>,
    ) -> bool {
        match change {
            Change::ContentType(value) => {
                let headers = self.response.headers_mut();
                headers.insert(header::CONTENT_TYPE, value.clone());
                true
            }
            Change::Slow(rate) => {
                if self.response.body().is_end_stream() {
                    return false;
                }
                let pace = Pace::new(*rate, board, rule);
                self.response.body_mut().pace(pace);
                true
            }
            Change::Cut(cut) => {
                let after = match cut {
                    Cut::Bytes(bytes) => *bytes,
                    Cut::Share(share) => match self.length(rule, board).await {
                        Some(length) => (length as f64 * share.get()) as u64,
                        None => return false,
                    },
                };
                let body = self.response.body();
                let whole = body.size_hint().exact().is_some_and(|all| all <= after);
                if body.is_end_stream() || whole {
                    return false;
                }
                self.response.body_mut().cut(after, wire);
                true
            }
            Change::Json(edits) => {
                let edit = |body: &[u8]| edits.apply(body);
                self.rewrite(rule, board, edit).await
            }
            Change::Malformed => {
                let broken = self
                    .rewrite(rule, board, |body| Some(broken_off(body)))
                    .await;
                if broken {
                    *self.response.status_mut() = StatusCode::OK;
                }
                broken
            }
        }
    }

    /// How long the body is; one that does not say is read.
    async fn length(&mut self, rule: Arc<Rule>, board: &Board<Rule>) -> Option<u64> {
        if let Some(exact) = self.response.body().size_hint().exact() {
            return Some(exact);
        }
        self.read(rule, board).await.map(|body| body.len() as u64)
    }

    /// Puts what `edit` makes of the body in its place.
    async fn rewrite(
        &mut self,
        rule: Arc<Rule>,
        board: &Board<Rule>,
        edit: impl Fn(&[u8]) -> Option<Vec<u8>>,
    ) -> bool {
        let coded = self.response.headers().get(header::CONTENT_ENCODING);
        if coded.is_some_and(|coding| coding != "identity") || self.response.body().is_end_stream()
        {
            return false;
        }
        let Some(edited) = self.read(rule, board).await.and_then(|body| edit(&body)) else {
            return false;
        };
        let edited = Bytes::from(edited);
        let headers = self.response.headers_mut();
        if headers.contains_key(header::CONTENT_LENGTH) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(edited.len()));
        }
        let frames = VecDeque::from([Frame::data(edited)]);
        *self.response.body_mut() = Outbound::new(Source::Read(frames, Rest::Nothing));
        true
    }

    /// Reads the body whole and leaves it in its place; `None` when it is too large, fails, or the
    /// rule goes meanwhile.
    async fn read(&mut self, rule: Arc<Rule>, board: &Board<Rule>) -> Option<Bytes> {
        let exact = self.response.body().size_hint().exact();
        if exact.is_some_and(|length| length > READ_MOST as u64) {
            return None;
        }
        let mut gone = std::pin::pin!(gone(board, rule));
        let mut source = self.response.body_mut().take();
        let mut frames = VecDeque::new();
        let mut all = BytesMut::new();
        let rest = loop {
            let frame = tokio::select! {
                biased;
                () = &mut gone => break Rest::More(Box::new(source)),
                frame = std::future::poll_fn(|cx| source.poll(cx)) => frame,
            };
            match frame {
                None => break Rest::Nothing,
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        all.extend_from_slice(data);
                    }
                    frames.push_back(frame);
                    if all.len() > READ_MOST {
                        break Rest::More(Box::new(source));
                    }
                }
                Some(Err(error)) => break Rest::Error(Some(error)),
            }
        };
        let whole = matches!(rest, Rest::Nothing);
        *self.response.body_mut() = Outbound::new(Source::Read(frames, rest));
        whole.then(|| all.freeze())
    }
}
