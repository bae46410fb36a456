//! brownout's end of the pipes.

use std::{
    collections::HashMap,
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command as Program},
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{
    ExitStatus, LaunchSpec, Pid, ProcessState, Signal, Undo, platform,
    protocol::{Answer, Command, Message, Refusal, Request},
};

/// How long the guardian may take to answer. It answers in well under a millisecond.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it may take to end everything, undoing apart; by itself it gives up after 3.4 s.
const FINISH: Duration = Duration::from_secs(5);

/// Why the guardian did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum GuardianError {
    /// It could not be started.
    #[error("cannot start the guardian process")]
    Start(#[source] io::Error),
    /// Its journal cannot be written.
    #[error("cannot write the journal {}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It has died, or was told to finish.
    #[error("the guardian process has ended")]
    Lost,
    /// It does not answer.
    #[error("the guardian process does not answer")]
    Silent,
    /// It refused, or the operating system did.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It ended everything that it could, and something is left.
    #[error("some process could not be ended, or some fault not be undone")]
    Unclean,
}

/// Names an entry of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JournalId(u64);

/// A launched process.
#[derive(Debug)]
pub struct Process {
    /// Its id, which is its group's.
    pub pid: Pid,
    /// Tells how it ended. Closed without a word when the guardian was lost.
    pub exited: oneshot::Receiver<ExitStatus>,
}

/// The guardian, from brownout's side. When it is dropped, and when this process dies, the guardian
/// undoes its journal and ends every launched process.
#[derive(Debug)]
pub struct Guardian {
    shared: Arc<Shared>,
    /// Lines on their way; closing it closes the guardian's standard input.
    outbox: Mutex<Option<mpsc::UnboundedSender<Vec<u8>>>>,
    child: tokio::sync::Mutex<Child>,
    pid: Option<u32>,
    journal: PathBuf,
}

#[derive(Debug, Default)]
struct Shared {
    next: AtomicU64,
    pending: Mutex<HashMap<u64, oneshot::Sender<Reply>>>,
    living: Mutex<HashMap<Pid, Living>>,
    /// What is in the journal, and how long undoing it may take.
    owed: Mutex<HashMap<u64, Duration>>,
    /// Its end is intended.
    finishing: AtomicBool,
    lost: CancellationToken,
}

#[derive(Debug)]
struct Living {
    born: Option<u64>,
    exited: oneshot::Sender<ExitStatus>,
}

#[derive(Debug)]
struct Reply {
    result: Result<Answer, Refusal>,
    /// Of a launch.
    exited: Option<oneshot::Receiver<ExitStatus>>,
}

impl Guardian {
    /// Starts the guardian: `executable guardian --journal <journal>`. To be called before anything
    /// is put in or launched, from within a tokio runtime.
    ///
    /// # Errors
    /// [`GuardianError::Start`], or [`GuardianError::Journal`] before anything is started.
    pub fn start(executable: &Path, journal: &Path) -> Result<Self, GuardianError> {
        // Tried here first, where the mistake can be told.
        let unwritable = |source| GuardianError::Journal {
            path: journal.to_owned(),
            source,
        };
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(journal)
            .map_err(unwritable)?;
        let mut child = Program::new(executable)
            .arg("guardian")
            .arg("--journal")
            .arg(journal)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            // a Ctrl-C in the terminal is for brownout alone
            .process_group(0)
            .spawn()
            .map_err(GuardianError::Start)?;
        let closed = || GuardianError::Start(io::ErrorKind::BrokenPipe.into());
        let stdin = child.stdin.take().ok_or_else(closed)?;
        let stdout = child.stdout.take().ok_or_else(closed)?;
        let shared = Arc::new(Shared::default());
        let (outbox, lines) = mpsc::unbounded_channel();
        // Both tasks end with the pipes, which end with this value or with the guardian.
        tokio::spawn(write(stdin, lines));
        tokio::spawn(read(stdout, Arc::clone(&shared)));
        Ok(Self {
            shared,
            outbox: Mutex::new(Some(outbox)),
            pid: child.id(),
            child: tokio::sync::Mutex::new(child),
            journal: journal.to_owned(),
        })
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Cancelled when the guardian died without being told to. The launched process groups were
    /// killed then; nothing can be launched any more, and the run should stop.
    #[must_use]
    pub fn lost(&self) -> CancellationToken {
        self.shared.lost.clone()
    }

    /// Starts a process in a group of its own.
    ///
    /// # Errors
    /// [`GuardianError::Refused`] with the system's reason; the other kinds as everywhere.
    pub async fn launch(&self, spec: LaunchSpec) -> Result<Process, GuardianError> {
        let Reply { result, exited } = self.ask(Command::Launch(spec), PATIENCE).await?;
        match (result?, exited) {
            (Answer::Launched { pid, .. }, Some(exited)) => Ok(Process { pid, exited }),
            _ => Err(GuardianError::Silent),
        }
    }

    /// Sends a signal to a launched process group.
    ///
    /// # Errors
    /// [`Refusal::Gone`] when it has ended.
    pub async fn signal(&self, pid: Pid, signal: Signal) -> Result<(), GuardianError> {
        self.ask(Command::Signal { pid, signal }, PATIENCE)
            .await?
            .result?;
        Ok(())
    }

    /// How a launched process group is.
    ///
    /// # Errors
    /// Only when the guardian does not answer.
    pub async fn state(&self, pid: Pid) -> Result<ProcessState, GuardianError> {
        match self.ask(Command::State { pid }, PATIENCE).await?.result? {
            Answer::State(state) => Ok(state),
            Answer::Done | Answer::Launched { .. } | Answer::Finished { .. } => {
                Err(GuardianError::Silent)
            }
        }
    }

    /// Writes into the journal what is about to be done and how to undo it. Do it only after this
    /// has returned `Ok`.
    ///
    /// # Errors
    /// When it could not be written; then it must not be done.
    pub async fn journal(&self, undo: Undo, note: &str) -> Result<JournalId, GuardianError> {
        let entry = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let note = note.to_owned();
        let lasts = undo.lasts();
        lock(&self.shared.owed).insert(entry, lasts);
        self.ask(Command::Journal { entry, undo, note }, PATIENCE)
            .await?
            .result?;
        Ok(JournalId(entry))
    }

    /// Strikes an entry out, after what it stands for was undone and seen to be.
    ///
    /// # Errors
    /// When that could not be written.
    pub async fn undone(&self, entry: JournalId) -> Result<(), GuardianError> {
        self.ask(Command::Undone { entry: entry.0 }, PATIENCE)
            .await?
            .result?;
        lock(&self.shared.owed).remove(&entry.0);
        Ok(())
    }

    /// Has the journal undone and every launched process ended, and waits for it: typically a few
    /// milliseconds, at most about 5 s and what the commands that undo take. Safe to call twice.
    ///
    /// # Errors
    /// [`GuardianError::Unclean`] when something is left; [`GuardianError::Silent`] or
    /// [`GuardianError::Lost`] when the guardian cannot tell. Then everything was undone from here, as far
    /// as that was possible; [`super::remains`] tells.
    pub async fn finish(&self) -> Result<(), GuardianError> {
        if self.shared.finishing.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let undoing: Duration = lock(&self.shared.owed).values().sum();
        let told = self
            .ask(Command::Finish, FINISH + undoing)
            .await
            .and_then(|reply| Ok(reply.result?));
        lock(&self.outbox).take();
        let mut child = self.child.lock().await;
        let result = match told {
            Ok(Answer::Finished { clean: true }) => Ok(()),
            Ok(_) => Err(GuardianError::Unclean),
            Err(error) => Err(error),
        };
        if result.is_err() {
            self.shared.kill_the_living();
        }
        if timeout(Duration::from_secs(1), child.wait()).await.is_err() {
            // it ended its work, or never will
            let _ = child.kill().await;
        }
        if matches!(result, Err(GuardianError::Lost | GuardianError::Silent)) {
            let journal = self.journal.clone();
            // what it says of the processes was just made true, and what else is left can be read again
            let heal = move || super::heal(&journal, &mut |_| {}).map(drop);
            let _ = tokio::task::spawn_blocking(heal).await;
        }
        result
    }

    async fn ask(&self, command: Command, patience: Duration) -> Result<Reply, GuardianError> {
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        lock(&self.shared.pending).insert(id, tell);
        // looked at after the insertion: `read` cancels before it drops what is pending
        if self.shared.lost.is_cancelled() {
            lock(&self.shared.pending).remove(&id);
            return Err(GuardianError::Lost);
        }
        let sent = serde_json::to_vec(&Request { id, command })
            .ok()
            .and_then(|mut line| {
                line.push(b'\n');
                lock(&self.outbox).as_ref()?.send(line).ok()
            });
        if sent.is_none() {
            lock(&self.shared.pending).remove(&id);
            return Err(GuardianError::Lost);
        }
        match timeout(patience, told).await {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(_)) => Err(GuardianError::Lost),
            Err(_) => {
                lock(&self.shared.pending).remove(&id);
                Err(GuardianError::Silent)
            }
        }
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        // the outbox closes, so the guardian's input ends: that is its order to clear up
        self.shared.finishing.store(true, Ordering::SeqCst);
    }
}

impl Shared {
    /// Takes one line of the guardian.
    fn take(&self, message: Message) {
        match message {
            Message::Reply { id, result } => {
                // The receiver exists before the reply is handed on: an exit cannot overtake it.
                let exited = match &result {
                    Ok(Answer::Launched { pid, born }) => {
                        let (tell, told) = oneshot::channel();
                        let living = Living {
                            born: *born,
                            exited: tell,
                        };
                        lock(&self.living).insert(*pid, living);
                        Some(told)
                    }
                    Ok(Answer::Done | Answer::State(_) | Answer::Finished { .. }) | Err(_) => None,
                };
                if let Some(tell) = lock(&self.pending).remove(&id) {
                    // whoever asked may have stopped waiting
                    let _ = tell.send(Reply { result, exited });
                }
            }
            Message::Exited { pid, status } => {
                if let Some(living) = lock(&self.living).remove(&pid) {
                    let _ = living.exited.send(status);
                }
            }
        }
    }

    /// The fallback without a guardian: kills the known groups from here. Its orphans went to
    /// init, so an id may have been used again; the time of birth tells.
    fn kill_the_living(&self) {
        for (pid, living) in lock(&self.living).drain() {
            let now = platform::born(pid);
            // When the leader is gone its id is free only once its whole group is.
            let ours = now.is_none() || now == living.born;
            if let Some(raw) = pid.raw().filter(|_| ours) {
                let _ = rustix::process::kill_process_group(raw, Signal::Kill.into());
            }
        }
    }
}

/// Carries lines to the guardian until the outbox closes; then its input ends.
async fn write(mut stdin: ChildStdin, mut lines: mpsc::UnboundedReceiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        if stdin.write_all(&line).await.is_err() {
            // it died: `read` sees that too
            return;
        }
    }
}

/// Carries the guardian's lines to those who wait, until it ends.
async fn read(stdout: ChildStdout, shared: Arc<Shared>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Ok(message) = serde_json::from_str(&line) {
            shared.take(message);
        }
    }
    if !shared.finishing.load(Ordering::SeqCst) {
        shared.lost.cancel();
        shared.kill_the_living();
    }
    // dropping the senders tells everybody who still waits
    lock(&shared.pending).clear();
}

/// Nothing panics while it holds one of these locks, so what they guard is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
