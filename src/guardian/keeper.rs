//! The guardian itself: plain threads, no runtime, as little as can go wrong.
//!
//! One thread reads commands, one waits for children to end, and the main thread alone launches,
//! signals and reaps. Since nobody else reaps, the id of a launched process cannot pass to another
//! one while the main thread holds it as living, and a signal never meets a stranger.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, BufRead, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command as Program, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use rustix::{
    io::Errno,
    process::{WaitId, WaitIdOptions, WaitOptions, WaitStatus},
};
use tokio::time::Instant;

use super::{
    ExitStatus, LaunchSpec, MARK, Origin, Pid, ProcessState, Signal, Undo, command, http,
    journal::{Entry, Journal},
    platform,
    protocol::{Answer, Command, Message, Refusal, Request},
};

/// How long a process may take to end when it is asked to.
const GRACE: Duration = Duration::from_millis(500);
/// How long the guardian goes on killing after that. Only a process stuck in the kernel lasts.
const INSIST: Duration = Duration::from_millis(1200);
/// How often it looks, while it ends things.
const LOOK: Duration = Duration::from_millis(5);

/// Why the guardian could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The journal could not be opened.
    #[error("cannot open the guardian's journal")]
    Journal(#[source] io::Error),
    /// The process could not be prepared.
    #[error("cannot prepare the guardian: {0}")]
    Prepare(String),
}

/// Runs the guardian on this process's standard input and output until its input ends or it is
/// told to finish. Returns whether nothing is left.
///
/// It makes this process adopt the orphans among its descendants and stay deaf to SIGINT, SIGTERM
/// and SIGHUP, so it is only for a process of its own.
///
/// # Errors
/// When it cannot begin.
pub fn serve(journal: Option<&Path>) -> Result<bool, ServeError> {
    let origin = Origin::here();
    let mark = origin.mark();
    let journal = Journal::open(journal, origin).map_err(ServeError::Journal)?;
    // A handler, rather than ignoring: launched programs would inherit the latter.
    ctrlc::set_handler(|| {}).map_err(|error| ServeError::Prepare(error.to_string()))?;
    platform::adopt_orphans().map_err(|error| ServeError::Prepare(error.to_string()))?;

    let (events, inbox) = mpsc::channel();
    let commands = events.clone();
    thread::spawn(move || read_commands(&commands));
    let reaper = thread::spawn(move || watch_children(&events))
        .thread()
        .clone();

    let mut keeper = Keeper {
        living: BTreeMap::new(),
        journal,
        mark,
    };
    let mut finish = None;
    for event in inbox {
        match event {
            Event::Request(Request {
                id,
                command: Command::Finish,
            }) => {
                finish = Some(id);
                break;
            }
            Event::Request(Request { id, command }) => {
                let result = keeper.obey(command);
                say(&Message::Reply { id, result });
            }
            Event::SomeChildEnded => {
                if keeper.reap() == 0 {
                    // it is somebody that cannot be seen in /proc: do not spin
                    thread::sleep(LOOK);
                }
            }
            Event::InputEnded => break,
        }
        reaper.unpark();
    }
    let clean = keeper.end_everything();
    if let Some(id) = finish {
        say(&Message::Reply {
            id,
            result: Ok(Answer::Finished { clean }),
        });
    }
    Ok(clean)
}

enum Event {
    Request(Request),
    SomeChildEnded,
    InputEnded,
}

/// Reads commands until the pipe ends. A line that is not a command means that brownout died while
/// it wrote.
fn read_commands(events: &mpsc::Sender<Event>) {
    for line in io::stdin().lock().lines() {
        let request = line.ok().and_then(|line| serde_json::from_str(&line).ok());
        let Some(request) = request else { break };
        if events.send(Event::Request(request)).is_err() {
            return;
        }
    }
    // the main thread may have gone already
    let _ = events.send(Event::InputEnded);
}

/// Tells when a child has ended, without reaping it, then waits to be woken.
fn watch_children(events: &mpsc::Sender<Event>) {
    loop {
        match rustix::process::waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Ok(_) => {
                if events.send(Event::SomeChildEnded).is_err() {
                    return;
                }
            }
            Err(Errno::INTR) => continue,
            // no children at all, so no descendants either: the next launch wakes this thread
            Err(_) => {}
        }
        thread::park();
    }
}

/// Writes one line. When nobody reads any more, the end of the input tells so too.
fn say(message: &Message) {
    if let Ok(mut line) = serde_json::to_vec(message) {
        line.push(b'\n');
        let mut out = io::stdout().lock();
        let _ = out.write_all(&line).and_then(|()| out.flush());
    }
}

/// What the main thread knows.
struct Keeper {
    /// Launched processes that were not reaped.
    living: BTreeMap<Pid, Kept>,
    journal: Journal,
    /// What everything started here carries in its environment.
    mark: String,
}

#[derive(Clone, Copy)]
struct Kept {
    last_told: LastTold,
    /// It is a command of a fault.
    errand: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LastTold {
    Run,
    Stop,
}

impl Keeper {
    fn obey(&mut self, command: Command) -> Result<Answer, Refusal> {
        match command {
            Command::Launch(spec) => self.launch(&spec),
            Command::Signal { pid, signal } => self.signal(pid, signal).map(|()| Answer::Done),
            Command::State { pid } => Ok(Answer::State(self.state(pid))),
            Command::Journal { entry, undo, note } => self
                .journal
                .doing(entry, undo, note)
                .map(|()| Answer::Done)
                .map_err(|error| Refusal::Failed(format!("cannot write the journal: {error}"))),
            Command::Undone { entry } => self
                .journal
                .undone(entry)
                .map(|()| Answer::Done)
                .map_err(|error| Refusal::Failed(format!("cannot write the journal: {error}"))),
            // the main loop takes it
            Command::Finish => Ok(Answer::Done),
        }
    }

    fn launch(&mut self, spec: &LaunchSpec) -> Result<Answer, Refusal> {
        let failed = |what: &str, error: io::Error| Refusal::Failed(format!("{what}: {error}"));
        let (program, arguments) = spec
            .command
            .split_first()
            .ok_or_else(|| Refusal::Failed("the command is empty".into()))?;
        // the system would blame the program
        let shown = spec.directory.display().to_string();
        fs::metadata(&spec.directory).map_err(|error| failed(&shown, error))?;
        let shown = spec.log.display().to_string();
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&spec.log)
            .map_err(|error| failed(&shown, error))?;
        let errors = log.try_clone().map_err(|error| failed(&shown, error))?;
        // Dropping std's handle neither waits nor kills: reaping stays with `reap`.
        let pid = Program::new(program)
            .args(arguments)
            .envs(spec.env.iter().map(|(name, value)| (name, value)))
            .env(MARK, &self.mark)
            .current_dir(&spec.directory)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map(|child| Pid(child.id()))
            .map_err(|error| failed(program, error))?;
        let kept = Kept {
            last_told: LastTold::Run,
            errand: spec.errand,
        };
        self.living.insert(pid, kept);
        let born = platform::born(pid);
        // The process runs, so a full disk must not make brownout believe otherwise.
        let _ = self.journal.write(&Entry::Launched {
            pid,
            born,
            program: program.clone(),
            errand: spec.errand,
        });
        Ok(Answer::Launched { pid, born })
    }

    fn signal(&mut self, pid: Pid, signal: Signal) -> Result<(), Refusal> {
        let kept = self.living.get_mut(&pid).ok_or(Refusal::Gone)?;
        let raw = pid.raw().ok_or(Refusal::Gone)?;
        rustix::process::kill_process_group(raw, signal.into()).map_err(|error| match error {
            Errno::SRCH => Refusal::Gone,
            error => Refusal::Failed(format!("cannot signal process group {pid}: {error}")),
        })?;
        match signal {
            Signal::Stop => kept.last_told = LastTold::Stop,
            Signal::Continue => kept.last_told = LastTold::Run,
            Signal::Terminate | Signal::Kill => {}
        }
        Ok(())
    }

    fn state(&self, pid: Pid) -> ProcessState {
        match self.living.get(&pid) {
            None => ProcessState::Gone,
            Some(kept) => platform::group_state(pid).unwrap_or(match kept.last_told {
                LastTold::Run => ProcessState::Running,
                LastTold::Stop => ProcessState::Stopped,
            }),
        }
    }

    /// Reaps every child that has ended, and tells of the launched ones. Returns how many.
    fn reap(&mut self) -> usize {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        let leaders: Vec<Pid> = self.living.keys().copied().collect();
        let mut reaped = 0;
        for pid in leaders {
            let Some(raw) = pid.raw() else { continue };
            if !matches!(rustix::process::waitid(WaitId::Pid(raw), look), Ok(Some(_))) {
                continue;
            }
            // What its leader left of the group goes too, while the leader's id is still taken.
            let _ = rustix::process::kill_process_group(raw, Signal::Kill.into());
            let Some(status) = reap_one(raw) else {
                continue;
            };
            reaped += 1;
            self.living.remove(&pid);
            let _ = self.journal.write(&Entry::Exited { pid, status });
            say(&Message::Exited { pid, status });
        }
        for child in platform::children() {
            // adopted ones: nobody asked for them
            if child.ended && !self.living.contains_key(&child.pid) {
                reaped += usize::from(child.pid.raw().and_then(reap_one).is_some());
            }
        }
        reaped
    }

    /// Undoes the journal, asks every process to end, waits, kills. Returns whether nothing is left.
    fn end_everything(&mut self) -> bool {
        // what still puts a fault in must not do so after it was taken out
        let errands = |keeper: &Self| {
            let living = keeper.living.iter();
            let errands = living.filter(|(_, kept)| kept.errand);
            errands.map(|(pid, _)| *pid).collect::<Vec<_>>()
        };
        self.end(
            |keeper, signal| {
                for pid in errands(keeper) {
                    let _ = keeper.signal(pid, signal);
                }
            },
            |keeper| {
                keeper.reap();
                errands(keeper).is_empty()
            },
        );
        let mut undone = self.undo_everything(|undo| !undo.comes_last());
        self.end(Self::signal_all, Self::nothing_left);
        undone &= self.undo_everything(Undo::comes_last);
        let clean = self.nothing_left() && undone;
        let _ = self.journal.write(&Entry::Finished { clean });
        clean
    }

    /// Undoes what is meant of the journal, the latest first. Returns whether none of it is owed.
    fn undo_everything(&mut self, meant: impl Fn(&Undo) -> bool) -> bool {
        let mut clean = true;
        let all = self.journal.to_undo().into_iter();
        for (entry, undo) in all.filter(|(_, undo)| meant(undo)) {
            let undone = match undo {
                Undo::None => Ok(()),
                Undo::Continue { pid } => {
                    // one that has ended meanwhile is not paused either
                    let _ = self.signal(pid, Signal::Continue);
                    Ok(())
                }
                Undo::Exec(exec) => command::undo(&exec, Some(&self.mark)).map(drop),
                Undo::ControlGroup(group) => group.take_away(),
                Undo::Http(undo) => http::undo(&undo).map(drop),
            };
            let _ = match undone {
                Ok(()) => self.journal.undone(entry),
                Err(detail) => {
                    clean = false;
                    self.journal.write(&Entry::NotUndone { entry, detail })
                }
            };
        }
        clean
    }

    /// Asks by `signal` to end, waits until `ended`, kills, waits.
    fn end(&mut self, signal: impl Fn(&mut Self, Signal), ended: impl Fn(&mut Self) -> bool) {
        if ended(self) {
            return;
        }
        let begun = Instant::now();
        signal(self, Signal::Terminate);
        // one that somebody else stopped must run to obey
        signal(self, Signal::Continue);
        while !ended(self) && begun.elapsed() < GRACE {
            thread::sleep(LOOK);
        }
        let begun = Instant::now();
        while !ended(self) && begun.elapsed() < INSIST {
            signal(self, Signal::Kill);
            thread::sleep(LOOK);
        }
    }

    /// Signals every launched group and every adopted child.
    fn signal_all(&mut self, signal: Signal) {
        let leaders: Vec<Pid> = self.living.keys().copied().collect();
        for pid in leaders {
            let _ = self.signal(pid, signal);
        }
        for child in platform::children() {
            if let Some(raw) = child
                .pid
                .raw()
                .filter(|_| !self.living.contains_key(&child.pid))
            {
                let _ = rustix::process::kill_process(raw, signal.into());
            }
        }
    }

    /// Reaps what has ended; then whether there is no child, and so no descendant, left.
    fn nothing_left(&mut self) -> bool {
        self.reap();
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        matches!(
            rustix::process::waitid(WaitId::All, look),
            Err(Errno::CHILD)
        )
    }
}

/// Reaps one child that has ended; `None` when it has not.
fn reap_one(pid: rustix::process::Pid) -> Option<ExitStatus> {
    let (_, status) = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG)
        .ok()
        .flatten()?;
    Some(exit_status(status))
}

fn exit_status(status: WaitStatus) -> ExitStatus {
    match status.terminating_signal() {
        Some(signal) => ExitStatus::Signal(signal),
        // a process that was not signalled has exited
        None => ExitStatus::Code(status.exit_status().unwrap_or_default()),
    }
}
