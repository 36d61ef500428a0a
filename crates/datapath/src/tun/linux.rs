//! TUN on Linux: a descriptor for each queue, and before each packet the header that says what is left to do.

mod sys;

use std::ffi::c_int;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use tokio::io::unix::AsyncFd;
use tun::AbstractDevice;

use super::{MAX_BYTES, MAX_PACKETS, TunOptions, outcome};
use crate::arena::PacketArena;
use crate::io::Delivery;
use crate::offload::{Run, split, virtio};
use crate::packet::{Offload, Packet};

/// Packets that the kernel holds for each queue: what small packets arrive while one session has its turn. The real
/// queue is the [`crate::scheduler`]'s, which takes them over at every poll, also while nothing can be sent.
const QUEUE_LENGTH: c_int = 256;

/// Flags of `TUNSETIFF`, `linux/if_tun.h`.
mod flag {
    pub(super) const TUN: u16 = 0x0001;
    pub(super) const MULTI_QUEUE: u16 = 0x0100;
    pub(super) const NO_PACKET_INFORMATION: u16 = 0x1000;
    pub(super) const VIRTIO_HEADER: u16 = 0x4000;
    pub(super) const EXCLUSIVE: u16 = 0x8000;
}

/// Features of `TUNSETOFFLOAD`, `linux/if_tun.h`: partial checksums, TCP over IPv4 and IPv6, also with ECN; and UDP
/// over both, which came with Linux 6.2.
const TCP: u32 = 0x01 | 0x02 | 0x04 | 0x08;
const TCP_AND_UDP: u32 = TCP | 0x20 | 0x40;

/// `gso_type` of a UDP super-packet, `linux/virtio_net.h`.
const GSO_UDP: u8 = 5;

/// What the kernel does to packets of its users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// Nothing.
    None,
    /// Nothing, but packets have the header all the same.
    Header,
    Tcp,
    TcpAndUdp,
}

/// One queue of a TUN device. Whoever holds one keeps the device.
pub struct TunQueue {
    tun: AsyncFd<OwnedFd>,
    name: Arc<str>,
    level: Level,
    /// Something made no sense, and that was said.
    puzzled: AtomicBool,
}

impl TunQueue {
    pub(super) fn create(name: &str, options: TunOptions<'_>) -> io::Result<Vec<Self>> {
        let (queues, name) = if options.queues.get() == 1 {
            let (tun, name) = single(name, options.offload)?;
            (vec![tun], name)
        } else {
            several(name, options.queues.get(), options.offload)?
        };
        let level = match queues.first() {
            Some(tun) if options.offload => [(Level::TcpAndUdp, TCP_AND_UDP), (Level::Tcp, TCP)]
                .into_iter()
                .find(|(_, features)| sys::set_offload(tun, *features).is_ok())
                .map_or(Level::Header, |(level, _)| level),
            _ => Level::None,
        };
        if let Err(error) = sys::set_queue_length(socket()?, &name, QUEUE_LENGTH) {
            // The kernel asks for a right of the whole machine here, which root in a container may not have.
            tracing::debug!(%error, "the device keeps the usual queue");
        }
        let name: Arc<str> = name.into();
        let queue = |tun| {
            rustix::io::ioctl_fionbio(&tun, true)?;
            Ok(Self {
                tun: sys::watch(tun)?,
                name: Arc::clone(&name),
                level,
                puzzled: AtomicBool::new(false),
            })
        };
        queues.into_iter().map(queue).collect()
    }

    /// The interface's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same queue, waited for by the tokio runtime that is entered now: each queue is one thread's own.
    ///
    /// # Errors
    /// The system's.
    pub fn adopted(self) -> io::Result<Self> {
        let Self { tun, name, level, puzzled } = self;
        Ok(Self { tun: sys::watch(tun.into_inner())?, name, level, puzzled })
    }

    /// Whether super-packets come out of the device, and may be written to it without being split before.
    pub fn offload(&self) -> bool {
        matches!(self.level, Level::Tcp | Level::TcpAndUdp)
    }

    /// Reads packets until none is left, or enough for one turn have come. Ready when at least one was there;
    /// otherwise `cx` is woken when there may be. What the kernel hands over and does not make sense is left out.
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
        loop {
            let mut guard = ready!(self.tun.poll_read_ready(cx))?;
            let (mut packets, mut bytes) = (0, 0);
            while packets < MAX_PACKETS && bytes < MAX_BYTES {
                match sys::read(&self.tun, arena.room()) {
                    Ok(read) => {
                        packets += 1;
                        bytes += read;
                        if let Some(packet) = self.packet(arena.take()) {
                            sink(packet);
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        guard.clear_ready();
                        break;
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            if packets > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// What has been read.
    fn packet(&self, mut bytes: BytesMut) -> Option<Packet> {
        if self.level == Level::None {
            return Some(Packet::ordinary(bytes.freeze()));
        }
        let header = bytes.first_chunk().copied();
        let decoded = header.and_then(|header| {
            bytes.advance(virtio::LEN);
            virtio::decode(&header, &mut bytes).ok()
        });
        if decoded.is_none() && !self.puzzled.swap(true, Ordering::Relaxed) {
            tracing::debug!(device = %self.name, "what the kernel hands over makes no sense");
        }
        Some(Packet { offload: decoded?, bytes: bytes.freeze() })
    }

    /// Hands a run to the kernel with one system call, without waiting; one that it does not take now, or whose
    /// header does not fit it, is dropped. What the kernel cannot take as it is, is split before.
    ///
    /// # Errors
    /// The device is gone.
    pub fn send(&self, run: &Run<'_>) -> io::Result<Delivery> {
        let Ok(header) = virtio::encode(run) else { return Ok(Delivery::Dropped) };
        let is_super = run.offload().is_super();
        match self.level {
            Level::None if run.offload() == Offload::NONE => self.write(&[], run),
            Level::Header if !is_super => self.write(&header, run),
            Level::Tcp if !is_super || header[1] != GSO_UDP => self.write(&header, run),
            Level::TcpAndUdp => self.write(&header, run),
            Level::None | Level::Header | Level::Tcp => self.split(run),
        }
    }

    fn split(&self, run: &Run<'_>) -> io::Result<Delivery> {
        let header = if self.level == Level::None { &[][..] } else { &[0; virtio::LEN] };
        let mut sent = Ok(Delivery::Delivered);
        let all = split(&run.to_packet(), usize::MAX, |headers, payload| {
            if let Ok(Delivery::Delivered) = sent {
                let payload = [payload];
                sent = self
                    .write(header, &Run::joined(headers, headers, &payload, Offload::NONE, headers.len()));
            }
        });
        if all.is_err() { Ok(Delivery::Dropped) } else { sent }
    }

    fn write(&self, header: &[u8], run: &Run<'_>) -> io::Result<Delivery> {
        outcome(
            run.write_vectored(header, |pieces| rustix::io::writev(&self.tun, pieces))
                .map_err(io::Error::from),
        )
    }
}

impl std::fmt::Debug for TunQueue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TunQueue")
            .field("name", &self.name)
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

/// A device with one queue.
fn single(name: &str, offload: bool) -> io::Result<(OwnedFd, String)> {
    // The crate would join a device that somebody else keeps there, with settings of its own.
    if rustix::net::netdevice::name_to_index(socket()?, name).is_ok() {
        return Err(io::ErrorKind::ResourceBusy.into());
    }
    let mut configuration = tun::configure();
    configuration.tun_name(name);
    configuration.platform_config(|platform| {
        platform.vnet_hdr(offload);
    });
    let device = tun::create(&configuration)?;
    let name = device.tun_name()?;
    Ok((sys::descriptor(device), name))
}

/// A device with several, which the `tun` crate does not make.
fn several(name: &str, queues: usize, offload: bool) -> io::Result<(Vec<OwnedFd>, String)> {
    let kind = flag::TUN
        | flag::NO_PACKET_INFORMATION
        | flag::MULTI_QUEUE
        | if offload { flag::VIRTIO_HEADER } else { 0 };
    let mut name = name.to_owned();
    let mut attached = Vec::with_capacity(queues);
    for number in 0..queues {
        let tun = rustix::fs::open("/dev/net/tun", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
        // The first must not join a device that is there: of another process, or kept with settings of its own.
        let exclusive = if number == 0 { flag::EXCLUSIVE } else { 0 };
        name = sys::attach(&tun, &name, kind | exclusive)?;
        attached.push(tun);
    }
    Ok((attached, name))
}

/// Whether there is such an interface.
pub(super) fn is_interface(name: &str) -> bool {
    socket().is_ok_and(|socket| rustix::net::netdevice::name_to_index(socket, name).is_ok())
}

/// A socket to ask about interfaces.
fn socket() -> rustix::io::Result<OwnedFd> {
    rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)
}
