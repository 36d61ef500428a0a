//! A tap: writes every packet that passes a [`PacketIo`] to a capture file that Wireshark and tcpdump read.

use std::io::{self, Write};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::packet_io::{Delivery, PacketIo};

/// `LINKTYPE_RAW`: the packet begins with its IP header.
const LINKTYPE_RAW: u32 = 101;
/// Longest packet that is captured whole.
const SNAP_LEN: u32 = 65_535;

/// Wraps another [`PacketIo`]. A capture that cannot be written any more ends with a warning; the packets go on.
pub struct PcapTap<P, W> {
    inner: P,
    capture: Mutex<Option<W>>,
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
        Ok(Self { inner, capture: Mutex::new(Some(writer)) })
    }

    /// Ends the capture and returns the writer, flushed; `None` when writing had failed before.
    pub fn finish(self) -> Option<W> {
        let mut writer = self.capture.into_inner().ok().flatten()?;
        writer.flush().ok()?;
        Some(writer)
    }

    fn record(&self, packet: &[u8]) {
        let Ok(mut capture) = self.capture.lock() else { return };
        let Some(writer) = capture.as_mut() else { return };
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
            *capture = None;
        }
    }
}

impl<P: PacketIo, W: Write + Send> PacketIo for PcapTap<P, W> {
    async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.recv(buffer).await?;
        self.record(buffer.get(..len).unwrap_or_default());
        Ok(len)
    }

    async fn send(&self, packet: &[u8]) -> io::Result<Delivery> {
        self.record(packet);
        self.inner.send(packet).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet_io::channel;

    #[tokio::test]
    async fn both_directions_are_captured_in_order() {
        let (left, right) = channel(2);
        let tap = PcapTap::new(left, Vec::new()).unwrap();
        tap.send(&[0x45, 1]).await.unwrap();
        right.send(&[0x60, 2, 3]).await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(tap.recv(&mut buffer).await.unwrap(), 3);
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
        let (left, right) = channel(2);
        let tap = PcapTap::new(left, Full(1)).unwrap();
        assert_eq!(tap.send(&[0x45]).await.unwrap(), Delivery::Delivered);
        let mut buffer = [0; 8];
        assert_eq!(right.recv(&mut buffer).await.unwrap(), 1);
        assert!(tap.finish().is_none());
    }
}
