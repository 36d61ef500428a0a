//! Batches of packets to be joined.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_datapath::offload::fuzz::coalesced_packets(data));
