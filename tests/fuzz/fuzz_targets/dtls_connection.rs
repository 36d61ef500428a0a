//! Datagrams to an established connection.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_dtls::fuzz::connection(data));
