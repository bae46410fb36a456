//! The server: binds, loads, serves until it is told to stop, and leaves nothing open.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::{Mutex, Notify},
    time::sleep_until,
};
use tokio_util::sync::CancellationToken;

use super::{
    connections::{self, Times},
    error::ApiError,
    gate::Gate,
    metrics::Counters,
    proxy::Ground,
    registry::{Registry, Wanted},
    routes::{App, router},
    wire::Object,
};
use crate::{fault::tcp::Lanes, guard::Guard, seed::Seed};

/// How long requests under way may take when the server is told to stop.
const FINISH_WITHIN: Duration = Duration::from_secs(1);

/// How a server is set up.
#[derive(Debug)]
pub struct Settings {
    /// Where its API listens; port 0 takes any free port.
    pub listen: SocketAddr,
    /// Who may talk to it.
    pub gate: Gate,
    /// What its proxies may dial.
    pub guard: Guard,
    /// Decides whom a toxicity below 1 meets, and all jitter.
    pub seed: Seed,
    /// Whether `/metrics` tells about proxies.
    pub proxy_metrics: bool,
    /// Whether `/metrics` tells about this process.
    pub runtime_metrics: bool,
    /// How long things may take at its API.
    pub times: Times,
}

/// A server that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    addr: SocketAddr,
    pub(super) app: Arc<App>,
}

impl Server {
    /// Listens; serves nobody yet.
    ///
    /// # Errors
    /// What the system says, above all that the address is in use.
    pub async fn bind(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.listen).await?;
        let ground = Ground {
            guard: settings.guard,
            seed: settings.seed,
            counters: Counters::default(),
            lanes: Lanes::default(),
        };
        Ok(Self {
            addr: listener.local_addr()?,
            listener,
            app: Arc::new(App {
                registry: Mutex::new(Registry::new(ground)),
                leases: Notify::new(),
                gate: settings.gate,
                seed: settings.seed.named("requests"),
                asked: AtomicU64::new(0),
                proxy_metrics: settings.proxy_metrics,
                runtime_metrics: settings.runtime_metrics,
                times: settings.times,
            }),
        })
    }

    /// Where its API listens.
    #[must_use]
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Creates the proxies of a list, each by itself: one that is wrong does not keep the others
    /// away. Returns how many there are, and what is wrong with the rest.
    pub async fn load(&self, list: Vec<Value>) -> (usize, Vec<String>) {
        let mut registry = self.app.registry.lock().await;
        let (mut count, mut wrong) = (0, Vec::new());
        for (index, value) in list.into_iter().enumerate() {
            let number = index + 1;
            let created = async {
                let wanted = Wanted::read(&Object::new(value, "a proxy")?, Some(number))?;
                registry.create(wanted).await
            };
            match created.await {
                Ok(_) => count += 1,
                Err(error @ ApiError::Missing(..)) => wrong.push(error.to_string()),
                Err(error) => wrong.push(format!("proxy {number}: {error}")),
            }
        }
        (count, wrong)
    }

    /// Serves until told to stop; then closes every listener and connection. `say` is told when a
    /// lease was not renewed.
    pub async fn serve(self, stop: CancellationToken, say: impl Fn(&str)) {
        let app = self.app;
        let router = router(Arc::clone(&app));
        let serving = connections::serve(self.listener, router, app.times, stop.clone());
        let overdue = async {
            stop.cancelled().await;
            tokio::time::sleep(FINISH_WITHIN).await;
        };
        tokio::select! {
            () = serving => {}
            () = overdue => {}
            () = expire(&app, say) => {}
        }
        app.registry.lock().await.shut_down().await;
    }
}

/// Ends leases when they are not renewed, for ever.
async fn expire(app: &App, say: impl Fn(&str)) {
    loop {
        let next = app.registry.lock().await.next_expiry();
        let due = async {
            match next {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => {
                for line in app.registry.lock().await.expire().await {
                    say(&line);
                }
            }
            () = app.leases.notified() => {}
        }
    }
}
