//! What clamd answers, how it is configured, and the header of its databases.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_posture::fuzz::clamav(data));
