//! The processes to start, each after those that it needs.

use std::path::{Path, PathBuf};

use super::{
    Here,
    mistakes::{File, Mistakes},
    model::{LaunchPlan, LivenessPlan, ServicePlan},
    services,
};
use crate::target::model::{Launch, Target};

/// The processes in an order that honours `needs`; among those that are free to start, the order
/// of the file.
pub(super) fn resolve(
    target: &Target,
    services: &[ServicePlan],
    here: &Here,
    out: &mut Mistakes<'_>,
) -> Vec<LaunchPlan> {
    for (index, launch) in target.launch.iter().enumerate() {
        check_names(target, index, launch, out);
    }
    let mut plans: Vec<LaunchPlan> = Vec::new();
    for launch in order(target, out) {
        let Some(plan) = one(target, launch, services, here, out) else {
            continue;
        };
        let other = plans
            .iter()
            .find(|p| p.listens == plan.listens && p.service != plan.service);
        if let Some(other) = other {
            let other = &services[usize::from(other.service.0)].name;
            out.error(
                File::Target,
                launch.service.place,
                "taken",
                format!(
                    "`{}` is to listen on {}, and so is `{other}`",
                    launch.service.value, plan.listens
                ),
            )
            .hint("give each launched service an `at:` of its own");
        }
        plans.push(plan);
    }
    plans
}

fn check_names(target: &Target, index: usize, launch: &Launch, out: &mut Mistakes<'_>) {
    let known = || target.services.iter().map(|s| s.name.value.as_str());
    let name = &launch.service;
    if !known().any(|service| service == name.value) {
        out.unknown(File::Target, name.place, "service", &name.value, known());
    }
    let first = target.launch[..index]
        .iter()
        .find(|l| l.service.value == name.value);
    if let Some(first) = first {
        out.error(
            File::Target,
            name.place,
            "again here",
            format!("`{}` is launched twice", name.value),
        )
        .also(first.service.place, "first here");
    }
    for need in &launch.needs {
        if !known().any(|service| service == need.value) {
            out.unknown(File::Target, need.place, "service", &need.value, known());
        }
    }
}

fn order<'t>(target: &'t Target, out: &mut Mistakes<'_>) -> Vec<&'t Launch> {
    let mut waiting: Vec<&Launch> = target.launch.iter().collect();
    let mut ordered: Vec<&Launch> = Vec::new();
    while !waiting.is_empty() {
        let free = waiting.iter().position(|launch| {
            launch
                .needs
                .iter()
                .all(|need| !waiting.iter().any(|w| w.service.value == need.value))
        });
        let Some(free) = free else {
            report_cycle(&waiting, out);
            return ordered;
        };
        ordered.push(waiting.remove(free));
    }
    ordered
}

/// Follows `needs` from the first that waits until one comes up again.
fn report_cycle(waiting: &[&Launch], out: &mut Mistakes<'_>) {
    let mut path: Vec<&Launch> = Vec::new();
    let mut next = waiting.first().copied();
    while let Some(launch) = next {
        if let Some(begin) = path.iter().position(|l| std::ptr::eq(*l, launch)) {
            let names: Vec<&str> = path[begin..]
                .iter()
                .chain(&path[begin..=begin])
                .map(|l| l.service.value.as_str())
                .collect();
            out.error(
                File::Target,
                launch.service.place,
                "can never start",
                format!("the launches need each other: {}", names.join(" -> ")),
            )
            .hint("take one of these `needs` out: clients that retry can start first");
            return;
        }
        path.push(launch);
        next = launch.needs.iter().find_map(|need| {
            waiting
                .iter()
                .copied()
                .find(|w| w.service.value == need.value)
        });
    }
}

fn one(
    target: &Target,
    launch: &Launch,
    services: &[ServicePlan],
    here: &Here,
    out: &mut Mistakes<'_>,
) -> Option<LaunchPlan> {
    let id = services::find(services, &launch.service.value)?;
    let service = &services[usize::from(id.0)];
    let literal = service
        .host
        .parse()
        .ok()
        .map(|ip| std::net::SocketAddr::new(ip, service.port));
    let Some(listens) = service.at.or(literal) else {
        out.error(
            File::Target,
            launch.service.place,
            "launched, but where does it listen?",
            format!("the launched service `{}` has no `at:`", service.name),
        )
        .hint("give the service `at: ADDRESS:PORT`, the address that its command listens on");
        return None;
    };
    // the folder of a bare file name is "", where nothing can be started
    let folder = match target.source.path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    let mut command = launch.command.clone();
    own_name(&mut command, &here.executable);
    Some(LaunchPlan {
        service: id,
        command,
        env: launch
            .env
            .iter()
            .map(|(name, value)| (name.clone(), value.0.clone()))
            .collect(),
        directory: match &launch.directory {
            Some(directory) => folder.join(directory),
            None => folder,
        },
        resolver: launch.resolver,
        disk: launch.disk.clone(),
        listens,
        ready: launch.ready.as_ref().map(services::probe),
        ready_within: launch.ready_within,
        liveness: launch.liveness.as_ref().map(|l| LivenessPlan {
            get: services::probe(&l.get),
            every: l.every,
            timeout: l.timeout,
            failures: l.failures,
        }),
        restart: launch.restart,
        restart_after: launch.restart_after.0,
    })
}

/// `brownout` as a command's program means this executable.
pub(super) fn own_name(command: &mut [String], executable: &Path) {
    if let Some(program) = command.first_mut().filter(|p| *p == "brownout") {
        *program = executable.to_string_lossy().into_owned();
    }
}
