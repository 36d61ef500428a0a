//! A token bucket, kept as the moment at which it will be full again.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

/// One ordinary packet, bytes.
const PACKET: usize = 1514;

/// How much may pass in the long run, and how much of it at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Bits of IP packets per second.
    pub bits_per_second: NonZeroU64,
    /// Bytes that may pass at once after a pause. One packet may always exceed it.
    pub burst: u32,
}

impl Rate {
    /// With a burst of four milliseconds, and at least of two ordinary packets.
    pub fn new(bits_per_second: NonZeroU64) -> Self {
        let burst = (bits_per_second.get() / 8 / 250).max(2 * PACKET as u64);
        Self { bits_per_second, burst: u32::try_from(burst).unwrap_or(u32::MAX) }
    }

    /// How long so many bytes take, and never less.
    fn time_of(self, bytes: u64) -> Duration {
        let nanos = (u128::from(bytes) * 8_000_000_000).div_ceil(self.bits_per_second.get().into());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// The bucket itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    pub(super) rate: Rate,
    /// `None` before the first packet.
    full_at: Option<Instant>,
}

impl Bucket {
    /// As full as `before`.
    pub(super) fn new(rate: Rate, before: Option<Self>) -> Self {
        Self { rate, full_at: before.and_then(|before| before.full_at) }
    }

    /// When the next packet may pass, if that is later than `now`.
    pub(super) fn next_at(self, now: Instant) -> Option<Instant> {
        let missing = self.full_at?.checked_duration_since(now)?;
        let wait = missing.checked_sub(self.rate.time_of(self.rate.burst.into()))?;
        (!wait.is_zero()).then(|| now + wait)
    }

    /// A packet has passed.
    pub(super) fn charge(&mut self, bytes: usize, now: Instant) {
        let from = self.full_at.map_or(now, |at| at.max(now));
        self.full_at = from.checked_add(self.rate.time_of(bytes as u64));
    }

    /// No queue can be shorter than this.
    pub(super) fn time_of_one_packet(self) -> Duration {
        self.rate.time_of(PACKET as u64)
    }
}
