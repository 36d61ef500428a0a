//! What interfaces and registry values of Windows say.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_posture::fuzz::windows(data));
