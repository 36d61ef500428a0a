//! What arrives at a channel: datagrams opened, packets handed on, everything else dealt with.

use std::mem;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use praya_wire::cstp::FrameType;

use super::upkeep::random;
use super::{TYPE_LEN, UdpChannel};
use crate::timers::Role;
use crate::udp::choice::Heard;
use crate::udp::keys::Event;
use crate::udp::{DatagramIo, Datagrams, Path};

/// Receive calls of one poll.
const RECEIVES: usize = 4;
/// Receive calls in a row that may bring an error only, and how long a socket with more is left alone.
const MOST_REFUSALS: u32 = 64;
const DEAF: Duration = Duration::from_secs(1);

impl<D: DatagramIo> UdpChannel<D> {
    /// Takes what has arrived: packets are appended to `packets`, all else is dealt with. Ready when anything moved,
    /// otherwise `cx` is woken, or the next timer is near. `now` must not go back between calls.
    pub fn poll_receive(&mut self, cx: &mut Context<'_>, now: Instant, packets: &mut Vec<Bytes>) -> Poll<()> {
        let mut moved = false;
        let mut pending = self.deaf_until.is_some_and(|until| now < until);
        for _ in 0..RECEIVES {
            if pending {
                break;
            }
            let mut batch = mem::take(&mut self.batch);
            match self.io.poll_recv(cx, &mut batch) {
                Poll::Pending => (pending, self.refusals) = (true, 0),
                // An earlier datagram was refused, as by a firewall: no news, silence tells the same.
                Poll::Ready(Err(error)) => {
                    tracing::trace!(%error, "a datagram was refused");
                    self.refusals += 1;
                }
                Poll::Ready(Ok(())) => (moved, self.refusals) = (true, 0),
            }
            batch.drain(..).for_each(|run| self.take_run(run, now, packets));
            self.batch = batch;
        }
        self.retire_keys(now);
        if self.next_timer().is_some_and(|at| at <= now) {
            self.on_timer(now);
        }
        let _ = self.poll_flush(cx, now);
        if moved {
            return Poll::Ready(());
        }
        match self.refusals {
            0 => {}
            1..MOST_REFUSALS => cx.waker().wake_by_ref(),
            _ => {
                self.deaf_until.get_or_insert(now + DEAF);
            }
        }
        Poll::Pending
    }

    fn take_run(&mut self, mut run: Datagrams, now: Instant, packets: &mut Vec<Bytes>) {
        let (stride, path) = (run.stride.max(1), run.path);
        let mut at = 0;
        let mut data = false;
        for datagram in run.bytes.chunks_mut(stride) {
            let len = datagram.len();
            let (events, keys) = (&mut self.events, &mut self.keys);
            keys.receive(datagram, path, now, random, |event| events.push(event));
            let mut events = mem::take(&mut self.events);
            for event in events.drain(..) {
                match event {
                    Event::Connected => self.connected(now),
                    Event::Ended => self.disconnected(now),
                    Event::Failed(error) => {
                        tracing::debug!(%error, "no DTLS handshake");
                        self.failed(now);
                    }
                    Event::Message(range) => {
                        let message = datagram.get(range.clone()).unwrap_or_default();
                        if self.hear(message, len, now) {
                            data = true;
                            self.messages.push(at + range.start + TYPE_LEN..at + range.end);
                        }
                    }
                }
            }
            self.events = events;
            at += len;
        }
        if data {
            self.choice.heard(Heard::Data, now);
            let bytes = mem::take(&mut run.bytes).freeze();
            packets.extend(self.messages.drain(..).map(|range| bytes.slice(range)));
        }
        let peer = self.keys.peer();
        if self.role == Role::Gateway && peer != self.adopted {
            self.moved(peer, now);
        }
    }

    fn moved(&mut self, peer: Option<Path>, now: Instant) {
        let address = |path: Option<Path>| path.map(|path| path.remote.ip());
        if let Some(path_mtu) = &mut self.path_mtu
            && self.adopted.is_some()
            && address(peer) != address(self.adopted)
        {
            path_mtu.path_changed(now);
        }
        self.adopted = peer;
        if let Some(path) = peer {
            self.io.adopt(path);
        }
    }

    /// Takes a message that came in a datagram of `size` bytes; whether it is a packet.
    fn hear(&mut self, message: &[u8], size: usize, now: Instant) -> bool {
        if let Some(timers) = &mut self.timers {
            timers.received(now);
        }
        self.attempts.hurry = false;
        let (kind, payload) = match message.split_first() {
            Some((kind, payload)) => (FrameType::from_code(*kind), payload),
            None => (None, message),
        };
        match kind {
            Some(FrameType::Data) if !payload.is_empty() => return true,
            Some(FrameType::DpdRequest) => {
                self.choice.heard(Heard::Request, now);
                self.say(FrameType::DpdResponse, payload);
            }
            Some(FrameType::DpdResponse) => self.answered(payload, size, now),
            Some(FrameType::Keepalive) => self.choice.heard(Heard::Keepalive, now),
            Some(
                FrameType::Data
                | FrameType::Disconnect
                | FrameType::Compressed
                | FrameType::Terminate
                | FrameType::SuperPacket,
            )
            | None => self.counts.malformed += 1,
        }
        false
    }

    fn answered(&mut self, payload: &[u8], size: usize, now: Instant) {
        let Some(answered) = self.probes.answered(payload, size, now) else {
            self.counts.malformed += 1;
            return;
        };
        if let Some(round_trip) = self.probes.round_trip() {
            self.choice.measured(round_trip);
        }
        self.choice.heard(Heard::Answer, now);
        self.attempts.forget_failures();
        (self.data_sent, self.long_asked) = (false, false);
        let Some(path_mtu) = &mut self.path_mtu else { return };
        if let Some(lost) = answered.lost {
            path_mtu.lost(lost, now);
        }
        if let Some(size) = answered.size {
            path_mtu.echoed(size, now);
        }
    }
}
