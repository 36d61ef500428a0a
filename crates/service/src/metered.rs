//! The tunnel device with an eye on when a person's packet last went out: noise does not count.

use std::io;
use std::sync::atomic::{AtomicI64, Ordering};

use praya_datapath::{Delivery, PacketIo};
use praya_model::Timestamp;
use praya_wire::ip::Packet;

use crate::clock::Clock;

/// "Never" in [`Metered::last_user_packet`].
const NEVER: i64 = i64::MIN;

/// A [`PacketIo`] that remembers the time of the last user packet from this machine.
#[derive(Debug)]
pub struct Metered<P> {
    inner: P,
    clock: Clock,
    last_user_packet: AtomicI64,
}

impl<P> Metered<P> {
    /// Watches `inner`.
    pub fn new(inner: P, clock: Clock) -> Self {
        Self { inner, clock, last_user_packet: AtomicI64::new(NEVER) }
    }

    /// What is watched.
    pub fn inner(&self) -> &P {
        &self.inner
    }

    /// When the last user packet went out.
    pub fn last_user_packet(&self) -> Option<Timestamp> {
        let millis = self.last_user_packet.load(Ordering::Relaxed);
        (millis != NEVER).then(|| Timestamp::from_millis(millis))
    }
}

impl<P: PacketIo> PacketIo for Metered<P> {
    async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.recv(buffer).await?;
        let packet = buffer.get(..length).map(Packet::parse);
        if let Some(Ok(packet)) = packet
            && !packet.is_noise()
        {
            self.last_user_packet.store(self.clock.now().as_millis(), Ordering::Relaxed);
        }
        Ok(length)
    }

    async fn send(&self, packet: &[u8]) -> io::Result<Delivery> {
        self.inner.send(packet).await
    }
}

#[cfg(test)]
mod tests {
    use praya_datapath::packet_io::channel;

    use super::*;

    /// An IPv4 UDP packet without payload to the port `port` of `to`.
    fn udp(to: [u8; 4], port: u16) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2];
        packet.extend(to);
        packet.extend([0xc0, 0x00]);
        packet.extend(port.to_be_bytes());
        packet.extend([0, 8, 0, 0]);
        packet
    }

    #[tokio::test]
    async fn a28_only_a_persons_packets_count() {
        let (near, far) = channel(4);
        let metered = Metered::new(near, Clock::start());
        let mut buffer = [0; 1500];
        far.send(&udp([224, 0, 0, 251], 5353)).await.unwrap();
        metered.recv(&mut buffer).await.unwrap();
        assert_eq!(metered.last_user_packet(), None);
        far.send(&udp([10, 1, 0, 1], 53)).await.unwrap();
        metered.recv(&mut buffer).await.unwrap();
        assert!(metered.last_user_packet().is_some());
    }
}
