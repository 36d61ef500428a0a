//! The seam between the pump and the network: the client's TUN device, or a gateway session's port on its switch.

use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

pub mod memory;

use crate::counters::DropReason;
use crate::offload::Run;
use crate::packet::Packet;

/// What became of a packet that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is on its way.
    Delivered,
    /// It was dropped: a filter said no, a queue was full, or the kernel refused this one packet.
    Dropped,
}

/// The network side of one session. It holds the only queue of packets that wait for the peer, and bounds it.
pub trait PacketIo: Send {
    /// Pulls what has arrived into the port's own queue. Ready when [`PacketIo::take`] has something; otherwise `cx`
    /// is woken when it may.
    ///
    /// # Errors
    /// Final: the device is gone. `UnexpectedEof` says that the other side has closed in order.
    fn poll_ready(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<io::Result<()>>;

    /// Moves packets whose turn it is to the end of `batch`, until `bytes` are reached or none is left; at least one
    /// when there is one.
    fn take(&mut self, now: Instant, bytes: usize, batch: &mut Vec<Packet>);

    /// When packets that are held back have their turn, if nothing happens before (shaping); asked whenever
    /// [`PacketIo::poll_ready`] was not ready.
    fn wake_at(&self, _now: Instant) -> Option<Instant> {
        None
    }

    /// What the port's own queue has dropped since this was asked last, by reason.
    fn queue_drops(&mut self) -> [(DropReason, usize); 2] {
        [(DropReason::QueueFull, 0), (DropReason::QueueDelay, 0)]
    }

    /// Hands over what came from the peer. Never waits.
    ///
    /// # Errors
    /// Final; what concerns this run only is [`Delivery::Dropped`].
    fn deliver(&mut self, run: &Run<'_>) -> io::Result<Delivery>;

    /// The pump ends, and only its last word is still on the way: what stands behind the port may serve another pump
    /// from now on. Nothing else is called afterwards.
    fn release(&mut self) {}
}
