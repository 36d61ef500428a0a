//! From the stream to the network: records opened, frames read, packets of one flow joined and handed over.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use praya_wire::cstp::disconnect::{self, Disconnect};
use praya_wire::cstp::{self, Frame, FrameType};
use praya_wire::super_packet;
use tokio::io::ReadBuf;
use tokio::time::Instant;

use super::buffers::Buffers;
use super::run::Pump;
use super::{PumpEnd, RecordLayer};
use crate::counters::{Channel, Counters, DropReason};
use crate::io::Delivery;
use crate::io::PacketIo;
use crate::line::Line;
use crate::offload::{self, Run};
use crate::packet::Offload;
use crate::udp::DatagramIo;

/// More than one batch ever leaves in the buffer: what is above are answers to the peer's key updates.
const MOST_UNREAD: usize = 512 * 1024;

/// What has arrived and is not a whole record or frame yet. The buffers themselves are the thread's.
pub(super) struct Inbound {
    buffers: Option<Buffers>,
    /// Bytes at the start of the cipher buffer that are no whole record.
    pub(super) filled: usize,
    /// The same while no buffers are held.
    cipher: Vec<u8>,
    /// The start of a frame.
    plain: Vec<u8>,
    /// Something was read before the pump, and nobody has looked at it.
    waits: bool,
}

impl Inbound {
    pub(super) fn new(early: Bytes, sealed: Vec<u8>) -> Self {
        let waits = !(early.is_empty() && sealed.is_empty());
        Self { buffers: None, filled: 0, cipher: sealed, plain: early.into(), waits }
    }

    /// Buffers with what is left from before in them.
    pub(super) fn borrow(&mut self) -> Buffers {
        self.buffers.take().unwrap_or_else(|| {
            let mut buffers = Buffers::borrow();
            if let Some(start) = buffers.cipher.get_mut(..self.cipher.len()) {
                start.copy_from_slice(&self.cipher);
            }
            self.filled = self.cipher.len();
            buffers.plain.append(&mut self.plain);
            (self.cipher, self.plain) = (Vec::new(), Vec::new());
            buffers
        })
    }

    pub(super) fn put_back(&mut self, buffers: Buffers) {
        self.buffers = Some(buffers);
    }

    /// Gives the buffers to the thread and keeps only what is in them.
    pub(super) fn rest(&mut self) {
        if let Some(buffers) = self.buffers.take() {
            self.cipher = buffers.cipher.get(..self.filled).unwrap_or_default().to_vec();
            self.plain = buffers.plain.clone();
            buffers.give_back();
        }
    }
}

impl<S, R, D, P> Pump<'_, S, R, D, P>
where
    S: Line,
    R: RecordLayer,
    D: DatagramIo,
    P: PacketIo,
{
    /// Reads once and hands over what came; whether anything did.
    pub(super) fn poll_inbound(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, PumpEnd> {
        // A peer that makes us answer and does not read the answers is not asked for more.
        if self.out.len() > MOST_UNREAD {
            return Ok(false);
        }
        let mut buffers = self.inbound.borrow();
        let result = self.read(cx, now, &mut buffers);
        self.inbound.put_back(buffers);
        result
    }

    fn read(&mut self, cx: &mut Context<'_>, now: Instant, buffers: &mut Buffers) -> Result<bool, PumpEnd> {
        let start = self.inbound.filled;
        if std::mem::take(&mut self.inbound.waits) {
            return self.open(now, buffers, start);
        }
        let mut read = ReadBuf::new(buffers.cipher.get_mut(start..).unwrap_or_default());
        match Pin::new(&mut self.stream).poll_read(cx, &mut read) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(PumpEnd::PeerClosed);
            }
            Poll::Ready(Err(error)) => return Err(PumpEnd::Stream(error)),
        }
        let filled = start + read.filled().len();
        if filled == start {
            return Err(PumpEnd::PeerClosed);
        }
        self.open(now, buffers, filled)
    }

    /// Opens what is in the buffer and hands it over.
    fn open(&mut self, now: Instant, buffers: &mut Buffers, filled: usize) -> Result<bool, PumpEnd> {
        let Buffers { cipher, plain } = buffers;
        let input = cipher.get_mut(..filled).unwrap_or_default();
        let opened = self.records.open(input, plain, &mut self.out);
        // What came before a record that is broken is the peer's, too, and may say why it ends.
        self.frames(now, plain)?;
        let opened = opened.map_err(PumpEnd::Stream)?;
        cipher.copy_within(opened.consumed..filled, 0);
        self.inbound.filled = filled - opened.consumed;
        if opened.closed { Err(PumpEnd::PeerClosed) } else { Ok(true) }
    }

    /// Handles the whole frames at the start of `plain` and takes them out.
    fn frames(&mut self, now: Instant, plain: &mut Vec<u8>) -> Result<(), PumpEnd> {
        let mut used = 0;
        let end = self.each_frame(now, plain, &mut used);
        plain.drain(..used);
        if used > 0 && end.is_ok() {
            self.heard(now);
        }
        end
    }

    fn each_frame(&mut self, now: Instant, plain: &[u8], used: &mut usize) -> Result<(), PumpEnd> {
        let (packets, udp, counters) = (&mut self.packets, &mut self.udp, self.counters);
        let mut failed = None;
        let mut hand_over = |run: &Run<'_>| {
            if failed.is_none() {
                failed = deliver(packets, run, Channel::Tls, counters).err();
            }
        };
        let mut coalescer = std::mem::take(&mut self.coalescer);
        let mut end = Ok(());
        loop {
            let frame = match cstp::decode(plain.get(*used..).unwrap_or_default()) {
                Ok(Some((frame, len))) => {
                    *used += len;
                    frame
                }
                Ok(None) => break,
                Err(error) => {
                    end = Err(PumpEnd::Protocol(error));
                    break;
                }
            };
            if matches!(frame.kind, FrameType::Data | FrameType::SuperPacket | FrameType::Keepalive) {
                udp.heard_by_tls(frame.kind != FrameType::Keepalive, now);
            }
            match frame.kind {
                FrameType::Data => coalescer.push(frame.payload),
                FrameType::SuperPacket if self.settings.super_packets => {
                    coalescer.flush(&mut hand_over);
                    match super_packet_run(frame, self.settings.mtu) {
                        Some(run) => hand_over(&run),
                        None => counters.dropped(DropReason::Malformed, 1),
                    }
                }
                FrameType::DpdRequest => self.control.reply = Some(frame.payload.to_vec()),
                FrameType::DpdResponse => {
                    if let Some(probed) = self.control.probed.take() {
                        counters.measured(Channel::Tls, now.saturating_duration_since(probed));
                    }
                }
                FrameType::Keepalive => {}
                // Compression is never negotiated, nor are super-packets with a stranger.
                FrameType::Compressed | FrameType::SuperPacket => {
                    counters.dropped(DropReason::Malformed, 1);
                }
                FrameType::Disconnect => {
                    end = Err(match disconnect::decode(frame.payload) {
                        Disconnect::Bye { reason, .. } => PumpEnd::PeerBye { reason },
                        Disconnect::Detach => PumpEnd::PeerDetached,
                        Disconnect::Reason { reason, byte, text } => {
                            PumpEnd::PeerEnded { reason, byte, text }
                        }
                    });
                    break;
                }
                FrameType::Terminate => {
                    end = Err(PumpEnd::PeerTerminated);
                    break;
                }
            }
        }
        // What came before the end is delivered, too.
        coalescer.flush(&mut hand_over);
        self.coalescer = coalescer.recycle();
        match failed {
            Some(error) => Err(PumpEnd::Packets(error)),
            None => end,
        }
    }
}

/// The packet of a frame between our own ends, if it adds up.
fn super_packet_run(frame: Frame<'_>, mtu: u16) -> Option<Run<'_>> {
    let (meta, packet) = super_packet::decode(frame.payload).ok()?;
    let offload = Offload { partial_checksum: meta.partial_checksum, segment_size: meta.segment_size };
    offload::check_between_ends(packet, offload, usize::from(mtu)).ok()
}

/// Hands a run over and counts it.
pub(super) fn deliver(
    packets: &mut impl PacketIo,
    run: &Run<'_>,
    channel: Channel,
    counters: &Counters,
) -> io::Result<()> {
    match packets.deliver(run)? {
        Delivery::Delivered => counters.received(channel, run.segments(), run.bytes()),
        Delivery::Dropped => counters.dropped(DropReason::Refused, run.segments()),
    }
    Ok(())
}
