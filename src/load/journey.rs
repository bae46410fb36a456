//! An arrival walks its journey: request, wait, think; retry, lose patience.

use std::{borrow::Cow, cell::RefCell, rc::Rc, time::Duration};

use hyper::header::COOKIE;

use tokio::time::Instant;

use super::{
    brakes::{Brakes, Permit},
    limits::LAGGING,
    release::Arrival,
    retry::{self, Ending, SHORTEST_WAIT},
    script::{Ask, Filled, Header, Request, Script, Step, Values, Wait},
    worker::Shared,
};
use crate::{
    client::{Call, Client, Exchange, Jar, RequestId, retry_after},
    measure::{Injected, Outcome, Sample},
    plan::ServiceId,
    seed::Stream,
    time::Offset,
};

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
    /// What the target wants to be reminded of, if its members keep cookies.
    jar: Option<Jar>,
    /// Draws think times and waits; apart from the data, which must not depend on answers.
    habits: Stream,
    /// When patience ends.
    patience: Offset,
    /// Every request so far was good in the end.
    all_good: bool,
}

/// Where a journey turns after a request, if it does: to a step, or nowhere.
type Turn = Option<Option<usize>>;

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
        jar: script.policy.cookies.then(Jar::default),
        habits: seed.named("habits").stream(),
        patience: arrival.intended.plus(script.policy.patience),
        all_good: true,
    };
    let end = walk.run().await;
    if end != End::CutOff {
        let mut recorder = worker.recorder.borrow_mut();
        recorder.journey_ended(arrival.population, arrival.intended, end == End::Good);
    }
    end == End::Good
}

impl<'a, C: Client> Walk<'a, C> {
    async fn run(&mut self) -> End {
        let script = self.script;
        let steps = script.way(self.arrival.index).steps.clone();
        let mut due = self.arrival.intended;
        let mut next = Some(steps.start);
        while let Some(at) = next.filter(|at| *at < steps.end) {
            // the series of a plan are counted in as many bits, and each request has one
            let number = at as u16;
            next = Some(at + 1);
            let ended = match &script.steps[at] {
                Step::Request(request) => {
                    let ended = self.request(number, request, due).await;
                    ended.map(|(ended, turn)| {
                        next = turn.unwrap_or(next);
                        ended
                    })
                }
                Step::WaitFor(wait) => self.wait_for(number, wait, due).await,
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
        if self.all_good && due <= self.patience {
            End::Good
        } else {
            End::Failed
        }
    }

    /// Sends a request until it is good or given up; when it ended and what turn is taken, if the
    /// journey goes on.
    async fn request(
        &mut self,
        step: u16,
        request: &Request,
        mut due: Offset,
    ) -> Result<(Offset, Turn), End> {
        let policy = &self.script.policy;
        let filled = request.ask.fill(&self.values);
        let mut attempt = 1;
        loop {
            self.may_go_on(due)?;
            let Some(permit) = self.permit(request, due, attempt) else {
                return Err(End::Failed);
            };
            let deadline = self.worker.clock.instant(due.plus(policy.timeout));
            let headers = self.with_cookies(&request.ask, &filled);
            let call = Call {
                id: self.id(step, attempt),
                service: request.ask.service,
                method: request.ask.method,
                path: &filled.path,
                headers: &headers,
                body: filled.body.clone(),
                deadline,
                connect_timeout: policy.connect_timeout,
                first_byte_timeout: policy.first_byte_timeout,
                keep_body: request.ask.keep_body,
                keep_headers: request.ask.keep_headers,
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
            let answer = exchange.result.as_ref().ok();
            let turn = request.turn(outcome, answer.map(|answer| answer.status));
            let ending = Ending {
                outcome,
                attempt,
                ended,
                retry_after: answer.and_then(|answer| retry_after(&answer.headers)),
            };
            let next = self.again(request.ask.service, permit, ending);
            if outcome.is_good() {
                request.ask.keep(taken, &mut self.values);
                return Ok((ended, turn));
            }
            let Some(next) = next else {
                // a turn changes the way, and not what the journey was worth
                self.all_good = false;
                return turn.map(|to| (ended, Some(to))).ok_or(End::Failed);
            };
            due = next;
            attempt += 1;
            self.sleep_until(due).await?;
        }
    }

    /// Tells the breaker how an attempt ended, and when the next is due, if there is one.
    fn again(&mut self, to: ServiceId, permit: Permit, ending: Ending) -> Option<Offset> {
        let mut brakes = self.brakes().borrow_mut();
        brakes.ended(to, permit, ending.outcome, ending.ended);
        let (habits, budget) = (&mut self.habits, brakes.budget.as_mut());
        retry::next(&self.script.policy, ending, self.patience, habits, budget)
    }

    /// Leave to send a request, if the circuit is closed. If not, it is counted as refused. Its
    /// first attempt counts for the budget of retries.
    fn permit(&self, request: &Request, due: Offset, attempt: u32) -> Option<Permit> {
        let mut brakes = self.brakes().borrow_mut();
        let permit = brakes.permit(request.ask.service, due);
        if permit.is_none() {
            self.worker.recorder.borrow_mut().record(&Sample {
                series: request.series,
                intended: due,
                outcome: Outcome::NotSentBreaker,
                first: attempt == 1,
                injected: Injected::No,
                response: Duration::ZERO,
                service: None,
            });
        } else if attempt == 1
            && let Some(budget) = &mut brakes.budget
        {
            budget.earn(due);
        }
        permit
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
            let headers = self.with_cookies(&wait.ask, &filled);
            let call = Call {
                id: self.id(step, poll),
                service: wait.ask.service,
                method: wait.ask.method,
                path: &filled.path,
                headers: &headers,
                body: None,
                deadline: self.worker.clock.instant(deadline),
                connect_timeout: policy.connect_timeout,
                first_byte_timeout: policy.first_byte_timeout,
                keep_body: wait.ask.keep_body,
                keep_headers: wait.ask.keep_headers,
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
        let path = call.path;
        let exchange = self.worker.client.send(&mut self.session, call).await;
        drop(in_flight);
        if let (Some(jar), Ok(answer)) = (&mut self.jar, &exchange.result) {
            jar.keep(ask.destination(path), &answer.headers, exchange.ended);
        }
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

    /// The headers of a request, with the cookies that belong to it. A step that writes a `cookie`
    /// of its own means it.
    fn with_cookies<'f>(&self, ask: &Ask, filled: &'f Filled) -> Cow<'f, [Header]> {
        let headers = &filled.headers;
        let own = || headers.iter().any(|(name, _)| *name == COOKIE);
        let cookie = self
            .jar
            .as_ref()
            .filter(|_| !own())
            .and_then(|jar| jar.header(ask.destination(&filled.path), Instant::now()));
        match cookie {
            None => Cow::Borrowed(headers),
            Some(cookie) => Cow::Owned([&headers[..], &[(COOKIE, cookie)]].concat()),
        }
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

    fn brakes(&self) -> &'a RefCell<Brakes> {
        &self.worker.brakes[usize::from(self.arrival.population)]
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

impl<C: Client> Shared<C> {
    /// When an instant was on the run's clock.
    fn offset(&self, instant: Instant) -> Offset {
        Offset(instant.saturating_duration_since(self.clock.instant(Offset::ZERO)))
    }
}
