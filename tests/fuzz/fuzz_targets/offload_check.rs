//! Super-packets as a peer describes them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_datapath::offload::fuzz::checked_packet(data));
