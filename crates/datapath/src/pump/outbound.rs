//! From the network to the stream: what has its turn is framed, sealed into one buffer and written at once.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use praya_wire::cstp::{self, FrameType};
use praya_wire::super_packet::{self, Meta};
use tokio::time::Instant;

use super::run::Pump;
use super::{PumpEnd, RecordLayer};
use crate::counters::{Channel, DropReason};
use crate::io::PacketIo;
use crate::line::Line;
use crate::offload;
use crate::packet::{Offload, Packet};
use crate::udp::DatagramIo;

/// Bytes of packets that are sealed and written at once, while the stream takes them as they come.
const BATCH: usize = 128 * 1024;
/// The same while the stream is the bottleneck: what waits here waits in front of everything, so it is little.
const BATCH_WHEN_BLOCKED: usize = 16 * 1024;

impl<S, R, D, P> Pump<'_, S, R, D, P>
where
    S: Line,
    R: RecordLayer,
    D: DatagramIo,
    P: PacketIo,
{
    /// Writes what waits, then what has its turn; whether anything moved.
    pub(super) fn poll_outbound(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, PumpEnd> {
        // Also while the stream takes nothing: whose packets wait, and whose are dropped, is the port's to decide.
        // But while it takes everything, nothing more is pulled before what was pulled has gone.
        let pulled = std::mem::take(&mut self.pulled) && self.blocked.is_none();
        let waiting = pulled
            || match self.packets.poll_ready(cx, now.into_std()) {
                Poll::Ready(Ok(())) => true,
                Poll::Ready(Err(error)) => return Err(PumpEnd::Packets(error)),
                Poll::Pending => false,
            };
        for (reason, count) in self.packets.queue_drops() {
            if count > 0 {
                self.counters.dropped(reason, count);
            }
        }
        let (was_blocked, waited) = (self.blocked.is_some(), !self.out.is_empty());
        let stream_takes = self.write(cx, now)?.is_ready();
        if stream_takes {
            self.append_control(now)?;
        }
        let by_udp = self.udp.carries();
        let waits_for_room = if by_udp { self.udp.is_blocked() } else { was_blocked };
        let takes = if by_udp { self.udp.poll_flush(cx, now).is_ready() } else { stream_takes };
        if waiting && takes {
            let bytes = match self.stream.piece() {
                Some(piece) if !by_udp => piece,
                _ if waits_for_room => BATCH_WHEN_BLOCKED,
                _ => BATCH,
            };
            let mut batch = std::mem::take(&mut self.batch);
            self.packets.take(now.into_std(), bytes, &mut batch);
            self.pulled = !batch.is_empty();
            if by_udp {
                batch.retain(|packet| !self.udp.send(packet, now, self.counters));
                // What fits no datagram goes by the stream, which must not become a second queue.
                if self.out.len() - self.written >= BATCH {
                    self.counters.dropped(DropReason::QueueFull, batch.len());
                    batch.clear();
                }
            }
            let sealed = if self.settings.super_packets {
                self.append_whole(&batch)
            } else {
                self.append_split(&batch)
            };
            batch.clear();
            self.batch = batch;
            sealed?;
            if by_udp {
                let _ = self.udp.poll_flush(cx, now);
            }
        }
        if !self.out.is_empty() && stream_takes {
            self.timers.sent(now.into_std());
            let _ = self.write(cx, now)?;
            return Ok(true);
        }
        // Something went by UDP, or what was pulled or waited has gone: then everything has to be asked again.
        Ok(self.pulled || pulled || waited && stream_takes)
    }

    fn write(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<Poll<()>, PumpEnd> {
        match self.poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.blocked = None;
                Ok(Poll::Ready(()))
            }
            Poll::Ready(Err(error)) => Err(PumpEnd::Stream(error)),
            Poll::Pending => {
                self.blocked.get_or_insert(now);
                Ok(Poll::Pending)
            }
        }
    }

    /// Ready when the stream has taken everything.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut self.stream).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(len)) => {
                    self.written += len;
                    // It moves: that is no stall.
                    self.blocked = None;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    // What is added while the stream trickles must not let the buffer grow without end.
                    if self.written >= BATCH {
                        self.out.drain(..self.written);
                        self.written = 0;
                    }
                    return Poll::Pending;
                }
            }
        }
        self.out.clear();
        self.written = 0;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn append_control(&mut self, now: Instant) -> Result<(), PumpEnd> {
        if std::mem::take(&mut self.control.refresh) {
            self.records.refresh_keys(&mut self.out);
        }
        if let Some(payload) = self.control.reply.take() {
            self.append_frame(FrameType::DpdResponse, &payload)?;
        }
        if std::mem::take(&mut self.control.probe) {
            self.control.keepalive = false;
            self.control.probed = Some(now);
            self.append_frame(FrameType::DpdRequest, &[])?;
        }
        if std::mem::take(&mut self.control.keepalive) {
            self.append_frame(FrameType::Keepalive, &[])?;
        }
        Ok(())
    }

    fn append_frame(&mut self, kind: FrameType, payload: &[u8]) -> Result<(), PumpEnd> {
        let Ok(len) = u16::try_from(payload.len()) else { return Ok(()) };
        let header = cstp::encode_header(kind, len);
        self.records.seal(&mut self.out, &[&header, payload]).map_err(PumpEnd::Stream)
    }

    /// One frame per record, one packet per frame.
    fn append_split(&mut self, batch: &[Packet]) -> Result<(), PumpEnd> {
        for packet in batch {
            self.append_pieces(packet)?;
        }
        Ok(())
    }

    fn append_pieces(&mut self, packet: &Packet) -> Result<(), PumpEnd> {
        let (records, out) = (&mut self.records, &mut self.out);
        let mut failed = None;
        let (mut packets, mut bytes) = (0, 0);
        let split = offload::split(packet, usize::from(self.settings.mtu), |head, payload| {
            let len = head.len() + payload.len();
            // Not above the MTU, which is a 16-bit number.
            let header = cstp::encode_header(FrameType::Data, u16::try_from(len).unwrap_or_default());
            match records.seal(out, &[&header, head, payload]) {
                Ok(()) => {
                    packets += 1;
                    bytes += len;
                }
                Err(error) => failed = Some(error),
            }
        });
        self.counters.sent(Channel::Tls, packets, bytes);
        if split.is_err() {
            self.counters.dropped(DropReason::TooLong, 1);
        }
        failed.map_or(Ok(()), |error| Err(PumpEnd::Stream(error)))
    }

    /// Frames one after the other, in as few records as hold them.
    fn append_whole(&mut self, batch: &[Packet]) -> Result<(), PumpEnd> {
        let heads: Vec<Option<Head>> = batch.iter().map(|packet| self.whole_head(packet)).collect();
        let mut parts: Vec<&[u8]> = Vec::with_capacity(2 * batch.len());
        for (packet, head) in batch.iter().zip(&heads) {
            if let Some(head) = head {
                parts.extend([head.bytes(), &packet.bytes]);
                self.counters.sent(Channel::Tls, head.packets, head.ip_bytes);
            } else {
                // Rare: it does not fit the tunnel as it is. What came before it goes before it.
                self.append_parts(&mut parts)?;
                self.append_pieces(packet)?;
            }
        }
        self.append_parts(&mut parts)
    }

    fn append_parts(&mut self, parts: &mut Vec<&[u8]>) -> Result<(), PumpEnd> {
        if !parts.is_empty() {
            self.records.seal(&mut self.out, parts).map_err(PumpEnd::Stream)?;
            parts.clear();
        }
        Ok(())
    }

    /// The head of a packet's frame; `None` where the packet has to be split, or is too long.
    fn whole_head(&self, packet: &Packet) -> Option<Head> {
        let (offload, mtu) = (packet.offload, usize::from(self.settings.mtu));
        if offload == Offload::NONE {
            let len = packet.bytes.len();
            let header =
                cstp::encode_header(FrameType::Data, u16::try_from(len).ok().filter(|_| len <= mtu)?);
            return Some(Head { frame: Frame::Data(header), packets: 1, ip_bytes: len });
        }
        let run = offload::check_between_ends(&packet.bytes, offload, mtu).ok()?;
        let Offload { partial_checksum, segment_size } = offload;
        let meta = Meta { partial_checksum, segment_size };
        let header = super_packet::encode_header(meta, packet.bytes.len()).ok()?;
        Some(Head { frame: Frame::Super(header), packets: run.segments(), ip_bytes: run.bytes() })
    }
}

/// What stands before a packet that goes whole.
struct Head {
    frame: Frame,
    /// The packets that it stands for.
    packets: usize,
    /// Their bytes.
    ip_bytes: usize,
}

enum Frame {
    Data([u8; cstp::HEADER_LEN]),
    Super([u8; super_packet::HEADER_LEN]),
}

impl Head {
    fn bytes(&self) -> &[u8] {
        match &self.frame {
            Frame::Data(header) => header,
            Frame::Super(header) => header,
        }
    }
}
