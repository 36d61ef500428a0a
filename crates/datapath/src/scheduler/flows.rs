//! The flows of a scheduler and the order in which they get their turn (RFC 8290, section 4).
#![expect(clippy::vec_box, reason = "spare ones move in and out without being copied")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::codel::Codel;
use crate::packet::Packet;

/// Bytes of a flow's turn: one ordinary packet (RFC 8290, 5.2.4).
const QUANTUM: i32 = 1514;
/// Queues that the hash chooses from (RFC 8290, 5.2.5); a power of two.
const BUCKETS: usize = 1024;
/// No entry.
const NONE: u32 = u32::MAX;
/// No flow.
const NO_FLOW: u16 = u16::MAX;
/// Empty ones that a thread keeps, as many as sessions that are busy at one time...
const SPARES: usize = 16;
/// ...none of them with room for more packets or flows than this: about 20 KiB each.
const SPARE_ENTRIES: usize = 256;

thread_local! {
    /// A queue that empties with each packet would have to be allocated for each.
    static SPARE: RefCell<Vec<Box<Flows>>> = const { RefCell::new(Vec::new()) };
}

/// All packets that wait, as chains through one list of entries.
#[derive(Debug)]
pub(super) struct Flows {
    buckets: [u16; BUCKETS],
    flows: Vec<Flow>,
    /// Bytes that wait of each flow; on its own, since it is searched through.
    backlogs: Vec<u32>,
    unused_flows: Vec<u16>,
    entries: Vec<Entry>,
    /// The first of the chain of entries without a packet.
    unused: u32,
    new: VecDeque<u16>,
    old: VecDeque<u16>,
    /// Whose packet came out last.
    last: u16,
}

#[derive(Debug)]
struct Flow {
    first: u32,
    last: u32,
    bucket: usize,
    deficit: i32,
    codel: Codel,
}

#[derive(Debug)]
struct Entry {
    packet: Packet,
    since: Instant,
    next: u32,
}

impl Default for Flows {
    fn default() -> Self {
        Self {
            buckets: [NO_FLOW; BUCKETS],
            flows: Vec::new(),
            backlogs: Vec::new(),
            unused_flows: Vec::new(),
            entries: Vec::new(),
            unused: NONE,
            new: VecDeque::new(),
            old: VecDeque::new(),
            last: NO_FLOW,
        }
    }
}

impl Flows {
    /// None at all, out of what this thread keeps.
    pub(super) fn fresh() -> Box<Self> {
        let spare = SPARE.try_with(|spares| spares.borrow_mut().pop());
        spare.ok().flatten().unwrap_or_default()
    }

    /// Lets this thread keep it for the next one who needs one.
    pub(super) fn give_back(mut self: Box<Self>) {
        if self.entries.capacity().max(self.flows.capacity()) > SPARE_ENTRIES {
            return;
        }
        self.clear();
        // A thread that ends keeps nothing.
        let _ = SPARE.try_with(|spares| {
            let mut spares = spares.borrow_mut();
            if spares.len() < SPARES {
                spares.push(self);
            }
        });
    }

    /// As it was in the beginning, but for the room that it has.
    fn clear(&mut self) {
        let Self { buckets, flows, backlogs, unused_flows, entries, unused, new, old, last } = self;
        for flow in flows.drain(..) {
            buckets[flow.bucket] = NO_FLOW;
        }
        backlogs.clear();
        unused_flows.clear();
        entries.clear();
        (*unused, *last) = (NONE, NO_FLOW);
        new.clear();
        old.clear();
    }

    /// Appends to the flow; returns the entry's number, which is its own until it is taken out.
    pub(super) fn push(&mut self, hash: u64, packet: Packet, now: Instant) -> u32 {
        let size = packet.bytes.len();
        let flow = self.flow(hash);
        let entry = self.entry(Entry { packet, since: now, next: NONE });
        let Flow { first, last, .. } = &mut self.flows[flow as usize];
        if *first == NONE {
            *first = entry;
        } else {
            self.entries[*last as usize].next = entry;
        }
        *last = entry;
        self.backlogs[flow as usize] += size as u32;
        entry
    }

    /// The next packet, and whether CoDel wants its flow to be told. What comes out is to be charged or dropped.
    pub(super) fn pop(
        &mut self,
        now: Instant,
        target: Duration,
        interval: Duration,
    ) -> Option<(Packet, bool)> {
        loop {
            let is_new = !self.new.is_empty();
            let list = if is_new { &mut self.new } else { &mut self.old };
            let id = *list.front()?;
            let flow = &mut self.flows[id as usize];
            if flow.deficit <= 0 {
                flow.deficit += QUANTUM;
                list.pop_front();
                self.old.push_back(id);
                continue;
            }
            let Some((_, packet, since)) = self.unchain(id) else {
                let list = if is_new { &mut self.new } else { &mut self.old };
                list.pop_front();
                // One pass among the old ones, so that a flow of single packets does not starve them.
                if is_new && !self.old.is_empty() {
                    self.old.push_back(id);
                } else {
                    self.forget(id);
                }
                continue;
            };
            self.last = id;
            let left = self.backlogs[id as usize] as usize;
            let waited = now.saturating_duration_since(since);
            let late = self.flows[id as usize].codel.judge(now, waited, left, target, interval);
            return Some((packet, late));
        }
    }

    /// Takes the bytes that came out last from its flow's turn.
    pub(super) fn charge(&mut self, bytes: usize) {
        if let Some(flow) = self.flows.get_mut(self.last as usize) {
            flow.deficit -= i32::try_from(bytes).unwrap_or(i32::MAX);
        }
    }

    /// Takes the oldest packet of the flow with the most bytes out (RFC 8290, 4.1).
    pub(super) fn drop_of_fattest(&mut self) -> Option<(u32, Packet)> {
        let most = *self.backlogs.iter().max()?;
        let fattest = self.backlogs.iter().position(|backlog| *backlog == most)?;
        let (entry, packet, _) = self.unchain(fattest as u16)?;
        Some((entry, packet))
    }

    /// The flow of the hash; a new one gets its first turn before all old ones.
    fn flow(&mut self, hash: u64) -> u16 {
        let bucket = hash as usize % BUCKETS;
        let known = self.buckets[bucket];
        if known != NO_FLOW {
            return known;
        }
        let flow = Flow { first: NONE, last: NONE, bucket, deficit: QUANTUM, codel: Codel::default() };
        let id = match self.unused_flows.pop() {
            Some(id) => {
                self.flows[id as usize] = flow;
                id
            }
            None => {
                self.flows.push(flow);
                self.backlogs.push(0);
                self.flows.len() as u16 - 1
            }
        };
        self.buckets[bucket] = id;
        self.new.push_back(id);
        id
    }

    /// Where its entries are.
    #[cfg(test)]
    pub(super) fn entries(&self) -> *const () {
        self.entries.as_ptr().cast()
    }

    /// Packets for which it has room.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.entries.capacity()
    }

    fn forget(&mut self, id: u16) {
        self.buckets[self.flows[id as usize].bucket] = NO_FLOW;
        self.unused_flows.push(id);
    }

    fn entry(&mut self, entry: Entry) -> u32 {
        let id = self.unused;
        match self.entries.get_mut(id as usize) {
            Some(unused) => {
                self.unused = unused.next;
                *unused = entry;
                id
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        }
    }

    /// Takes the flow's oldest packet out: the entry's number, the packet, and since when it waited.
    fn unchain(&mut self, id: u16) -> Option<(u32, Packet, Instant)> {
        let flow = &mut self.flows[id as usize];
        let first = flow.first;
        let entry = self.entries.get_mut(first as usize)?;
        flow.first = std::mem::replace(&mut entry.next, self.unused);
        self.unused = first;
        let packet = Packet { bytes: std::mem::take(&mut entry.packet.bytes), offload: entry.packet.offload };
        self.backlogs[id as usize] -= packet.bytes.len() as u32;
        Some((first, packet, entry.since))
    }
}
