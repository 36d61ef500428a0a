//! Links and profile files that invite to a gateway.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_desktop::fuzz::invitation(data));
