//! The UDP channel: DTLS datagrams beside the TLS stream (OpenConnect protocol, section 5).
//!
//! [`UdpChannel`] is one session's channel over any [`DatagramIo`]: a client's own [`UdpIo`], or a gateway session's
//! share of a socket. [`choice`] says which channel carries data, [`path_mtu`] how long a datagram may be; both are
//! pure.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

mod buffer;
mod channel;
pub mod choice;
mod keys;
mod output;
pub mod path_mtu;
mod probes;
pub mod socket;

pub use buffer::Buffer;
pub use channel::{ChannelSettings, SURE_DATAGRAM, UdpChannel, UdpCounts, UdpState};
pub use choice::Choice;
pub use socket::UdpIo;

/// The two ends of a datagram's way, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// The peer's address.
    pub remote: SocketAddr,
    /// Our own, where a socket has several: an answer comes from the address that was asked.
    pub local: Option<IpAddr>,
    /// Which of the port's sockets, counted from zero.
    pub socket: usize,
}

impl From<SocketAddr> for Path {
    fn from(remote: SocketAddr) -> Self {
        Self { remote, local: None, socket: 0 }
    }
}

/// What one receive call brought: datagrams of one source, end to end.
#[derive(Debug)]
pub struct Datagrams {
    /// All of them.
    pub bytes: Buffer,
    /// Bytes of each; the last one may be shorter. Not zero unless `bytes` is empty.
    pub stride: usize,
    /// Where they came from.
    pub path: Path,
}

/// A session's share of the datagram network.
pub trait DatagramIo: Send {
    /// Appends what has arrived to `batch`, a bounded amount; otherwise `cx` is woken when there is something.
    ///
    /// # Errors
    /// Nothing is final: a datagram socket tells here that an earlier datagram was refused. Polling goes on.
    fn poll_recv(&mut self, cx: &mut Context<'_>, batch: &mut Vec<Datagrams>) -> Poll<io::Result<()>>;

    /// Sends `contents`, datagrams of `segment` bytes of which the last may be shorter, and returns how many bytes
    /// went: whole datagrams, at least one. Otherwise `cx` is woken when there is room.
    ///
    /// # Errors
    /// The first datagram cannot be sent; [`is_too_long`] tells whether for its length. The rest may still be.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        to: Path,
        contents: &[u8],
        segment: usize,
    ) -> Poll<io::Result<usize>>;

    /// The peer has proven that it is at `path`: what comes from there is this session's.
    fn adopt(&mut self, path: Path) {
        let _ = path;
    }

    /// Begins anew on the machine's network as it is now, where that is possible.
    ///
    /// # Errors
    /// There is no network; what was before stays.
    fn rebind(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a datagram was refused because it is longer than the first link carries.
pub fn is_too_long(error: &io::Error) -> bool {
    quinn_udp::is_msg_size_err(error)
}
