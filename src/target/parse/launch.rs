//! `launch:`: the processes that brownout starts.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    env::{Env, is_variable},
    keys::{DISK, LAUNCH, LIVENESS},
    probe::probe,
};
use crate::{
    diagnostic::Spanned,
    document::{Fields, Mistakes, Node, beside, closest_hint},
    target::model::{Disk, Launch, Liveness, Resolver, Secret},
    units::{ByteSize, Span},
};

const READY_WITHIN: Duration = Duration::from_secs(30);
const RESTART_AFTER: Duration = Duration::from_millis(500);
const LIVENESS_EVERY: Duration = Duration::from_secs(2);
const LIVENESS_TIMEOUT: Duration = Duration::from_secs(1);
const LIVENESS_FAILURES: u32 = 3;

/// Less, and no file system fits in.
const LEAST_DISK: ByteSize = ByteSize(1_000_000);

/// No machine should start more for a rehearsal; each may need every other.
const MOST_PROCESSES: usize = 100;

/// The section `launch:`; `services` are all names of services.
pub(super) fn section(
    node: &Spanned<Node>,
    services: &[String],
    env: &mut Env,
    mistakes: &mut Mistakes,
) -> Vec<Launch> {
    let entries = mistakes.entries(node, "a mapping of services to processes");
    if let Some((first, _)) = entries.get(MOST_PROCESSES) {
        mistakes.error(
            first.place,
            format!("more than {MOST_PROCESSES} processes"),
            "from here on",
        );
        return Vec::new();
    }
    let launched: Vec<&str> = entries
        .iter()
        .map(|(name, _)| name.value.as_str())
        .collect();
    let mut all = Vec::new();
    for (service, node) in entries {
        let known = services.contains(&service.value);
        if !known {
            let hint = closest_hint(&service.value, services.iter().map(String::as_str));
            mistakes
                .error(
                    service.place,
                    format!("no service is called `{}`", service.value),
                    "not known",
                )
                .hint = hint;
        }
        if let Some(launch) = launch(service, node, &launched, env, mistakes)
            && known
        {
            all.push(launch);
        }
    }
    refuse_circles(&all, mistakes);
    all
}

fn launch(
    service: &Spanned<String>,
    node: &Spanned<Node>,
    launched: &[&str],
    env: &mut Env,
    mistakes: &mut Mistakes,
) -> Option<Launch> {
    let fields = Fields::open(node, &LAUNCH, mistakes)?;
    let command = fields.get("command").map(|node| {
        mistakes.command(
            node,
            "a program and its arguments such as `[brownout, stage, cowin]`",
        )
    });
    let variables = fields
        .get("env")
        .map_or_else(Vec::new, |node| variables(node, env, mistakes));
    let directory = fields.get("directory").and_then(|node| {
        let hint = "paths are relative to the folder of this file";
        folder(node, Path::new(""), hint, mistakes)
    });
    let resolver = fields.get("resolver").and_then(|node| {
        let words = [
            ("system", Resolver::System),
            ("brownout", Resolver::Brownout),
        ];
        mistakes.choice(node, "a resolver", &words)
    });
    let beside = directory.as_deref().unwrap_or(Path::new(""));
    let disk = fields
        .get("disk")
        .and_then(|node| disk(node, beside, mistakes));
    let needs = fields
        .get("needs")
        .map_or_else(Vec::new, |node| needs(node, launched, mistakes));
    let ready = fields.get("ready").and_then(|node| probe(node, mistakes));
    let ready_within = fields
        .get("ready_within")
        .and_then(|n| mistakes.positive_span(n));
    let liveness = fields.get("liveness").map(|node| liveness(node, mistakes));
    let restart = fields.get("restart").and_then(|node| mistakes.flag(node));
    let restart_after = fields
        .get("restart_after")
        .and_then(|node| mistakes.span(node));
    Some(Launch {
        service: service.clone(),
        command: command?,
        env: variables,
        directory,
        resolver: resolver.unwrap_or_default(),
        disk,
        needs,
        ready,
        ready_within: ready_within.unwrap_or(READY_WITHIN),
        liveness: liveness.flatten(),
        restart: restart.unwrap_or(true),
        restart_after: Span(restart_after.unwrap_or(RESTART_AFTER)),
    })
}

/// A folder that is there, relative to `within`; as it is written.
fn folder(
    node: &Spanned<Node>,
    within: &Path,
    hint: &str,
    mistakes: &mut Mistakes,
) -> Option<PathBuf> {
    let path = PathBuf::from(mistakes.string(node, "the path of a folder")?);
    let full = beside(mistakes.source(), &within.join(&path));
    if !full.is_dir() {
        mistakes
            .error(
                node.place,
                format!("there is no folder `{}`", full.display()),
                "not found",
            )
            .hint = Some(hint.to_owned());
    }
    Some(path)
}

fn variables(
    node: &Spanned<Node>,
    env: &mut Env,
    mistakes: &mut Mistakes,
) -> Vec<(String, Secret)> {
    let mut variables = Vec::new();
    for (name, node) in mistakes.entries(node, "a mapping of environment variables to values") {
        if !is_variable(&name.value) {
            mistakes.error(
                name.place,
                format!(
                    "`{}` is not the name of an environment variable",
                    name.value
                ),
                "letters, digits and `_`, not beginning with a digit",
            );
            continue;
        }
        if let Some(text) = mistakes.text(node, "the variable's value")
            && let Some(value) = env.fill(&text, mistakes)
        {
            variables.push((name.value.clone(), value));
        }
    }
    variables
}

fn needs(node: &Spanned<Node>, launched: &[&str], mistakes: &mut Mistakes) -> Vec<Spanned<String>> {
    let mut needs = Vec::new();
    for item in mistakes.list(node, "a list of services such as `[sms]`") {
        let Some(text) = mistakes.text(item, "a service that is launched") else {
            continue;
        };
        let place = text.part(0..text.value.len());
        if launched.contains(&text.value) {
            needs.push(Spanned::new(text.value.to_owned(), place));
        } else {
            let hint = closest_hint(text.value, launched.iter().copied());
            mistakes
                .error(
                    place,
                    format!("`{}` is not launched by this file", text.value),
                    "not under `launch:`",
                )
                .hint = hint;
        }
    }
    needs
}

/// `{path: data, size: 64MB}`, of a process that works in `directory`.
fn disk(node: &Spanned<Node>, directory: &Path, mistakes: &mut Mistakes) -> Option<Disk> {
    let fields = Fields::open(node, &DISK, mistakes)?;
    let path = fields.get("path").and_then(|node| {
        let hint = "make it: it stays as it is, and only this process sees its disk in that place";
        folder(node, directory, hint, mistakes)
    });
    let size = fields.get("size").and_then(|node| {
        let size = mistakes.byte_size(node)?;
        if size < LEAST_DISK {
            mistakes.expected(node, &format!("at least {LEAST_DISK}"));
        }
        Some(size)
    });
    Some(Disk {
        path: path?,
        size: size?,
    })
}

fn liveness(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<Liveness> {
    let fields = Fields::open(node, &LIVENESS, mistakes)?;
    let get = fields.get("get").and_then(|node| probe(node, mistakes));
    let every = fields.get("every").and_then(|n| mistakes.positive_span(n));
    let timeout = fields
        .get("timeout")
        .and_then(|n| mistakes.positive_span(n));
    let failures = fields
        .get("failures")
        .and_then(|n| mistakes.count(n, 1..=1_000));
    if let Some(node) = fields.get("then") {
        mistakes.choice(node, "what follows", &[("restart", ())]);
    }
    Some(Liveness {
        get: get?,
        every: every.unwrap_or(LIVENESS_EVERY),
        timeout: timeout.unwrap_or(LIVENESS_TIMEOUT),
        failures: failures.unwrap_or(LIVENESS_FAILURES),
    })
}

/// Refuses processes that wait for each other.
fn refuse_circles(all: &[Launch], mistakes: &mut Mistakes) {
    for launch in all {
        let mut pending: Vec<&Spanned<String>> = launch.needs.iter().collect();
        let mut seen: Vec<&str> = Vec::new();
        while let Some(need) = pending.pop() {
            if need.value == launch.service.value {
                mistakes
                    .error(
                        need.place,
                        format!("`{}` needs itself, by way of others", need.value),
                        "this leads back to it",
                    )
                    .hint = Some("what needs each other cannot be started in any order".to_owned());
                break;
            }
            if !seen.contains(&need.value.as_str())
                && let Some(next) = all.iter().find(|l| l.service.value == need.value)
            {
                seen.push(&need.value);
                pending.extend(&next.needs);
            }
        }
    }
}
