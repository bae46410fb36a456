//! The guardian, driven through the real executable.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use brownout::guardian::{
    ExitStatus, Guardian, GuardianError, LaunchSpec, Pid, ProcessState, Signal, Undo, leftovers,
    protocol::{Answer, Command, Message, Request},
};
use tempfile::TempDir;

struct Ground {
    folder: TempDir,
}

impl Ground {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn guardian(&self) -> Guardian {
        Guardian::start(executable(), &self.path("journal")).expect("the guardian starts")
    }

    /// A shell script, run in this folder.
    fn script(&self, script: &str) -> LaunchSpec {
        LaunchSpec {
            command: vec!["sh".into(), "-c".into(), script.into()],
            env: vec![("GREETING".into(), "hello".into())],
            directory: self.folder.path().to_owned(),
            log: self.path("log"),
            errand: false,
        }
    }

    /// The process id that a script wrote into a file.
    async fn pid_in(&self, name: &str) -> u32 {
        let path = self.path(name);
        eventually("the script writes its id", || {
            fs::read_to_string(&path).is_ok_and(|text| text.ends_with('\n'))
        })
        .await;
        fs::read_to_string(&path)
            .expect("reads")
            .trim()
            .parse()
            .expect("a number")
    }
}

fn executable() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_brownout"))
}

/// Whether a process exists, zombies not counted.
fn alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| {
            stat.rsplit_once(") ")
                .map(|(_, rest)| !rest.starts_with(['Z', 'X']))
        })
        .unwrap_or(false)
}

async fn eventually(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("in vain: {what}");
}

#[tokio::test]
async fn launches_and_tells_how_it_ended() {
    let ground = Ground::new();
    let guardian = ground.guardian();
    let process = guardian
        .launch(ground.script("echo $GREETING; pwd; exit 3"))
        .await
        .expect("launches");
    assert_eq!(process.exited.await, Ok(ExitStatus::Code(3)));
    let log = fs::read_to_string(ground.path("log")).expect("a log");
    let folder = ground.folder.path().canonicalize().expect("exists");
    assert_eq!(log, format!("hello\n{}\n", folder.display()));

    let process = guardian
        .launch(ground.script("exec sleep 60"))
        .await
        .expect("launches");
    guardian
        .signal(process.pid, Signal::Kill)
        .await
        .expect("killed");
    assert_eq!(process.exited.await, Ok(ExitStatus::Signal(9)));
    assert_eq!(
        guardian.state(process.pid).await.expect("answers"),
        ProcessState::Gone
    );
    assert!(matches!(
        guardian.signal(process.pid, Signal::Continue).await,
        Err(GuardianError::Refused(_))
    ));
    guardian.finish().await.expect("clean");
}

#[tokio::test]
async fn says_why_a_program_cannot_be_started() {
    let ground = Ground::new();
    let guardian = ground.guardian();
    let mut spec = ground.script("");
    spec.command = vec!["no-such-program-anywhere".into()];
    let error = guardian
        .launch(spec)
        .await
        .expect_err("there is no such program")
        .to_string();
    assert!(error.contains("no-such-program-anywhere"), "{error}");
    assert!(error.contains("No such file"), "{error}");
    let mut spec = ground.script("");
    spec.directory = ground.path("nowhere");
    let error = guardian
        .launch(spec)
        .await
        .expect_err("there is no such folder")
        .to_string();
    assert!(error.contains("nowhere: No such file"), "{error}");
    // and goes on living
    let process = guardian
        .launch(ground.script("exit 0"))
        .await
        .expect("launches");
    assert_eq!(process.exited.await, Ok(ExitStatus::Code(0)));
}

#[tokio::test]
async fn pauses_and_continues_the_whole_group() {
    let ground = Ground::new();
    let guardian = ground.guardian();
    let process = guardian
        .launch(ground.script("sleep 60 & echo $! > inner; wait"))
        .await
        .expect("launches");
    let inner = ground.pid_in("inner").await;
    assert_eq!(
        guardian.state(process.pid).await.expect("answers"),
        ProcessState::Running
    );
    guardian
        .signal(process.pid, Signal::Stop)
        .await
        .expect("sent");
    until_state(&guardian, process.pid, ProcessState::Stopped).await;
    let stat = fs::read_to_string(format!("/proc/{inner}/stat")).expect("it lives");
    assert!(stat.contains(") T "), "{stat}");
    guardian
        .signal(process.pid, Signal::Continue)
        .await
        .expect("sent");
    until_state(&guardian, process.pid, ProcessState::Running).await;
    guardian.finish().await.expect("clean");
    assert!(!alive(process.pid.0) && !alive(inner));
}

async fn until_state(guardian: &Guardian, pid: Pid, wanted: ProcessState) {
    for _ in 0..500 {
        if guardian.state(pid).await.expect("answers") == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("never {wanted:?}");
}

#[tokio::test]
async fn a_dead_leader_leaves_no_group_behind() {
    let ground = Ground::new();
    let guardian = ground.guardian();
    let process = guardian
        .launch(ground.script("sleep 60 & echo $! > inner; exit 1"))
        .await
        .expect("starts");
    let inner = ground.pid_in("inner").await;
    assert_eq!(process.exited.await, Ok(ExitStatus::Code(1)));
    eventually("the rest of the group is gone", || !alive(inner)).await;
}

/// A shell that will not end when asked, a daemon that left group and session and whose parents
/// died, and a paused process: all end with the pipe.
#[tokio::test]
async fn nothing_stays_behind_when_the_pipe_closes() {
    let ground = Ground::new();
    let guardian = ground.guardian();
    let keeper = guardian.pid().expect("it runs");
    let stubborn = "trap '' TERM HUP INT; \
         (setsid sh -c 'trap \"\" TERM; echo $$ > daemon; while :; do sleep 1; done' &) ; \
         echo $$ > stubborn; while :; do sleep 1; done";
    guardian
        .launch(ground.script(stubborn))
        .await
        .expect("launches");
    let paused = guardian
        .launch(ground.script("exec sleep 60"))
        .await
        .expect("launches")
        .pid;
    let daemon = ground.pid_in("daemon").await;
    let stubborn = ground.pid_in("stubborn").await;
    guardian
        .journal(Undo::Continue { pid: paused }, "pause")
        .await
        .expect("written");
    guardian.signal(paused, Signal::Stop).await.expect("sent");
    until_state(&guardian, paused, ProcessState::Stopped).await;
    let left = leftovers(&ground.path("journal")).expect("reads");
    assert_eq!(left.processes.len(), 2);
    let owed: Vec<_> = left
        .owed
        .iter()
        .map(|owed| (&owed.undo, owed.note.as_str()))
        .collect();
    assert_eq!(owed, [(&Undo::Continue { pid: paused }, "pause")]);

    drop(guardian);
    eventually("all end", || {
        [daemon, stubborn, paused.0, keeper]
            .iter()
            .all(|pid| !alive(*pid))
    })
    .await;
    let left = leftovers(&ground.path("journal")).expect("reads");
    assert!(
        left.processes.is_empty() && left.owed.is_empty(),
        "{left:?}"
    );
}

#[tokio::test]
async fn it_is_deaf_to_polite_signals() {
    let ground = Ground::new();
    let guardian = ground.guardian();
    let process = guardian
        .launch(ground.script("exec sleep 60"))
        .await
        .expect("launches");
    let keeper = guardian.pid().expect("it runs").to_string();
    for signal in ["-INT", "-TERM", "-HUP"] {
        let sent = std::process::Command::new("sh")
            .args(["-c", "kill $0 $1", signal, &keeper])
            .status()
            .expect("sh");
        assert!(sent.success());
    }
    assert_eq!(
        guardian.state(process.pid).await.expect("it lives"),
        ProcessState::Running
    );
    // its children are not deaf
    guardian
        .signal(process.pid, Signal::Terminate)
        .await
        .expect("sent");
    assert_eq!(process.exited.await, Ok(ExitStatus::Signal(15)));
}

#[tokio::test]
async fn a_lost_guardian_is_noticed_and_its_charges_are_killed() {
    let ground = Ground::new();
    let guardian = ground.guardian();
    let process = guardian
        .launch(ground.script("exec sleep 60"))
        .await
        .expect("launches");
    let keeper = guardian.pid().expect("it runs").to_string();
    let lost = guardian.lost();
    assert!(!lost.is_cancelled());
    let killed = std::process::Command::new("sh")
        .args(["-c", "kill -9 $0", &keeper])
        .status();
    assert!(killed.expect("sh").success());
    tokio::time::timeout(Duration::from_secs(5), lost.cancelled())
        .await
        .expect("noticed");
    eventually("the process is killed", || !alive(process.pid.0)).await;
    assert!(process.exited.await.is_err(), "nobody saw how it ended");
    assert!(matches!(
        guardian.state(process.pid).await,
        Err(GuardianError::Lost)
    ));
    assert!(matches!(guardian.finish().await, Err(GuardianError::Lost)));
}

#[tokio::test]
async fn an_unwritable_journal_is_an_error_and_starts_nothing() {
    let ground = Ground::new();
    let journal = ground.path("no/such/folder/journal");
    let error = Guardian::start(executable(), &journal).expect_err("nowhere to write");
    assert!(
        error.to_string().contains("no/such/folder/journal"),
        "{error}"
    );
}

/// Whoever holds the pipe is killed with SIGKILL at some instant, in the middle of launching
/// programs that breed daemons and of pausing them.
#[test]
fn nothing_stays_behind_whenever_the_holder_of_the_pipe_is_killed() {
    for round in 0..8u64 {
        let ground = Ground::new();
        // no other process on this machine sleeps for just so long
        let mark = format!("6{}.{round}", std::process::id());
        let breeder = format!("while :; do (setsid sleep {mark} &); sleep 0.01; done");
        let mut spec = ground.script(&breeder);
        spec.env.clear();
        let launch = Request {
            id: 0,
            command: Command::Launch(spec),
        };
        let holder = "while :; do cat launch; i=0; while [ $i -lt 40 ]; do i=$((i+1)); \
             echo '{\"id\":1,\"command\":{\"signal\":{\"pid\":'$(cat pid)',\"signal\":\"stop\"}}}'; \
             sleep 0.01; done; done";
        let line = serde_json::to_string(&launch).expect("writes") + "\n";
        fs::write(ground.path("launch"), line).expect("writes");
        fs::write(ground.path("pid"), "1").expect("writes");
        let mut holder = std::process::Command::new("sh")
            .args(["-c", holder])
            .current_dir(ground.folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh");
        let mut keeper = std::process::Command::new(executable())
            .arg("guardian")
            .stdin(holder.stdout.take().expect("piped"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut replies = BufReader::new(keeper.stdout.take().expect("piped")).lines();
        // from now on the first process is paused again and again
        let launched = loop {
            let line = replies.next().expect("a reply").expect("reads");
            if let Ok(Message::Reply {
                result: Ok(Answer::Launched { pid, .. }),
                ..
            }) = serde_json::from_str(&line)
            {
                break pid;
            }
        };
        if round % 2 == 1 {
            fs::write(ground.path("pid"), launched.to_string()).expect("writes");
        }
        while sleepers(&mark) == 0 {
            assert!(
                keeper.try_wait().expect("asks").is_none(),
                "the guardian went too early"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(Duration::from_millis(round * 23));
        holder.kill().expect("killed");
        holder.wait().expect("reaped");
        for line in replies {
            // read on, as a brownout that is killed no longer does, so that the end is seen
            line.expect("reads");
        }
        assert!(
            keeper.wait().expect("ends").success(),
            "round {round}: something was left"
        );
        assert_eq!(sleepers(&mark), 0, "round {round}");
    }
}

/// How many processes run `sleep mark`.
fn sleepers(mark: &str) -> usize {
    let wanted = format!("sleep\0{mark}\0");
    fs::read_dir("/proc")
        .expect("there is a /proc")
        .filter_map(|entry| fs::read(entry.ok()?.path().join("cmdline")).ok())
        .filter(|line| line == wanted.as_bytes())
        .count()
}
