//! What a plan must know of this machine.

use brownout::{plan::Here, run};
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
