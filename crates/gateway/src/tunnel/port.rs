//! A session's port on the switch: what the pump takes packets from, and hands them to.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use praya_datapath::counters::DropReason;
use praya_datapath::io::PacketIo;
use praya_datapath::offload::{self, Run};
use praya_datapath::scheduler::Drops;
use praya_datapath::{Delivery, Packet};

use super::policer::Policer;
use super::route::Route;
use super::switch::{Switch, Uplink};
use crate::metrics::Dropped;

/// The network side of one session's channel.
pub struct SessionPort {
    switch: Arc<Switch>,
    route: Arc<Route>,
    uplink: Arc<dyn Uplink>,
    policer: Policer,
    /// What the queue had dropped when it was looked into last, and how much of that was told.
    drops: Drops,
    told: Drops,
    /// When what is held back has its turn.
    wake_at: Option<Instant>,
}

impl SessionPort {
    pub(super) fn new(switch: Arc<Switch>, route: Arc<Route>, uplink: Arc<dyn Uplink>) -> Self {
        let (drops, told) = (Drops::default(), Drops::default());
        Self { switch, route, uplink, policer: Policer::default(), drops, told, wake_at: None }
    }
}

impl PacketIo for SessionPort {
    fn poll_ready(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<io::Result<()>> {
        let mut queue = self.route.queue();
        self.drops = queue.scheduler.drops();
        self.wake_at = queue.scheduler.next_at(now);
        if !queue.scheduler.is_empty() && self.wake_at.is_none() {
            return Poll::Ready(Ok(()));
        }
        match &mut queue.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    fn take(&mut self, now: Instant, bytes: usize, batch: &mut Vec<Packet>) {
        let before = batch.len();
        self.route.queue().scheduler.take(now, bytes, batch);
        let (mut packets, mut bytes) = (0, 0);
        for packet in batch.get(before..).unwrap_or_default() {
            let (segments, len) = extent(packet);
            packets += segments;
            bytes += len;
        }
        self.switch.carried_to_client(&self.route, packets, bytes);
    }

    fn wake_at(&self, _now: Instant) -> Option<Instant> {
        self.wake_at
    }

    fn queue_drops(&mut self) -> [(DropReason, usize); 2] {
        let told = std::mem::replace(&mut self.told, self.drops);
        let fresh = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
        let full = fresh(self.drops.overlimit, told.overlimit);
        let late = fresh(self.drops.codel, told.codel);
        self.switch.count_drops(&self.route, Dropped::QueueFull, full);
        self.switch.count_drops(&self.route, Dropped::QueueDelay, late);
        [(DropReason::QueueFull, full), (DropReason::QueueDelay, late)]
    }

    fn deliver(&mut self, run: &Run<'_>) -> io::Result<Delivery> {
        // A device that is gone ends its reader, and with it the gateway; the session is none of its business.
        Ok(self.switch.forward(&self.route, &mut self.policer, &*self.uplink, run))
    }
}

/// The ordinary packets that a packet stands for, and their bytes.
fn extent(packet: &Packet) -> (usize, usize) {
    if !packet.offload.is_super() {
        return (1, packet.bytes.len());
    }
    match offload::check(&packet.bytes, packet.offload, usize::MAX) {
        Ok(run) => (run.segments(), run.bytes()),
        Err(_) => (1, packet.bytes.len()),
    }
}
