//! What commands do.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// A command that puts a fault in, and one that takes it out. No shell reads them, and variables
/// (`${env:NAME}`) are filled in only when they are run, so that no secret is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecEffect {
    /// Puts it in: it is in force when this has ended with exit code 0.
    pub inject: Vec<String>,
    /// Takes it out. It may be run although `inject` failed, was cut off, or never ran.
    pub undo: Vec<String>,
    /// Ends with exit code 0 once it is out.
    pub check: Option<Vec<String>>,
    /// How long each of them may take, and how long the check may say "not yet" (real time).
    pub timeout: Duration,
}

impl ExecEffect {
    /// The names of the environment variables that its commands use.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        let commands = [&self.inject, &self.undo].into_iter().chain(&self.check);
        let mut names: Vec<&str> = commands
            .flatten()
            .flat_map(|word| word.split("${env:").skip(1))
            .filter_map(|rest| Some(rest.split_once('}')?.0))
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// All its commands, in full.
impl fmt::Display for ExecEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (inject, undo) = (self.inject.join(" "), self.undo.join(" "));
        write!(f, "runs `{inject}`, undone by `{undo}`")?;
        match &self.check {
            Some(check) => write!(f, ", checked by `{}`", check.join(" ")),
            None => f.write_str(", with no check whether it is gone"),
        }
    }
}
