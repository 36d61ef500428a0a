//! What files and programs of macOS say.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_posture::fuzz::macos(data));
