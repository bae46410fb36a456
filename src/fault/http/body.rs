//! The body that a client gets: an answer of ours, or the upstream's, as it came or as rules
//! shape it.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::{copies::Copying, forward::Honest, pace::Pace, wire::Wire};

/// Why a body ends too early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("the upstream failed: {0}")]
    Upstream(#[from] hyper::Error),
    #[error("a fault ended it")]
    Fault,
}

/// A body on its way to the client.
pub(super) struct Outbound {
    source: Source,
    copying: Option<Box<Copying>>,
    shape: Option<Box<Shape>>,
}

/// Where a body comes from.
pub(super) enum Source {
    /// It is all here.
    Ours(Bytes),
    /// It comes from the upstream.
    Upstream(Honest),
    /// Some of it was read; then its rest, if there is one, or an error.
    Read(VecDeque<Frame<Bytes>>, Rest),
}

/// What comes after what was read.
pub(super) enum Rest {
    Nothing,
    More(Box<Source>),
    Error(Option<Broken>),
}

/// What is done to a body as it passes.
#[derive(Default)]
struct Shape {
    /// It ends after so many more bytes.
    left: Option<u64>,
    pace: Option<Pace>,
    /// Taken from the source, and not yet due.
    held: Bytes,
    ending: Option<Leaving>,
}

/// It ends once what was given is out.
struct Leaving {
    wire: Arc<Wire>,
    /// How often everything was out when the last piece was given.
    given: Option<u64>,
}

impl Outbound {
    /// An answer of ours.
    pub(super) const fn ours(body: Bytes) -> Self {
        Self::new(Source::Ours(body))
    }

    pub(super) const fn new(source: Source) -> Self {
        Self {
            source,
            copying: None,
            shape: None,
        }
    }

    /// Keeps a copy as it passes.
    pub(super) fn copy(&mut self, copying: Copying) {
        if self.source.is_over() {
            // hyper does not ask such a body at all
            copying.done();
        } else {
            self.copying = Some(Box::new(copying));
        }
    }

    /// Takes out where it comes from, before anything is done to it.
    pub(super) const fn take(&mut self) -> Source {
        std::mem::replace(&mut self.source, Source::Ours(Bytes::new()))
    }

    /// Ends it after so many bytes, and the connection with it.
    pub(super) fn cut(&mut self, after: u64, wire: &Arc<Wire>) {
        let shape = self.shape.get_or_insert_default();
        shape.left = Some(shape.left.map_or(after, |left| left.min(after)));
        shape.ending = Some(Leaving {
            wire: Arc::clone(wire),
            given: None,
        });
    }

    /// Lets it pass at a pace; of several the slower one holds.
    pub(super) fn pace(&mut self, pace: Pace) {
        let shape = self.shape.get_or_insert_default();
        shape.pace = match shape.pace.take() {
            Some(other) => Some(other.slower(pace)),
            None => Some(pace),
        };
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let polled = ready!(self.source.poll(cx));
        let Some(copying) = &mut self.copying else {
            return Poll::Ready(polled);
        };
        let goes_on = match &polled {
            Some(Ok(frame)) => frame.data_ref().is_none_or(|piece| copying.take(piece)),
            Some(Err(_)) => false,
            None => true,
        };
        if !goes_on {
            self.copying = None;
        } else if polled.is_none() || self.source.is_over() {
            // hyper does not ask a body again that says it is over
            if let Some(copying) = self.copying.take() {
                copying.done();
            }
        }
        Poll::Ready(polled)
    }

    fn poll_shaped(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            let Some(shape) = &mut self.shape else {
                return self.poll_source(cx);
            };
            if shape.left == Some(0) {
                return shape.poll_end(cx);
            }
            if shape.held.is_empty() {
                let frame = match ready!(self.poll_source(cx)) {
                    Some(Ok(frame)) => frame,
                    other => return Poll::Ready(other),
                };
                match (frame.into_data(), &mut self.shape) {
                    (Ok(data), Some(shape)) => shape.held = data,
                    (Ok(data), None) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                    (Err(trailers), _) => return Poll::Ready(Some(Ok(trailers))),
                }
                continue;
            }
            let Some(piece) = ready!(shape.poll_piece(cx)) else {
                continue;
            };
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
    }
}

impl Shape {
    /// The next piece of what is held.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut most = self.held.len();
        if let Some(left) = self.left {
            most = most.min(usize::try_from(left).unwrap_or(usize::MAX));
        }
        if let Some(pace) = &mut self.pace {
            match ready!(pace.poll_allowed(cx)) {
                Some(allowed) => most = most.min(allowed),
                // its fault is gone
                None => self.pace = None,
            }
        }
        if most == 0 {
            return Poll::Ready(None);
        }
        if let Some(pace) = &mut self.pace {
            pace.sent(most);
        }
        if let Some(left) = &mut self.left {
            *left -= most as u64;
        }
        Poll::Ready(Some(self.held.split_to(most)))
    }

    /// The end, once everything before it is out.
    fn poll_end(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if let Some(Leaving { wire, given }) = &mut self.ending {
            let given = *given.get_or_insert_with(|| wire.flushes());
            ready!(wire.poll_flushed(cx, given));
        }
        Poll::Ready(Some(Err(Broken::Fault)))
    }
}

impl Source {
    /// The next frame.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let body = match self {
            Self::Ours(body) if body.is_empty() => return Poll::Ready(None),
            Self::Ours(body) => {
                let all = std::mem::take(body);
                return Poll::Ready(Some(Ok(Frame::data(all))));
            }
            Self::Read(frames, rest) => {
                if let Some(frame) = frames.pop_front() {
                    return Poll::Ready(Some(Ok(frame)));
                }
                match rest {
                    Rest::Nothing => return Poll::Ready(None),
                    Rest::Error(error) => {
                        return Poll::Ready(error.take().map(Err));
                    }
                    Rest::More(source) => return source.poll(cx),
                }
            }
            Self::Upstream(body) => body,
        };
        let polled = ready!(Pin::new(body).poll_frame(cx));
        Poll::Ready(polled.map(|frame| frame.map_err(Broken::Upstream)))
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Ours(body) => body.is_empty(),
            Self::Upstream(body) => body.is_end_stream(),
            Self::Read(frames, rest) => {
                frames.is_empty()
                    && match rest {
                        Rest::Nothing => true,
                        Rest::More(source) => source.is_over(),
                        Rest::Error(error) => error.is_none(),
                    }
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        let (read, rest) = match self {
            Self::Ours(body) => return SizeHint::with_exact(body.len() as u64),
            Self::Upstream(body) => return body.size_hint(),
            Self::Read(frames, rest) => {
                let data = frames.iter().filter_map(Frame::data_ref);
                (data.map(Bytes::len).sum::<usize>() as u64, rest)
            }
        };
        match rest {
            Rest::Nothing => SizeHint::with_exact(read),
            Rest::More(source) => match source.size_hint().exact() {
                Some(rest) => SizeHint::with_exact(read + rest),
                None => SizeHint::new(),
            },
            Rest::Error(_) => SizeHint::new(),
        }
    }
}

impl Body for Outbound {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.poll_shaped(cx)
    }

    fn is_end_stream(&self) -> bool {
        let open = |shape: &Shape| !shape.held.is_empty() || shape.left == Some(0);
        !self.shape.as_deref().is_some_and(open) && self.source.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        // what a cut takes away was promised all the same
        let mut hint = self.source.size_hint();
        if let (Some(exact), Some(shape)) = (hint.exact(), &self.shape) {
            hint.set_exact(exact + shape.held.len() as u64);
        }
        hint
    }
}
