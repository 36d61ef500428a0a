//! Policies of the endpoint check, in TOML and in JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_posture::fuzz_policy::policy(data));
