//! DTLS 1.2 for the tunnel's datagram channel: pre-shared keys, and the resumption that AnyConnect gateways use.
//!
//! Bytes, time and randomness in; bytes and deadlines out. Nothing here owns a socket, reads a clock or draws a random
//! number. What the tunnel does not need is not here: no certificates, no key exchange of its own, no renegotiation (a
//! connection whose keys are worn gets a successor by a new handshake).
//!
//! A [`Handshake`] of either role is fed datagrams until it is established and turns into a [`Connection`], whose
//! [`seal`](Connection::seal) and [`open`](Connection::open) work in place and allocate nothing. [`peek`] and
//! [`cookie`] are for a server's demultiplexer, which has to judge datagrams before it holds any state for them.
//!
//! Bytes that nobody vouches for never end anything: a bad record is dropped and counted, a bad handshake message is
//! dropped and remembered as the likely reason should the handshake time out (RFC 6347 section 4.1.2.7).
//!
//! References: RFC 6347 (DTLS 1.2), RFC 5246 (TLS 1.2), RFC 4279, 5487 and 7905 (suites), RFC 7627 (extended master
//! secret), RFC 5746 (renegotiation indication).
#![warn(missing_docs)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

mod alert;
mod codec;
mod connection;
pub mod cookie;
mod error;
mod flight;
pub mod fuzz;
mod handshake;
mod keys;
pub mod peek;
mod reassembly;
mod record;
mod replay;
mod session_id;
mod suite;

pub use alert::Alert;
pub use connection::{Connection, Counters, Opened};
pub use error::{Dropped, HandshakeError, SealError};
pub use handshake::{Config, Credentials, Handshake, PSK_IDENTITY};
pub use record::{MAX_PLAINTEXT, Records, records};
pub use session_id::SessionId;
pub use suite::Suite;
