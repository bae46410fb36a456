//! Accepting and serving the connections of a link.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::oneshot,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    aside::Aside,
    posting::Posting,
    relay::{Fate, Place, relay, relay_sockets},
    scratch,
    toxics::End,
    traffic::Traffic,
    upstream::Upstream,
};
use crate::{
    fault::{board::Board, http::Proxy},
    guard::Guard,
};

/// Pause when the machine is out of descriptors: accepting would fail again at once.
const BREATH: Duration = Duration::from_millis(10);
/// How long peers may take to close when a fault closes a connection.
const PART_WITHIN: Duration = Duration::from_millis(500);
/// Bytes between the relay and the HTTP proxy.
const DUPLEX: usize = 64 << 10;

/// What the connections of a link share.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) name: String,
    upstream: Upstream,
    guard: Guard,
    pub(super) traffic: Arc<Traffic>,
    pub(super) http: Option<Arc<Proxy>>,
    pub(super) board: Board<Posting>,
    accepted: AtomicU64,
    /// Our own calls, by the address that they come from.
    knocks: Mutex<HashMap<SocketAddr, oneshot::Sender<TcpStream>>>,
}

impl Core {
    pub(super) fn new(
        name: String,
        upstream: Upstream,
        guard: Guard,
        http: Option<Arc<Proxy>>,
        traffic: Arc<Traffic>,
    ) -> Self {
        Self {
            name,
            upstream,
            guard,
            traffic,
            http,
            board: Board::default(),
            accepted: AtomicU64::new(0),
            knocks: Mutex::default(),
        }
    }

    /// How many connections came so far.
    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// Our own calls that were not heard yet.
    pub(super) fn knocks(&self) -> MutexGuard<'_, HashMap<SocketAddr, oneshot::Sender<TcpStream>>> {
        self.knocks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a partial `down` holds the connection.
    fn is_down_for(&self, number: u64) -> bool {
        let posted = self.board.snapshot();
        let down = posted
            .iter()
            .find(|posting| posting.cuts() && posting.holds(number));
        if let Some(posting) = down {
            posting.met();
        }
        down.is_some()
    }
}

/// Accepts and serves until told to stop; then the listener is closed.
pub(super) async fn accept(
    core: Arc<Core>,
    listener: TcpListener,
    connections: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        let (client, from) = match accepted {
            Ok(accepted) => accepted,
            Err(_) => {
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        if let Some(heard) = core.knocks().remove(&from) {
            // the caller may have lost patience
            let _ = heard.send(client);
            continue;
        }
        let number = core.accepted.fetch_add(1, Relaxed);
        let core = Arc::clone(&core);
        let stop = stop.clone();
        connections.spawn(async move {
            let stopped = pin!(stop.cancelled());
            tokio::select! {
                biased;
                () = Aside::new(stopped) => {}
                () = serve(&core, client, from, number) => {}
            }
        });
    }
}

/// Closes both sockets in a way that what was written still arrives: a socket that is dropped while
/// unread bytes wait in it sends a reset, which destroys what is under way.
async fn part(client: &mut TcpStream, upstream: &mut TcpStream) {
    let close = async |stream: &mut TcpStream| {
        // one that is gone already needs no farewell
        let _ = stream.shutdown().await;
        let mut waste =
            async || poll_fn(|cx| scratch::poll_read(cx, stream, |_, bytes| bytes.len())).await;
        while waste().await.is_ok_and(|n| n > 0) {}
    };
    let both = async { tokio::join!(close(client), close(upstream)) };
    let _ = tokio::time::timeout(PART_WITHIN, both).await;
}

/// Serves one connection until it ends, and passes on how it ended: what the upstream does to us
/// (refuse, reset, close) the client sees as reset or close, never as an answer of our making.
async fn serve(core: &Core, mut client: TcpStream, from: SocketAddr, number: u64) {
    // elsewhere it has it from the listener
    if cfg!(not(target_os = "linux")) {
        let _ = client.set_nodelay(true);
    }
    let place = Place {
        board: &core.board,
        traffic: &core.traffic,
        number,
        http: core.http.is_some(),
    };
    let end = if core.is_down_for(number) {
        Err(End::Reset)
    } else if let Some(proxy) = &core.http {
        // connections of other links need no room for it
        Box::pin(visit(proxy, &mut client, from, place)).await
    } else {
        match core.upstream.dial(&core.guard).await {
            Err(_) => Err(End::Reset),
            Ok(mut upstream) => {
                let end = relay_sockets(&mut client, &mut upstream, place).await;
                match end {
                    Err(End::Reset) => drop(upstream.set_zero_linger()),
                    Err(End::Close) => part(&mut client, &mut upstream).await,
                    Ok(()) => {}
                }
                end
            }
        }
    };
    if end == Err(End::Reset) {
        let _ = client.set_zero_linger();
    }
}

/// Serves one connection by the HTTP proxy.
async fn visit(
    proxy: &Arc<Proxy>,
    client: &mut TcpStream,
    from: SocketAddr,
    place: Place<'_>,
) -> Result<(), End> {
    let fate = Arc::new(Fate::default());
    let (mut near, far) = tokio::io::duplex(DUPLEX);
    let visit = async {
        proxy.serve(far, from, &fate).await;
        std::future::pending::<Infallible>().await
    };
    tokio::select! {
        end = relay(client, &mut near, place, &fate) => end,
        never = visit => match never {},
    }
}
