//! The UDP channel beside the stream: what arrives by it, what goes by it, and what is told of it.

use std::task::{Context, Poll};

use bytes::Bytes;
use praya_model::ChannelReason;
use tokio::time::Instant;

use super::inbound::deliver;
use super::run::Pump;
use super::{PumpEnd, PumpEvent, RecordLayer};
use crate::counters::{Channel, Counters, DropReason};
use crate::io::Delivery;
use crate::io::PacketIo;
use crate::line::Line;
use crate::offload;
use crate::packet::Packet;
use crate::udp::{DatagramIo, UdpChannel};

/// A session's UDP channel, where it has one.
pub(super) struct Udp<D> {
    channel: Option<UdpChannel<D>>,
    /// Opened packets; empty between polls.
    pub(super) packets: Vec<Bytes>,
    told: Option<ChannelReason>,
    /// The system had no room for all that was sealed.
    blocked: bool,
}

impl<D: DatagramIo> Udp<D> {
    pub(super) fn new(channel: Option<UdpChannel<D>>) -> Self {
        Self { channel, packets: Vec::new(), told: None, blocked: false }
    }

    /// Whether data goes by UDP now.
    pub(super) fn carries(&self) -> bool {
        self.channel.as_ref().is_some_and(|channel| channel.channel() == Channel::Udp)
    }

    /// A packet, or (without `data`) a keepalive came by the stream.
    pub(super) fn heard_by_tls(&mut self, data: bool, now: Instant) {
        if let Some(channel) = &mut self.channel {
            channel.heard_by_tls(data, now.into_std());
        }
    }

    pub(super) fn network_changed(&mut self, now: Instant) {
        if let Some(channel) = &mut self.channel {
            channel.network_changed(now.into_std());
        }
    }

    pub(super) fn next_timer(&self) -> Option<Instant> {
        self.channel.as_ref()?.next_timer().map(Instant::from_std)
    }

    /// Whether the packet goes by UDP; if not, it belongs to the stream.
    pub(super) fn send(&mut self, packet: &Packet, now: Instant, counters: &Counters) -> bool {
        let Some(channel) = &mut self.channel else { return false };
        let sent = channel.send(packet, now.into_std()) == Delivery::Delivered;
        if sent {
            let (packets, bytes) = match offload::check(&packet.bytes, packet.offload, offload::MAX_PACKET) {
                Ok(run) if packet.offload.is_super() => (run.segments(), run.bytes()),
                Ok(_) | Err(_) => (1, packet.bytes.len()),
            };
            counters.sent(Channel::Udp, packets, bytes);
        }
        sent
    }

    /// Ready when everything that was sealed has gone.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let flushed = match &mut self.channel {
            Some(channel) => channel.poll_flush(cx, now.into_std()),
            None => Poll::Ready(()),
        };
        self.blocked = flushed.is_pending();
        flushed
    }

    /// Whether something waited for room when that was tried last.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// What is to be told anew about who carries the data.
    fn news(&mut self, counters: &Counters) -> Option<ChannelReason> {
        let channel = self.channel.as_mut()?;
        let counts = channel.take_counts();
        let state = channel.state();
        for (reason, count) in [
            (DropReason::Replayed, counts.replayed),
            (DropReason::Forged, counts.forged),
            (DropReason::Malformed, counts.malformed),
            (DropReason::Unsent, counts.unsent),
        ] {
            if count > 0 {
                counters.dropped(reason, usize::try_from(count).unwrap_or(usize::MAX));
            }
        }
        if counts.retransmits > 0 {
            counters.retransmitted(Channel::Udp, counts.retransmits);
        }
        if let Some(round_trip) = state.round_trip {
            counters.measured(Channel::Udp, round_trip);
        }
        (self.told != Some(state.reason)).then(|| *self.told.insert(state.reason))
    }

    /// Tells the peer, as far as that goes without waiting.
    pub(super) fn close(&mut self, cx: &mut Context<'_>, now: Instant) {
        if let Some(mut channel) = self.channel.take() {
            channel.close();
            let _ = channel.poll_flush(cx, now.into_std());
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
    /// Receives once and hands over what came; whether anything did.
    pub(super) fn poll_datagrams(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, PumpEnd> {
        let Some(channel) = &mut self.udp.channel else { return Ok(false) };
        let mut opened = std::mem::take(&mut self.udp.packets);
        let moved = channel.poll_receive(cx, now.into_std(), &mut opened).is_ready();
        let mut failed = Ok(());
        if !opened.is_empty() {
            let mut coalescer = std::mem::take(&mut self.coalescer);
            opened.iter().for_each(|packet| coalescer.push(packet));
            coalescer.flush(|run| {
                if failed.is_ok() {
                    failed = deliver(&mut self.packets, run, Channel::Udp, self.counters);
                }
            });
            self.coalescer = coalescer.recycle();
            opened.clear();
        }
        self.udp.packets = opened;
        if channel.take_tls_keepalive() {
            self.control.keepalive = true;
        }
        if let Some(reason) = self.udp.news(self.counters) {
            self.tell(PumpEvent::Carried(reason));
        }
        failed.map_err(PumpEnd::Packets)?;
        Ok(moved)
    }
}
