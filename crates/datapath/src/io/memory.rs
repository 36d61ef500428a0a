//! A network side in memory: for tests, and for a channel that has none.

use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::sync::mpsc;

use super::{Delivery, PacketIo};
use crate::offload::Run;
use crate::packet::Packet;

/// Two ends: what is sent on one comes out of the other, in order, at most `capacity` packets each way; a full queue
/// makes [`MemoryEnd::send`] wait, and drops what the pump delivers.
pub fn pair(capacity: usize) -> (MemoryEnd, MemoryIo) {
    let (to_pump, from_end) = mpsc::channel(capacity.max(1));
    let (to_end, from_pump) = mpsc::channel(capacity.max(1));
    (MemoryEnd { tx: to_pump, rx: from_pump }, MemoryIo { tx: to_end, rx: from_end, next: None })
}

/// The network's end.
#[derive(Debug)]
pub struct MemoryEnd {
    /// Packets for the peer.
    pub tx: mpsc::Sender<Packet>,
    /// Packets from the peer.
    pub rx: mpsc::Receiver<Packet>,
}

/// The pump's end.
#[derive(Debug)]
pub struct MemoryIo {
    tx: mpsc::Sender<Packet>,
    rx: mpsc::Receiver<Packet>,
    next: Option<Packet>,
}

impl MemoryEnd {
    /// Sends a packet to the peer; false when the pump is gone.
    pub async fn send(&self, packet: Packet) -> bool {
        self.tx.send(packet).await.is_ok()
    }

    /// The next packet from the peer; `None` when the pump is gone.
    pub async fn recv(&mut self) -> Option<Packet> {
        self.rx.recv().await
    }
}

impl PacketIo for MemoryIo {
    fn poll_ready(&mut self, cx: &mut Context<'_>, _: Instant) -> Poll<io::Result<()>> {
        if self.next.is_some() {
            return Poll::Ready(Ok(()));
        }
        self.rx.poll_recv(cx).map(|packet| {
            self.next = packet;
            self.next.as_ref().map(drop).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
        })
    }

    fn take(&mut self, _: Instant, bytes: usize, batch: &mut Vec<Packet>) {
        let mut taken = 0;
        while let Some(packet) = self.next.take().or_else(|| self.rx.try_recv().ok()) {
            taken += packet.bytes.len();
            batch.push(packet);
            if taken >= bytes {
                return;
            }
        }
    }

    fn deliver(&mut self, run: &Run<'_>) -> io::Result<Delivery> {
        match self.tx.try_send(run.to_packet()) {
            Ok(()) => Ok(Delivery::Delivered),
            Err(_) => Ok(Delivery::Dropped),
        }
    }
}
