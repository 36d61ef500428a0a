//! The client's network side: a TUN device and the queue of what waits for the gateway.

use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

use super::TunQueue;
use crate::arena::PacketArena;
use crate::counters::DropReason;
use crate::io::Delivery;
use crate::io::PacketIo;
use crate::offload::Run;
use crate::packet::Packet;
use crate::scheduler::{Drops, Limits, Scheduler};

/// A TUN device's queue as the network side of the only session.
#[derive(Debug)]
pub struct TunPort {
    queue: TunQueue,
    arena: PacketArena,
    scheduler: Scheduler,
    /// The scheduler's drops that the pump knows of.
    told: Drops,
}

impl TunPort {
    /// `seed` is random.
    pub fn new(queue: TunQueue, seed: u64) -> Self {
        Self {
            queue,
            arena: PacketArena::default(),
            scheduler: Scheduler::new(Limits::default(), seed),
            told: Drops::default(),
        }
    }

    /// The device.
    pub fn queue(&self) -> &TunQueue {
        &self.queue
    }

    /// What waits, and what was dropped.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }
}

impl PacketIo for TunPort {
    /// Empties the device also while nothing can be sent, so that it is the scheduler that decides what is dropped.
    /// `cx` is woken by what arrives later, also when this is ready.
    fn poll_ready(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<io::Result<()>> {
        let Self { queue, arena, scheduler, .. } = self;
        let mut push = |packet| {
            scheduler.push(packet, now);
        };
        // When the first has left nothing, the second only makes sure of being woken.
        let mut more = queue.poll_recv(cx, arena, &mut push)?;
        if more.is_ready() {
            more = queue.poll_recv(cx, arena, &mut push)?;
        }
        if more.is_ready() {
            cx.waker().wake_by_ref();
        }
        if scheduler.is_empty() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }

    fn take(&mut self, now: Instant, bytes: usize, batch: &mut Vec<Packet>) {
        self.scheduler.take(now, bytes, batch);
    }

    fn queue_drops(&mut self) -> [(DropReason, usize); 2] {
        let drops = self.scheduler.drops();
        let before = std::mem::replace(&mut self.told, drops);
        let since = |now: u64, then: u64| usize::try_from(now.saturating_sub(then)).unwrap_or(usize::MAX);
        [
            (DropReason::QueueFull, since(drops.overlimit, before.overlimit)),
            (DropReason::QueueDelay, since(drops.codel, before.codel)),
        ]
    }

    fn deliver(&mut self, run: &Run<'_>) -> io::Result<Delivery> {
        self.queue.send(run)
    }
}
