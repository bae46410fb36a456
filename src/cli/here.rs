//! What a plan must know of this machine.

use brownout::{
    diagnostic::{Diagnostic, Severity, Spanned},
    plan::{Here, Resolver},
    run,
    target::model::{Disk, Target},
};
use rustix::process::{Resource, getrlimit};

/// Asks this machine. The descriptors are those of the hard limit, to which a run raises its own.
pub(crate) fn here() -> std::io::Result<Here> {
    Ok(Here {
        executable: std::env::current_exe()?,
        descriptor_limit: getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX),
        local_ports: run::local_ports(),
        port_reuse: run::port_reuse(),
    })
}

/// What is said about a target whose processes shall have what this machine cannot give them. It is tried
/// only when there are such.
pub(crate) fn warnings(target: &Target) -> impl Iterator<Item = Diagnostic> {
    let all = [resolver_warning(target), disk_warning(target)];
    all.into_iter().flatten()
}

fn disk_warning(target: &Target) -> Option<Diagnostic> {
    let (service, _) = disks(target).next()?;
    let executable = std::env::current_exe().ok()?;
    let sizes = disks(target).map(|(_, disk)| disk.size);
    let why = run::own_disks(&executable, sizes).err()?;
    Some(Diagnostic {
        severity: Severity::Warning,
        message: format!("this machine refuses what `disk` needs: {why}"),
        source: target.source.clone(),
        labels: vec![(service.place, "a run will end at once".to_owned())],
        hint: Some("run as root, give it less, or leave `disk` out".to_owned()),
    })
}

fn disks(target: &Target) -> impl Iterator<Item = (&Spanned<String>, &Disk)> {
    let launched = target.launch.iter();
    launched.filter_map(|launch| Some((&launch.service, launch.disk.as_ref()?)))
}

fn resolver_warning(target: &Target) -> Option<Diagnostic> {
    let asks = |launch: &&brownout::target::model::Launch| launch.resolver == Resolver::Brownout;
    let launch = target.launch.iter().find(asks)?;
    let executable = std::env::current_exe().ok()?;
    let why = run::own_resolver(&executable).err()?;
    Some(Diagnostic {
        severity: Severity::Warning,
        message: format!("this machine refuses what `resolver: brownout` needs: {why}"),
        source: target.source.clone(),
        labels: vec![(launch.service.place, "a run will end at once".to_owned())],
        hint: Some("run as root, or leave `resolver: brownout` out".to_owned()),
    })
}
