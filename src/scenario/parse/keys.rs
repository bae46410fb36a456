//! The keys of a scenario file, mapping by mapping. A test holds the committed schema to them.

use crate::document::{Table, may, needs};

pub(super) const SCENARIO: Table = Table {
    name: "scenario",
    what: "a scenario",
    keys: &[
        needs("brownout"),
        needs("scenario"),
        may("title"),
        may("target"),
        may("scale"),
        may("seed"),
        needs("phases"),
        needs("load"),
        needs("journeys"),
        may("data"),
        may("faults"),
        may("random"),
        may("steady_state"),
        may("symptoms"),
        may("gates"),
        may("stop"),
        may("measure"),
    ],
};

pub(super) const SCALE: Table = Table {
    name: "scale",
    what: "a scale",
    keys: &[may("load"), may("time")],
};

pub(super) const POPULATION: Table = Table {
    name: "population",
    what: "a population",
    keys: &[
        may("journey"),
        may("journeys"),
        may("requests"),
        may("arrivals"),
        may("herd"),
        may("users"),
        may("pause"),
        may("spacing"),
        may("client"),
        may("source"),
        may("assumed"),
        may("history"),
    ],
};

pub(super) const CURVE_FILE: Table = Table {
    name: "curve_file",
    what: "a curve from a file",
    keys: &[needs("file"), may("step")],
};

pub(super) const REPLAY: Table = Table {
    name: "replay",
    what: "a replayed log",
    keys: &[needs("replay"), may("speed")],
};

pub(super) const CLIENT: Table = Table {
    name: "client",
    what: "a client",
    keys: &[
        may("timeout"),
        may("connect_timeout"),
        may("first_byte_timeout"),
        may("retry"),
        may("patience"),
        may("breaker"),
        may("reuse"),
        may("connection_age"),
        may("connection_requests"),
        may("connections"),
        may("resolvers"),
        may("dns_cache"),
        may("cookies"),
    ],
};

pub(super) const RETRY: Table = Table {
    name: "retry",
    what: "a retry policy",
    keys: &[
        may("outcomes"),
        may("kind"),
        may("wait"),
        may("base"),
        may("cap"),
        may("attempts"),
        may("retry_after"),
        may("budget"),
    ],
};

pub(super) const BUDGET: Table = Table {
    name: "retry_budget",
    what: "a retry budget",
    keys: &[needs("share"), may("least")],
};

pub(super) const BREAKER: Table = Table {
    name: "breaker",
    what: "a circuit breaker",
    keys: &[
        may("failures"),
        may("share"),
        may("window"),
        may("least"),
        needs("open"),
        may("probes"),
    ],
};

pub(super) const REQUEST: Table = Table {
    name: "request_step",
    what: "a request step",
    keys: &[
        needs("step"),
        may("get"),
        may("head"),
        may("post"),
        may("put"),
        may("patch"),
        may("delete"),
        may("options"),
        may("headers"),
        may("json"),
        may("body"),
        may("take"),
        may("check"),
        may("fallback"),
        may("then"),
    ],
};

pub(super) const WAIT: Table = Table {
    name: "wait_step",
    what: "a waiting step",
    keys: &[
        needs("step"),
        needs("wait_for"),
        needs("take"),
        needs("within"),
        may("every"),
    ],
};

pub(super) const THINK: Table = Table {
    name: "think_step",
    what: "a pause",
    keys: &[needs("think")],
};

pub(crate) const CHECK: Table = Table {
    name: "check",
    what: "a check of an answer",
    keys: &[
        may("status"),
        may("contains"),
        may("matches"),
        may("json"),
        may("json_absent"),
        may("header"),
    ],
};

pub(super) const DIGITS: Table = Table {
    name: "digits",
    what: "a source of digits",
    keys: &[needs("digits"), may("starts")],
};

pub(super) const BETWEEN: Table = Table {
    name: "between",
    what: "a source of numbers",
    keys: &[needs("between")],
};

pub(super) const ONE_OF: Table = Table {
    name: "one_of",
    what: "a source of words",
    keys: &[needs("one_of")],
};

pub(super) const CSV: Table = Table {
    name: "csv",
    what: "a source of rows",
    keys: &[needs("csv"), may("column"), may("order")],
};

pub(super) const FAULT: Table = Table {
    name: "fault",
    what: "a fault",
    keys: &[
        may("at"),
        may("lose"),
        may("from"),
        may("for"),
        may("until"),
        may("stagger"),
        may("stagger_out"),
        may("ramp"),
        may("ramp_out"),
        may("share"),
        may("flap"),
        may("http"),
        may("tcp"),
        may("tls"),
        may("dns"),
        may("process"),
        may("exec"),
        may("source"),
        may("assumed"),
        may("history"),
    ],
};

pub(super) const FLAP: Table = Table {
    name: "flap",
    what: "a flap",
    keys: &[needs("in"), needs("out")],
};

pub(super) const RANDOM: Table = Table {
    name: "random",
    what: "a schedule that is drawn",
    keys: &[
        needs("of"),
        needs("from"),
        needs("until"),
        needs("every"),
        needs("for"),
        may("at_most"),
        may("seed"),
    ],
};

pub(super) const WHEN: Table = Table {
    name: "when",
    what: "a condition that is waited for",
    keys: &[needs("when"), may("after"), may("before")],
};

pub(super) const HTTP: Table = Table {
    name: "http_effect",
    what: "an http effect",
    keys: &[
        may("status"),
        may("headers"),
        may("body"),
        may("delay"),
        may("hang"),
        may("reset"),
        may("close"),
        may("truncate"),
        may("slow"),
        may("json"),
        may("malformed"),
        may("content_type"),
        may("stale"),
        may("rate_limit"),
        may("routes"),
        may("match"),
        may("every"),
        may("first"),
        may("sticky"),
    ],
};

pub(super) const HTTP_DELAY: Table = Table {
    name: "http_delay",
    what: "a delay that is drawn",
    keys: &[may("mean"), may("deviation"), may("p50"), may("p99")],
};

pub(super) const HTTP_JSON: Table = Table {
    name: "http_json",
    what: "changes of JSON",
    keys: &[may("set"), may("replace"), may("remove")],
};

pub(super) const HTTP_RATE_LIMIT: Table = Table {
    name: "http_rate_limit",
    what: "a rate limit",
    keys: &[
        may("status"),
        may("retry_after"),
        may("limit"),
        may("per"),
        may("by"),
    ],
};

pub(super) const HTTP_MATCH: Table = Table {
    name: "http_match",
    what: "a choice of requests",
    keys: &[may("method"), may("header"), may("query"), may("json")],
};

pub(super) const HTTP_PATTERN: Table = Table {
    name: "http_pattern",
    what: "what a value is like",
    keys: &[needs("matches")],
};

pub(super) const PERSON: Table = Table {
    name: "person",
    what: "what tells people apart",
    keys: &[may("header"), may("cookie")],
};

pub(super) const TCP: Table = Table {
    name: "tcp_effect",
    what: "a tcp effect",
    keys: &[
        may("latency"),
        may("jitter"),
        may("bandwidth"),
        may("slow_close"),
        may("timeout"),
        may("slicer"),
        may("variation"),
        may("delay"),
        may("limit_data"),
        may("corrupt"),
        may("reset"),
        may("stream"),
        may("every"),
        may("first"),
    ],
};

pub(super) const PROCESS: Table = Table {
    name: "process_limit",
    what: "a limit of a process",
    keys: &[may("cpu"), may("memory"), may("disk")],
};

pub(super) const EXEC: Table = Table {
    name: "exec_effect",
    what: "an exec effect",
    keys: &[needs("do"), needs("undo"), may("check"), may("timeout")],
};

pub(super) const DNS: Table = Table {
    name: "dns_effect",
    what: "a dns effect",
    keys: &[
        may("answer"),
        may("wrong"),
        may("stale"),
        may("keep"),
        may("only"),
        may("over_tcp"),
        may("delay"),
        may("ttl"),
        may("share_of"),
        may("servers"),
        may("every"),
        may("first"),
    ],
};

pub(super) const MEASURE: Table = Table {
    name: "measure",
    what: "the settings of measuring",
    keys: &[
        may("bin"),
        may("warm_up"),
        may("min_samples"),
        may("bad_bins"),
        may("good_bins"),
        may("hold"),
        may("observe"),
        may("outage_below"),
        may("fallback_above"),
        may("baseline"),
        may("baseline_requests"),
        may("baseline_span"),
    ],
};

/// All of them, for the test against the schema.
#[cfg(test)]
pub(crate) const ALL: &[&Table] = &[
    &SCENARIO,
    &SCALE,
    &POPULATION,
    &CURVE_FILE,
    &REPLAY,
    &CLIENT,
    &RETRY,
    &BUDGET,
    &BREAKER,
    &REQUEST,
    &WAIT,
    &THINK,
    &CHECK,
    &DIGITS,
    &BETWEEN,
    &ONE_OF,
    &CSV,
    &FAULT,
    &FLAP,
    &WHEN,
    &RANDOM,
    &HTTP,
    &HTTP_DELAY,
    &HTTP_JSON,
    &HTTP_RATE_LIMIT,
    &HTTP_MATCH,
    &HTTP_PATTERN,
    &PERSON,
    &TCP,
    &PROCESS,
    &EXEC,
    &DNS,
    &MEASURE,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_knows_the_same_keys() {
        crate::document::assert_schema_knows(crate::scenario::SCHEMA, &SCENARIO, ALL);
    }
}
