//! Any bytes as a response: see `brownout::fuzzing::response`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| brownout::fuzzing::response(bytes));
