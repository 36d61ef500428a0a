//! The payload of a super-packet frame.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_wire::fuzz::super_packet(data));
