//! Tables of support dates.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_posture::fuzz_policy::support(data));
