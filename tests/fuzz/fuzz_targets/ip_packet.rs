//! IP packets from the tunnel.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_wire::fuzz::ip_packet(data));
