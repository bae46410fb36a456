//! What launched processes need to trust our authority: links with `tls: generated` show certificates
//! that it signs.

use std::{
    io,
    path::{Path, absolute},
};

use super::prepare::{RunError, RunErrorKind};
use crate::{
    plan::{LaunchPlan, LinkTls, Plan},
    tls::{Authority, system_and},
};

/// The authority's certificate, in the run's folder. Its key is written nowhere.
const OURS: &str = "authority.pem";
/// The same and those that this system trusts.
const ALL: &str = "authorities.pem";

/// Where programs look for authorities in place of those that the system trusts: OpenSSL and what is
/// built on it, curl, Python's requests.
const INSTEAD: [&str; 3] = ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"];
/// Where they look for more of them: Node; and for whoever reads it by itself.
const BESIDE: [&str; 2] = ["NODE_EXTRA_CA_CERTS", "BROWNOUT_CA"];

/// Environment variables.
pub(super) type Variables = Vec<(String, String)>;

/// Writes the authority's certificate down, if links between the target's own parts show certificates
/// that it signed; what is to be in the environment of launched processes then.
///
/// # Errors
/// When it cannot be written.
pub(super) fn prepare(
    plan: &Plan,
    authority: Option<&Authority>,
    folder: &Path,
) -> Result<Variables, RunError> {
    let mut inner = plan.links.iter().filter(|link| !link.visitors);
    let wanted = inner.any(|link| link.tls == Some(LinkTls::Generated));
    let Some(authority) = authority.filter(|_| wanted) else {
        return Ok(Variables::new());
    };
    write(authority, folder).map_err(|error| {
        let message = format!("cannot write {OURS}: {error}");
        RunError::new(RunErrorKind::Reports, message)
    })
}

fn write(authority: &Authority, folder: &Path) -> io::Result<Variables> {
    // processes have folders of their own
    let folder = absolute(folder)?;
    let (ours, all) = (folder.join(OURS), folder.join(ALL));
    let certificate = authority.pem();
    std::fs::write(&all, system_and(&certificate))?;
    std::fs::write(&ours, certificate)?;
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let instead = INSTEAD.map(|name| (name.to_owned(), path(&all)));
    let beside = BESIDE.map(|name| (name.to_owned(), path(&ours)));
    Ok(instead.into_iter().chain(beside).collect())
}

/// Adds them to a process's environment; what the target's file says goes before them.
pub(super) fn add(variables: &Variables, process: &mut LaunchPlan) {
    for (name, value) in variables {
        if !process.env.iter().any(|(set, _)| set == name) {
            process.env.push((name.clone(), value.clone()));
        }
    }
}
