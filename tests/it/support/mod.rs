//! What integration tests share: the executable, a folder for each test, and patience.

#[cfg(target_os = "linux")]
pub(crate) mod nginx;
#[cfg(target_os = "linux")]
pub(crate) mod running;
pub(crate) mod server;

use std::{
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// A folder with the files of one test, removed at its end.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("written");
        path
    }

    /// A brownout that keeps its runs in this folder.
    pub(crate) fn brownout(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brownout"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("NO_COLOR", "1");
        command.stdin(Stdio::null());
        command
    }

    /// Runs brownout to its end.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.brownout(arguments).output().expect("brownout starts")
    }

    /// The only run's folder, once it is there.
    pub(crate) fn run_folder(&self) -> PathBuf {
        let reports = self.path("reports");
        eventually("a run's folder with a record", || {
            let entries = std::fs::read_dir(&reports).ok()?;
            entries
                .flatten()
                .map(|e| e.path())
                .find(|p| p.join("record.jsonl").is_file())
        })
    }

    pub(crate) fn report(&self) -> serde_json::Value {
        read_json(&self.run_folder().join("report.json"))
    }
}

pub(crate) fn read_json(path: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Asks until there is an answer; panics after half a minute.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An address on loopback where a process that a test starts may listen. No two calls get the same
/// one, and it lies below the ports that the kernel hands out by itself (32768 and up), so nothing
/// takes it meanwhile: a port asked of the kernel and given back may be handed out again at once.
pub(crate) fn free_address() -> String {
    const FIRST: u32 = 20_000;
    const PORTS: u32 = 12_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // another test process begins elsewhere
    let begin = std::process::id().wrapping_mul(97);
    for _ in 0..PORTS {
        let nth = begin.wrapping_add(TAKEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST + nth % PORTS).expect("a port");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address.to_string();
        }
    }
    panic!("no free port from {FIRST} on");
}

/// Whether this machine has control groups for us.
#[cfg(target_os = "linux")]
pub(crate) fn may_limit() -> bool {
    use brownout::guardian::{ControlGroup, Controller};
    [Controller::Cpu, Controller::Memory]
        .iter()
        .all(|controller| ControlGroup::plan(*controller, "brownout-test").is_ok())
}

/// The control groups that the journals of all runs in a folder name.
#[cfg(target_os = "linux")]
pub(crate) fn control_groups(reports: &Path) -> Vec<PathBuf> {
    let runs = std::fs::read_dir(reports).into_iter().flatten().flatten();
    let journals = runs.map(|run| run.path().join(brownout::guardian::FILE_NAME));
    let texts = journals.filter_map(|path| std::fs::read_to_string(path).ok());
    let mut groups = Vec::new();
    for line in texts.collect::<String>().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let folder = &line["doing"]["undo"]["control_group"]["folder"];
        groups.extend(folder.as_str().map(PathBuf::from));
    }
    groups
}

pub(crate) fn exit_code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| {
        panic!(
            "killed by a signal\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

#[track_caller]
pub(crate) fn expect_exit(output: &Output, code: i32) {
    let talk = String::from_utf8_lossy(&output.stderr);
    let data = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        exit_code(output),
        code,
        "\n--- stderr\n{talk}\n--- stdout\n{data}"
    );
}

/// A run that ends with its test, however that ends.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Stops it as an operator does; its exit code.
    pub(crate) fn stop(&mut self) -> Option<i32> {
        let kill = Command::new("kill")
            .args(["-INT", &self.0.id().to_string()])
            .status();
        assert!(kill.expect("kill runs").success());
        self.0.wait().expect("ends").code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.stop();
        }
    }
}

/// What a client said, and with which exit code.
pub(crate) fn say(program: &str, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; ci/test says what to install"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let talk = String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap_or(-1), said + &talk)
}
