//! Frames on the service's local socket.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_ipc::fuzz::frame(data));
