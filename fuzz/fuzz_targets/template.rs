//! Any text as a template: values stay in their place.
#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| brownout::fuzzing::template(text));
