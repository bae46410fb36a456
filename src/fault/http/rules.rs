//! HTTP rules, and what they mean for a request at an instant: pure.

use std::{sync::Arc, time::Duration};

use hyper::{
    HeaderMap, Response, StatusCode,
    header::{HeaderName, HeaderValue},
};
use tokio::time::Instant;

use crate::{
    fault::{
        board::{Posted, is_posted},
        dose::Dose,
    },
    scenario::model::{HttpAction, HttpEffect, RoutePattern},
};

/// A rule in force.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) dose: Arc<Dose>,
    pub(super) routes: Arc<[RoutePattern]>,
    pub(super) action: Action,
}

/// What it does, ready to use.
#[derive(Debug, Clone)]
pub(super) enum Action {
    /// Answers.
    Answer(Arc<Answer>),
    /// Forwards later.
    Delay(Duration),
    /// Holds until the rule is gone.
    Hang,
}

/// An answer of ours.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: bytes::Bytes,
}

impl Answer {
    /// The response.
    pub(super) fn response(&self) -> Response<bytes::Bytes> {
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }
}

impl Action {
    /// Prepares what a scenario asks for.
    ///
    /// # Errors
    /// When a status or header cannot be sent.
    pub(super) fn prepare(effect: &HttpEffect) -> Result<Self, String> {
        match &effect.action {
            HttpAction::Delay { delay } => Ok(Self::Delay(*delay)),
            HttpAction::Hang => Ok(Self::Hang),
            HttpAction::Status {
                code,
                headers: given,
                body,
            } => {
                // 1xx are not final, and no proxy can answer with them alone
                let status = StatusCode::from_u16(*code)
                    .ok()
                    .filter(|status| !status.is_informational())
                    .ok_or_else(|| format!("{code} is not a final HTTP status"))?;
                let mut headers = HeaderMap::new();
                for (name, value) in given {
                    let field: HeaderName = name
                        .parse()
                        .map_err(|_| format!("`{name}` is not a header's name"))?;
                    let value: HeaderValue = value
                        .parse()
                        .map_err(|_| format!("header `{name}` has a value that cannot be sent"))?;
                    headers.append(field, value);
                }
                Ok(Self::Answer(Arc::new(Answer {
                    status,
                    headers,
                    body: bytes::Bytes::copy_from_slice(body.as_bytes()),
                })))
            }
        }
    }
}

impl Action {
    /// Whether it makes a request wait.
    pub(super) const fn waits(&self) -> bool {
        match self {
            Self::Answer(_) => false,
            Self::Delay(_) | Self::Hang => true,
        }
    }
}

impl Rule {
    /// Whether the rule means such requests; one of its routes, or any when it has none.
    fn means(&self, method: &str, path: &str) -> bool {
        self.routes.is_empty() || self.routes.iter().any(|route| route.matches(method, path))
    }

    /// Whether the request is in the rule's share. Requests of our own clients are chosen by (seed,
    /// fault, id), so that the same ones are met on every run; others by order of arrival.
    fn holds(&self, id: Option<&str>) -> bool {
        id.map_or_else(|| self.dose.holds_next(), |id| self.dose.holds_id(id))
    }
}

/// The rules that meet a request as it comes, in order of injection. This is settled once: rules
/// that come later do not meet it, rules that go let go of it.
pub(super) fn meet(
    posted: &Posted<Rule>,
    method: &str,
    path: &str,
    id: Option<&str>,
) -> Vec<Arc<Rule>> {
    posted
        .iter()
        .filter(|rule| rule.means(method, path) && rule.holds(id))
        .map(|rule| {
            rule.dose.hit();
            Arc::clone(rule)
        })
        .collect()
}

/// What happens to a request.
#[derive(Debug)]
pub(super) enum Step {
    /// Nothing, until that instant or, if there is none, until a rule goes.
    Wait(Option<Instant>),
    /// The proxy answers, because of that fault.
    Answer(Arc<Answer>, String),
    /// It goes to the upstream.
    Forward,
}

/// What happens next to a request that came at `arrived` and met `met`: rules no longer posted are
/// dropped from it. Hanging comes first, then all delays together, counted from its arrival; then
/// the earliest injected answer, if any.
pub(super) fn step(
    met: &mut Vec<Arc<Rule>>,
    posted: &Posted<Rule>,
    arrived: Instant,
    now: Instant,
) -> Step {
    met.retain(|rule| is_posted(posted, rule));
    let mut delay = Duration::ZERO;
    let mut answer = None;
    for rule in met.iter() {
        match &rule.action {
            Action::Hang => return Step::Wait(None),
            Action::Delay(more) => delay = delay.saturating_add(*more),
            Action::Answer(ours) => {
                answer = answer.or_else(|| Some((ours, rule.dose.name())));
            }
        }
    }
    match arrived.checked_add(delay) {
        None => Step::Wait(None),
        Some(due) if due > now => Step::Wait(Some(due)),
        Some(_) => answer.map_or(Step::Forward, |(ours, name)| {
            Step::Answer(Arc::clone(ours), name.to_owned())
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fault::{board::Board, fixtures::http_fault},
        scenario::model::Effect,
        seed::Seed,
    };

    fn rule(name: &str, action: HttpAction) -> Arc<Rule> {
        let fault = http_fault(name, &[], action);
        let Effect::Http(effect) = &fault.effect else {
            panic!("an http fault");
        };
        Arc::new(Rule {
            dose: Arc::new(Dose::new(&fault, Seed(1))),
            routes: Arc::default(),
            action: Action::prepare(effect).expect("it can be sent"),
        })
    }

    fn status(code: u16) -> HttpAction {
        HttpAction::Status {
            code,
            headers: Vec::new(),
            body: String::new(),
        }
    }

    fn delay(seconds: u64) -> HttpAction {
        let delay = Duration::from_secs(seconds);
        HttpAction::Delay { delay }
    }

    /// What happens to a request that met everything, `after` its arrival, as text.
    fn seen(board: &Board<Rule>, met: &mut Vec<Arc<Rule>>, after: Duration) -> String {
        let arrived = Instant::now();
        match step(met, &board.snapshot(), arrived, arrived + after) {
            Step::Wait(None) => "held".into(),
            Step::Wait(Some(due)) => format!("late by {:?}", due - arrived),
            Step::Answer(answer, fault) => format!("{} by {fault}", answer.status.as_u16()),
            Step::Forward => "forwarded".into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn hanging_then_delays_then_the_first_answer() {
        let board = Board::default();
        let all = [
            rule("five", delay(5)),
            rule("no", status(503)),
            rule("hung", HttpAction::Hang),
            rule("two", delay(2)),
            rule("never", status(404)),
        ];
        for rule in &all {
            board.post(Arc::clone(rule));
        }
        let mut met = meet(&board.snapshot(), "GET", "/", None);
        assert_eq!(met.len(), 5);
        let second = Duration::from_secs(1);
        assert_eq!(seen(&board, &mut met, second * 99), "held");
        board.take_down(&all[2]);
        assert_eq!(seen(&board, &mut met, second * 6), "late by 7s");
        assert_eq!(seen(&board, &mut met, second * 7), "503 by no");
        board.take_down(&all[0]);
        assert_eq!(seen(&board, &mut met, second * 6), "503 by no");
        board.take_down(&all[1]);
        assert_eq!(seen(&board, &mut met, second), "late by 2s");
        board.take_down(&all[3]);
        assert_eq!(seen(&board, &mut met, Duration::ZERO), "404 by never");
        // what comes now does not meet a request that was there before
        board.post(rule("new", HttpAction::Hang));
        board.take_down(&all[4]);
        assert_eq!(seen(&board, &mut met, Duration::ZERO), "forwarded");
    }

    #[test]
    fn what_cannot_be_sent_is_refused_beforehand() {
        let bad_header = HttpAction::Status {
            code: 200,
            headers: vec![("no blanks".into(), "x".into())],
            body: String::new(),
        };
        for action in [status(99), status(100), status(1000), bad_header] {
            let fault = http_fault("bad", &[], action);
            let Effect::Http(effect) = &fault.effect else {
                panic!("an http fault");
            };
            assert!(Action::prepare(effect).is_err(), "{:?}", effect.action);
        }
    }
}
