//! A tap: writes every packet that passes a [`PacketIo`] to a capture file that Wireshark and tcpdump read.

use std::io::{self, Write};
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::counters::DropReason;
use crate::io::{Delivery, PacketIo};
use crate::offload::Run;
use crate::packet::Packet;

/// `LINKTYPE_RAW`: the packet begins with its IP header.
const LINKTYPE_RAW: u32 = 101;
/// Longest packet that is captured whole.
const SNAP_LEN: u32 = 65_535;

/// Wraps another [`PacketIo`]. A capture that cannot be written any more ends with a warning; the packets go on.
pub struct PcapTap<P, W> {
    inner: P,
    capture: Option<W>,
}

impl<P: PacketIo, W: Write + Send> PcapTap<P, W> {
    /// Begins a capture in `writer` (best buffered).
    ///
    /// # Errors
    /// The file header cannot be written.
    pub fn new(inner: P, mut writer: W) -> io::Result<Self> {
        let mut header = Vec::with_capacity(24);
        header.extend_from_slice(&0xa1b2_c3d4_u32.to_le_bytes());
        header.extend_from_slice(&2u16.to_le_bytes());
        header.extend_from_slice(&4u16.to_le_bytes());
        header.extend_from_slice(&[0; 8]);
        header.extend_from_slice(&SNAP_LEN.to_le_bytes());
        header.extend_from_slice(&LINKTYPE_RAW.to_le_bytes());
        writer.write_all(&header)?;
        Ok(Self { inner, capture: Some(writer) })
    }

    /// Ends the capture and returns the writer, flushed; `None` when writing had failed before.
    pub fn finish(self) -> Option<W> {
        let mut writer = self.capture?;
        writer.flush().ok()?;
        Some(writer)
    }

    fn record(&mut self, packet: &[u8]) {
        let Some(writer) = &mut self.capture else { return };
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = u32::try_from(since.as_secs()).unwrap_or(u32::MAX);
        let original = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let kept = original.min(SNAP_LEN);
        let mut header = [0; 16];
        for (slot, value) in header.chunks_exact_mut(4).zip([seconds, since.subsec_micros(), kept, original])
        {
            slot.copy_from_slice(&value.to_le_bytes());
        }
        let body = packet.get(..kept as usize).unwrap_or(packet);
        if let Err(error) = writer.write_all(&header).and_then(|()| writer.write_all(body)) {
            tracing::warn!(%error, "the packet capture has ended");
            self.capture = None;
        }
    }
}

/// A super-packet is captured as what it is: one packet, longer than any link carries.
impl<P: PacketIo, W: Write + Send> PacketIo for PcapTap<P, W> {
    fn poll_ready(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<io::Result<()>> {
        self.inner.poll_ready(cx, now)
    }

    fn take(&mut self, now: Instant, bytes: usize, batch: &mut Vec<Packet>) {
        let before = batch.len();
        self.inner.take(now, bytes, batch);
        batch.iter().skip(before).for_each(|packet| self.record(&packet.bytes));
    }

    fn wake_at(&self, now: Instant) -> Option<Instant> {
        self.inner.wake_at(now)
    }

    fn queue_drops(&mut self) -> [(DropReason, usize); 2] {
        self.inner.queue_drops()
    }

    fn deliver(&mut self, run: &Run<'_>) -> io::Result<Delivery> {
        self.record(&run.to_packet().bytes);
        self.inner.deliver(run)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::io::memory::{MemoryIo, pair};
    use crate::packet::Offload;

    fn packet(bytes: &'static [u8]) -> Packet {
        Packet::ordinary(Bytes::from_static(bytes))
    }

    fn deliver<W: Write + Send>(tap: &mut PcapTap<MemoryIo, W>, packet: &[u8]) -> Delivery {
        tap.deliver(&Run::whole(packet, Offload::NONE, 1, packet.len())).unwrap()
    }

    #[tokio::test]
    async fn both_directions_are_captured_in_order() {
        let (outside, inside) = pair(2);
        let mut tap = PcapTap::new(inside, Vec::new()).unwrap();
        deliver(&mut tap, &[0x45, 1]);
        assert!(outside.send(packet(&[0x60, 2, 3])).await);
        let mut batch = Vec::new();
        tap.take(Instant::now(), 1, &mut batch);
        assert_eq!(batch, [packet(&[0x60, 2, 3])]);
        let file = tap.finish().unwrap();
        assert_eq!(&file[..4], &[0xd4, 0xc3, 0xb2, 0xa1]);
        assert_eq!(&file[20..24], &[101, 0, 0, 0]);
        assert_eq!(&file[24 + 8..24 + 18], &[2, 0, 0, 0, 2, 0, 0, 0, 0x45, 1]);
        assert_eq!(&file[24 + 18 + 16..], &[0x60, 2, 3]);
    }

    #[tokio::test]
    async fn a_full_disk_ends_the_capture_and_not_the_tunnel() {
        struct Full(usize);
        impl Write for Full {
            fn write(&mut self, data: &[u8]) -> io::Result<usize> {
                if self.0 == 0 {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                self.0 -= 1;
                Ok(data.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (mut outside, inside) = pair(2);
        let mut tap = PcapTap::new(inside, Full(1)).unwrap();
        assert_eq!(deliver(&mut tap, &[0x45]), Delivery::Delivered);
        assert_eq!(outside.recv().await, Some(packet(&[0x45])));
        assert!(tap.finish().is_none());
    }
}
