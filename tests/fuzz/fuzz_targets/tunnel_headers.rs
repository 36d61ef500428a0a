//! The headers of CONNECT and of its reply.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_wire::fuzz::tunnel_headers(data));
