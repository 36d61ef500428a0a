//! Sans-I/O codecs of everything that crosses a wire: bytes in, typed values out, and back.
//!
//! Nothing here reads a socket or a clock. Every decoder is total: it never panics, never reads past what it was
//! given, and every limit it keeps is a public constant. `docs/protocol.md` is the specification.
#![warn(missing_docs)]
#![deny(clippy::indexing_slicing)]

pub mod anyconnect;
pub mod cstp;
pub mod fuzz;
pub mod http;
pub mod ip;
pub mod super_packet;
pub mod tunnel_headers;
