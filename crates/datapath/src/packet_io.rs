//! Where packets come from and go to: one trait for the TUN, the gateway's switch, tests and taps.

use std::future::Future;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{Mutex, mpsc};

/// What became of a packet that was handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It is on its way.
    Delivered,
    /// It was dropped: a filter said no, a queue was full, or the kernel refused this one packet.
    Dropped,
}

/// A source and sink of whole IP packets.
///
/// Both methods take `&self`, so that the two directions of a pump wait at the same time without a lock, and so
/// that a successor pump can take over (rekey by a new tunnel) while its predecessor still ends.
pub trait PacketIo: Send + Sync {
    /// Waits for the next packet, writes it to the start of `buffer` and returns its length in bytes.
    ///
    /// Cancel-safe: a dropped future has taken no packet. A packet longer than `buffer` is cut off.
    ///
    /// # Errors
    /// An error is final: the device is gone. `UnexpectedEof` says that the other side has closed in order.
    fn recv(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<usize>> + Send;

    /// Hands one packet over. Waiting here is back-pressure on the peer.
    ///
    /// # Errors
    /// An error is final; what concerns one packet only is [`Delivery::Dropped`].
    fn send(&self, packet: &[u8]) -> impl Future<Output = io::Result<Delivery>> + Send;
}

impl<P: PacketIo> PacketIo for &P {
    async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).recv(buffer).await
    }

    async fn send(&self, packet: &[u8]) -> io::Result<Delivery> {
        (**self).send(packet).await
    }
}

impl<P: PacketIo> PacketIo for Arc<P> {
    async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).recv(buffer).await
    }

    async fn send(&self, packet: &[u8]) -> io::Result<Delivery> {
        (**self).send(packet).await
    }
}

/// Two connected in-memory ends: what one sends, the other receives, in order. Each direction holds at most
/// `capacity` packets (at least one); a sender waits when it is full.
pub fn channel(capacity: usize) -> (ChannelIo, ChannelIo) {
    let (left_tx, right_rx) = mpsc::channel(capacity.max(1));
    let (right_tx, left_rx) = mpsc::channel(capacity.max(1));
    (ChannelIo { tx: left_tx, rx: Mutex::new(left_rx) }, ChannelIo { tx: right_tx, rx: Mutex::new(right_rx) })
}

/// One end of [`channel`].
#[derive(Debug)]
pub struct ChannelIo {
    tx: mpsc::Sender<Bytes>,
    rx: Mutex<mpsc::Receiver<Bytes>>,
}

impl PacketIo for ChannelIo {
    async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        receive(&self.rx, buffer).await
    }

    async fn send(&self, packet: &[u8]) -> io::Result<Delivery> {
        match self.tx.send(Bytes::copy_from_slice(packet)).await {
            Ok(()) => Ok(Delivery::Delivered),
            Err(_) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// A session's port on a switch: packets for the session wait in a queue of at most `capacity` packets (at least
/// one) and are dropped when it is full; packets from the session go to `forward`, which filters and forwards
/// without waiting.
pub fn port<F>(capacity: usize, forward: F) -> (PortQueue, Port<F>)
where
    F: Fn(&[u8]) -> Delivery + Send + Sync,
{
    let (tx, rx) = mpsc::channel(capacity.max(1));
    (PortQueue { tx }, Port { rx: Mutex::new(rx), forward })
}

/// The switch's end of a [`port`]; cheap to clone.
#[derive(Clone, Debug)]
pub struct PortQueue {
    tx: mpsc::Sender<Bytes>,
}

impl PortQueue {
    /// Queues a packet for the session, or drops it when the queue is full or the session's pump is gone.
    pub fn push(&self, packet: Bytes) -> Delivery {
        match self.tx.try_send(packet) {
            Ok(()) => Delivery::Delivered,
            Err(_) => Delivery::Dropped,
        }
    }

    /// Whether the session's end is gone.
    pub fn is_closed(&self) -> bool {
        self.tx.is_closed()
    }
}

/// The session's end of a [`port`]; a pump runs on it.
#[derive(Debug)]
pub struct Port<F> {
    rx: Mutex<mpsc::Receiver<Bytes>>,
    forward: F,
}

impl<F: Fn(&[u8]) -> Delivery + Send + Sync> PacketIo for Port<F> {
    async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        receive(&self.rx, buffer).await
    }

    async fn send(&self, packet: &[u8]) -> io::Result<Delivery> {
        Ok((self.forward)(packet))
    }
}

async fn receive(rx: &Mutex<mpsc::Receiver<Bytes>>, buffer: &mut [u8]) -> io::Result<usize> {
    let Some(packet) = rx.lock().await.recv().await else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let len = packet.len().min(buffer.len());
    if let (Some(to), Some(from)) = (buffer.get_mut(..len), packet.get(..len)) {
        to.copy_from_slice(from);
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_channel_keeps_order_and_ends_in_order() {
        let (left, right) = channel(4);
        left.send(b"one").await.unwrap();
        left.send(b"two").await.unwrap();
        drop(left);
        let mut buffer = [0; 16];
        assert_eq!(right.recv(&mut buffer).await.unwrap(), 3);
        assert_eq!(&buffer[..3], b"one");
        assert_eq!(right.recv(&mut buffer).await.unwrap(), 3);
        assert_eq!(right.recv(&mut buffer).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert!(right.send(b"x").await.is_err());
    }

    #[tokio::test]
    async fn a_full_port_drops_and_its_filter_decides() {
        let (queue, port) =
            port(
                1,
                |packet: &[u8]| {
                    if packet.first() == Some(&0x45) { Delivery::Delivered } else { Delivery::Dropped }
                },
            );
        assert_eq!(queue.push(Bytes::from_static(b"a")), Delivery::Delivered);
        assert_eq!(queue.push(Bytes::from_static(b"b")), Delivery::Dropped);
        assert_eq!(port.send(&[0x45]).await.unwrap(), Delivery::Delivered);
        assert_eq!(port.send(&[0x00]).await.unwrap(), Delivery::Dropped);
        let mut buffer = [0; 1];
        assert_eq!(port.recv(&mut buffer).await.unwrap(), 1);
        drop(port);
        assert!(queue.is_closed());
    }
}
