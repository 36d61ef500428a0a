//! The kernel's offload header and its packet.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_datapath::offload::fuzz::virtio_header(data));
