//! A session's port for a pump that moves one packet at a time.

use std::future::poll_fn;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use praya_datapath::io::PacketIo as _;
use praya_datapath::offload::Run;
use praya_datapath::packet_io::PacketIo;
use praya_datapath::{Delivery, Offload};

use super::port::SessionPort;

/// For ordinary packets only.
pub(super) struct OneByOne(Mutex<SessionPort>);

impl OneByOne {
    pub(super) fn new(port: SessionPort) -> Self {
        Self(Mutex::new(port))
    }

    fn port(&self) -> MutexGuard<'_, SessionPort> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PacketIo for OneByOne {
    async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut batch = Vec::new();
        loop {
            let mut turn = None;
            let ready = poll_fn(|cx| {
                let now = Instant::now();
                let mut port = self.port();
                let ready = port.poll_ready(cx, now);
                port.queue_drops();
                turn = port.wake_at(now);
                match turn {
                    // Somebody has to wait for it, and can be told so now.
                    Some(_) if ready.is_pending() => Poll::Ready(Ok(false)),
                    _ => ready.map_ok(|()| true),
                }
            });
            if !ready.await? {
                let wait = turn.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()));
                tokio::time::sleep(wait).await;
                continue;
            }
            self.port().take(Instant::now(), 1, &mut batch);
            if let Some(packet) = batch.pop() {
                let len = packet.bytes.len().min(buffer.len());
                if let (Some(to), Some(from)) = (buffer.get_mut(..len), packet.bytes.get(..len)) {
                    to.copy_from_slice(from);
                }
                return Ok(len);
            }
        }
    }

    async fn send(&self, packet: &[u8]) -> io::Result<Delivery> {
        self.port().deliver(&Run::whole(packet, Offload::NONE, 1, packet.len()))
    }
}
