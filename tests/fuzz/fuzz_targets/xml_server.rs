//! A gateway's sign-in documents.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_wire::fuzz::xml_server(data));
