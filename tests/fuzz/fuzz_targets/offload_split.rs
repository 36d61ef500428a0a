//! Super-packets to be split.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_datapath::offload::fuzz::split_packet(data));
