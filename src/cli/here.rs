//! What a plan must know of this machine.

use std::{fs, path::PathBuf};

use brownout::plan::Here;
use rustix::process::{Resource, getrlimit};

/// When the kernel does not say: Linux's default range, 32768 to 60999.
const DEFAULT_LOCAL_PORTS: u32 = 28_232;
const PORT_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";

/// Asks this machine. The descriptors are those of the hard limit, to which a run raises its own.
pub(crate) fn here() -> std::io::Result<Here> {
    Ok(Here {
        executable: std::env::current_exe()?,
        descriptor_limit: getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX),
        local_ports: local_ports(PathBuf::from(PORT_RANGE)),
    })
}

fn local_ports(range: PathBuf) -> u32 {
    fs::read_to_string(range)
        .ok()
        .and_then(|text| count_ports(&text))
        .unwrap_or(DEFAULT_LOCAL_PORTS)
}

/// How many ports `32768 60999` are.
fn count_ports(range: &str) -> Option<u32> {
    let mut ends = range.split_whitespace().map(str::parse::<u32>);
    let (low, high) = (ends.next()?.ok()?, ends.next()?.ok()?);
    (high >= low).then(|| high - low + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_both_ends_of_the_range() {
        assert_eq!(count_ports("32768\t60999\n"), Some(DEFAULT_LOCAL_PORTS));
        assert_eq!(count_ports("5 4"), None);
        assert_eq!(count_ports("what"), None);
        assert_eq!(local_ports("/nowhere".into()), DEFAULT_LOCAL_PORTS);
    }
}
