//! Fuzzes `fuzzing::queries`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzzing::queries(bytes));
