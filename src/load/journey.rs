//! An arrival walks its journey: request, wait, think; retry, lose patience.

use std::{rc::Rc, time::Duration};

use tokio::time::Instant;

use super::{
    limits::LAGGING,
    release::Arrival,
    script::{Ask, Request, Script, Step, Values, Wait},
    worker::Shared,
};
use crate::{
    client::{Call, Client, Exchange, RequestId},
    measure::{Outcome, Sample},
    scenario::model::{ClientPolicy, RetryOn},
    seed::Stream,
    time::Offset,
};

/// Between two attempts lies at least this, so that a member who retries at once upon a failure
/// that costs no time does not keep the worker from everything else.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// How a journey ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Every step was good, within the patience.
    Good,
    /// A step was not, or patience ended.
    Failed,
    /// The plan was over before; it counts as neither.
    CutOff,
}

/// A journey under way.
struct Walk<'a, C: Client> {
    worker: &'a Shared<C>,
    script: &'a Script,
    arrival: Arrival,
    session: C::Session,
    values: Values,
    /// Draws think times and waits; apart from the data, which must not depend on answers.
    habits: Stream,
    /// When patience ends.
    patience: Offset,
}

/// Walks the journey of an arrival, records what comes of it, and tells whether it was good.
///
/// The first request is due at the arrival, a later one when the step before it has ended, a retry
/// when its wait is over. A request that was due within the patience is waited for until its own
/// timeout; but a journey that ends after its patience has failed.
pub(super) async fn walk<C: Client>(worker: Rc<Shared<C>>, arrival: Arrival) -> bool {
    let script = &worker.scripts[usize::from(arrival.population)];
    let late = worker.clock.now().since(arrival.intended);
    if late > worker.catch_up(arrival.population) {
        worker.not_sent(arrival, Outcome::NotSentLag);
        return false;
    }
    worker.started(late);
    let seed = script.seed.indexed(arrival.index);
    let mut walk = Walk {
        worker: &worker,
        script,
        arrival,
        session: worker.client.session(arrival.population, arrival.index),
        values: script.values(arrival.index),
        habits: seed.named("habits").stream(),
        patience: arrival.intended.plus(script.policy.patience),
    };
    let end = walk.run().await;
    if end != End::CutOff {
        let mut recorder = worker.recorder.borrow_mut();
        recorder.journey_ended(arrival.population, arrival.intended, end == End::Good);
    }
    end == End::Good
}

impl<C: Client> Walk<'_, C> {
    async fn run(&mut self) -> End {
        let script = self.script;
        let mut due = self.arrival.intended;
        for (index, step) in (0u16..).zip(&script.steps) {
            let ended = match step {
                Step::Request(request) => self.request(index, request, due).await,
                Step::WaitFor(wait) => self.wait_for(index, wait, due).await,
                Step::Think { min, max } => {
                    let until = due.plus(self.habits.duration(*min, *max));
                    self.sleep_until(until).await
                }
            };
            match ended {
                Ok(at) => due = at,
                Err(end) => return end,
            }
        }
        if due <= self.patience {
            End::Good
        } else {
            End::Failed
        }
    }

    /// Sends a request until it is good or given up; when it ended, if the journey goes on.
    async fn request(
        &mut self,
        step: u16,
        request: &Request,
        mut due: Offset,
    ) -> Result<Offset, End> {
        let policy = &self.script.policy;
        let filled = request.ask.fill(&self.values);
        let mut attempt = 1;
        loop {
            self.may_go_on(due)?;
            let deadline = self.worker.clock.instant(due.plus(policy.timeout));
            let call = Call {
                id: self.id(step, attempt),
                service: request.ask.service,
                method: request.ask.method,
                path: &filled.path,
                headers: &filled.headers,
                body: filled.body.clone(),
                deadline,
                connect_timeout: policy.connect_timeout,
                keep_body: request.ask.keep_body,
            };
            let (exchange, outcome, taken) = self.send(&request.ask, call).await;
            let ended = self.worker.offset(exchange.ended);
            self.worker.recorder.borrow_mut().record(&Sample {
                series: request.series,
                intended: due,
                outcome,
                first: attempt == 1,
                injected: exchange.injected,
                response: ended.since(due),
                service: exchange.service_time(),
            });
            if outcome.is_good() {
                request.ask.keep(taken, &mut self.values);
                return Ok(ended);
            }
            if !retries(policy, outcome, attempt) {
                return Err(End::Failed);
            }
            attempt += 1;
            let retry = &policy.retry;
            let wait = self.habits.duration(retry.wait_min, retry.wait_max);
            due = ended.plus(wait.max(SHORTEST_WAIT));
            self.sleep_until(due).await?;
        }
    }

    /// Polls until the answer is there; nothing of it is recorded.
    async fn wait_for(&mut self, step: u16, wait: &Wait, due: Offset) -> Result<Offset, End> {
        let policy = &self.script.policy;
        let limit = due.plus(wait.within);
        let filled = wait.ask.fill(&self.values);
        let mut begin = due;
        for poll in 1.. {
            self.may_go_on(begin)?;
            let deadline = limit.min(begin.plus(policy.timeout));
            let call = Call {
                id: self.id(step, poll),
                service: wait.ask.service,
                method: wait.ask.method,
                path: &filled.path,
                headers: &filled.headers,
                body: None,
                deadline: self.worker.clock.instant(deadline),
                connect_timeout: policy.connect_timeout,
                keep_body: wait.ask.keep_body,
            };
            let (exchange, outcome, taken) = self.send(&wait.ask, call).await;
            let ended = self.worker.offset(exchange.ended);
            if outcome.is_good() {
                wait.ask.keep(taken, &mut self.values);
                return Ok(ended);
            }
            begin = begin.plus(wait.every).max(ended.plus(SHORTEST_WAIT));
            if begin >= limit {
                break;
            }
            self.sleep_until(begin).await?;
        }
        Err(End::Failed)
    }

    /// Sends once and judges the answer.
    async fn send(&mut self, ask: &Ask, call: Call<'_>) -> (Exchange, Outcome, Vec<String>) {
        let in_flight = InFlight::new(self.worker);
        let exchange = self.worker.client.send(&mut self.session, call).await;
        drop(in_flight);
        let (outcome, taken) = match &exchange.result {
            Ok(answer) => {
                let after = exchange.service_time().unwrap_or_default();
                ask.judge.judge(answer, after)
            }
            // a worker that is behind cannot say that the target left no connection free
            Err(Outcome::NotSentLimit) if self.worker.lag_now() > LAGGING => {
                (Outcome::NotSentLag, Vec::new())
            }
            Err(outcome) => (*outcome, Vec::new()),
        };
        (exchange, outcome, taken)
    }

    /// Whether something that is due then is still to be begun. The first request always is.
    fn may_go_on(&self, due: Offset) -> Result<(), End> {
        if due == self.arrival.intended {
            Ok(())
        } else if due > self.patience {
            Err(End::Failed)
        } else if due >= self.worker.plan_end {
            Err(End::CutOff)
        } else {
            Ok(())
        }
    }

    /// Sleeps, unless nothing could come after it.
    async fn sleep_until(&self, due: Offset) -> Result<Offset, End> {
        self.may_go_on(due)?;
        tokio::time::sleep_until(self.worker.clock.instant(due)).await;
        Ok(due)
    }

    const fn id(&self, step: u16, attempt: u32) -> RequestId {
        RequestId::Load {
            population: self.arrival.population,
            arrival: self.arrival.index,
            step,
            attempt,
        }
    }
}

/// Counts a request while it is under way, also when its journey is dropped.
struct InFlight<'a, C: Client>(&'a Shared<C>);

impl<'a, C: Client> InFlight<'a, C> {
    fn new(worker: &'a Shared<C>) -> Self {
        worker.requests.set(worker.requests.get() + 1);
        Self(worker)
    }
}

impl<C: Client> Drop for InFlight<'_, C> {
    fn drop(&mut self) {
        self.0.requests.set(self.0.requests.get() - 1);
    }
}

/// Whether a failed attempt is followed by another.
fn retries(policy: &ClientPolicy, outcome: Outcome, attempt: u32) -> bool {
    let left = policy.retry.attempts.is_none_or(|most| attempt < most);
    left && family(outcome).is_some_and(|family| policy.retry.outcomes.contains(&family))
}

/// What a client calls an outcome when it decides about a retry. What was never sent is not
/// retried: the target did not see it.
const fn family(outcome: Outcome) -> Option<RetryOn> {
    match outcome {
        Outcome::Ok | Outcome::Fallback => None,
        Outcome::CheckFailed => Some(RetryOn::Check),
        Outcome::Http4xx => Some(RetryOn::Http4xx),
        Outcome::Http5xx => Some(RetryOn::Http5xx),
        Outcome::Shed => Some(RetryOn::Shed),
        Outcome::TimeoutConnect | Outcome::TimeoutFirstByte | Outcome::TimeoutBody => {
            Some(RetryOn::Timeout)
        }
        Outcome::DnsNxdomain
        | Outcome::DnsServfail
        | Outcome::DnsNoData
        | Outcome::DnsTimeout
        | Outcome::DnsOther => Some(RetryOn::Dns),
        Outcome::Refused
        | Outcome::Reset
        | Outcome::ClosedEarly
        | Outcome::Tls
        | Outcome::Protocol => Some(RetryOn::Connection),
        Outcome::NotSentLimit
        | Outcome::NotSentLag
        | Outcome::NotSentDescriptors
        | Outcome::NotSentPorts
        | Outcome::Blocked => None,
    }
}

impl<C: Client> Shared<C> {
    /// When an instant was on the run's clock.
    fn offset(&self, instant: Instant) -> Offset {
        Offset(instant.saturating_duration_since(self.clock.instant(Offset::ZERO)))
    }
}
