//! Any bytes as a response, to our decoder and to hyper's.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| brownout::fuzzing::response_as_hyper_reads_it(bytes));
