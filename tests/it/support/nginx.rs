//! A real nginx on loopback.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Bench, eventually};

/// It is stopped when this is dropped.
pub(crate) struct Nginx {
    folder: PathBuf,
}

impl Nginx {
    /// Starts one with this configuration (paths relative to a folder of `bench`) and waits until
    /// it accepts at `address`.
    pub(crate) fn start(bench: &Bench, configuration: &str, address: &str) -> Self {
        let folder = bench.path("nginx");
        fs::create_dir_all(&folder).expect("a folder");
        // a master that is root hands its workers to nobody, who may not enter the folder
        let user = if is_root() { "user root;\n" } else { "" };
        let file = folder.join("nginx.conf");
        fs::write(&file, format!("{user}{configuration}")).expect("written");
        let nginx = Self { folder };
        nginx.call(&[]);
        eventually("nginx", || std::net::TcpStream::connect(address).ok());
        nginx
    }

    /// Sends a signal to all its processes.
    pub(crate) fn signal(&self, name: &str) {
        let mut ids = self.workers();
        ids.push(self.master());
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .args(ids.iter().map(ToString::to_string))
            .status();
        assert!(status.expect("kill runs").success(), "-{name} {ids:?}");
    }

    fn master(&self) -> u32 {
        let id = fs::read_to_string(self.folder.join("nginx.pid")).expect("it runs");
        id.trim().parse().expect("a process id")
    }

    fn workers(&self) -> Vec<u32> {
        let id = self.master();
        let children = format!("/proc/{id}/task/{id}/children");
        let children = fs::read_to_string(children).expect("Linux tells");
        children
            .split_whitespace()
            .map(|id| id.parse().expect("a process id"))
            .collect()
    }

    fn call(&self, arguments: &[&str]) {
        // Debian keeps it where only root looks
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("nginx")
            .env("PATH", format!("{path}:/usr/sbin"))
            .arg("-p")
            .arg(&self.folder)
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("nginx runs (it needs `apt-get install nginx-light`)");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // stopped processes take no order
        self.signal("CONT");
        self.call(&["-s", "quit"]);
        let pid = self.folder.join("nginx.pid");
        eventually("nginx's end", || (!pid.exists()).then_some(()));
    }
}

/// The shipped static server (`targets/nginx.conf`), listening elsewhere.
pub(crate) fn static_answer(address: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets/nginx.conf");
    let text = fs::read_to_string(path).expect("shipped");
    assert!(text.contains("127.0.0.1:8081"), "it listens elsewhere");
    text.replace("127.0.0.1:8081", address)
}

/// Whether this is root's process: the first id that proc_pid_status(5) tells is the real one.
fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    ids.is_some_and(|ids| ids.split_whitespace().next() == Some("0"))
}
