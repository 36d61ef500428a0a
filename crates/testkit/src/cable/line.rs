//! One direction of a cable as a pure queue: which packet is lost, and when the others come out at the far end.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Packets on the way at most; a cable is no memory leak.
const MOST: usize = 200_000;

/// What a direction of a cable does to packets.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Conditions {
    /// The share of packets that is lost, each with the same probability: 0 to 1.
    pub loss: f64,
    /// How long a packet travels; the same for all, so that none overtakes another.
    pub delay: Duration,
    /// Bits each second; `None` is as fast as it goes.
    pub rate: Option<u64>,
    /// Packets that wait for their turn at most where there is a rate; more are dropped. 0 means 1000.
    pub queue: usize,
    /// How many times a packet comes out once more, as where somebody replays them.
    pub copies: u16,
}

/// What became of the packets of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Came out at the far end.
    pub forwarded: u64,
    /// Lost on the way, as wished.
    pub lost: u64,
    /// Dropped because the queue was full.
    pub overflowed: u64,
}

/// One direction.
#[derive(Debug)]
pub(super) struct Line {
    conditions: Conditions,
    counts: Counts,
    random: u64,
    /// When the last packet will have left the near end.
    free_at: Option<Instant>,
    /// By when they come out, and in that order: (leaves the near end, comes out, packet).
    on_the_way: VecDeque<(Instant, Instant, Vec<u8>)>,
    /// Buffers of packets that have come out.
    spare: Vec<Vec<u8>>,
}

impl Line {
    pub(super) fn new(conditions: Conditions, seed: u64) -> Self {
        Self {
            conditions,
            counts: Counts::default(),
            random: seed,
            free_at: None,
            on_the_way: VecDeque::new(),
            spare: Vec::new(),
        }
    }

    /// For packets that enter from now on.
    pub(super) fn set(&mut self, conditions: Conditions) {
        self.conditions = conditions;
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    /// A packet enters at the near end.
    pub(super) fn enter(&mut self, packet: &[u8], now: Instant) {
        if self.next_share() < self.conditions.loss {
            self.counts.lost += 1;
            return;
        }
        let mut leaves = now;
        if let Some(rate) = self.conditions.rate {
            let waiting = self.on_the_way.iter().rev().take_while(|(leaves, ..)| *leaves > now).count();
            if waiting >= if self.conditions.queue == 0 { 1_000 } else { self.conditions.queue } {
                self.counts.overflowed += 1;
                return;
            }
            let nanoseconds = packet.len() as u64 * 8 * 1_000_000_000 / rate.max(1);
            leaves = self.free_at.map_or(now, |free| free.max(now)) + Duration::from_nanos(nanoseconds);
            self.free_at = Some(leaves);
        }
        // Nobody overtakes, also when the delay has just become shorter.
        let arrives = leaves + self.conditions.delay;
        let arrives = self.on_the_way.back().map_or(arrives, |(_, last, _)| arrives.max(*last));
        for _ in 0..=self.conditions.copies {
            if self.on_the_way.len() >= MOST {
                self.counts.overflowed += 1;
                return;
            }
            let mut copy = self.spare.pop().unwrap_or_default();
            copy.clear();
            copy.extend_from_slice(packet);
            self.on_the_way.push_back((leaves, arrives, copy));
        }
    }

    /// The next packet whose time has come; it goes back with [`Self::give_back`].
    pub(super) fn leave(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.next_at().filter(|&at| at <= now)?;
        self.counts.forwarded += 1;
        self.on_the_way.pop_front().map(|(_, _, packet)| packet)
    }

    pub(super) fn give_back(&mut self, packet: Vec<u8>) {
        if self.spare.len() < 1_024 {
            self.spare.push(packet);
        }
    }

    /// When the next packet comes out.
    pub(super) fn next_at(&self) -> Option<Instant> {
        self.on_the_way.front().map(|(_, arrives, _)| *arrives)
    }

    /// The next random number between 0 and 1 (SplitMix64).
    fn next_share(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as f64 / u64::MAX as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn out(line: &mut Line, now: Instant) -> Vec<u8> {
        std::iter::from_fn(|| line.leave(now)).filter_map(|packet| packet.first().copied()).collect()
    }

    #[test]
    fn packets_come_out_in_order_after_their_delay() {
        let start = Instant::now();
        let mut line = Line::new(Conditions { delay: 5 * MS, ..Conditions::default() }, 1);
        line.enter(&[1], start);
        line.enter(&[2], start + MS);
        assert_eq!(line.next_at(), Some(start + 5 * MS));
        assert_eq!(out(&mut line, start + 4 * MS), []);
        assert_eq!(out(&mut line, start + 5 * MS), [1]);
        line.set(Conditions::default());
        line.enter(&[3], start + 5 * MS);
        assert_eq!(out(&mut line, start + 5 * MS), [], "3 waits for 2");
        assert_eq!(out(&mut line, start + 6 * MS), [2, 3]);
        assert_eq!(line.next_at(), None);
    }

    #[test]
    fn a_replayed_packet_comes_out_as_often_as_asked_for() {
        let start = Instant::now();
        let mut line = Line::new(Conditions { copies: 2, ..Conditions::default() }, 1);
        line.enter(&[1], start);
        line.enter(&[2], start);
        assert_eq!(out(&mut line, start), [1, 1, 1, 2, 2, 2]);
    }

    #[test]
    fn the_share_that_is_lost_is_the_one_asked_for_and_the_same_for_a_seed() {
        let lost = |seed| {
            let mut line = Line::new(Conditions { loss: 0.05, ..Conditions::default() }, seed);
            let now = Instant::now();
            for _ in 0..100_000 {
                line.enter(&[0], now);
            }
            line.counts().lost
        };
        assert!((4_800..5_200).contains(&lost(1)), "{}", lost(1));
        assert_eq!(lost(7), lost(7));
        assert_ne!(lost(7), lost(8));
    }

    #[test]
    fn a_rate_spreads_packets_and_a_full_queue_drops() {
        let start = Instant::now();
        // 125 bytes take 1 ms.
        let conditions = Conditions { rate: Some(1_000_000), queue: 3, delay: MS, ..Conditions::default() };
        let mut line = Line::new(conditions, 1);
        for number in 0..5 {
            line.enter(&[number; 125], start);
        }
        assert_eq!(line.counts().overflowed, 2);
        assert_eq!(out(&mut line, start + 2 * MS), [0]);
        assert_eq!(out(&mut line, start + 4 * MS), [1, 2]);
        assert_eq!(line.counts(), Counts { forwarded: 3, lost: 0, overflowed: 2 });
    }
}
