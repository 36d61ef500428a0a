//! A stream of CSTP frames and the payloads of DISCONNECT.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_wire::fuzz::cstp(data));
