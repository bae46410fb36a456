//! Any lines as requests to `brownout proxy`: see `brownout::fuzzing::toxiproxy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| brownout::fuzzing::toxiproxy(bytes));
