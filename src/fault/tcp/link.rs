//! A link: a listener, its connections, and what is posted for them.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use tokio::{runtime::Handle, sync::oneshot, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    door::{Door, knock},
    lanes::Lanes,
    posting::Posting,
    serve::{Core, accept},
    traffic::Traffic,
    upstream::Upstream,
};
use crate::{
    fault::{
        BindError,
        http::{Beyond, Face, Front, Proxy},
    },
    guard::Guard,
    marks::Marks,
    plan::{LinkPlan, ServicePlan},
    tls::Authority,
};

/// How long our own listener may take to accept when we look whether it does.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What was seen when a link's listener was dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fault) enum Verdict {
    /// It accepted us, and showed what it should if it speaks TLS.
    Accepts(Option<Face>),
    /// It refuses, since the fault of that name is in force.
    HeldDown(String),
    /// It should have accepted, and did not.
    Silent(String),
}

/// A link.
#[derive(Debug)]
pub(in crate::fault) struct Link {
    door: Door,
    core: Arc<Core>,
    /// Where its connections are served.
    runtimes: Vec<Handle>,
    gate: tokio::sync::Mutex<Gate>,
}

#[derive(Debug)]
enum Gate {
    Open(Session),
    Closed,
    /// For good.
    ShutDown,
}

/// The time between an opening of the gate and its closing.
#[derive(Debug)]
struct Session {
    stop: CancellationToken,
    accepting: Vec<JoinHandle<()>>,
    connections: TaskTracker,
}

impl Session {
    /// Accepts in each of those runtimes, and serves in the same one.
    fn start(core: &Arc<Core>, listener: &TcpListener, runtimes: &[Handle]) -> io::Result<Self> {
        let mut session = Self {
            stop: CancellationToken::new(),
            accepting: Vec::with_capacity(runtimes.len()),
            connections: TaskTracker::new(),
        };
        for runtime in runtimes {
            let _inside = runtime.enter();
            let accepting = accept(
                Arc::clone(core),
                tokio::net::TcpListener::from_std(listener.try_clone()?)?,
                session.connections.clone(),
                session.stop.clone(),
            );
            session.accepting.push(runtime.spawn(accepting));
        }
        Ok(session)
    }

    /// Closes the listener and every connection; how many there were.
    async fn end(mut self) -> usize {
        let count = self.connections.len();
        self.stop.cancel();
        for accepting in std::mem::take(&mut self.accepting) {
            // it only fails when it panicked: then the listener is gone too
            let _ = accepting.await;
        }
        self.connections.close();
        self.connections.wait().await;
        count
    }
}

/// Planes that are merely dropped (another link could not be bound) leave nothing behind either.
impl Drop for Session {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The HTTP side of a link.
fn proxy(
    plan: &LinkPlan,
    service: Option<&ServicePlan>,
    authority: Option<&Arc<Authority>>,
    guard: &Guard,
    marks: &Arc<Marks>,
) -> Result<Arc<Proxy>, BindError> {
    let unusable = |detail| BindError::Certificate {
        link: plan.name.clone(),
        detail,
    };
    let beyond = Beyond::new(plan.upstream, guard.clone(), service).map_err(unusable)?;
    let front = match service {
        Some(service) => Front::new(plan, service, authority).map_err(unusable)?,
        None => None,
    };
    Ok(Arc::new(Proxy::new(beyond, front, Arc::clone(marks))))
}

impl Link {
    /// Binds a link's listener and begins to serve. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the address is taken, the upstream lies outside the guard, or a certificate cannot be used.
    pub(in crate::fault) fn bind(
        plan: &LinkPlan,
        service: Option<&ServicePlan>,
        authority: Option<&Arc<Authority>>,
        guard: &Guard,
        marks: &Arc<Marks>,
        lanes: &Lanes,
    ) -> Result<Self, BindError> {
        guard
            .check(plan.upstream)
            .map_err(|source| BindError::Forbidden {
                link: plan.name.clone(),
                source,
            })?;
        let failed = |source| BindError::Link {
            link: plan.name.clone(),
            addr: plan.listen,
            source,
        };
        let (door, listener) = Door::bind(plan.listen).map_err(failed)?;
        let http = match plan.http {
            true => Some(proxy(plan, service, authority, guard, marks)?),
            false => None,
        };
        let upstream = Upstream::At(plan.upstream);
        let traffic = Arc::default();
        let core = Core::new(plan.name.clone(), upstream, guard.clone(), http, traffic);
        Self::open(door, &listener, core, lanes).map_err(failed)
    }

    /// A link of its own, without a plan; `traffic` gives the count for where it listens.
    ///
    /// # Errors
    /// What the system says, above all that the address is in use.
    pub(in crate::fault) fn alone(
        name: &str,
        listen: SocketAddr,
        upstream: Upstream,
        guard: &Guard,
        lanes: &Lanes,
        traffic: impl FnOnce(SocketAddr) -> Arc<Traffic>,
    ) -> io::Result<Self> {
        let (door, listener) = Door::bind(listen)?;
        let traffic = traffic(door.addr());
        let core = Core::new(name.to_owned(), upstream, guard.clone(), None, traffic);
        Self::open(door, &listener, core, lanes)
    }

    fn open(door: Door, listener: &TcpListener, core: Core, lanes: &Lanes) -> io::Result<Self> {
        let core = Arc::new(core);
        // the HTTP proxy shares its connections to the upstream, and so wants a runtime that does
        let runtimes = if core.http.is_some() {
            vec![Handle::current()]
        } else {
            lanes.handles()?
        };
        let session = Session::start(&core, listener, &runtimes)?;
        Ok(Self {
            door,
            core,
            runtimes,
            gate: tokio::sync::Mutex::new(Gate::Open(session)),
        })
    }

    /// Its name.
    pub(in crate::fault) fn name(&self) -> &str {
        &self.core.name
    }

    /// Where it listens.
    pub(in crate::fault) const fn addr(&self) -> SocketAddr {
        self.door.addr()
    }

    /// Its HTTP side, when it has one.
    pub(in crate::fault) fn http(&self) -> Option<&Arc<Proxy>> {
        self.core.http.as_ref()
    }

    /// Puts a TCP fault in force, on the connections that are there too.
    ///
    /// # Errors
    /// When the listener cannot be opened (again).
    pub(in crate::fault) async fn post(&self, posting: Arc<Posting>) -> io::Result<()> {
        self.core.board.post(posting);
        self.settle().await
    }

    /// Applies a changed level.
    ///
    /// # Errors
    /// When the listener cannot be opened (again).
    pub(super) async fn announce(&self) -> io::Result<()> {
        self.core.board.announce();
        self.settle().await
    }

    /// Gives a TCP fault other attributes, on the connections that are there too; its toxics keep
    /// their place and what they count.
    pub(in crate::fault) fn replace(&self, old: &Arc<Posting>, new: &Arc<Posting>) {
        self.core.board.replace(old, new);
    }

    /// How many connections it has accepted.
    pub(super) fn accepted(&self) -> u64 {
        self.core.accepted()
    }

    /// How many connections it has accepted, and how many of them are open.
    pub(in crate::fault) async fn connections(&self) -> (u64, usize) {
        let open = match &*self.gate.lock().await {
            Gate::Open(session) => session.connections.len(),
            Gate::Closed | Gate::ShutDown => 0,
        };
        (self.core.accepted(), open)
    }

    /// Takes a TCP fault out.
    ///
    /// # Errors
    /// When the listener cannot be opened (again).
    pub(in crate::fault) async fn take_down(&self, posting: &Arc<Posting>) -> io::Result<()> {
        self.core.board.take_down(posting);
        self.settle().await
    }

    /// Opens or closes the gate, as what is posted wants it.
    async fn settle(&self) -> io::Result<()> {
        let mut gate = self.gate.lock().await;
        let close = self
            .core
            .board
            .snapshot()
            .iter()
            .find_map(|posting| posting.closes().then(|| Arc::clone(posting.dose())));
        match (&*gate, close) {
            (Gate::ShutDown, _) | (Gate::Open(_), None) | (Gate::Closed, Some(_)) => {}
            (Gate::Closed, None) => {
                let listener = self.door.open()?;
                let session = Session::start(&self.core, &listener, &self.runtimes)?;
                *gate = Gate::Open(session);
            }
            (Gate::Open(_), Some(dose)) => {
                if let Gate::Open(session) = std::mem::replace(&mut *gate, Gate::Closed) {
                    for _ in 0..session.end().await {
                        dose.hit();
                    }
                }
            }
        }
        Ok(())
    }

    /// Looks whether the link accepts, by really dialling it.
    pub(in crate::fault) async fn look(&self) -> Verdict {
        let gate = self.gate.lock().await;
        match &*gate {
            Gate::ShutDown => return Verdict::Silent("the link is shut down".into()),
            Gate::Closed => {
                let posted = self.core.board.snapshot();
                let closing = posted.iter().find(|posting| posting.closes());
                return closing.map_or_else(
                    || Verdict::Silent("the listener is closed".into()),
                    |posting| Verdict::HeldDown(posting.dose().name().to_owned()),
                );
            }
            Gate::Open(_) => {}
        }
        let (heard, accepted) = oneshot::channel();
        let mut caller = None;
        let call = async {
            let announce = |addr| {
                caller = Some(addr);
                self.core.knocks().insert(addr, heard);
            };
            let near = knock(self.door.addr(), announce)
                .await
                .map_err(|error| format!("{} does not accept: {error}", self.door.addr()))?;
            let far = accepted
                .await
                .map_err(|_| "the listener went away while we looked".to_owned())?;
            match &self.core.http {
                Some(proxy) => proxy.look(near, far).await,
                None => Ok(None),
            }
        };
        let seen = tokio::time::timeout(ANSWER_WITHIN, call)
            .await
            .unwrap_or_else(|_| Err(format!("{} does not accept in time", self.door.addr())));
        if let Some(addr) = caller {
            self.core.knocks().remove(&addr);
        }
        seen.map_or_else(Verdict::Silent, Verdict::Accepts)
    }

    /// Closes everything, for good.
    pub(in crate::fault) async fn shut_down(&self) {
        let mut gate = self.gate.lock().await;
        if let Gate::Open(session) = std::mem::replace(&mut *gate, Gate::ShutDown) {
            session.end().await;
        }
    }
}
