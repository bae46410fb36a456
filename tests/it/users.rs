//! Closed populations, with the real executable against a scripted server.
//!
//! The server tells the time by the open population beside them, whose n-th arrival comes at a known
//! instant: a machine that stalls stalls both. So what is compared is order, not time.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

use crate::support::{
    Bench, eventually, exit_code, expect_exit,
    server::{self, Reply},
};

/// A request of the load: `population.index.step.attempt`, and its path.
#[derive(Debug, Clone)]
struct Seen {
    population: usize,
    index: u64,
    path: String,
}

/// Answers each request with 200, in order of arrival; `/hang` never.
#[derive(Default)]
struct Script(Mutex<Vec<Seen>>);

impl Script {
    fn seen(&self) -> Vec<Seen> {
        self.0.lock().expect("no panic").clone()
    }
}

fn serve(script: &Arc<Script>) -> String {
    let script = Arc::clone(script);
    server::serve(move |path, id| {
        let mut numbers = id.split('.').map(str::parse::<u64>);
        if let (Some(Ok(population)), Some(Ok(index))) = (numbers.next(), numbers.next()) {
            script.0.lock().expect("no panic").push(Seen {
                population: population as usize,
                index,
                path: path.to_owned(),
            });
        }
        if path.starts_with("/hang") {
            Reply::Hang
        } else {
            Reply::Status(200)
        }
    })
}

/// A scenario against a scripted server.
struct Office {
    bench: Bench,
    script: Arc<Script>,
    scenario: String,
}

fn office(load: &str, path: &str, phases: &str, extra: &str) -> Office {
    let script = Arc::new(Script::default());
    let at = serve(&script);
    let bench = Bench::new();
    bench.write(
        "target.yaml",
        &format!(
            "brownout: 1\ntarget: office\nenvironment: test\nservices:\n  web: {{url: \"http://{at}\"}}\n"
        ),
    );
    let scenario = bench.write(
        "office.yaml",
        &format!(
            r#"
brownout: 1
scenario: office
title: An office and its visitors
target: target.yaml
seed: 11
phases: {phases}
measure: {{warm_up: 1s, baseline_requests: 50, baseline_span: 4s, baseline: optional, observe: 3s, hold: 2s}}
load:
  visitors: {{journey: visit, arrivals: 20/s}}
{load}
journeys:
  visit: [{{step: visit, get: "web:/visit"}}]
  work: [{{step: work, get: "web:{path}"}}]
steady_state: [web success >= 95%]
gates: [web success >= 95%]
{extra}
"#
        ),
    );
    Office {
        scenario: scenario.to_str().expect("utf-8").to_owned(),
        bench,
        script,
    }
}

const CROWDS: &str =
    "  clerks: {journey: work, users: {calm: 3, rush: 8, after: 3}, pause: 100ms..400ms}
  guards: {journey: work, users: {calm: 5, rush: 5 -> 1 in 2s, after: 5}, pause: 300ms}";
const DAY: &str = "[{calm: 6s}, {rush: 6s}, {after: 6s}]";
/// Each round brings a number of its own along.
const WORK: &str = "/task/{{mobile}}";
/// The most users of the two, in order: what the numbers of their journeys are made with.
const MOST: [u64; 2] = [8, 5];
/// Arrivals of visitors a second.
const VISITORS: u64 = 20;

/// The users of a closed population whose requests came between two arrivals of visitors.
fn users_between(seen: &[Seen], population: usize, from_s: u64, to_s: u64) -> BTreeSet<u64> {
    let after = |second: u64| {
        let arrival = |s: &Seen| s.population == 0 && s.index >= second * VISITORS;
        seen.iter().position(arrival).unwrap_or(seen.len())
    };
    let between = &seen[after(from_s)..after(to_s)];
    let users = between.iter().filter(|s| s.population == population);
    users.map(|s| s.index % MOST[population - 1]).collect()
}

/// What each round of each user brought along, and that each user walked round by round.
fn rounds(seen: &[Seen]) -> BTreeMap<(usize, u64, u64), String> {
    let mut next: BTreeMap<(usize, u64), u64> = BTreeMap::new();
    let mut brought = BTreeMap::new();
    for Seen {
        population,
        index,
        path,
    } in seen.iter().filter(|s| s.population > 0)
    {
        let most = MOST[population - 1];
        let (user, round) = (index % most, index / most);
        let expected = next.entry((*population, user)).or_default();
        assert_eq!(round, *expected, "user {user} of {population}");
        *expected += 1;
        brought.insert((*population, user, round), path.clone());
    }
    brought
}

#[test]
fn two_crowds_follow_their_curves_beside_an_open_population() {
    let office = office(CROWDS, WORK, DAY, "");
    let output = office
        .bench
        .output(&["run", &office.scenario, "--live", "off"]);
    runs_to_its_end(&office, &output);
    let seen = office.script.seen();
    // a second lies between a change of the curve and where one looks
    for (population, from, to, users) in [
        (1, 1, 5, 3),
        (1, 7, 11, 8),
        (1, 13, 17, 3),
        (2, 1, 5, 5),
        (2, 9, 11, 1),
        (2, 13, 17, 5),
    ] {
        let there = users_between(&seen, population, from, to);
        let expected: BTreeSet<u64> = (0..users).collect();
        assert_eq!(
            there, expected,
            "population {population}, {from} s to {to} s"
        );
    }

    let report = office.bench.report();
    let of = |population: usize| seen.iter().filter(|s| s.population == population).count();
    let (load, populations) = (&report["load"], &report["populations"]);
    assert_eq!(load["planned"], 18 * VISITORS, "{load:#}");
    assert_eq!(load["began"], load["planned"], "{load:#}");
    assert_eq!(load["begun_by_users"], of(1) + of(2), "{load:#}");
    for (name, population, most) in [("clerks", 1, 8), ("guards", 2, 5)] {
        let crowd = &populations[name];
        assert_eq!(crowd["planned"], serde_json::Value::Null, "{crowd:#}");
        assert_eq!(
            (&crowd["users"], &crowd["began"]),
            (&most.into(), &of(population).into())
        );
    }
    assert_eq!(populations["visitors"]["planned"], 18 * VISITORS);
    only_the_report_is_said(&office, &output);

    // again, with the same seed: each round brings the same along, on any number of workers
    let again = self::office(CROWDS, WORK, DAY, "");
    let arguments = ["run", &again.scenario, "--live", "off", "--workers", "1"];
    runs_to_its_end(&again, &again.bench.output(&arguments));
    let (once, again) = (rounds(&seen), rounds(&again.script.seen()));
    let both: Vec<_> = once
        .keys()
        .filter(|round| again.contains_key(round))
        .collect();
    assert!(both.len() > 100, "{} rounds were walked twice", both.len());
    for round in both {
        assert_eq!(once[round], again[round], "{round:?}");
    }
}

/// Whether the machine was quiet enough for a verdict is not the point.
fn runs_to_its_end(office: &Office, output: &std::process::Output) {
    assert!([0, 4].contains(&exit_code(output)), "{output:?}");
    assert_eq!(office.bench.report()["run"]["complete"], true);
}

/// goose has a lot to say, and must not say it.
fn only_the_report_is_said(office: &Office, output: &std::process::Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let report = office.bench.output(&["report", "latest"]);
    assert_eq!(text(&output.stdout), text(&report.stdout));
    assert!(
        text(&report.stdout).contains("users, who wait for their answers, began"),
        "{}",
        text(&report.stdout)
    );
    for line in text(&output.stderr).lines() {
        let known = line.starts_with("report: ") || line.starts_with("record: ");
        assert!(line.is_empty() || known, "{line}");
    }
}

#[test]
fn ctrl_c_ends_users_who_wait_for_an_answer() {
    let waiting =
        "  hermits: {journey: work, users: {calm: 0, rush: 20, after: 0}, client: {timeout: 50s}}";
    let office = office(
        waiting,
        "/hang",
        "[{calm: 6s}, {rush: 90s}, {after: 6s}]",
        "",
    );
    let child = office
        .bench
        .brownout(&["run", &office.scenario, "--live", "off"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    eventually("twenty users who wait", || {
        let seen = office.script.seen();
        (seen.iter().filter(|s| s.population == 1).count() == 20).then_some(())
    });
    let begun = Instant::now();
    let signalled = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signalled.expect("kill runs").success());
    let output = child.wait_with_output().expect("ends");
    expect_exit(&output, 3);
    // far below the clients' timeout, and the run's rest
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
    let report = office.bench.report();
    assert_eq!(report["verdict"], "stopped");
    assert_eq!(report["load"]["begun_by_users"], 20);
    // nobody blames the target for what was dropped
    assert_eq!(report["populations"]["hermits"]["failed"], 0);
    let before = office.script.seen().len();
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(office.script.seen().len(), before, "nobody goes on sending");
}

#[test]
fn a_dead_target_is_not_knocked_at_in_a_tight_loop() {
    let office = office(
        "  clerks: {journey: work, users: 4, pause: 10ms}",
        WORK,
        "[{calm: 6s}, {gone: 8s}, {after: 6s}]",
        "faults:\n  down: {at: service web, from: gone, for: 6s, tcp: down}\n",
    );
    let output = office
        .bench
        .output(&["run", &office.scenario, "--live", "off"]);
    // whether the gate fails is not the point
    assert!([0, 1, 4].contains(&exit_code(&output)));
    let clerks = &office.bench.report()["populations"]["clerks"];
    let failed = clerks["failed"].as_u64().expect("a count");
    // 4 users for 6 s, a knock a second each
    assert!((4..=40).contains(&failed), "{clerks:#}");
    assert!(
        clerks["good"].as_u64().expect("a count") > failed,
        "{clerks:#}"
    );
}
