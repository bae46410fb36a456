//! One pool of workers behind an unbounded queue, as in a servlet container of its day.
//!
//! Each request becomes a job with a session of its own. A job is detached from the client: when
//! the client has gone, the work is done all the same, because a worker cannot know.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinSet;

use super::refusal::{Refusal, buffered};

/// The tunables of a naive server.
#[derive(Debug, Clone)]
pub struct Naive {
    /// Worker slots, shared by all routes behind the queue.
    pub workers: usize,
    /// Bytes of session that each queued request holds (and touches).
    pub session_bytes: usize,
    /// When the gateway in front answers 504; the work goes on behind it. API Gateway's limit is
    /// 29 s.
    pub gateway_limit: Duration,
}

impl Default for Naive {
    fn default() -> Self {
        Self {
            workers: 64,
            session_bytes: 32 * 1024,
            gateway_limit: Duration::from_secs(29),
        }
    }
}

/// The session of a visitor: real memory, written to, held from arrival until the work is done.
#[derive(Debug)]
struct Session {
    buffer: Vec<u8>,
    gauge: Arc<Gauge>,
}

impl Session {
    fn open(bytes: usize, gauge: Arc<Gauge>) -> Self {
        gauge.bytes.fetch_add(bytes, Ordering::Relaxed);
        // Not zeroes: those would come from the system as untouched pages.
        Self {
            buffer: vec![0xA5; bytes],
            gauge,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.gauge
            .bytes
            .fetch_sub(self.buffer.len(), Ordering::Relaxed);
    }
}

struct Job {
    work: Pin<Box<dyn Future<Output = Response> + Send>>,
    reply: oneshot::Sender<Response>,
    session: Session,
}

/// What can be seen of the pool from outside.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    queued: AtomicUsize,
    busy: AtomicUsize,
    bytes: AtomicUsize,
}

impl Gauge {
    /// Requests that wait for a worker.
    pub(super) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Workers that are held.
    pub(super) fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// Bytes of session held by requests that wait or are worked on.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

/// The way in: every request goes through it.
#[derive(Debug, Clone)]
pub(super) struct Entrance {
    queue: mpsc::UnboundedSender<Job>,
    gauge: Arc<Gauge>,
    config: Naive,
}

impl Entrance {
    /// Hires the workers, as tasks of `background`.
    pub(super) fn open(config: Naive, background: &mut JoinSet<()>) -> Self {
        let (queue, jobs) = mpsc::unbounded_channel::<Job>();
        let jobs = Arc::new(Mutex::new(jobs));
        let gauge = Arc::new(Gauge::default());
        for _ in 0..config.workers {
            background.spawn(work(Arc::clone(&jobs), Arc::clone(&gauge)));
        }
        Self {
            queue,
            gauge,
            config,
        }
    }

    /// What can be seen of the pool from outside.
    pub(super) fn gauge(&self) -> &Gauge {
        &self.gauge
    }
}

async fn work(jobs: Arc<Mutex<mpsc::UnboundedReceiver<Job>>>, gauge: Arc<Gauge>) {
    loop {
        let next = jobs.lock().await.recv().await;
        let Some(Job {
            work,
            reply,
            session,
        }) = next
        else {
            break;
        };
        gauge.queued.fetch_sub(1, Ordering::Relaxed);
        gauge.busy.fetch_add(1, Ordering::Relaxed);
        let response = work.await;
        drop(session);
        gauge.busy.fetch_sub(1, Ordering::Relaxed);
        // The client may be long gone.
        drop(reply.send(response));
    }
}

/// Middleware: queues the request and waits for its answer, or for the limit of the gateway in
/// front, which then answers 504 and leaves the work where it is.
pub(super) async fn wait_in_line(
    State(entrance): State<Entrance>,
    request: Request,
    next: Next,
) -> Response {
    let request = match buffered(request).await {
        Ok(request) => request,
        Err(refusal) => return refusal.into_response(),
    };
    let session = Session::open(entrance.config.session_bytes, Arc::clone(&entrance.gauge));
    let (reply, answer) = oneshot::channel();
    entrance.gauge.queued.fetch_add(1, Ordering::Relaxed);
    let job = Job {
        work: Box::pin(next.run(request)),
        reply,
        session,
    };
    if entrance.queue.send(job).is_err() {
        return Refusal::Internal.into_response();
    }
    match tokio::time::timeout(entrance.config.gateway_limit, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => Refusal::Internal.into_response(),
        Err(_) => Refusal::GatewayTimeout.into_response(),
    }
}
