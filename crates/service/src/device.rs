//! The tunnel device, lent to one channel at a time, with an eye on when a person's packet last went out:
//! noise does not count.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use praya_datapath::io::PacketIo;
use praya_datapath::offload::Run;
use praya_datapath::tun::TunPort;
use praya_datapath::{Delivery, DropReason, Packet};
use praya_model::Timestamp;
use praya_wire::ip;

use crate::clock::Clock;

/// "Never" in [`Device::last_user_packet`].
const NEVER: i64 = i64::MIN;

/// The device of the session, through all its channels.
#[derive(Debug)]
pub struct Device<P = TunPort> {
    name: String,
    clock: Clock,
    last_user_packet: AtomicI64,
    shelf: Mutex<Shelf<P>>,
}

/// Where the port lies while no channel has it.
#[derive(Debug)]
struct Shelf<P> {
    port: Option<P>,
    /// The channel that wants it next.
    next: Option<Waker>,
}

/// The device as one channel's pump uses it.
#[derive(Debug)]
pub struct Lent<P = TunPort> {
    device: Arc<Device<P>>,
    port: Option<P>,
}

impl<P> Device<P> {
    /// The device behind `port`, which the system calls `name`.
    pub fn new(name: String, port: P, clock: Clock) -> Self {
        let shelf = Mutex::new(Shelf { port: Some(port), next: None });
        Self { name, clock, last_user_packet: AtomicI64::new(NEVER), shelf }
    }

    /// The system's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When the last user packet from this machine was taken to be sent.
    pub fn last_user_packet(&self) -> Option<Timestamp> {
        let millis = self.last_user_packet.load(Ordering::Relaxed);
        (millis != NEVER).then(|| Timestamp::from_millis(millis))
    }

    /// The device for one channel. It waits until the channel before has let go.
    pub fn lend(self: &Arc<Self>) -> Lent<P> {
        Lent { device: Arc::clone(self), port: None }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf<P>> {
        // No holder can panic half-way through a change.
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> Lent<P> {
    /// The port, from the shelf if it lies there.
    fn port(&mut self) -> Option<&mut P> {
        if self.port.is_none() {
            self.port = self.device.shelf().port.take();
        }
        self.port.as_mut()
    }

    fn give_back(&mut self) {
        if let Some(port) = self.port.take() {
            let mut shelf = self.device.shelf();
            shelf.port = Some(port);
            let next = shelf.next.take();
            drop(shelf);
            next.into_iter().for_each(Waker::wake);
        }
    }
}

impl<P: PacketIo> PacketIo for Lent<P> {
    fn poll_ready(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<io::Result<()>> {
        if self.port.is_none() {
            let mut shelf = self.device.shelf();
            self.port = shelf.port.take();
            if self.port.is_none() {
                shelf.next = Some(cx.waker().clone());
            }
        }
        self.port.as_mut().map_or(Poll::Pending, |port| port.poll_ready(cx, now))
    }

    fn take(&mut self, now: Instant, bytes: usize, batch: &mut Vec<Packet>) {
        let Some(port) = &mut self.port else { return };
        let before = batch.len();
        port.take(now, bytes, batch);
        // One is enough to know that somebody is there.
        let by_a_person =
            |packet: &Packet| ip::Packet::parse(&packet.bytes).is_ok_and(|packet| !packet.is_noise());
        if batch.get(before..).unwrap_or_default().iter().any(by_a_person) {
            self.device.last_user_packet.store(self.device.clock.now().as_millis(), Ordering::Relaxed);
        }
    }

    fn wake_at(&self, now: Instant) -> Option<Instant> {
        self.port.as_ref()?.wake_at(now)
    }

    fn queue_drops(&mut self) -> [(DropReason, usize); 2] {
        match &mut self.port {
            Some(port) => port.queue_drops(),
            None => [(DropReason::QueueFull, 0), (DropReason::QueueDelay, 0)],
        }
    }

    fn deliver(&mut self, run: &Run<'_>) -> io::Result<Delivery> {
        self.port().map_or(Ok(Delivery::Dropped), |port| port.deliver(run))
    }

    fn release(&mut self) {
        self.give_back();
    }
}

impl<P> Drop for Lent<P> {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use bytes::Bytes;
    use praya_datapath::io::memory::{MemoryEnd, MemoryIo, pair};

    use super::*;

    fn device() -> (Arc<Device<MemoryIo>>, MemoryEnd) {
        let (end, port) = pair(4);
        (Arc::new(Device::new("praya0".to_owned(), port, Clock::start())), end)
    }

    /// An IPv4 UDP packet without payload to the port `port` of `to`.
    fn udp(to: [u8; 4], port: u16) -> Packet {
        let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2];
        packet.extend(to);
        packet.extend([0xc0, 0x00]);
        packet.extend(port.to_be_bytes());
        packet.extend([0, 8, 0, 0]);
        Packet::ordinary(Bytes::from(packet))
    }

    async fn take(lent: &mut Lent<MemoryIo>) -> Vec<Packet> {
        poll_fn(|cx| lent.poll_ready(cx, Instant::now())).await.unwrap();
        let mut batch = Vec::new();
        lent.take(Instant::now(), usize::MAX, &mut batch);
        batch
    }

    #[tokio::test]
    async fn a28_only_a_persons_packets_count() {
        let (device, end) = device();
        let mut lent = device.lend();
        let noise = udp([224, 0, 0, 251], 5353);
        end.send(noise.clone()).await;
        take(&mut lent).await;
        assert_eq!(device.last_user_packet(), None);
        end.send(noise).await;
        end.send(udp([10, 1, 0, 1], 53)).await;
        assert_eq!(take(&mut lent).await.len(), 2);
        assert!(device.last_user_packet().is_some());
    }

    #[tokio::test]
    async fn the_next_channel_has_the_device_as_soon_as_the_one_before_lets_go() {
        let (device, end) = device();
        let (mut first, mut second) = (device.lend(), device.lend());
        end.send(udp([10, 1, 0, 1], 1)).await;
        take(&mut first).await;
        end.send(udp([10, 1, 0, 1], 2)).await;
        let waiting = tokio::spawn(async move { take(&mut second).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        first.release();
        assert_eq!(waiting.await.unwrap(), [udp([10, 1, 0, 1], 2)]);
        // The second is dropped with its task.
        end.send(udp([10, 1, 0, 1], 3)).await;
        assert_eq!(take(&mut device.lend()).await, [udp([10, 1, 0, 1], 3)]);
    }

    #[tokio::test]
    async fn what_comes_from_the_gateway_is_carried_by_the_channel_that_has_the_device() {
        let (device, mut end) = device();
        let packet = udp([10, 1, 0, 1], 1);
        let run = Run::whole(&packet.bytes, packet.offload, 1, packet.bytes.len());
        let (mut first, mut second) = (device.lend(), device.lend());
        assert_eq!(first.deliver(&run).unwrap(), Delivery::Delivered);
        assert_eq!(second.deliver(&run).unwrap(), Delivery::Dropped);
        first.release();
        assert_eq!(second.deliver(&run).unwrap(), Delivery::Delivered);
        assert_eq!((end.recv().await, end.recv().await), (Some(packet.clone()), Some(packet)));
    }
}
