//! A report of the endpoint check with its signature.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_posture::fuzz_policy::sealed_report(data));
