//! What went through a tunnel, counted where it happens and read from anywhere.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The channels that carry packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Channel {
    /// Frames in the TLS stream.
    Tls,
    /// DTLS datagrams.
    Udp,
}

/// Why a packet went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// From the peer: a filter or the kernel refused it.
    Refused,
    /// From the peer: it is no packet, or a super-packet that does not add up.
    Malformed,
    /// From the peer: a datagram that was there before.
    Replayed,
    /// From the peer, as it seems: a datagram that the peer did not make.
    Forged,
    /// For the peer: longer than the tunnel's MTU.
    TooLong,
    /// For the peer: the queue was full.
    QueueFull,
    /// For the peer: it would have waited for too long (CoDel, RFC 8289).
    QueueDelay,
    /// For the peer: a datagram that the system did not send.
    Unsent,
}

impl DropReason {
    /// Every reason, in the order in which they are shown.
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::Malformed,
        Self::Replayed,
        Self::Forged,
        Self::TooLong,
        Self::QueueFull,
        Self::QueueDelay,
        Self::Unsent,
    ];

    /// The name in metrics and machine-readable output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Malformed => "malformed",
            Self::Replayed => "replayed",
            Self::Forged => "forged",
            Self::TooLong => "too_long",
            Self::QueueFull => "queue_full",
            Self::QueueDelay => "queue_delay",
            Self::Unsent => "unsent",
        }
    }

    /// Whether the packet came from the peer.
    pub const fn is_inbound(self) -> bool {
        matches!(self, Self::Refused | Self::Malformed | Self::Replayed | Self::Forged)
    }
}

/// Packets and bytes of one session, seen from this side. They start at zero and only grow; a session keeps its
/// counters over reconnects (B-17).
#[derive(Debug, Default)]
pub struct Counters {
    tls: ChannelCounters,
    udp: ChannelCounters,
    drops: [AtomicU64; DropReason::ALL.len()],
}

#[derive(Debug, Default)]
struct ChannelCounters {
    packets_received: AtomicU64,
    bytes_received: AtomicU64,
    packets_sent: AtomicU64,
    bytes_sent: AtomicU64,
    retransmits: AtomicU64,
    /// In microseconds; zero: never measured.
    round_trip: AtomicU64,
}

/// A reading of one channel's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelValues {
    /// IP packets that arrived from the peer and were delivered; a super-packet counts as what it stands for.
    pub packets_received: u64,
    /// Their bytes, without framing.
    pub bytes_received: u64,
    /// IP packets sent to the peer.
    pub packets_sent: u64,
    /// Their bytes, without framing.
    pub bytes_sent: u64,
    /// What was sent again: of TLS segments of its TCP, where the system tells, of DTLS flights of a handshake.
    pub retransmits: u64,
    /// The last round trip that was measured, a probe's or of TLS its TCP's, to a microsecond.
    pub round_trip: Option<Duration>,
}

/// A reading of [`Counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterValues {
    /// IP packets that arrived from the peer and were delivered, by both channels.
    pub packets_received: u64,
    /// Their bytes, without framing.
    pub bytes_received: u64,
    /// IP packets sent to the peer, by both channels.
    pub packets_sent: u64,
    /// Their bytes, without framing.
    pub bytes_sent: u64,
    /// Packets from the peer that went no further.
    pub dropped_inbound: u64,
    /// Packets for the peer that went no further.
    pub dropped_outbound: u64,
    /// What the TLS channel carried.
    pub tls: ChannelValues,
    /// What the UDP channel carried.
    pub udp: ChannelValues,
    drops: [u64; DropReason::ALL.len()],
}

impl CounterValues {
    /// Packets that went no further for that reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.drops.get(reason as usize).copied().unwrap_or_default()
    }
}

impl Counters {
    /// Reads all counters; each is exact, together they are not one instant's.
    pub fn values(&self) -> CounterValues {
        let (tls, udp) = (self.tls.values(), self.udp.values());
        let drops = self.drops.each_ref().map(|count| count.load(Ordering::Relaxed));
        let mut values = CounterValues {
            packets_received: tls.packets_received + udp.packets_received,
            bytes_received: tls.bytes_received + udp.bytes_received,
            packets_sent: tls.packets_sent + udp.packets_sent,
            bytes_sent: tls.bytes_sent + udp.bytes_sent,
            dropped_inbound: 0,
            dropped_outbound: 0,
            tls,
            udp,
            drops,
        };
        for reason in DropReason::ALL {
            let side =
                if reason.is_inbound() { &mut values.dropped_inbound } else { &mut values.dropped_outbound };
            *side += drops.get(reason as usize).copied().unwrap_or_default();
        }
        values
    }

    /// `packets` arrived by `channel` and were delivered.
    pub fn received(&self, channel: Channel, packets: usize, bytes: usize) {
        let of = self.of(channel);
        of.packets_received.fetch_add(packets as u64, Ordering::Relaxed);
        of.bytes_received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// `packets` went out by `channel`.
    pub fn sent(&self, channel: Channel, packets: usize, bytes: usize) {
        let of = self.of(channel);
        of.packets_sent.fetch_add(packets as u64, Ordering::Relaxed);
        of.bytes_sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// `packets` went no further.
    pub fn dropped(&self, reason: DropReason, packets: usize) {
        if let Some(count) = self.drops.get(reason as usize) {
            count.fetch_add(packets as u64, Ordering::Relaxed);
        }
    }

    /// A probe on `channel` was answered after `time`, or TCP says so of itself.
    pub fn measured(&self, channel: Channel, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).max(1);
        self.of(channel).round_trip.store(micros, Ordering::Relaxed);
    }

    /// So much was sent again on `channel`.
    pub fn retransmitted(&self, channel: Channel, times: u64) {
        self.of(channel).retransmits.fetch_add(times, Ordering::Relaxed);
    }

    fn of(&self, channel: Channel) -> &ChannelCounters {
        match channel {
            Channel::Tls => &self.tls,
            Channel::Udp => &self.udp,
        }
    }
}

impl ChannelCounters {
    fn values(&self) -> ChannelValues {
        let round_trip = self.round_trip.load(Ordering::Relaxed);
        ChannelValues {
            packets_received: self.packets_received.load(Ordering::Relaxed),
            bytes_received: self.bytes_received.load(Ordering::Relaxed),
            packets_sent: self.packets_sent.load(Ordering::Relaxed),
            bytes_sent: self.bytes_sent.load(Ordering::Relaxed),
            retransmits: self.retransmits.load(Ordering::Relaxed),
            round_trip: (round_trip > 0).then(|| Duration::from_micros(round_trip)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_channels_carry_and_what_is_dropped_adds_up() {
        let counters = Counters::default();
        counters.received(Channel::Tls, 2, 200);
        counters.received(Channel::Udp, 3, 300);
        counters.sent(Channel::Udp, 1, 50);
        counters.dropped(DropReason::QueueDelay, 4);
        counters.dropped(DropReason::Forged, 5);
        counters.measured(Channel::Udp, Duration::from_nanos(1));
        let values = counters.values();
        assert_eq!((values.packets_received, values.bytes_received), (5, 500));
        assert_eq!((values.packets_sent, values.udp.packets_sent, values.tls.packets_sent), (1, 1, 0));
        assert_eq!((values.dropped_inbound, values.dropped_outbound), (5, 4));
        assert_eq!(values.dropped(DropReason::Forged), 5);
        assert_eq!(values.udp.round_trip, Some(Duration::from_micros(1)));
        assert_eq!(values.tls.round_trip, None);
    }
}
