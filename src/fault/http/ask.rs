//! A request on its way to the upstream, of which a rule may have read the body.

use std::{
    collections::VecDeque,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use serde_json::Value;

/// A longer body is not looked into.
const READ_MOST: usize = 1 << 20;

/// The body of a request.
pub(super) enum Asking {
    /// None.
    Nothing,
    /// As it comes.
    Coming(Incoming),
    /// What was read of it, and what comes then; an error if reading failed.
    Read(
        VecDeque<Frame<Bytes>>,
        Option<Incoming>,
        Option<hyper::Error>,
    ),
}

impl Asking {
    /// Reads a body as JSON, and leaves it in its place. `None` when it is none, or too long.
    pub(super) async fn look(&mut self) -> Option<Value> {
        let Self::Coming(body) = self else {
            return None;
        };
        if body.size_hint().lower() > READ_MOST as u64 || body.is_end_stream() {
            return None;
        }
        let Self::Coming(mut body) = std::mem::replace(self, Self::Nothing) else {
            return None;
        };
        let mut frames = VecDeque::new();
        let mut all = BytesMut::new();
        while all.len() <= READ_MOST {
            match body.frame().await {
                None => {
                    *self = Self::Read(frames, None, None);
                    return serde_json::from_slice(&all).ok();
                }
                Some(Err(error)) => {
                    *self = Self::Read(frames, None, Some(error));
                    return None;
                }
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        all.extend_from_slice(data);
                    }
                    frames.push_back(frame);
                }
            }
        }
        *self = Self::Read(frames, Some(body), None);
        None
    }
}

impl Body for Asking {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let body = match &mut *self {
            Self::Nothing => return Poll::Ready(None),
            Self::Coming(body) => body,
            Self::Read(frames, rest, error) => {
                if let Some(frame) = frames.pop_front() {
                    return Poll::Ready(Some(Ok(frame)));
                }
                match rest {
                    Some(rest) => rest,
                    None => return Poll::Ready(error.take().map(Err)),
                }
            }
        };
        Poll::Ready(ready!(Pin::new(body).poll_frame(cx)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Coming(body) => body.is_end_stream(),
            Self::Read(frames, rest, error) => {
                frames.is_empty()
                    && error.is_none()
                    && rest.as_ref().is_none_or(Body::is_end_stream)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Nothing => SizeHint::with_exact(0),
            Self::Coming(body) => body.size_hint(),
            Self::Read(frames, None, None) => {
                let data = frames.iter().filter_map(Frame::data_ref);
                SizeHint::with_exact(data.map(Bytes::len).sum::<usize>() as u64)
            }
            Self::Read(..) => SizeHint::new(),
        }
    }
}
