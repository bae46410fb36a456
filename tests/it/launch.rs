//! The supervisor, with a real guardian, real processes and a prober that says what a test wants.

use std::{
    collections::BTreeSet,
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use brownout::{
    guardian::{ExitStatus, Guardian, Leftovers, Pid, ProcessState, leftovers},
    launch::{Cause, ControlError, LaunchError, LaunchSetup, Notice, Notices, Prober, Supervisor},
    plan::model::{LaunchPlan, LivenessPlan, ProbePlan, Resolver, ServiceId},
    scenario::model::Method,
};
use tempfile::TempDir;

use crate::support::{eventually, free_address};

#[cfg(target_os = "linux")]
mod disk;

const PORTAL: ServiceId = ServiceId(0);
const SMS: ServiceId = ServiceId(1);

/// Everything is well, but for the paths in here.
#[derive(Default)]
struct Mood {
    failing: Mutex<BTreeSet<String>>,
}

impl Mood {
    fn fail(&self, path: &str) {
        self.failing.lock().expect("whole").insert(path.into());
    }
}

#[async_trait]
impl Prober for Mood {
    async fn ask(
        &self,
        process: &LaunchPlan,
        probe: Option<&ProbePlan>,
        _: Duration,
    ) -> Result<(), String> {
        let Some(probe) = probe else {
            let connected = TcpStream::connect(process.listens);
            return connected.map(drop).map_err(|error| error.to_string());
        };
        if self.failing.lock().expect("whole").contains(&probe.path) {
            Err("status 503".into())
        } else {
            Ok(())
        }
    }
}

struct Stand {
    folder: TempDir,
    guardian: Arc<Guardian>,
    mood: Arc<Mood>,
    supervisor: Supervisor,
    notices: Notices,
}

impl Stand {
    fn new(processes: Vec<(&str, LaunchPlan)>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let executable = Path::new(env!("CARGO_BIN_EXE_brownout"));
        let journal = folder.path().join("journal");
        let guardian = Arc::new(Guardian::start(executable, &journal).expect("starts"));
        let mood = Arc::new(Mood::default());
        let prober: Arc<dyn Prober> = Arc::clone(&mood) as _;
        let (supervisor, notices) = Supervisor::new(LaunchSetup {
            processes: processes
                .into_iter()
                .map(|(name, plan)| (name.into(), plan))
                .collect(),
            guardian: Arc::clone(&guardian),
            prober,
            logs: folder.path().join("logs"),
            executable: executable.to_owned(),
            resolv_conf: None,
        });
        Self {
            folder,
            guardian,
            mood,
            supervisor,
            notices,
        }
    }

    async fn next(&mut self) -> Notice {
        let next = tokio::time::timeout(Duration::from_secs(10), self.notices.recv()).await;
        next.expect("a notice comes")
            .expect("the supervisor lives")
            .1
    }

    /// The next notice that is not about a failed liveness probe, and how many such came before.
    async fn next_but_liveness(&mut self) -> (u32, Notice) {
        let mut failed = 0;
        loop {
            match self.next().await {
                Notice::LivenessFailed { .. } => failed += 1,
                notice => return (failed, notice),
            }
        }
    }

    async fn expect_start(&mut self, service: ServiceId, restarts: u32) -> Pid {
        match self.next().await {
            Notice::Started {
                service: s,
                pid,
                restarts: r,
            } if (s, r) == (service, restarts) => pid,
            other => panic!("wanted start {restarts} of {service:?}, got {other:?}"),
        }
    }

    async fn expect_ready(&mut self, service: ServiceId) {
        match self.next().await {
            Notice::Ready { service: s, .. } if s == service => {}
            other => panic!("wanted {service:?} to be ready, got {other:?}"),
        }
    }

    async fn started(&mut self) -> Pid {
        self.supervisor.start().await.expect("starts");
        let pid = self.expect_start(PORTAL, 0).await;
        self.expect_ready(PORTAL).await;
        pid
    }

    fn left(&self) -> Leftovers {
        leftovers(&self.folder.path().join("journal")).expect("reads")
    }
}

fn get(path: &str) -> ProbePlan {
    ProbePlan {
        method: Method::Get,
        path: path.into(),
    }
}

fn process(service: ServiceId, script: &str) -> LaunchPlan {
    LaunchPlan {
        service,
        command: vec!["sh".into(), "-c".into(), script.into()],
        env: Vec::new(),
        directory: "/".into(),
        disk: None,
        resolver: Resolver::default(),
        listens: free_address().parse().expect("an address"),
        ready: Some(get("/ready")),
        ready_within: Duration::from_secs(5),
        liveness: None,
        restart: true,
        restart_after: Duration::from_millis(10),
    }
}

fn with_liveness(mut plan: LaunchPlan) -> LaunchPlan {
    plan.liveness = Some(LivenessPlan {
        get: get("/live"),
        every: Duration::from_millis(20),
        timeout: Duration::from_millis(500),
        failures: 3,
    });
    plan
}

fn exists(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok()
}

#[tokio::test]
async fn starts_in_order_and_ends_all() {
    let sleep = "exec sleep 60";
    let mut stand = Stand::new(vec![
        ("sms", process(SMS, sleep)),
        ("portal", process(PORTAL, sleep)),
    ]);
    stand.supervisor.start().await.expect("starts");
    let sms = stand.expect_start(SMS, 0).await;
    stand.expect_ready(SMS).await;
    let portal = stand.expect_start(PORTAL, 0).await;
    stand.expect_ready(PORTAL).await;
    assert_eq!(
        stand.supervisor.state(SMS).await.expect("answers"),
        ProcessState::Running
    );
    assert!(matches!(
        stand.supervisor.state(ServiceId(9)).await,
        Err(ControlError::NotLaunched)
    ));

    stand.supervisor.shutdown().await;
    for _ in 0..2 {
        match stand.next().await {
            Notice::Exited { status, cause, .. } => {
                assert_eq!((status, cause), (ExitStatus::Signal(15), Cause::Shutdown));
            }
            other => panic!("wanted an end, got {other:?}"),
        }
    }
    assert!(!exists(sms) && !exists(portal));
    assert_eq!(
        stand.supervisor.state(SMS).await.expect("answers"),
        ProcessState::Gone
    );
    stand.guardian.finish().await.expect("clean");
}

#[tokio::test]
async fn a_busy_port_starts_nothing() {
    let holder = TcpListener::bind(("127.0.0.1", 0)).expect("binds");
    let mut portal = process(PORTAL, "exec sleep 60");
    portal.listens = holder.local_addr().expect("bound");
    let mut stand = Stand::new(vec![
        ("sms", process(SMS, "exec sleep 60")),
        ("portal", portal.clone()),
    ]);
    let error = stand
        .supervisor
        .start()
        .await
        .expect_err("the port is taken");
    assert!(matches!(error, LaunchError::PortBusy(_)));
    let text = error.to_string();
    assert!(
        text.starts_with(&format!("{} is in use: ", portal.listens)),
        "{text}"
    );
    assert!(text.contains("portal"), "{text}");
    assert!(stand.notices.try_recv().is_err(), "something was started");
}

#[tokio::test]
async fn says_what_a_process_said_before_it_died() {
    let mut portal = process(PORTAL, "echo no database >&2; exit 4");
    portal.ready = Some(get("/portal-ready"));
    let mut stand = Stand::new(vec![
        ("sms", process(SMS, "exec sleep 60")),
        ("portal", portal),
    ]);
    stand.mood.fail("/portal-ready");
    let error = stand.supervisor.start().await.expect_err("it died");
    assert!(
        matches!(
            error,
            LaunchError::Died {
                status: ExitStatus::Code(4),
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(
        error.to_string(),
        "portal ended before it was ready: exit code 4; it said last:\n    no database"
    );
    let sms = stand.expect_start(SMS, 0).await;
    assert!(!exists(sms), "what was started before is ended");
}

#[tokio::test]
async fn says_what_was_seen_of_a_process_that_is_never_ready() {
    let mut portal = process(PORTAL, "exec sleep 60");
    portal.ready_within = Duration::from_millis(200);
    let mut stand = Stand::new(vec![("portal", portal)]);
    stand.mood.fail("/ready");
    let error = stand.supervisor.start().await.expect_err("never ready");
    assert_eq!(
        error.to_string(),
        "portal was not ready within 200ms: status 503"
    );
    let pid = stand.expect_start(PORTAL, 0).await;
    assert!(!exists(pid));
}

#[tokio::test]
async fn a_missing_program_is_named() {
    let mut portal = process(PORTAL, "");
    portal.command = vec!["no-such-program-anywhere".into()];
    let stand = Stand::new(vec![("portal", portal)]);
    let error = stand
        .supervisor
        .start()
        .await
        .expect_err("there is none")
        .to_string();
    assert!(
        error.starts_with("cannot start portal: no-such-program-anywhere: "),
        "{error}"
    );
}

#[tokio::test]
async fn without_a_probe_it_is_ready_when_its_port_accepts() {
    let mut portal = process(PORTAL, "exec sleep 60");
    portal.ready = None;
    let address = portal.listens;
    let mut stand = Stand::new(vec![("portal", portal)]);
    let Stand {
        supervisor,
        notices,
        ..
    } = &mut stand;
    let listens = async {
        let started = notices.recv().await.expect("a notice").1;
        assert!(matches!(started, Notice::Started { .. }), "{started:?}");
        TcpListener::bind(address).expect("still free")
    };
    let (result, _listener) = tokio::join!(supervisor.start(), listens);
    result.expect("ready");
    stand.expect_ready(PORTAL).await;
}

#[tokio::test]
async fn a_crash_is_its_own_and_is_followed_by_a_restart() {
    // the first life ends when it is told to; the second lasts
    let script = "if [ -e again ]; then exec sleep 60; fi; touch again; \
                  while [ ! -e crash ]; do sleep 0.01; done; exit 7";
    let folder = tempfile::tempdir().expect("a folder");
    let mut portal = process(PORTAL, script);
    portal.directory = folder.path().to_owned();
    let mut stand = Stand::new(vec![("portal", portal)]);
    stand.started().await;
    fs::write(folder.path().join("crash"), "").expect("writes");
    assert_eq!(
        stand.next().await,
        Notice::Exited {
            service: PORTAL,
            status: ExitStatus::Code(7),
            cause: Cause::Own
        }
    );
    stand.expect_start(PORTAL, 1).await;
    stand.expect_ready(PORTAL).await;
}

#[tokio::test]
async fn without_restart_a_crash_is_the_end() {
    let script = "while [ ! -e crash ]; do sleep 0.01; done; exit 7";
    let folder = tempfile::tempdir().expect("a folder");
    let mut portal = process(PORTAL, script);
    portal.directory = folder.path().to_owned();
    portal.restart = false;
    let mut stand = Stand::new(vec![("portal", portal)]);
    stand.started().await;
    fs::write(folder.path().join("crash"), "").expect("writes");
    assert!(matches!(
        stand.next().await,
        Notice::Exited {
            cause: Cause::Own,
            ..
        }
    ));
    assert!(matches!(
        stand.supervisor.kill(PORTAL).await,
        Err(ControlError::NotRunning)
    ));
    assert!(matches!(
        stand.supervisor.pause(PORTAL).await,
        Err(ControlError::NotRunning)
    ));
    stand.supervisor.shutdown().await;
    assert!(stand.notices.try_recv().is_err());
}

#[tokio::test]
async fn a_failing_liveness_probe_kills_and_restarts() {
    let mut stand = Stand::new(vec![(
        "portal",
        with_liveness(process(PORTAL, "exec sleep 60")),
    )]);
    let pid = stand.started().await;
    stand.mood.fail("/live");
    let (failed, notice) = stand.next_but_liveness().await;
    assert_eq!(failed, 3);
    assert_eq!(
        notice,
        Notice::Exited {
            service: PORTAL,
            status: ExitStatus::Signal(9),
            cause: Cause::Liveness
        }
    );
    assert!(!exists(pid));
    stand.mood.failing.lock().expect("whole").clear();
    stand.expect_start(PORTAL, 1).await;
    stand.expect_ready(PORTAL).await;
}

#[tokio::test]
async fn a_kill_is_injected_and_followed_by_a_restart() {
    let mut stand = Stand::new(vec![("portal", process(PORTAL, "exec sleep 60"))]);
    let pid = stand.started().await;
    stand.supervisor.kill(PORTAL).await.expect("killed");
    assert!(!exists(pid));
    assert_eq!(
        stand.next().await,
        Notice::Exited {
            service: PORTAL,
            status: ExitStatus::Signal(9),
            cause: Cause::Injected
        }
    );
    stand.expect_start(PORTAL, 1).await;
    stand.expect_ready(PORTAL).await;
    assert!(stand.left().owed.is_empty());
}

/// That the next notice is an end by a fault.
async fn expect_injected(stand: &mut Stand) {
    let notice = stand.next().await;
    let injected = matches!(
        notice,
        Notice::Exited {
            cause: Cause::Injected,
            ..
        }
    );
    assert!(injected, "{notice:?}");
}

#[tokio::test]
async fn a_restart_is_graceful_and_injected() {
    let folder = tempfile::tempdir().expect("a folder");
    let set = folder.path().join("set");
    let script = format!(
        "trap 'exit 5' TERM; : > '{}'; while :; do sleep 0.01; done",
        set.display()
    );
    let mut stand = Stand::new(vec![("portal", process(PORTAL, &script))]);
    stand.started().await;
    // ready is what the prober says: the shell may not have come to its trap yet
    eventually("the trap is set", || set.exists().then_some(()));
    stand.supervisor.restart(PORTAL).await.expect("ended");
    assert_eq!(
        stand.next().await,
        Notice::Exited {
            service: PORTAL,
            status: ExitStatus::Code(5),
            cause: Cause::Injected
        }
    );
    stand.expect_start(PORTAL, 1).await;
    stand.expect_ready(PORTAL).await;
    assert!(stand.left().owed.is_empty());
}

#[tokio::test]
async fn what_is_stopped_stays_down_until_it_is_released() {
    let mut portal = process(PORTAL, "exec sleep 60");
    // its supervisor would not start it again; who stopped it does
    portal.restart = false;
    let mut stand = Stand::new(vec![("portal", portal)]);
    let pid = stand.started().await;
    stand.supervisor.keep_down(PORTAL).await.expect("ended");
    assert!(!exists(pid));
    expect_injected(&mut stand).await;
    // again is the same
    stand
        .supervisor
        .keep_down(PORTAL)
        .await
        .expect("it is down");
    let state = stand.supervisor.state(PORTAL).await.expect("answers");
    assert_eq!(state, ProcessState::Gone);
    stand.supervisor.start_again(PORTAL).await.expect("started");
    stand.expect_start(PORTAL, 1).await;
    stand.expect_ready(PORTAL).await;
    // and one that is kept down does not hinder the end
    stand.supervisor.keep_down(PORTAL).await.expect("ended");
    expect_injected(&mut stand).await;
    stand.supervisor.shutdown().await;
    assert!(stand.notices.try_recv().is_err());
}

#[tokio::test]
async fn in_a_crash_loop_each_life_ends_when_it_is_ready() {
    let mut stand = Stand::new(vec![("portal", process(PORTAL, "exec sleep 60"))]);
    stand.started().await;
    stand.supervisor.crash_on(PORTAL).await.expect("killed");
    expect_injected(&mut stand).await;
    for restarts in 1..3 {
        stand.expect_start(PORTAL, restarts).await;
        stand.expect_ready(PORTAL).await;
        expect_injected(&mut stand).await;
    }
    stand.supervisor.let_live(PORTAL).expect("launched");
    stand.expect_start(PORTAL, 3).await;
    stand.expect_ready(PORTAL).await;
    let state = stand.supervisor.state(PORTAL).await.expect("answers");
    assert_eq!(state, ProcessState::Running);
}

#[tokio::test]
async fn a_pause_is_seen_journalled_and_undone() {
    let mut stand = Stand::new(vec![("portal", process(PORTAL, "exec sleep 60"))]);
    stand.started().await;
    stand.supervisor.pause(PORTAL).await.expect("paused");
    assert_eq!(
        stand.supervisor.state(PORTAL).await.expect("answers"),
        ProcessState::Stopped
    );
    assert_eq!(stand.left().owed.len(), 1);
    stand.supervisor.resume(PORTAL).await.expect("resumed");
    assert_eq!(
        stand.supervisor.state(PORTAL).await.expect("answers"),
        ProcessState::Running
    );
    assert!(stand.left().owed.is_empty());

    // a paused process obeys an orderly end
    stand.supervisor.pause(PORTAL).await.expect("paused");
    stand.supervisor.shutdown().await;
    let last = stand.next().await;
    assert!(
        matches!(
            last,
            Notice::Exited {
                cause: Cause::Shutdown,
                ..
            }
        ),
        "{last:?}"
    );
    assert!(stand.left().owed.is_empty());
}

#[tokio::test]
async fn what_a_pause_kills_is_injected() {
    let mut stand = Stand::new(vec![(
        "portal",
        with_liveness(process(PORTAL, "exec sleep 60")),
    )]);
    stand.started().await;
    stand.supervisor.pause(PORTAL).await.expect("paused");
    stand.mood.fail("/live");
    let (failed, notice) = stand.next_but_liveness().await;
    assert_eq!(failed, 3);
    assert!(
        matches!(
            notice,
            Notice::Exited {
                cause: Cause::Injected,
                ..
            }
        ),
        "{notice:?}"
    );
    stand.mood.failing.lock().expect("whole").clear();
    stand.expect_start(PORTAL, 1).await;
    stand.expect_ready(PORTAL).await;
    stand
        .supervisor
        .resume(PORTAL)
        .await
        .expect("nothing to do");
    assert!(stand.left().owed.is_empty());
}

#[tokio::test]
async fn a_lost_guardian_is_told() {
    let mut stand = Stand::new(vec![("portal", process(PORTAL, "exec sleep 60"))]);
    let pid = stand.started().await;
    let keeper = stand.guardian.pid().expect("it runs").to_string();
    let killed = std::process::Command::new("sh")
        .args(["-c", "kill -9 $0", &keeper])
        .status();
    assert!(killed.expect("sh").success());
    assert_eq!(stand.next().await, Notice::GuardianLost);
    stand.supervisor.shutdown().await;
    for _ in 0..500 {
        if !exists(pid) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the process outlived its guardian");
}
