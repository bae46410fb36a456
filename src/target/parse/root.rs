//! The whole file.

use std::path::Path;

use super::{
    agree::{self, Parts},
    env::Env,
    guard,
    keys::TARGET,
    launch, link, service, zone,
};
use crate::{
    diagnostic::{Diagnostics, Source, Spanned},
    document::{Fields, Mistakes, Node, read, tree},
    guard::Guard,
    scenario::parse::version,
    target::model::Target,
};

/// Reads and checks a target file. `env` looks up environment variables. With the target come
/// warnings.
///
/// # Errors
/// All mistakes of the file at once.
pub fn load(
    path: &Path,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Target, Diagnostics), Diagnostics> {
    parse(read(path)?, env)
}

/// Checks the text of a target file, as [`load`] does.
///
/// # Errors
/// All mistakes of the text at once.
pub fn parse(
    source: Source,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<(Target, Diagnostics), Diagnostics> {
    let mut mistakes = Mistakes::new(source);
    let target = tree(&mut mistakes).and_then(|node| lower(&node, env, &mut mistakes));
    match target {
        Some(target) if !mistakes.has_errors() => Ok((target, mistakes.finish())),
        _ => Err(mistakes.finish()),
    }
}

fn lower(
    node: &Spanned<Node>,
    lookup: &dyn Fn(&str) -> Option<String>,
    mistakes: &mut Mistakes,
) -> Option<Target> {
    let fields = Fields::open(node, &TARGET, mistakes)?;
    version(&fields, mistakes);
    let name = fields
        .get("target")
        .and_then(|node| mistakes.name(node, "a name for a target"));
    let environment = fields
        .get("environment")
        .and_then(|node| environment(node, mistakes));
    let mut env = Env::read(fields.get("env"), lookup, mistakes);
    let (guard, max_rate) = fields.get("guard").map_or_else(
        || (Some(Guard::loopback()), None),
        |node| guard::section(node, mistakes),
    );
    let names: Vec<String> = match fields.get("services").map(|node| &node.value) {
        Some(Node::Map(entries)) => entries.iter().map(|(key, _)| key.value.clone()).collect(),
        _ => Vec::new(),
    };
    let services = fields
        .get("services")
        .map_or_else(Vec::new, |node| service::section(node, &mut env, mistakes));
    let links = fields
        .get("links")
        .map_or_else(Vec::new, |node| link::section(node, &names, mistakes));
    let (zones, dns_servers) = fields.get("dns").map_or_else(
        || (Vec::new(), zone::SERVERS),
        |node| zone::section(node, mistakes),
    );
    let launch = fields.get("launch").map_or_else(Vec::new, |node| {
        launch::section(node, &names, &mut env, mistakes)
    });
    env.warn_unused(mistakes);
    let parts = Parts {
        guard: guard.as_ref(),
        services: &services,
        links: &links,
        zones: &zones,
        launch: &launch,
    };
    agree::check(&parts, mistakes);
    Some(Target {
        source: mistakes.source().clone(),
        name: name?,
        environment: environment?,
        guard: guard?,
        max_rate,
        env: env.names(),
        services,
        links,
        zones,
        dns_servers,
        launch,
    })
}

/// Any word but those for the place where real people are.
fn environment(node: &Spanned<Node>, mistakes: &mut Mistakes) -> Option<String> {
    let name = mistakes.string(node, "an environment such as `staging`")?;
    let lower = name.trim().to_lowercase();
    if lower.starts_with("prod") || lower == "live" || lower == "prd" {
        mistakes
            .error(
                node.place,
                format!("the environment `{name}` is refused"),
                "brownout floods and breaks what it is pointed at",
            )
            .hint = Some("rehearse against a staging system that nobody depends on".to_owned());
        return None;
    }
    Some(name)
}
