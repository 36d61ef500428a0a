//! What went through a tunnel, counted where it happens and read from anywhere.

use std::sync::atomic::{AtomicU64, Ordering};

/// Packets and bytes of one session, seen from this side. They start at zero and only grow; a session keeps its
/// counters over reconnects (B-17).
#[derive(Debug, Default)]
pub struct Counters {
    packets_received: AtomicU64,
    bytes_received: AtomicU64,
    packets_sent: AtomicU64,
    bytes_sent: AtomicU64,
    dropped_inbound: AtomicU64,
    dropped_outbound: AtomicU64,
}

/// A reading of [`Counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterValues {
    /// IP packets that arrived from the peer and were delivered.
    pub packets_received: u64,
    /// Their bytes, without framing.
    pub bytes_received: u64,
    /// IP packets sent to the peer.
    pub packets_sent: u64,
    /// Their bytes, without framing.
    pub bytes_sent: u64,
    /// Packets from the peer that a filter, a full queue or the kernel refused.
    pub dropped_inbound: u64,
    /// Packets for the peer that were longer than the tunnel's MTU.
    pub dropped_outbound: u64,
}

impl Counters {
    /// Reads all counters; each is exact, together they are not one instant's.
    pub fn values(&self) -> CounterValues {
        CounterValues {
            packets_received: self.packets_received.load(Ordering::Relaxed),
            bytes_received: self.bytes_received.load(Ordering::Relaxed),
            packets_sent: self.packets_sent.load(Ordering::Relaxed),
            bytes_sent: self.bytes_sent.load(Ordering::Relaxed),
            dropped_inbound: self.dropped_inbound.load(Ordering::Relaxed),
            dropped_outbound: self.dropped_outbound.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.packets_received.fetch_add(1, Ordering::Relaxed);
        self.bytes_received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: usize) {
        self.packets_sent.fetch_add(1, Ordering::Relaxed);
        self.bytes_sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn refused_inbound(&self) {
        self.dropped_inbound.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused_outbound(&self) {
        self.dropped_outbound.fetch_add(1, Ordering::Relaxed);
    }
}
