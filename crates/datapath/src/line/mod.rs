//! The TCP connection that carries a tunnel's records.

#[cfg(target_os = "linux")]
mod info;
mod paced;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

pub use paced::{MOST_UNSENT, PacedStream};

/// A connection that a tunnel's records go through.
pub trait Line: AsyncRead + AsyncWrite + Unpin + Send {
    /// How many bytes it should have at once, because it is slow.
    fn piece(&self) -> Option<usize> {
        None
    }

    /// What the system knows about it; nothing where it does not tell.
    fn state(&self) -> Option<LineState> {
        None
    }
}

/// The connection as its TCP sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineState {
    /// Segments that were sent again, since the connection was made.
    pub retransmits: u64,
    /// The smoothed round trip (RFC 6298, section 2), to a microsecond; zero: never measured.
    pub round_trip: Duration,
    /// The shortest round trip of the last minutes (on Linux `net.ipv4.tcp_min_rtt_wlen`), with what waited in queues
    /// that never emptied meanwhile; zero: never measured.
    pub least_round_trip: Duration,
    /// How fast the last segments arrived at the peer, in bytes per second; zero: never measured.
    pub rate: u64,
    /// There was nothing more to send then: the line may be faster.
    pub rate_is_ours: bool,
}

/// In memory there is nothing to know.
impl Line for DuplexStream {}
