//! Any bytes as a packet to the DNS server: see `brownout::fuzzing::dns`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| brownout::fuzzing::dns(bytes));
