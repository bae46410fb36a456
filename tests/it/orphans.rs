//! Nothing outlives brownout, whenever and however it is killed.
//!
//! A storm of runs against a small launched portal, with faults of every kind that lasts; each is killed at
//! another instant, drawn from a fixed seed. Eight instants by default; `BROWNOUT_KILLS=20` draws
//! twenty (their results are in `benches/results/kill-storm.md`), and any other number may be asked
//! for:
//!
//! ```sh
//! BROWNOUT_KILLS=20 cargo test --test it orphans -- --nocapture
//! ```

mod elsewhere;
mod heal;
mod remains;

use std::{
    collections::BTreeSet,
    fmt::{self, Write as _},
    fs,
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use brownout::{
    guardian::{Leftovers, leftovers},
    run::own_resolver,
};
use serde_json::Value;
use tokio::time::Instant;

use crate::support::{Bench, control_groups, eventually, expect_exit, free_address, may_limit};
use elsewhere::Elsewhere;
use remains::{Listener, Seen, held, listeners, mounts, probes, processes};

/// What is promised.
const PROMISE: Duration = Duration::from_secs(3);
/// What a noisy machine may make of it once; the median must keep the promise. It is less than is left of a
/// lease (7 s at least), so that it is the guardian who takes toxics out elsewhere.
const PATIENCE: Duration = Duration::from_secs(6);
/// The instants are drawn from so long.
const STORM: Duration = Duration::from_secs(10);
/// The first of them fall into brownout's start. It is short and full of beginnings, so here time
/// runs `SLOWLY` times slower. The others count from the run's zero: a slow start shifts none.
const START: Duration = Duration::from_secs(2);
const SLOWLY: u32 = 4;
/// Runs at a time.
const AT_ONCE: usize = 4;

const SCENARIO: &str = r#"
brownout: 1
scenario: storm
target: target.yaml
phases: [{calm: 2s}, {broken: 4s}, {after: 120s}]
measure: {baseline: optional, observe: 5s, hold: 3s}
load:
  citizens: {journey: login, arrivals: 10/s, client: {timeout: 2s}}
  visitors: {journey: look, arrivals: 10/s, client: {timeout: 2s}}
journeys:
  login:
    - {step: generate_otp, post: "portal:/otp/generate", json: {mobile: "{{mobile}}"}, take: {txn: $.txn}}
    - {step: read_sms, wait_for: "sms:/inbox/{{mobile}}", take: {otp: $.otp}, within: 5s}
  look: [{step: look, get: "portal:/slots/{{pin}}"}]
faults:
  held: {at: process sms, from: broken, for: 4s, process: pause}
  late: {at: portal -> sms, from: broken, for: 4s, http: {delay: 3s}}
  no_slots: {at: feature portal/slots, from: broken, for: 4s, http: {status: 503}}
  no_name: {at: dns sms.cowin.test, from: broken, for: 4s, dns: servfail}
  cut:
    at: host
    from: broken
    for: 4s
    exec: {do: [mkdir, cut], undo: [rm, -rf, cut], check: [sh, -c, "! test -e cut"]}
  slow: {at: portal -> sms, from: broken, for: 4s, tcp: {latency: 50ms}}
  gone: {at: process spare, from: broken, for: 4s, process: stop}
  reborn: {at: process flaky, from: broken, for: 4s, process: crash_loop}
  far: {at: portal -> spare, from: broken, for: 4s, tcp: {latency: 100ms}}
  apart: {at: portal -> flaky, from: broken, for: 4s, tcp: down}
gates: [portal never crashes]
"#;
/// One fault more where this machine has control groups for us.
const LIMIT: &str = "faults:
  squeezed: {at: process portal, from: broken, for: 4s, process: {cpu: 90%, memory: 512MB}}
";

/// The scenario, and how many faults it has.
fn scenario() -> (String, usize) {
    if may_limit() {
        (SCENARIO.replacen("faults:\n", LIMIT, 1), 11)
    } else {
        (SCENARIO.to_owned(), 10)
    }
}

fn target(addresses: &[String; 5], elsewhere: &Elsewhere) -> String {
    let [portal, sms, link, spare, flaky] = addresses;
    let (api, [to_spare, to_flaky]) = (&elsewhere.proxy.api, &elsewhere.listens);
    // where this machine can, the portal looks names up in a mount namespace of its own
    let resolver = match own_resolver(Path::new(env!("CARGO_BIN_EXE_brownout"))) {
        Ok(()) => "brownout",
        Err(_) => "system",
    };
    format!(
        r#"
brownout: 1
target: storm
environment: test
services:
  portal:
    url: http://portal.cowin.test
    at: {portal}
    health: GET /healthz
    features: {{slots: {{routes: ["GET /slots/:pin"]}}}}
  sms: {{url: http://sms.cowin.test, at: {sms}, health: GET /healthz}}
  spare: {{url: "http://{spare}"}}
  flaky: {{url: "http://{flaky}"}}
links:
  portal -> sms: {{layer: http, listen: {link}}}
  portal -> spare: {{listen: "{to_spare}", via: "toxiproxy http://{api}"}}
  portal -> flaky: {{listen: "{to_flaky}", via: "toxiproxy http://{api}"}}
dns:
  zones: {{cowin.test: {{portal: 127.0.0.1, sms: 127.0.0.1, ttl: 1s}}}}
launch:
  sms: {{command: [brownout, stage, cowin-sms, --listen, "{sms}"], ready: GET /healthz}}
  portal:
    command: [brownout, stage, cowin, --listen, "{portal}", --sms, "http://{link}", --db, portal.sqlite]
    needs: [sms]
    ready: GET /healthz
    resolver: {resolver}
  spare: {{command: [brownout, stage, cowin-sms, --listen, "{spare}"], ready: GET /healthz}}
  flaky: {{command: [brownout, stage, cowin-sms, --listen, "{flaky}"], ready: GET /healthz}}
"#
    )
}

/// A brownout at work, with all that it brought into the world.
struct Run {
    bench: Bench,
    child: Child,
    begun: Instant,
    /// Of the portal, the SMS gateway, the link between them, and two more services.
    addresses: [String; 5],
    /// It outlives the run.
    elsewhere: Elsewhere,
    /// Whatever belongs to this run mentions one of these.
    marks: Vec<String>,
}

impl Run {
    fn start() -> Self {
        Self::start_with(|target| target)
    }

    fn start_with(adapt: impl FnOnce(String) -> String) -> Self {
        let bench = Bench::new();
        let addresses = [(); 5].map(|()| free_address());
        let elsewhere = Elsewhere::start(&bench, [&addresses[3], &addresses[4]]);
        bench.write("target.yaml", &adapt(target(&addresses, &elsewhere)));
        let scenario = bench.write("storm.yaml", &scenario().0);
        let folder = scenario.parent().expect("a folder").display().to_string();
        let talk = fs::File::create(bench.path("talk")).expect("created");
        let child = bench
            .brownout(&["run", "storm.yaml", "--live", "plain", "--workers", "2"])
            .arg("--allow-exec")
            // everything that it starts inherits this
            .env("TEST_BENCH", &folder)
            .stdout(Stdio::null())
            .stderr(talk)
            .spawn()
            .expect("starts");
        let mut marks = vec![folder];
        marks.extend(addresses.iter().cloned());
        Self {
            bench,
            child,
            begun: Instant::now(),
            addresses,
            elsewhere,
            marks,
        }
    }

    fn talk(&self) -> String {
        fs::read_to_string(self.bench.path("talk")).unwrap_or_default()
    }

    /// What the fault `cut` makes.
    fn cut(&self) -> PathBuf {
        self.bench.path("cut")
    }

    fn processes(&self) -> Vec<Seen> {
        processes(&self.marks)
    }

    fn folder(&self) -> Option<PathBuf> {
        Some(
            fs::read_dir(self.bench.path("reports"))
                .ok()?
                .flatten()
                .next()?
                .path(),
        )
    }

    /// What its record says so far; nothing before there is one.
    fn record(&self) -> String {
        let record = self.folder().map(|folder| folder.join("record.jsonl"));
        record
            .and_then(|path| fs::read_to_string(path).ok())
            .unwrap_or_default()
    }

    fn count(&self, event: &str) -> usize {
        self.record()
            .matches(&format!("\"event\":\"{event}\""))
            .count()
    }

    fn wait_for(&mut self, event: &str, times: usize) {
        eventually(event, || {
            let ended = self.child.try_wait().expect("a child");
            assert!(
                ended.is_none(),
                "ended before {event}: {ended:?}\n{}",
                self.talk()
            );
            (self.count(event) >= times).then_some(())
        });
    }

    /// Waits until `point` of the storm.
    fn wait_until(&mut self, point: Duration) {
        if let Some(since_zero) = point.checked_sub(START) {
            self.wait_for("started", 1);
            thread::sleep(since_zero);
        } else {
            thread::sleep((point / SLOWLY).saturating_sub(self.begun.elapsed()));
        }
    }

    /// Waits until there is nothing left, and says how long that took.
    fn wait_until_clean(&self, listened: &BTreeSet<u64>) -> Duration {
        let begun = Instant::now();
        let mut clean = None;
        loop {
            let processes = self.processes();
            // the kernel's tables of sockets are long and slow, so they come last
            let listeners = if processes.is_empty() {
                self.listening(listened)
            } else {
                vec![]
            };
            let took = begun.elapsed();
            let mut left = control_groups(&self.bench.path("reports"));
            left.push(self.cut());
            left.retain(|path| path.exists());
            left.extend(mounts(&self.marks[0]));
            left.extend(probes(self.child.id()));
            if processes.is_empty() {
                left.extend(self.elsewhere.faults());
            }
            if processes.is_empty() && listeners.is_empty() && left.is_empty() {
                // seen twice: a process has no environment for an instant while it begins
                let first = *clean.get_or_insert(took);
                if took > first + Duration::from_millis(50) {
                    return first;
                }
            } else {
                clean = None;
            }
            assert!(
                took < PATIENCE,
                "left behind after {took:?}: {processes:#?} {listeners:?} {left:?}\n{}",
                self.talk()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Which of these sockets still listen, and who listens on an address of this run.
    fn listening(&self, listened: &BTreeSet<u64>) -> Vec<(u64, Listener)> {
        let ours = |inode: &u64, (protocol, port): &Listener| {
            let address = format!("127.0.0.1:{port}");
            listened.contains(inode)
                || (protocol.starts_with("tcp") && self.addresses.contains(&address))
        };
        let all = listeners().into_iter();
        all.filter(|(inode, listener)| ours(inode, listener))
            .collect()
    }

    fn wait(&mut self) -> ExitStatus {
        eventually("brownout's end", || self.child.try_wait().expect("a child"))
    }

    /// SIGKILL to its guardian.
    fn kill_the_guardian(&self) {
        let guardian = |process: &Seen| process.command.contains(" guardian --journal ");
        let guardian = self
            .processes()
            .into_iter()
            .find(guardian)
            .expect("a guardian");
        guardian.kill().expect("killed");
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // a test that failed leaves nothing behind either
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            for process in processes(&self.marks[..1]) {
                let _ = process.kill();
            }
        }
    }
}

/// What a kill met, and what came of it.
#[derive(Debug)]
struct Kill {
    point: Duration,
    /// How far the run was.
    stage: &'static str,
    processes: usize,
    stopped: usize,
    listeners: usize,
    /// So many faults.
    in_force: usize,
    clean_after: Duration,
}

impl fmt::Display for Kill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stage,
            processes,
            stopped,
            listeners,
            in_force,
            ..
        } = self;
        let (point, clean) = (self.point.as_millis(), self.clean_after.as_millis());
        write!(
            f,
            "| {point} ms | {stage} | {in_force} | {processes} ({stopped}) | {listeners} | {clean} ms |"
        )
    }
}

fn kill_at(point: Duration) -> Kill {
    let mut run = Run::start();
    run.wait_until(point);
    let processes = run.processes();
    let listened = held(&processes);
    let ended = run.child.try_wait().expect("a child");
    assert!(
        ended.is_none(),
        "ended by itself: {ended:?}\n{}",
        run.talk()
    );
    run.child.kill().expect("killed");
    run.child.wait().expect("reaped");
    let clean_after = run.wait_until_clean(&listened);
    report_reads(&run);
    Kill {
        point,
        stage: stage(&run),
        processes: processes.len(),
        stopped: processes.iter().filter(|process| process.stopped()).count(),
        listeners: listened.len(),
        in_force: run.count("fault_injected") - run.count("fault_removed"),
        clean_after,
    }
}

fn stage(run: &Run) -> &'static str {
    let (armed, removed) = (run.count("fault_arming"), run.count("fault_removed"));
    if !run.record().contains('\n') {
        "before the record"
    } else if run.count("started") == 0 {
        "start"
    } else if armed == 0 {
        "baseline"
    } else if removed < scenario().1 {
        "faults"
    } else {
        "after"
    }
}

/// The record reads and reports, unless it was not begun; the journal says that nothing was left.
fn report_reads(run: &Run) {
    let Some(folder) = run.folder() else { return };
    let shown = folder.to_str().expect("utf-8");
    let output = run.bench.output(&["report", shown, "--format", "json"]);
    if !run.record().contains('\n') {
        return expect_exit(&output, 2);
    }
    expect_exit(&output, 0);
    let report: Value = serde_json::from_slice(&output.stdout).expect("valid JSON");
    assert!(report["run"]["cut_off"].is_string(), "{:#}", report["run"]);
    assert_eq!(report["verdict"], "inconclusive");
    let journal = folder.join("journal.jsonl");
    if journal.is_file() {
        assert_eq!(leftovers(&journal).expect("reads"), Leftovers::default());
    }
}

/// How many instants are wanted.
fn kills() -> u32 {
    std::env::var("BROWNOUT_KILLS").map_or(8, |n| n.parse().expect("BROWNOUT_KILLS"))
}

/// `n` instants of the storm, each drawn from its own n-th of it.
fn instants(n: u32) -> Vec<Duration> {
    let mut state: u64 = 20_210_428;
    let mut draw = || {
        // Knuth's MMIX generator; the high bits are the good ones
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(state >> 32).expect("32 bits")) / f64::from(u32::MAX)
    };
    (0..n)
        .map(|i| STORM.mul_f64((f64::from(i) + draw()) / f64::from(n)))
        .collect()
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "the table is what `--nocapture` is for"
)]
fn killing_brownout_at_any_instant_leaves_nothing() {
    let n = kills();
    let instants = instants(n);
    let next = AtomicUsize::new(0);
    let kills = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(point) = instants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let kill = kill_at(*point);
                    kills.lock().expect("no panic").push(kill);
                }
            });
        }
    });
    let mut kills = kills.into_inner().expect("no panic");
    kills.sort_by_key(|kill| kill.point);
    let mut lines = String::new();
    for kill in &kills {
        writeln!(lines, "{kill}").expect("a text");
    }
    let mut times: Vec<Duration> = kills.iter().map(|kill| kill.clean_after).collect();
    times.sort();
    let (median, slowest) = (times[times.len() / 2], times[times.len() - 1]);
    let (median_ms, slowest_ms) = (median.as_millis(), slowest.as_millis());
    println!("{lines}{n} kills: clean after {median_ms} ms (median), {slowest_ms} ms (slowest)");
    assert!(median < PROMISE, "{lines}");
    // it met what it was to meet: brownout, its guardian and the target, with faults in and out
    let met = |stage, stopped| {
        kills.iter().any(|kill| {
            (kill.stage, kill.stopped) == (stage, stopped)
                && kill.processes >= 4
                && kill.listeners >= 4
        })
    };
    assert!(
        met("baseline", 0) && met("faults", 1) && met("after", 0),
        "{lines}"
    );
    let all = scenario().1;
    assert!(kills.iter().any(|kill| kill.in_force == all), "{lines}");
}

/// Here the storm cannot reach: it looks at the processes first, which takes longer than this.
#[test]
fn killing_brownout_while_it_begins_leaves_nothing() {
    for i in 0..2 * kills() {
        let mut run = Run::start();
        thread::sleep(Duration::from_millis(2) * i);
        run.child.kill().expect("killed");
        run.child.wait().expect("reaped");
        run.wait_until_clean(&BTreeSet::new());
        report_reads(&run);
    }
}

#[test]
fn killing_the_guardian_stops_the_run_and_leaves_nothing() {
    let mut run = Run::start();
    run.wait_for("fault_injected", scenario().1);
    let processes = run.processes();
    assert!(processes.iter().any(Seen::stopped), "{processes:#?}");
    let listened = held(&processes);
    run.kill_the_guardian();
    let status = run.wait();
    assert_eq!(status.code(), Some(5), "{}", run.talk());
    run.wait_until_clean(&listened);
    let report = run.bench.report();
    let stopped = report["run"]["stopped"].as_str().expect("a reason");
    assert!(stopped.contains("guardian"), "{stopped}");
}

#[test]
fn killing_the_guardian_before_the_target_is_ready_is_no_fault_of_the_target() {
    // it answers 404, so it never becomes ready
    let never = |target: String| {
        target.replace(
            "needs: [sms]\n    ready: GET /healthz",
            "needs: [sms]\n    ready: GET /never",
        )
    };
    let mut run = Run::start_with(never);
    run.wait_for("process_started", 2);
    let listened = held(&run.processes());
    run.kill_the_guardian();
    let status = run.wait();
    assert_eq!(status.code(), Some(5), "{}", run.talk());
    run.wait_until_clean(&listened);
    let report = run.bench.report();
    assert!(
        report["run"]["stopped"]
            .as_str()
            .expect("a reason")
            .contains("guardian")
    );
    assert_eq!(report["load"]["began"], 0, "nothing was sent");
}
