//! The datagrams that a server sends to a client's handshake and to the connection that it may become.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_dtls::fuzz::client(data));
