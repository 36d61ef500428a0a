//! TUN where there is no segmentation offload: one queue, packet by packet.

use std::io;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tun::{AbstractDevice, DeviceReader, DeviceWriter};

use super::{MAX_BYTES, MAX_PACKETS, TunOptions, outcome};
use crate::arena::PacketArena;
use crate::io::Delivery;
use crate::offload::{MAX_PACKET, Run, split};
use crate::packet::Packet;

/// The only queue of a TUN device. Whoever holds it keeps the device.
pub struct TunQueue {
    /// With memory for the longest packet, which stays initialised: making it so anew for each packet would cost more
    /// than copying out of it. Locked by its one reader only.
    reader: Mutex<(DeviceReader, Vec<u8>)>,
    writer: DeviceWriter,
    name: String,
}

impl TunQueue {
    pub(super) fn create(name: &str, _: TunOptions<'_>) -> io::Result<Vec<Self>> {
        let mut configuration = tun::configure();
        // macOS has names of its own, and no others.
        if cfg!(not(target_os = "macos")) || name.starts_with("utun") {
            configuration.tun_name(name.replace("%d", "0"));
        }
        let device = tun::create_as_async(&configuration)?;
        let name = device.tun_name()?;
        let (writer, reader) = device.split()?;
        Ok(vec![Self { reader: Mutex::new((reader, vec![0; MAX_PACKET])), writer, name }])
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether super-packets come out of the device, and may be written to it without being split before: never.
    pub fn offload(&self) -> bool {
        false
    }

    /// Reads packets until none is left, or enough for one turn have come. Ready when at least one was there;
    /// otherwise `cx` is woken when there may be.
    ///
    /// Only one task may read a queue.
    ///
    /// # Errors
    /// The device is gone.
    pub fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        arena: &mut PacketArena,
        sink: &mut impl FnMut(Packet),
    ) -> Poll<io::Result<()>> {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let (device, buffer) = &mut *reader;
        let (mut packets, mut bytes) = (0, 0);
        while packets < MAX_PACKETS && bytes < MAX_BYTES {
            let mut read = ReadBuf::new(buffer);
            match Pin::new(&mut *device).poll_read(cx, &mut read) {
                Poll::Ready(Ok(())) if read.filled().is_empty() => {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                Poll::Ready(Ok(())) => {
                    packets += 1;
                    bytes += read.filled().len();
                    arena.room().extend_from_slice(read.filled());
                    sink(Packet::ordinary(arena.take().freeze()));
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if packets > 0 => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Hands a run to the kernel without waiting, packet by packet; what it does not take now is dropped.
    ///
    /// # Errors
    /// The device is gone.
    pub fn send(&self, run: &Run<'_>) -> io::Result<Delivery> {
        // Cloning shares the device.
        let mut writer = self.writer.clone();
        let mut sent = Ok(Delivery::Delivered);
        let all = split(&run.to_packet(), usize::MAX, |headers, payload| {
            if let Ok(Delivery::Delivered) = sent {
                sent = outcome(write(&mut writer, &[headers, payload].concat()));
            }
        });
        if all.is_err() { Ok(Delivery::Dropped) } else { sent }
    }
}

/// Whether there is such an interface: not known here, where the system's error says it.
pub(super) fn is_interface(_: &str) -> bool {
    false
}

fn write(writer: &mut DeviceWriter, packet: &[u8]) -> io::Result<usize> {
    match Pin::new(writer).poll_write(&mut Context::from_waker(Waker::noop()), packet) {
        Poll::Ready(written) => written,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl std::fmt::Debug for TunQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TunQueue").field("name", &self.name).finish_non_exhaustive()
    }
}
