//! The datagrams that a client sends to a server's handshake and to the connection that it may become.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| praya_dtls::fuzz::server(data));
