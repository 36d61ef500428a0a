//! What files and programs of Linux say.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_posture::fuzz::linux(data));
