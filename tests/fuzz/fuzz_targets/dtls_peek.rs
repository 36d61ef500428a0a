//! A datagram whose sender nobody knows: hellos, cookies, epochs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_dtls::fuzz::peek(data));
