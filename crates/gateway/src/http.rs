//! The gateway's own HTTP/1.1 server.
//!
//! It is not a web framework's, because the answer to CONNECT needs header names in an exact case and the socket
//! then carries frames. Every other request goes to an axum router. [`admission`] says who may hold a connection,
//! [`framing`] what is not listened to, and every wait has an end.

pub mod admission;
mod connection;
pub mod framing;
pub(crate) mod notice;
mod reply;
mod server;
pub mod tls;

#[cfg(test)]
mod tests;

pub use connection::Peer;
pub use server::{Alive, Connect, Limits, Server, TlsSocket, TunnelEntry, serve_plain};
