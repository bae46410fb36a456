//! Commands that faults run: started, awaited with a limit, their output kept.
//!
//! They are run by whoever is left: brownout has the guardian start them; when brownout has died the
//! guardian runs what undoes them by itself, and when that has died too, `brownout heal` does.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command as Program, Stdio},
    thread,
    time::Duration,
};

use rustix::{
    io::Errno,
    process::{WaitId, WaitIdOptions},
};
use tokio::time::Instant;

use super::{ExecUndo, ExitStatus, Pid, Signal};
use crate::units::Span;

/// How often a command that runs is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How often a check is asked again that says "not yet".
const ASK: Duration = Duration::from_millis(200);

const OPEN: &str = "${env:";

/// Fills in the variables of a command's words, `${env:NAME}`. It is done only when the command is run:
/// plan, journal and record hold the words as they were written, so no secret gets there.
///
/// # Errors
/// With the name of a variable that is not set.
pub fn fill_in(
    command: &[String],
    lookup: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<String>, String> {
    command.iter().map(|word| fill(word, lookup)).collect()
}

fn fill(word: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once(OPEN) {
        // the parser lets no unclosed one pass
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(before);
        let value = lookup(name);
        out.push_str(&value.ok_or_else(|| format!("the environment variable {name} is not set"))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Looks a variable up in this process's own environment.
#[must_use]
pub fn own_environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Undoes what a command did, and looks whether it is gone. Takes at most twice its timeout.
///
/// # Errors
/// What was seen instead, for people.
pub(super) fn undo(what: &ExecUndo, mark: Option<&str>) -> Result<String, String> {
    let run = |command: &[String]| run(command, &what.directory, &what.log, what.timeout, mark);
    let undone = run(&what.undo);
    let Some(check) = &what.check else {
        return match undone? {
            ExitStatus::Code(0) => Ok("its undo command ended with exit code 0".to_owned()),
            status => Err(format!("its undo command ended with {status}")),
        };
    };
    // whatever the undo command said: the check looks
    let deadline = Instant::now() + what.timeout;
    loop {
        let seen = match run(check) {
            Ok(ExitStatus::Code(0)) => {
                return Ok("its check ended with exit code 0".to_owned());
            }
            Ok(status) => format!("its check still ends with {status}"),
            Err(error) => format!("its check: {error}"),
        };
        if Instant::now() + ASK >= deadline {
            return Err(match &undone {
                Ok(ExitStatus::Code(0)) => seen,
                Ok(status) => format!("its undo command ended with {status}, and {seen}"),
                Err(error) => format!("{error}, and {seen}"),
            });
        }
        thread::sleep(ASK);
    }
}

/// Runs a command in a group of its own, and kills the group when time is up. Blocks; to be called
/// where nobody else reaps.
fn run(
    command: &[String],
    directory: &Path,
    log: &Path,
    limit: Duration,
    mark: Option<&str>,
) -> Result<ExitStatus, String> {
    let filled = fill_in(command, &own_environment)?;
    let (program, arguments) = filled.split_first().ok_or("the command is empty")?;
    let said = open_log(log, command).map_err(|error| format!("{}: {error}", log.display()))?;
    let errors = said.try_clone().map_err(|error| error.to_string())?;
    let mut child = Program::new(program);
    child
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(said)
        .stderr(errors)
        .process_group(0);
    if let Some(mark) = mark {
        child.env(super::MARK, mark);
    }
    let mut child = child
        .spawn()
        .map_err(|error| format!("{}: {error}", command[0]))?;
    let group = Pid(child.id()).raw().ok_or("it has no process id")?;
    let deadline = Instant::now() + limit;
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
    let ended = loop {
        match rustix::process::waitid(WaitId::Pid(group), look) {
            Ok(Some(_)) => break true,
            Ok(None) | Err(Errno::INTR) if Instant::now() < deadline => thread::sleep(LOOK),
            Ok(None) | Err(Errno::INTR) => break false,
            Err(error) => return Err(error.to_string()),
        }
    };
    // what it left of its group goes in either case, while its id is still taken
    let _ = rustix::process::kill_process_group(group, Signal::Kill.into());
    let status = child.wait().map_err(|error| error.to_string())?;
    if ended {
        return Ok(ExitStatus::of(status));
    }
    let shown = command.join(" ");
    Err(format!("`{shown}` did not end within {}", Span(limit)))
}

/// The log, after a line that says what is run, as it was written.
///
/// # Errors
/// When it cannot be opened or written.
pub fn open_log(log: &Path, command: &[String]) -> io::Result<std::fs::File> {
    let mut file = OpenOptions::new().create(true).append(true).open(log)?;
    file.write_all(format!("+ {}\n", command.join(" ")).as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn variables_are_filled_in() {
        let lookup = |name: &str| (name == "TOKEN").then(|| "s3cret".to_owned());
        let filled = fill_in(
            &words(&["curl", "-H", "a: ${env:TOKEN}!${env:TOKEN}"]),
            &lookup,
        );
        assert_eq!(filled, Ok(words(&["curl", "-H", "a: s3cret!s3cret"])));
        let missing = fill_in(&words(&["${env:GONE}"]), &lookup);
        assert_eq!(
            missing,
            Err("the environment variable GONE is not set".to_owned())
        );
        // what is not ours is left alone
        assert_eq!(fill("${HOME} {x}", &lookup), Ok("${HOME} {x}".to_owned()));
    }

    fn exec(folder: &Path, undo: &str, check: Option<&str>) -> ExecUndo {
        let shell = |script: &str| words(&["sh", "-c", script]);
        ExecUndo {
            undo: shell(undo),
            check: check.map(shell),
            directory: folder.to_owned(),
            log: folder.join("log"),
            timeout: Duration::from_millis(300),
        }
    }

    #[test]
    fn a_check_is_believed_before_an_exit_code() {
        let folder = tempfile::tempdir().expect("a folder");
        let of =
            |script: &str, check: Option<&str>| undo(&exec(folder.path(), script, check), None);
        assert!(of("echo hello; true", None).is_ok());
        let error = of("exit 3", None).expect_err("no check, no success");
        assert!(error.contains("exit code 3"), "{error}");
        assert!(of("exit 3", Some("true")).is_ok());
        let error = of("true", Some("exit 1")).expect_err("the check says no");
        assert_eq!(error, "its check still ends with exit code 1");
        let log = std::fs::read_to_string(folder.path().join("log")).expect("a log");
        assert!(
            log.starts_with("+ sh -c echo hello; true\nhello\n"),
            "{log}"
        );
    }

    #[test]
    fn a_check_may_say_not_yet() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut exec = exec(folder.path(), "true", Some("mkdir seen && exit 1 || true"));
        exec.timeout = Duration::from_secs(20);
        assert!(undo(&exec, None).is_ok());
    }

    #[test]
    fn a_command_has_so_long_and_then_its_group_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let exec = exec(folder.path(), "sleep 60 & echo $! > pid; wait", None);
        let error = undo(&exec, None).expect_err("it sleeps");
        assert!(error.contains("did not end within 300ms"), "{error}");
        let pid = std::fs::read_to_string(folder.path().join("pid")).expect("it began");
        let pid = Pid(pid.trim().parse().expect("a number"));
        for _ in 0..500 {
            if !super::super::platform::alive(pid) {
                return;
            }
            thread::sleep(LOOK);
        }
        panic!("{pid} goes on");
    }

    #[test]
    fn what_cannot_be_started_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut exec = exec(folder.path(), "true", None);
        exec.undo = words(&["no-such-program-anywhere"]);
        let error = undo(&exec, None).expect_err("there is none");
        assert!(
            error.contains("no-such-program-anywhere: No such file"),
            "{error}"
        );
    }
}
