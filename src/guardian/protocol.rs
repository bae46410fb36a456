//! What passes between brownout and its guardian: one JSON object a line. Both ends are the same
//! executable, so the format has no version. Environment variables, which may be secrets, travel
//! through the pipe and never through an argument list.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::ControlGroup;

/// The id of a launched process, which is also the id of its process group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pid(pub u32);

impl Pid {
    /// As the system calls want it; `None` for numbers that no process can have.
    pub(super) fn raw(self) -> Option<rustix::process::Pid> {
        rustix::process::Pid::from_raw(i32::try_from(self.0).ok()?)
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What brownout asks of its guardian.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Repeated in the reply.
    pub id: u64,
    /// What is asked.
    pub command: Command,
}

/// The commands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Start a process in a process group of its own.
    Launch(LaunchSpec),
    /// Send a signal to a launched process group.
    Signal {
        /// Its leader.
        pid: Pid,
        /// The signal.
        signal: Signal,
    },
    /// Tell how a launched process group is.
    State {
        /// Its leader.
        pid: Pid,
    },
    /// Something is about to be done that must be undone.
    Journal {
        /// Names the entry.
        entry: u64,
        /// How to undo it.
        undo: Undo,
        /// For people.
        note: String,
    },
    /// The entry was undone and seen to be undone.
    Undone {
        /// Its name.
        entry: u64,
    },
    /// Undo everything, end everything, answer, and go.
    Finish,
}

/// A process to start.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchSpec {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Environment variables to add to brownout's own. May hold secrets.
    pub env: Vec<(String, String)>,
    /// Working directory.
    pub directory: PathBuf,
    /// Where its standard output and standard error are appended.
    pub log: PathBuf,
    /// It is a command that puts a fault in or takes one out: it is ended before anything is undone.
    pub errand: bool,
}

impl fmt::Debug for LaunchSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.env.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("LaunchSpec")
            .field("command", &self.command)
            .field("env", &names)
            .field("directory", &self.directory)
            .field("log", &self.log)
            .field("errand", &self.errand)
            .finish()
    }
}

/// The signals that brownout sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// SIGSTOP.
    Stop,
    /// SIGCONT.
    Continue,
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}

impl From<Signal> for rustix::process::Signal {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Stop => Self::STOP,
            Signal::Continue => Self::CONT,
            Signal::Terminate => Self::TERM,
            Signal::Kill => Self::KILL,
        }
    }
}

/// How to undo something, should brownout not live to do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// It dies with brownout, or cannot be undone; the entry merely says that it was done.
    None,
    /// Continue a paused process group.
    Continue {
        /// Its leader.
        pid: Pid,
    },
    /// Run a command.
    Exec(ExecUndo),
    /// Take a control group away, once its processes have ended.
    ControlGroup(ControlGroup),
    /// Send requests.
    Http(HttpUndo),
}

/// Requests that undo what others did, in order; each is done when it is answered with 2xx, or with
/// 404, since what is gone is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpUndo {
    /// Whom to ask.
    pub address: SocketAddr,
    /// Method, path and body.
    pub requests: Vec<(String, String, String)>,
}

/// A command that undoes what another did. Paths are absolute, since whoever runs it may stand
/// elsewhere; variables (`${env:NAME}`) are filled in only then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecUndo {
    /// Program and arguments.
    pub undo: Vec<String>,
    /// A command that ends with exit code 0 once it is undone. Without one, the undo command's own exit
    /// code tells.
    pub check: Option<Vec<String>>,
    /// Where they run.
    pub directory: PathBuf,
    /// Where their output is appended.
    pub log: PathBuf,
    /// How long each may take, and how long the check may say "not yet".
    pub timeout: Duration,
}

impl Undo {
    /// Whether the launched processes have to end before.
    #[must_use]
    pub const fn comes_last(&self) -> bool {
        match self {
            Self::None | Self::Continue { .. } | Self::Exec(_) | Self::Http(_) => false,
            Self::ControlGroup(_) => true,
        }
    }

    /// How long it may take at most.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        match self {
            Self::None | Self::Continue { .. } => Duration::ZERO,
            // at most, should a process not leave it
            Self::ControlGroup(_) => Duration::from_secs(1),
            // the check's last try may begin just before its time is up
            Self::Exec(exec) => exec.timeout.saturating_mul(3),
            Self::Http(http) => {
                let count = u32::try_from(http.requests.len()).unwrap_or(u32::MAX);
                super::http::ANSWER_WITHIN.saturating_mul(count)
            }
        }
    }
}

impl fmt::Display for Undo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("nothing to undo"),
            Self::ControlGroup(group) => write!(f, "take the control group {group} away"),
            Self::Continue { pid } => write!(f, "continue process group {pid} (SIGCONT)"),
            Self::Exec(exec) => {
                write!(f, "run `{}`", exec.undo.join(" "))?;
                match &exec.check {
                    Some(check) => write!(f, ", and look with `{}`", check.join(" ")),
                    None => Ok(()),
                }
            }
            Self::Http(http) => {
                let shown = http
                    .requests
                    .iter()
                    .map(|(method, path, _)| format!("{method} http://{}{path}", http.address));
                f.write_str(&shown.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// How a launched process group is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    /// At least one of its processes may run.
    Running,
    /// Every one of its processes is stopped.
    Stopped,
    /// It has ended.
    Gone,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitStatus {
    /// It exited with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl ExitStatus {
    /// What the standard library calls so.
    pub(super) fn of(status: std::process::ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        match status.signal() {
            Some(signal) => Self::Signal(signal),
            // a process that was not signalled has exited
            None => Self::Code(status.code().unwrap_or_default()),
        }
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use rustix::process::Signal as Known;
        match *self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => {
                let name = match Known::from_named_raw(number) {
                    Some(Known::KILL) => " (SIGKILL)",
                    Some(Known::TERM) => " (SIGTERM)",
                    Some(Known::INT) => " (SIGINT)",
                    Some(Known::HUP) => " (SIGHUP)",
                    Some(Known::QUIT) => " (SIGQUIT)",
                    Some(Known::PIPE) => " (SIGPIPE)",
                    Some(Known::ABORT) => " (SIGABRT)",
                    Some(Known::SEGV) => " (SIGSEGV)",
                    Some(Known::BUS) => " (SIGBUS)",
                    Some(Known::ILL) => " (SIGILL)",
                    Some(Known::FPE) => " (SIGFPE)",
                    Some(_) | None => "",
                };
                write!(f, "signal {number}{name}")
            }
        }
    }
}

/// What the guardian says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// An answer to a request.
    Reply {
        /// The request's.
        id: u64,
        /// What came of it.
        result: Result<Answer, Refusal>,
    },
    /// A launched process ended; what was left of its group was killed.
    Exited {
        /// Which.
        pid: Pid,
        /// How.
        status: ExitStatus,
    },
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It was done.
    Done,
    /// A process was started.
    Launched {
        /// Its id.
        pid: Pid,
        /// When the kernel says it started (clock ticks since boot), where that is known: with the
        /// id it names the process for ever.
        born: Option<u64>,
    },
    /// How a process is.
    State(ProcessState),
    /// Everything was ended.
    Finished {
        /// Nothing is left, as far as the guardian can see.
        clean: bool,
    },
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// No such process, or no longer.
    #[error("the process has ended")]
    Gone,
    /// The operating system refused.
    #[error("{0}")]
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_reads_back() {
        let spec = LaunchSpec {
            command: vec!["sh".into(), "-c".into(), "echo \"a\nb\"".into()],
            env: vec![("TOKEN".into(), "s3cret\n".into())],
            directory: "/tmp".into(),
            log: "/tmp/a.log".into(),
            errand: true,
        };
        let exec = ExecUndo {
            undo: vec!["rm".into(), "x".into()],
            check: Some(vec!["true".into()]),
            directory: "/".into(),
            log: "/dev/null".into(),
            timeout: Duration::from_secs(3),
        };
        let commands = [
            Command::Launch(spec),
            Command::Signal {
                pid: Pid(7),
                signal: Signal::Stop,
            },
            Command::State { pid: Pid(7) },
            Command::Journal {
                entry: 1,
                undo: Undo::Continue { pid: Pid(7) },
                note: "pause portal".into(),
            },
            Command::Journal {
                entry: 2,
                undo: Undo::None,
                note: String::new(),
            },
            Command::Journal {
                entry: 3,
                undo: Undo::Exec(exec),
                note: "cut".into(),
            },
            Command::Journal {
                entry: 4,
                undo: Undo::Http(HttpUndo {
                    address: SocketAddr::from(([127, 0, 0, 1], 8474)),
                    requests: vec![("DELETE".into(), "/proxies/a/toxics/b".into(), "".into())],
                }),
                note: "late".into(),
            },
            Command::Undone { entry: 1 },
            Command::Finish,
        ];
        for (id, command) in (0..).zip(commands) {
            let request = Request { id, command };
            let line = serde_json::to_string(&request).expect("writes");
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(
                serde_json::from_str::<Request>(&line).expect("reads"),
                request
            );
        }
        let messages = [
            Message::Reply {
                id: 3,
                result: Ok(Answer::Launched {
                    pid: Pid(9),
                    born: Some(12),
                }),
            },
            Message::Reply {
                id: 4,
                result: Ok(Answer::State(ProcessState::Stopped)),
            },
            Message::Reply {
                id: 5,
                result: Err(Refusal::Gone),
            },
            Message::Reply {
                id: 6,
                result: Err(Refusal::Failed("no such file".into())),
            },
            Message::Reply {
                id: 7,
                result: Ok(Answer::Finished { clean: true }),
            },
            Message::Exited {
                pid: Pid(9),
                status: ExitStatus::Signal(9),
            },
        ];
        for message in messages {
            let line = serde_json::to_string(&message).expect("writes");
            assert_eq!(
                serde_json::from_str::<Message>(&line).expect("reads"),
                message
            );
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let spec = LaunchSpec {
            command: vec!["x".into()],
            env: vec![("TOKEN".into(), "s3cret".into())],
            directory: "/".into(),
            log: "/dev/null".into(),
            errand: false,
        };
        let shown = format!("{spec:?}");
        assert!(
            shown.contains("TOKEN") && !shown.contains("s3cret"),
            "{shown}"
        );
    }

    #[test]
    fn says_how_a_process_ended() {
        assert_eq!(ExitStatus::Code(101).to_string(), "exit code 101");
        assert_eq!(ExitStatus::Signal(9).to_string(), "signal 9 (SIGKILL)");
        assert_eq!(ExitStatus::Signal(64).to_string(), "signal 64");
    }
}
