//! What a TLS peer with the right keys may send after the handshake.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_datapath::tls::records::fuzz::records(data));
