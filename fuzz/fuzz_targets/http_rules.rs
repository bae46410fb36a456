//! Any text as an HTTP rule, a request and its body: see `brownout::fuzzing::http_rules`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| brownout::fuzzing::http_rules(bytes));
