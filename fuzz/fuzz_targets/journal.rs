//! Any bytes as a journal of a guardian, and as what passes between it and a run: see `brownout::fuzzing::journal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| brownout::fuzzing::journal(bytes));
