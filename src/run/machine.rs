//! What this machine can do, and which faults cannot be put in here.

use std::{
    env,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Command, Stdio},
};

use super::{
    local_ports,
    prepare::{own_disks, own_resolver},
    target,
};
use crate::{
    guardian::{ControlGroup, Controller, command::own_environment},
    plan::{FaultPlan, PlacePlan},
    scenario::model::{Effect, ExecEffect},
    units::ByteSize,
};

/// Something that a machine may be able to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ability {
    /// What.
    pub what: &'static str,
    /// Whether it is.
    pub able: bool,
    /// How, or why not, and what that is needed for.
    pub detail: String,
}

/// Why a fault cannot be put in here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hindrance {
    /// What is missing.
    pub reason: String,
    /// What would help.
    pub hint: &'static str,
}

/// Where Toxiproxy and `brownout proxy` listen for orders.
const TOXIPROXY: ([u8; 4], u16) = ([127, 0, 0, 1], 8474);

/// Looks at this machine. `descriptors` is how many a process may open, `executable` is brownout.
#[must_use]
pub fn abilities(descriptors: u64, executable: &Path) -> Vec<Ability> {
    let mut all = vec![
        Ability {
            what: "descriptors",
            able: true,
            detail: format!(
                "{descriptors} for each process: connections of the load, listeners, files"
            ),
        },
        Ability {
            what: "local ports",
            able: true,
            detail: format!(
                "{} from each address: connections to one service",
                local_ports()
            ),
        },
        Ability {
            what: "signals",
            able: cfg!(unix),
            detail: "process faults: kill, pause, stop, restart, crash_loop".to_owned(),
        },
    ];
    for (what, controller) in [
        ("cpu limits", Controller::Cpu),
        ("memory limits", Controller::Memory),
    ] {
        let (able, detail) = match ControlGroup::plan(controller, "brownout") {
            Ok(group) => (true, format!("control groups such as {group}")),
            Err(reason) => (false, reason),
        };
        all.push(Ability { what, able, detail });
    }
    for (what, flag, serves) in [
        (
            "mount namespaces",
            "--mount",
            "a launched process with files of its own",
        ),
        (
            "network namespaces",
            "--net",
            "a loopback of one's own, by hand",
        ),
    ] {
        let (able, detail) = match unshare(flag) {
            Ok(()) => (true, serves.to_owned()),
            Err(reason) => (false, format!("{reason}; {serves}")),
        };
        all.push(Ability { what, able, detail });
    }
    all.extend([resolver(executable), disk(executable), toxiproxy()]);
    all
}

/// Whether util-linux's `unshare` can do it: brownout itself holds no unsafe code.
fn unshare(flag: &str) -> Result<(), String> {
    let mut command = Command::new("unshare");
    command
        .args([flag, "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    match command.stderr(Stdio::piped()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("unshare: {error}")),
    }
}

fn resolver(executable: &Path) -> Ability {
    let serves = "`resolver: brownout`, so that a launched process's own look-ups meet dns faults";
    let able = own_resolver(executable);
    Ability {
        what: "own resolver",
        able: able.is_ok(),
        detail: match able {
            Ok(()) => serves.to_owned(),
            Err(why) => format!("{why}; {serves}"),
        },
    }
}

fn disk(executable: &Path) -> Ability {
    let serves = "`disk` of a launched process, which process faults fill";
    let able = own_disks(executable, [ByteSize(1_000_000)]);
    Ability {
        what: "own disk",
        able: able.is_ok(),
        detail: match able {
            Ok(()) => serves.to_owned(),
            Err(why) => format!("{why}; {serves}"),
        },
    }
}

fn toxiproxy() -> Ability {
    let address = SocketAddr::from(TOXIPROXY);
    let bound = TcpListener::bind(address);
    Ability {
        what: "Toxiproxy's port",
        able: bound.is_ok(),
        detail: match bound {
            Ok(_) => format!("{address} is free for `brownout proxy`"),
            Err(error) => format!("{address}: {error}; perhaps a Toxiproxy is there already"),
        },
    }
}

/// Why a fault cannot be put in here; `None` when it can, as far as can be told beforehand.
#[must_use]
pub fn hindrance(fault: &FaultPlan) -> Option<Hindrance> {
    match (&fault.effect, &fault.place) {
        (Effect::Exec(exec), PlacePlan::Host { folder, .. }) => of_commands(exec, folder),
        (Effect::Process(_), _) => target::controllers(fault)
            .into_iter()
            .find_map(of_controller),
        // these are put in where brownout itself stands
        (
            Effect::Http(_) | Effect::Tcp(_) | Effect::Tls(_) | Effect::Dns(_) | Effect::Exec(_),
            _,
        ) => None,
    }
}

fn of_controller(controller: Controller) -> Option<Hindrance> {
    let reason = ControlGroup::plan(controller, "brownout").err()?;
    Some(Hindrance {
        reason: format!("it limits {controller}: {reason}"),
        hint: "run brownout as root, or in a group that is delegated to you: \
               `systemd-run --user --scope -p Delegate=yes brownout ...`",
    })
}

fn of_commands(exec: &ExecEffect, folder: &Path) -> Option<Hindrance> {
    let variables = exec.variables();
    let missing = variables
        .into_iter()
        .find(|name| own_environment(name).is_none());
    if let Some(name) = missing {
        return Some(Hindrance {
            reason: format!("the environment variable `{name}` is not set"),
            hint: "its commands use it",
        });
    }
    let commands = [&exec.inject, &exec.undo].into_iter().chain(&exec.check);
    let mut programs = commands.filter_map(|command| command.first());
    let missing = programs.find(|program| !is_there(program, folder))?;
    Some(Hindrance {
        reason: format!("there is no program `{missing}`"),
        hint: "install it, or give its path; it is looked for in PATH",
    })
}

/// Whether a program can be found, as the system would look for it.
fn is_there(program: &str, folder: &Path) -> bool {
    // what a variable gives is known only when it is run
    if program.contains("${env:") {
        return true;
    }
    if program.contains('/') {
        return folder.join(program).is_file();
    }
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exec(command: &[&str]) -> ExecEffect {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        ExecEffect {
            inject: words(&["sh", "-c", "true"]),
            undo: words(command),
            check: None,
            timeout: std::time::Duration::from_secs(1),
        }
    }

    #[test]
    fn programs_and_variables_are_looked_for() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let reason = |command: &[&str]| of_commands(&exec(command), here).map(|h| h.reason);
        assert_eq!(reason(&["sh"]), None);
        assert_eq!(reason(&["ci/test"]), None);
        assert_eq!(reason(&["${env:PATH}"]), None);
        let missing = reason(&["no-such-program"]).expect("it is missing");
        assert!(missing.contains("`no-such-program`"), "{missing}");
        let missing = reason(&["ci/nothing"]).expect("it is missing");
        assert!(missing.contains("`ci/nothing`"), "{missing}");
        let missing = reason(&["sh", "${env:NO_SUCH_VARIABLE}"]).expect("it is not set");
        assert!(missing.contains("`NO_SUCH_VARIABLE`"), "{missing}");
    }

    #[test]
    fn each_ability_says_how_or_why_not() {
        let all = abilities(1024, Path::new("/nowhere/brownout"));
        assert!(
            all.iter().all(|ability| !ability.detail.is_empty()),
            "{all:#?}"
        );
        assert!(all[0].detail.contains("1024"));
    }
}
