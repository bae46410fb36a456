//! What integration tests share: the executable, a folder for each test, and patience.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
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

/// An address on loopback that was free a moment ago.
pub(crate) fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").to_string()
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
