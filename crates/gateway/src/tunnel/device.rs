//! The TUN device's queues as the switch's way to the network.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use praya_datapath::arena::PacketArena;
use praya_datapath::offload::Run;
use praya_datapath::tun::TunQueue;
use praya_datapath::{Delivery, Packet};

use super::switch::{Downlink, Uplink};

/// What reads one queue.
pub struct QueueReader {
    queue: Arc<TunQueue>,
    arena: PacketArena,
}

impl QueueReader {
    /// The only reader of `queue`.
    pub fn new(queue: Arc<TunQueue>) -> Self {
        Self { queue, arena: PacketArena::default() }
    }
}

impl Downlink for QueueReader {
    async fn recv(&mut self, batch: &mut Vec<Packet>) -> io::Result<()> {
        let Self { queue, arena } = self;
        poll_fn(|cx| queue.poll_recv(cx, arena, &mut |packet| batch.push(packet))).await
    }
}

impl Uplink for TunQueue {
    fn send(&self, run: &Run<'_>) -> Delivery {
        // A device that is gone ends its readers, and with them the gateway.
        Self::send(self, run).unwrap_or(Delivery::Dropped)
    }
}
