//! Which packet goes next, and which is dropped: FQ-CoDel (RFC 8290) with a rate limit, for one session.
//!
//! Flows take turns by bytes, a flow that sends little goes first, and each flow's queue is kept short by CoDel
//! (RFC 8289). A super-packet is one packet of its full size here.

mod codel;
mod ecn;
mod flow_hash;
mod flows;
mod rate;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub use rate::Rate;

use crate::io::Delivery;
use crate::packet::Packet;
use flows::Flows;
use rate::Bucket;

/// What the counts of bytes can hold, with room for the packet that is too much.
const MAX_BYTES: usize = 1 << 30;

/// How much may wait, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Packets that wait at most; above, the flow with the most bytes loses its oldest.
    pub packets: usize,
    /// Their bytes at most; more than 1 GiB counts as that.
    pub bytes: usize,
    /// How long packets of a flow may wait as a rule (RFC 8290, 5.2.1).
    pub target: Duration,
    /// For how long they must have waited longer before the flow is told to slow down (RFC 8290, 5.2.2).
    pub interval: Duration,
}

impl Default for Limits {
    /// RFC 8290's times. A mebibyte is what 10 Gbit/s need for a millisecond, and sixteen super-packets.
    fn default() -> Self {
        Self {
            packets: 1024,
            bytes: 1 << 20,
            target: Duration::from_millis(5),
            interval: Duration::from_millis(100),
        }
    }
}

/// Packets that were dropped, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Too much waited: see [`Limits::packets`] and [`Limits::bytes`].
    pub overlimit: u64,
    /// They, or those before them in their flow, had waited for too long.
    pub codel: u64,
}

/// A fair queue of packets. While nothing waits it holds nothing but itself; what it needs when something does, threads
/// keep for it.
#[derive(Debug)]
pub struct Scheduler {
    limits: Limits,
    seed: u64,
    /// There only while something waits.
    flows: Option<Box<Flows>>,
    packets: usize,
    bytes: usize,
    drops: Drops,
    marked: u64,
    bucket: Option<Bucket>,
}

impl Scheduler {
    /// An empty queue. `seed` is random and secret, so that nobody can choose to share another's queue.
    pub fn new(limits: Limits, seed: u64) -> Self {
        Self {
            limits: Limits { bytes: limits.bytes.min(MAX_BYTES), ..limits },
            seed,
            flows: None,
            packets: 0,
            bytes: 0,
            drops: Drops::default(),
            marked: 0,
            bucket: None,
        }
    }

    /// Lets a packet wait. When that is too much, the oldest of the flow with the most bytes goes; [`Delivery`] is
    /// about `packet` only.
    pub fn push(&mut self, packet: Packet, now: Instant) -> Delivery {
        let size = packet.bytes.len();
        if size > self.limits.bytes || self.limits.packets == 0 {
            self.drops.overlimit += 1;
            return Delivery::Dropped;
        }
        let hash = flow_hash::of(&packet.bytes, self.seed);
        let flows = self.flows.get_or_insert_with(Flows::fresh);
        let pushed = flows.push(hash, packet, now);
        self.packets += 1;
        self.bytes += size;
        let mut outcome = Delivery::Delivered;
        while self.packets > self.limits.packets || self.bytes > self.limits.bytes {
            let Some((entry, dropped)) = flows.drop_of_fattest() else { break };
            self.packets -= 1;
            self.bytes -= dropped.bytes.len();
            self.drops.overlimit += 1;
            if entry == pushed {
                outcome = Delivery::Dropped;
            }
        }
        outcome
    }

    /// The packet whose turn it is. `None` when nothing waits, or when the rate does not allow it yet.
    pub fn pop(&mut self, now: Instant) -> Option<Packet> {
        if self.next_at(now).is_some() {
            return None;
        }
        let target = match self.bucket {
            Some(bucket) => self.limits.target.max(bucket.time_of_one_packet()),
            None => self.limits.target,
        };
        let flows = self.flows.as_mut()?;
        let popped = loop {
            let Some((packet, late)) = flows.pop(now, target, self.limits.interval) else { break None };
            let size = packet.bytes.len();
            self.packets -= 1;
            self.bytes -= size;
            let packet = if late {
                // A sender that understands is told; another one loses the packet.
                match ecn::mark(packet) {
                    Some(marked) => {
                        self.marked += 1;
                        marked
                    }
                    None => {
                        self.drops.codel += 1;
                        continue;
                    }
                }
            } else {
                packet
            };
            flows.charge(size);
            if let Some(bucket) = &mut self.bucket {
                bucket.charge(size, now);
            }
            break Some(packet);
        };
        if self.packets == 0 {
            self.flows.take().into_iter().for_each(Flows::give_back);
        }
        popped
    }

    /// Moves packets to the end of `batch` until it has `bytes` more or none may go; at least one when one may.
    pub fn take(&mut self, now: Instant, bytes: usize, batch: &mut Vec<Packet>) {
        let mut taken = 0;
        while let Some(packet) = self.pop(now) {
            taken += packet.bytes.len();
            batch.push(packet);
            if taken >= bytes {
                break;
            }
        }
    }

    /// When [`Self::pop`] gives something again, if packets wait for nothing but their rate; always later than
    /// `now`.
    pub fn next_at(&self, now: Instant) -> Option<Instant> {
        if self.is_empty() {
            return None;
        }
        self.bucket.and_then(|bucket| bucket.next_at(now))
    }

    /// Limits the bytes that come out. What the old rate has let through counts for the new one.
    pub fn set_rate(&mut self, rate: Option<Rate>) {
        self.bucket = rate.map(|rate| Bucket::new(rate, self.bucket));
    }

    /// What [`Self::set_rate`] was told last.
    pub fn rate(&self) -> Option<Rate> {
        self.bucket.map(|bucket| bucket.rate)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.packets == 0
    }

    /// Packets that wait.
    pub fn len(&self) -> usize {
        self.packets
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Packets dropped so far.
    pub fn drops(&self) -> Drops {
        self.drops
    }

    /// Packets marked so far instead of being dropped (Explicit Congestion Notification, RFC 3168).
    pub fn marked(&self) -> u64 {
        self.marked
    }
}
