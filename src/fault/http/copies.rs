//! Copies of answers, from the time before a fault that serves them.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Bytes, BytesMut};
use hyper::{
    HeaderMap, Response, StatusCode,
    header::{AGE, HeaderValue},
};
use tokio::time::Instant;

/// The largest body that is kept.
pub(super) const LARGEST: usize = 256 << 10;
/// So many bytes of bodies are kept.
const MOST_BYTES: usize = 16 << 20;
/// So many answers are kept.
const MOST_COPIES: usize = 4_096;

/// Answers to GET by path and query. The oldest copies go when there are too many.
#[derive(Debug, Default)]
pub(super) struct Copies(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The fault is in force: what is answered now is not from before it.
    frozen: bool,
    by_target: HashMap<String, Copied>,
    order: VecDeque<String>,
    bytes: usize,
}

/// A copy of an answer.
#[derive(Debug, Clone)]
pub(super) struct Copied(Arc<Copy>);

#[derive(Debug)]
struct Copy {
    at: Instant,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Copied {
    /// The answer as a cache would give it: it says how old it is (RFC 9111 section 5.1).
    pub(super) fn response(&self, now: Instant) -> Response<Bytes> {
        let Copy {
            at,
            status,
            headers,
            body,
        } = &*self.0;
        let mut response = Response::new(body.clone());
        *response.status_mut() = *status;
        *response.headers_mut() = headers.clone();
        let before = headers.get(AGE).and_then(|age| age.to_str().ok());
        let before: u64 = before.and_then(|age| age.parse().ok()).unwrap_or(0);
        let age = before.saturating_add(now.saturating_duration_since(*at).as_secs());
        response.headers_mut().insert(AGE, HeaderValue::from(age));
        response
    }
}

impl Copies {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The copy for a request, if there is one.
    pub(super) fn get(&self, method: &str, target: &str) -> Option<Copied> {
        if method != "GET" {
            return None;
        }
        self.kept().by_target.get(target).cloned()
    }

    /// No more copies are taken, or they are again.
    pub(super) fn freeze(&self, frozen: bool) {
        self.kept().frozen = frozen;
    }

    /// Whether the answer to such a request is wanted.
    pub(super) fn wants(&self, method: &str, status: StatusCode) -> bool {
        method == "GET" && status == StatusCode::OK && !self.kept().frozen
    }

    fn keep(&self, target: &str, copied: Copied) {
        let mut kept = self.kept();
        if kept.frozen {
            return;
        }
        kept.bytes += copied.0.body.len();
        match kept.by_target.insert(target.to_owned(), copied) {
            Some(old) => kept.bytes -= old.0.body.len(),
            None => kept.order.push_back(target.to_owned()),
        }
        while kept.bytes > MOST_BYTES || kept.order.len() > MOST_COPIES {
            let Some(oldest) = kept.order.pop_front() else {
                return;
            };
            if let Some(gone) = kept.by_target.remove(&oldest) {
                kept.bytes -= gone.0.body.len();
            }
        }
    }
}

/// A copy while its body passes by.
#[derive(Debug)]
pub(super) struct Copying {
    copies: Arc<Copies>,
    target: String,
    status: StatusCode,
    headers: HeaderMap,
    body: BytesMut,
}

impl Copying {
    pub(super) fn new<B>(copies: Arc<Copies>, target: String, response: &Response<B>) -> Self {
        Self {
            copies,
            target,
            status: response.status(),
            headers: response.headers().clone(),
            body: BytesMut::new(),
        }
    }

    /// Takes in a piece; whether the body is still small enough.
    pub(super) fn take(&mut self, piece: &Bytes) -> bool {
        let fits = self.body.len() + piece.len() <= LARGEST;
        if fits {
            self.body.extend_from_slice(piece);
        }
        fits
    }

    /// The body is whole.
    pub(super) fn done(self) {
        let copied = Copied(Arc::new(Copy {
            at: Instant::now(),
            status: self.status,
            headers: self.headers,
            body: self.body.freeze(),
        }));
        self.copies.keep(&self.target, copied);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn pass(copies: &Arc<Copies>, target: &str, body: &[u8]) {
        let response = Response::builder()
            .header("x-kind", "old")
            .header("age", "5")
            .body(())
            .expect("a response");
        let mut copying = Copying::new(Arc::clone(copies), target.into(), &response);
        if body
            .chunks(1000)
            .all(|piece| copying.take(&Bytes::copy_from_slice(piece)))
        {
            copying.done();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_from_before_says_how_old_it_is() {
        let copies = Arc::new(Copies::default());
        pass(&copies, "/a?x=1", b"first");
        tokio::time::advance(Duration::from_secs(3)).await;
        pass(&copies, "/a?x=1", b"second");
        copies.freeze(true);
        pass(&copies, "/a?x=1", b"from the fault");
        tokio::time::advance(Duration::from_secs(7)).await;
        let copied = copies.get("GET", "/a?x=1").expect("kept");
        let response = copied.response(Instant::now());
        assert_eq!(response.body(), "second");
        assert_eq!(response.headers()["age"], "12", "its own 5, and 7 here");
        assert_eq!(response.headers()["x-kind"], "old");
        for (method, target) in [("GET", "/a"), ("POST", "/a?x=1"), ("HEAD", "/a?x=1")] {
            assert!(copies.get(method, target).is_none(), "{method} {target}");
        }
        copies.freeze(false);
        pass(&copies, "/a", b"third");
        assert!(copies.get("GET", "/a").is_some());
    }

    #[test]
    fn memory_is_bounded() {
        let copies = Arc::new(Copies::default());
        pass(&copies, "/too/large", &vec![0; LARGEST + 1]);
        assert!(copies.get("GET", "/too/large").is_none());
        for n in 0..100 {
            pass(&copies, &format!("/{n}"), &vec![0; LARGEST]);
        }
        let kept = copies.kept();
        assert!(kept.bytes <= MOST_BYTES && kept.bytes > MOST_BYTES / 2);
        assert_eq!(kept.by_target.len(), kept.order.len());
        drop(kept);
        assert!(copies.get("GET", "/0").is_none() && copies.get("GET", "/99").is_some());
        for n in 0..2 * MOST_COPIES {
            pass(&copies, &format!("/{n}"), b"x");
        }
        assert_eq!(copies.kept().by_target.len(), MOST_COPIES);
    }
}
