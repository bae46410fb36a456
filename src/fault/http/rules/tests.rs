//! What rules mean for a request, on a clock of their own.

use hyper::HeaderMap;

use super::*;
use crate::{
    fault::{board::Board, fixtures::http_fault},
    scenario::model::{
        Effect, HttpAction, HttpClose, HttpDelay, HttpEffect, Person, RateLimit, RateWindow, Spread,
    },
    seed::Seed,
    units::{Rate, Ratio},
};

fn rule_of(name: &str, action: HttpAction, refine: impl FnOnce(&mut HttpEffect)) -> Arc<Rule> {
    let mut fault = http_fault(name, &[], action);
    let Effect::Http(effect) = &mut fault.effect else {
        panic!("an http fault");
    };
    refine(effect);
    let Effect::Http(effect) = fault.effect.clone() else {
        panic!("an http fault");
    };
    fault.share = Ratio::new(0.5).expect("a ratio");
    if effect.matching.sticky.is_none() {
        fault.share = Ratio::ONE;
    }
    let dose = Arc::new(Dose::new(&fault, Seed(1)));
    let matcher = Matcher::prepare(&effect.matching).expect("it can be used");
    let action = Action::prepare(&effect, dose.seed()).expect("it can be sent");
    Arc::new(Rule::new(dose, Arc::new(matcher), action))
}

fn rule(name: &str, action: HttpAction) -> Arc<Rule> {
    rule_of(name, action, |_| {})
}

fn status(code: u16) -> HttpAction {
    HttpAction::Status {
        code,
        headers: Vec::new(),
        body: String::new(),
    }
}

fn delay(seconds: u64) -> HttpAction {
    HttpAction::Delay(HttpDelay::constant(Duration::from_secs(seconds)))
}

/// The rules that a request with this id and these headers meets.
fn ask(board: &Board<Rule>, id: Option<&str>, headers: &[(&'static str, &str)]) -> Vec<Met> {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| {
            let name = hyper::header::HeaderName::from_static(name);
            (name, value.parse().expect("a value"))
        })
        .collect();
    let seen = Seen {
        method: "GET",
        path: "/",
        query: "",
        target: "/",
        headers: &headers,
        json: None,
        from: [127, 0, 0, 1].into(),
        id,
    };
    meet(&board.snapshot(), &seen, Instant::now())
}

/// What happens to a request that met everything, `after` its arrival, as text.
fn seen(board: &Board<Rule>, met: &mut Vec<Met>, after: Duration) -> String {
    let arrived = Instant::now();
    match step(met, &board.snapshot(), arrived, arrived + after) {
        Step::Wait(None) => "held".into(),
        Step::Wait(Some(due)) => format!("late by {:?}", due - arrived),
        Step::Answer(answer, fault) => format!("{} by {fault}", answer.status().as_u16()),
        Step::End(ending) => format!("{ending:?}"),
        Step::Forward(changes) if changes.is_empty() => "forwarded".into(),
        Step::Forward(changes) => {
            let names = changes.iter().filter_map(|(rule, _)| rule.upgrade());
            let names: Vec<String> = names.map(|rule| rule.dose.name().to_owned()).collect();
            format!("changed by {}", names.join(" and "))
        }
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
    let mut met = ask(&board, None, &[]);
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

#[tokio::test(start_paused = true)]
async fn an_end_is_as_good_as_an_answer_and_changes_come_last() {
    let board = Board::default();
    let all = [
        rule(
            "slow",
            HttpAction::Slow(Rate::per_second(9.0).expect("a rate")),
        ),
        rule("gone", HttpAction::Reset),
        rule("no", status(503)),
        rule("shut", HttpAction::Close(HttpClose::BeforeHeaders)),
        rule("late", delay(1)),
        rule("bare", HttpAction::Close(HttpClose::AfterHeaders)),
    ];
    for rule in &all {
        board.post(Arc::clone(rule));
    }
    let mut met = ask(&board, None, &[]);
    let second = Duration::from_secs(1);
    assert_eq!(seen(&board, &mut met, Duration::ZERO), "late by 1s");
    assert_eq!(seen(&board, &mut met, second), "Reset");
    board.take_down(&all[1]);
    assert_eq!(seen(&board, &mut met, second), "503 by no");
    board.take_down(&all[2]);
    assert_eq!(seen(&board, &mut met, second), "Close");
    board.take_down(&all[3]);
    assert_eq!(seen(&board, &mut met, second), "changed by slow and bare");
}

/// How many of the first 100 requests a rule meets, by their numbers.
fn of_100(refine: impl FnOnce(&mut HttpEffect)) -> Vec<u32> {
    let board = Board::default();
    board.post(rule_of("some", status(500), refine));
    (1..=100)
        .filter(|_| !ask(&board, None, &[]).is_empty())
        .collect()
}

#[test]
fn the_first_and_every_so_many_th() {
    assert_eq!(of_100(|effect| effect.matching.first = Some(3)), [1, 2, 3]);
    let every = of_100(|effect| effect.matching.every = Some(40));
    assert_eq!(every, [40, 80]);
    let both = of_100(|effect| {
        effect.matching.every = Some(10);
        effect.matching.first = Some(2);
    });
    assert_eq!(both, [10, 20]);
}

#[test]
fn the_same_person_is_always_met_or_never() {
    let board = Board::default();
    let by = |effect: &mut HttpEffect| {
        effect.matching.sticky = Some(Person::Header("authorization".into()));
    };
    board.post(rule_of("some", status(500), by));
    let mut met_people = 0;
    for person in 0..100 {
        let token = format!("Bearer {person}");
        let outcomes: Vec<bool> = (0..5)
            .map(|n| {
                let id = format!("0.{person}.{n}.1");
                !ask(&board, Some(&id), &[("authorization", &token)]).is_empty()
            })
            .collect();
        assert!(outcomes.iter().all(|met| *met == outcomes[0]), "{person}");
        met_people += usize::from(outcomes[0]);
    }
    assert!((30..70).contains(&met_people), "{met_people} of 100");
    // who does not say who they are is met by request
    let nobody = (0..100).filter(|n| !ask(&board, Some(&n.to_string()), &[]).is_empty());
    assert!((30..70).contains(&nobody.count()));
}

#[tokio::test(start_paused = true)]
async fn a_limiter_counts_each_person_in_each_window() {
    let limit = RateLimit {
        status: 429,
        retry_after: Some(Duration::from_millis(1500)),
        window: Some(RateWindow {
            limit: 2,
            per: Duration::from_secs(10),
            by: Some(Person::Header("x-user".into())),
        }),
    };
    let board = Board::default();
    board.post(rule("limit", HttpAction::RateLimit(limit)));
    let refused = |user: &str| {
        let mut met = ask(&board, None, &[("x-user", user)]);
        seen(&board, &mut met, Duration::ZERO) == "429 by limit"
    };
    assert!(!refused("a") && !refused("a") && refused("a") && refused("a"));
    assert!(!refused("b"));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert!(!refused("a") && !refused("a") && refused("a"));
    let mut met = ask(&board, None, &[("x-user", "a")]);
    let now = Instant::now();
    let Step::Answer(answer, _) = step(&mut met, &board.snapshot(), now, now) else {
        panic!("refused");
    };
    assert_eq!(answer.headers()["retry-after"], "2", "never too early");
}

#[tokio::test(start_paused = true)]
async fn a_drawn_delay_belongs_to_its_request() {
    let board = Board::default();
    let late = HttpDelay {
        delay: Duration::from_secs(1),
        spread: Spread::Uniform {
            most: Duration::from_secs(3),
        },
    };
    board.post(rule("late", HttpAction::Delay(late)));
    let due = |id: Option<&str>| seen(&board, &mut ask(&board, id, &[]), Duration::ZERO);
    assert_eq!(due(Some("0.1.0.1")), due(Some("0.1.0.1")));
    assert_ne!(due(Some("0.1.0.1")), due(Some("0.2.0.1")));
    assert_ne!(due(None), due(None));
}

#[test]
fn what_cannot_be_sent_is_refused_beforehand() {
    let bad_header = HttpAction::Status {
        code: 200,
        headers: vec![("no blanks".into(), "x".into())],
        body: String::new(),
    };
    let bad_type = HttpAction::ContentType("text/\nhtml".into());
    for action in [status(99), status(100), status(1000), bad_header, bad_type] {
        let fault = http_fault("bad", &[], action);
        let Effect::Http(effect) = &fault.effect else {
            panic!("an http fault");
        };
        assert!(
            Action::prepare(effect, Seed(1)).is_err(),
            "{:?}",
            effect.action
        );
    }
}
