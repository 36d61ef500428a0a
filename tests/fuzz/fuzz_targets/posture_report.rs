//! The signed part of a report of the endpoint check.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_posture::fuzz_policy::report(data));
