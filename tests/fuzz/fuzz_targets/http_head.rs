//! Heads of HTTP requests and responses.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_wire::fuzz::http_head(data));
