//! Urlencoded form bodies.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_wire::fuzz::urlencoded(data));
