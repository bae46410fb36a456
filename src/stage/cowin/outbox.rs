//! Messages that wait for the SMS gateway, so that no visitor has to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::budget::RetryBudget;
use super::gateway_client::{GatewayClient, Sms};

/// The wait before a second attempt; up to twice that, spread by the OTP's own digits.
const RETRY_WAIT: Duration = Duration::from_millis(250);

/// How the outbox is emptied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Messages that may wait. With every call lasting its full deadline, the last one of a full
    /// outbox waits `capacity / senders x deadline`: 4096 / 1536 x 30 s = 80 s with the defaults,
    /// well within the validity of its OTP.
    pub(super) capacity: usize,
    /// Calls at a time.
    pub(super) senders: usize,
    /// How long a call may take.
    pub(super) deadline: Duration,
    /// Retries, in percent of messages.
    pub(super) retry_percent: u32,
}

/// How messages fared.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) sent: AtomicU64,
    pub(super) retried: AtomicU64,
    pub(super) failed: AtomicU64,
}

/// The end of the outbox into which messages are put.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    queue: mpsc::Sender<Sms>,
    tally: Arc<Tally>,
}

/// A place in the outbox, held for a message that is not yet written.
#[derive(Debug)]
pub(super) struct Place(mpsc::OwnedPermit<Sms>);

impl Place {
    /// Puts the message into its place.
    pub(super) fn fill(self, sms: Sms) {
        self.0.send(sms);
    }
}

impl Outbox {
    /// Starts the delivery as one task of `background`.
    pub(super) fn start(
        client: GatewayClient,
        limits: Limits,
        background: &mut JoinSet<()>,
    ) -> Self {
        let (queue, messages) = mpsc::channel(limits.capacity);
        let tally = Arc::new(Tally::default());
        background.spawn(deliver_all(messages, client, limits, Arc::clone(&tally)));
        Self { queue, tally }
    }

    /// Takes a place before any work is done; `None` when the outbox is full.
    pub(super) fn reserve(&self) -> Option<Place> {
        self.queue.clone().try_reserve_owned().ok().map(Place)
    }

    /// Messages that wait.
    pub(super) fn len(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// How messages fared so far.
    pub(super) fn tally(&self) -> &Tally {
        &self.tally
    }
}

async fn deliver_all(
    mut messages: mpsc::Receiver<Sms>,
    client: GatewayClient,
    limits: Limits,
    tally: Arc<Tally>,
) {
    let senders = Arc::new(Semaphore::new(limits.senders));
    let budget = Arc::new(RetryBudget::new(limits.retry_percent));
    let mut flights = JoinSet::new();
    // A message leaves the queue only when there is somebody to send it, so the queue is the only
    // place where messages pile up.
    while let Ok(sender) = Arc::clone(&senders).acquire_owned().await {
        let Some(sms) = messages.recv().await else {
            break;
        };
        while flights.try_join_next().is_some() {}
        let (client, budget, tally) = (client.clone(), Arc::clone(&budget), Arc::clone(&tally));
        flights.spawn(async move {
            let _sender = sender;
            deliver(&client, &sms, limits.deadline, &budget, &tally).await;
        });
    }
}

async fn deliver(
    client: &GatewayClient,
    sms: &Sms,
    deadline: Duration,
    budget: &RetryBudget,
    tally: &Tally,
) {
    budget.deposit();
    let mut sent = client.send(sms, deadline).await.is_ok();
    if !sent && budget.withdraw() {
        tally.retried.fetch_add(1, Ordering::Relaxed);
        let spread = sms
            .otp
            .bytes()
            .fold(0u32, |sum, digit| (sum * 7 + u32::from(digit)) % 256);
        tokio::time::sleep(RETRY_WAIT + RETRY_WAIT * spread / 256).await;
        sent = client.send(sms, deadline).await.is_ok();
    }
    let counter = if sent { &tally.sent } else { &tally.failed };
    counter.fetch_add(1, Ordering::Relaxed);
}
