//! The keys of a target file, mapping by mapping. A test holds the committed schema to them.

use crate::document::{Table, may, needs};

pub(super) const TARGET: Table = Table {
    name: "target",
    what: "a target",
    keys: &[
        needs("brownout"),
        needs("target"),
        needs("environment"),
        may("env"),
        may("guard"),
        needs("services"),
        may("links"),
        may("dns"),
        may("launch"),
    ],
};

pub(super) const GUARD: Table = Table {
    name: "guard",
    what: "a guard",
    keys: &[may("allow"), may("max_rate")],
};

pub(super) const SERVICE: Table = Table {
    name: "service",
    what: "a service",
    keys: &[
        needs("url"),
        may("at"),
        may("health"),
        may("capacity"),
        may("headers"),
        may("protocol"),
        may("streams"),
        may("tls"),
        may("features"),
    ],
};

pub(super) const TLS: Table = Table {
    name: "tls",
    what: "TLS settings",
    keys: &[
        may("ca"),
        may("cert"),
        may("key"),
        may("server_name"),
        may("verify"),
    ],
};

pub(super) const FEATURE: Table = Table {
    name: "feature",
    what: "a feature",
    keys: &[needs("routes"), may("probe"), may("fallback"), may("needs")],
};

pub(super) const LINK: Table = Table {
    name: "link",
    what: "a link",
    keys: &[may("layer"), needs("listen"), may("tls"), may("via")],
};

pub(super) const LINK_TLS: Table = Table {
    name: "link_tls",
    what: "a link's certificate",
    keys: &[needs("cert"), needs("key")],
};

pub(super) const DNS: Table = Table {
    name: "dns",
    what: "the names of the target",
    keys: &[needs("zones"), may("servers")],
};

pub(super) const LAUNCH: Table = Table {
    name: "launch",
    what: "a process to start",
    keys: &[
        needs("command"),
        may("env"),
        may("directory"),
        may("resolver"),
        may("disk"),
        may("needs"),
        may("ready"),
        may("ready_within"),
        may("liveness"),
        may("restart"),
        may("restart_after"),
    ],
};

pub(super) const DISK: Table = Table {
    name: "disk",
    what: "a disk of a process's own",
    keys: &[needs("path"), needs("size")],
};

pub(super) const LIVENESS: Table = Table {
    name: "liveness",
    what: "a liveness probe",
    keys: &[
        needs("get"),
        may("every"),
        may("timeout"),
        may("failures"),
        may("then"),
    ],
};

/// All of them, for the test against the schema.
#[cfg(test)]
pub(crate) const ALL: &[&Table] = &[
    &TARGET,
    &GUARD,
    &SERVICE,
    &TLS,
    &FEATURE,
    &LINK,
    &LINK_TLS,
    &DNS,
    &LAUNCH,
    &DISK,
    &LIVENESS,
    &crate::scenario::parse::keys::CHECK,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_knows_the_same_keys() {
        crate::document::assert_schema_knows(crate::target::SCHEMA, &TARGET, ALL);
    }
}
