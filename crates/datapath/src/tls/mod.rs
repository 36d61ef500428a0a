//! TLS 1.3 and 1.2 at the speed of the cipher: rustls shakes hands, and the records are sealed and opened here.
//!
//! rustls copies every byte several times on its way through a connection. [`TlsStream`] therefore uses it for the
//! handshake only, in its unbuffered form, and takes the traffic secrets over the moment they stand: one record layer,
//! [`Records`], serves the HTTP exchange through [`TlsStream`] and then, after [`TlsStream::into_records`], the tunnel.
//! Key updates and session tickets go back to rustls, which keeps the key schedule.
//!
//! Any `ClientConfig` and `ServerConfig` will do: what a connection needs beyond it (extraction of the secrets, no early
//! data) is set in a copy of its own.

mod exporter;
mod handshake;
pub mod records;
mod stream;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use handshake::Hello;
pub use records::{Event, Records, TlsError};
pub use stream::{Detached, TlsStream};
