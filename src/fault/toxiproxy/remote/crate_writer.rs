//! The crate toxiproxy_rust, held so that nothing depends on what it says.
//!
//! It looks at no HTTP status, panics when a connection fails and is of no use after that, and
//! blocks; so one thread owns it, and makes another client after a panic. What it cannot do (a name
//! of one's own for a toxic, `reset_peer`, changing or deleting one toxic, saying what went wrong)
//! our own client does.

use std::{
    env,
    net::SocketAddr,
    panic::{self, AssertUnwindSafe},
    sync::{Once, mpsc},
    thread,
    time::Duration,
};

use serde_json::Value;
use tokio::sync::oneshot;
use toxiproxy_rust::client::Client;

use super::writer::{Proxy, Unwritten, Writer};

/// It waits up to 30 s for an answer by itself, and cannot be told otherwise.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const THREAD: &str = "toxiproxy_rust";
/// What its HTTP client takes for proxies on the way: the guard knows nothing of those.
const PROXIES: [&str; 4] = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];

/// The crate's client, on a thread of its own that ends with this value.
#[derive(Debug)]
pub(super) struct CrateWriter(mpsc::Sender<Asked>);

#[derive(Debug)]
struct Asked {
    order: Order,
    answer: oneshot::Sender<Result<(), Unwritten>>,
}

#[derive(Debug)]
enum Order {
    Add { proxy: String, toxic: Value },
    Enable { proxy: String, enabled: bool },
    Settle,
}

impl CrateWriter {
    /// Starts the thread; connects nowhere yet. `None` when the crate could not be kept to that
    /// address, or there can be no thread: then there is our own client.
    pub(super) fn start(api: SocketAddr) -> Option<Self> {
        // there the system's settings may name a proxy, too
        let elsewhere = cfg!(any(target_os = "macos", windows));
        let named = |name: &&str| env::var_os(name).is_some_and(|value| !value.is_empty());
        if elsewhere || PROXIES.iter().any(named) {
            return None;
        }
        hush();
        let (ask, asked) = mpsc::channel();
        let thread = thread::Builder::new().name(THREAD.to_owned());
        thread.spawn(move || serve(api, &asked)).ok()?;
        Some(Self(ask))
    }

    async fn ask(&self, order: Order) -> Result<(), Unwritten> {
        let (answer, answered) = oneshot::channel();
        if self.0.send(Asked { order, answer }).is_err() {
            return Err(Unwritten::Cannot(format!("the thread {THREAD} has ended")));
        }
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(Ok(told)) => told,
            Ok(Err(_)) => Err(Unwritten::Doubtful(format!("the thread {THREAD} ended"))),
            Err(_) => Err(Unwritten::Doubtful(format!("{THREAD}: no answer in time"))),
        }
    }
}

#[async_trait::async_trait]
impl Writer for CrateWriter {
    fn name_of(&self, proxy: &Proxy, toxic: &Value) -> Option<String> {
        let (kind, stream) = (toxic["type"].as_str()?, toxic["stream"].as_str()?);
        (sayable(&proxy.name) && Toxic::read(toxic).is_some()).then(|| format!("{kind}_{stream}"))
    }

    async fn add(&self, proxy: &Proxy, toxic: &Value) -> Result<(), Unwritten> {
        if toxic["name"].as_str().map(str::to_owned) != self.name_of(proxy, toxic) {
            return Err(Unwritten::Cannot("it gives names itself".to_owned()));
        }
        self.ask(Order::Add {
            proxy: proxy.name.clone(),
            toxic: toxic.clone(),
        })
        .await
    }

    async fn enable(&self, proxy: &Proxy, enabled: bool) -> Result<(), Unwritten> {
        if !sayable(&proxy.name) {
            return Err(Unwritten::Cannot("it does not escape names".to_owned()));
        }
        let proxy = proxy.name.clone();
        self.ask(Order::Enable { proxy, enabled }).await
    }

    async fn settle(&self) {
        let (answer, answered) = oneshot::channel();
        let order = Order::Settle;
        if self.0.send(Asked { order, answer }).is_ok() {
            // one thing after the other: this is answered when all before it is over
            let _ = answered.await;
        }
    }
}

/// Whether the crate puts this name into a path as it is meant.
fn sayable(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_~ ".contains(c);
    !name.is_empty() && name.chars().all(plain)
}

/// A toxic that the crate can say, with its attributes in the crate's order.
enum Toxic {
    Latency(u32, u32),
    Bandwidth(u32),
    SlowClose(u32),
    Timeout(u32),
    Slicer(u32, u32, u32),
    LimitData(u32),
}

impl Toxic {
    fn read(toxic: &Value) -> Option<Self> {
        let attributes = &toxic["attributes"];
        let number = |name: &str| u32::try_from(attributes[name].as_u64()?).ok();
        Some(match toxic["type"].as_str()? {
            "latency" => Self::Latency(number("latency")?, number("jitter")?),
            "bandwidth" => Self::Bandwidth(number("rate")?),
            "slow_close" => Self::SlowClose(number("delay")?),
            "timeout" => Self::Timeout(number("timeout")?),
            "slicer" => Self::Slicer(
                number("average_size")?,
                number("size_variation")?,
                number("delay")?,
            ),
            "limit_data" => Self::LimitData(number("bytes")?),
            _ => return None,
        })
    }
}

/// Does what it is asked, until nobody can ask any more.
fn serve(api: SocketAddr, asked: &mpsc::Receiver<Asked>) {
    let mut client = None;
    while let Ok(Asked { order, answer }) = asked.recv() {
        let mut begun = false;
        let done = panic::catch_unwind(AssertUnwindSafe(|| {
            carry_out(
                client.get_or_insert_with(|| Client::new(api)),
                &order,
                &mut begun,
            )
        }));
        let told = done.unwrap_or_else(|panic| {
            // a lock inside it is poisoned
            client = None;
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(text.unwrap_or("it panicked").to_owned())
        });
        let told = told.map_err(|why| match begun {
            true => Unwritten::Doubtful(format!("{THREAD}: {why}")),
            false => Unwritten::Cannot(format!("{THREAD}: {why}")),
        });
        // whoever asked may have stopped waiting
        let _ = answer.send(told);
    }
}

/// Carries an order out; `begun` says whether anything may have been changed.
fn carry_out(client: &Client, order: &Order, begun: &mut bool) -> Result<(), String> {
    match order {
        Order::Settle => Ok(()),
        Order::Enable { proxy, enabled } => {
            let proxy = client.find_proxy(proxy)?;
            *begun = true;
            match enabled {
                true => proxy.enable(),
                false => proxy.disable(),
            }
        }
        Order::Add { proxy, toxic } => {
            let stream = toxic["stream"].as_str().ok_or("no stream")?.to_owned();
            // through an f32 it goes on the other side anyway
            let toxicity = toxic["toxicity"].as_f64().ok_or("no toxicity")? as f32;
            let toxic = Toxic::read(toxic).ok_or("no such toxic")?;
            let proxy = client.find_proxy(proxy)?;
            *begun = true;
            match toxic {
                Toxic::Latency(latency, jitter) => {
                    proxy.with_latency(stream, latency, jitter, toxicity)
                }
                Toxic::Bandwidth(rate) => proxy.with_bandwidth(stream, rate, toxicity),
                Toxic::SlowClose(delay) => proxy.with_slow_close(stream, delay, toxicity),
                Toxic::Timeout(timeout) => proxy.with_timeout(stream, timeout, toxicity),
                Toxic::Slicer(size, variation, delay) => {
                    proxy.with_slicer(stream, size, variation, delay, toxicity)
                }
                Toxic::LimitData(bytes) => proxy.with_limit_data(stream, bytes, toxicity),
            };
            Ok(())
        }
    }
}

/// Its panics are answers here: nobody needs to read of them on the terminal.
fn hush() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() != Some(THREAD) {
                before(info);
            }
        }));
    });
}
