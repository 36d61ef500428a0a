//! The poll of a pump: orders, timers, what arrives, what goes out, and what to wait for.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep, sleep_until};

use super::buffers::Spare;
use super::datagrams::Udp;
use super::farewell::LastWord;
use super::inbound::Inbound;
use super::{Order, PumpEnd, PumpEvent, PumpSettings, RecordLayer, TlsPort};
use crate::counters::{Channel, Counters};
use crate::io::PacketIo;
use crate::line::{Line, LineState};
use crate::offload::Coalescer;
use crate::packet::Packet;
use crate::timers::{Due, Timers};
use crate::udp::{DatagramIo, UdpChannel};

/// A timer that is never due.
const NEVER: Duration = Duration::from_secs(86_400);
/// How long one poll goes on, before the thread's other sessions have their turn: at full speed about a megabyte.
const TURN: Duration = Duration::from_millis(1);
/// How often the system is asked how the connection is, while anything moves.
const LOOK: Duration = Duration::from_secs(1);

/// What ends the poll.
pub(super) enum Leave {
    /// An order, and what to say.
    Said(LastWord),
    /// Anything else.
    End(PumpEnd),
}

impl From<PumpEnd> for Leave {
    fn from(end: PumpEnd) -> Self {
        Self::End(end)
    }
}

pub(super) struct Pump<'a, S, R, D, P> {
    pub(super) stream: S,
    pub(super) records: R,
    pub(super) udp: Udp<D>,
    pub(super) packets: P,
    pub(super) settings: PumpSettings,
    pub(super) counters: &'a Counters,
    orders: mpsc::Receiver<Order>,
    pub(super) timers: Timers,
    alarm: Pin<Box<Sleep>>,
    pub(super) control: Control,
    pub(super) inbound: Inbound,
    pub(super) coalescer: Coalescer<'static>,
    /// Sealed records that the stream has not taken yet.
    pub(super) out: Vec<u8>,
    /// How much of them it has.
    pub(super) written: usize,
    /// Since when the stream takes nothing.
    pub(super) blocked: Option<Instant>,
    /// The owner knows that the keys of the stream are nearly used up.
    pub(super) told_worn: bool,
    /// More may wait in the port than was taken last.
    pub(super) pulled: bool,
    /// Packets between the port and the seal; empty between polls.
    pub(super) batch: Vec<Packet>,
    /// When the system was asked last how the connection is...
    looked: Instant,
    /// ...and how many segments it had sent again by then.
    resent: u64,
}

/// What is to be said besides packets.
#[derive(Debug, Default)]
pub(super) struct Control {
    /// The answer to the newest DPD request; an older one that is not out yet is not worth sending.
    pub(super) reply: Option<Vec<u8>>,
    pub(super) probe: bool,
    pub(super) keepalive: bool,
    pub(super) refresh: bool,
    /// When the last probe went out that nobody has answered.
    pub(super) probed: Option<Instant>,
    pub(super) silent: bool,
}

impl<'a, S, R, D, P> Pump<'a, S, R, D, P>
where
    S: Line,
    R: RecordLayer,
    D: DatagramIo,
    P: PacketIo,
{
    pub(super) fn new(
        tls: TlsPort<S, R>,
        datagrams: Option<UdpChannel<D>>,
        packets: P,
        settings: PumpSettings,
        counters: &'a Counters,
        orders: mpsc::Receiver<Order>,
    ) -> Self {
        let now = Instant::now();
        Self {
            stream: tls.stream,
            records: tls.records,
            udp: Udp::new(datagrams),
            packets,
            timers: Timers::new(settings.rhythm, now.into_std()),
            settings,
            counters,
            orders,
            alarm: Box::pin(sleep_until(now)),
            control: Control::default(),
            inbound: Inbound::new(tls.early, tls.sealed),
            coalescer: Coalescer::new(),
            out: tls.unsent,
            written: 0,
            blocked: None,
            told_worn: false,
            pulled: false,
            batch: Vec::new(),
            looked: now,
            resent: 0,
        }
    }

    /// Moves what can be moved; pending when that is nothing.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Leave> {
        self.work();
        let begin = Instant::now();
        if begin.saturating_duration_since(self.looked) >= LOOK {
            self.looked = begin;
            self.look();
        }
        let mut now = begin;
        while now.saturating_duration_since(begin) < TURN {
            match self.round(cx, now) {
                Ok(true) => {}
                Ok(false) => {
                    if self.poll_alarm(cx, now).is_pending() {
                        self.rest();
                        return Poll::Pending;
                    }
                }
                Err(leave) => {
                    self.rest();
                    return Poll::Ready(leave);
                }
            }
            now = Instant::now();
        }
        self.rest();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// One round over everything; whether anything moved.
    fn round(&mut self, cx: &mut Context<'_>, now: Instant) -> Result<bool, Leave> {
        while let Poll::Ready(order) = self.orders.poll_recv(cx) {
            match order.unwrap_or(Order::Close).last_word() {
                Ok(word) => return Err(Leave::Said(word)),
                Err(Order::Probe { patience }) => {
                    self.timers.probe_within(now.into_std(), patience);
                    self.control.probe = true;
                    self.udp.network_changed(now);
                }
                Err(_) => self.control.refresh = true,
            }
        }
        self.ring(now)?;
        let by_stream = self.poll_inbound(cx, now)?;
        let by_datagram = self.poll_datagrams(cx, now)?;
        let left = self.poll_outbound(cx, now)?;
        if !self.told_worn && self.records.successor_due() {
            self.told_worn = self.tell(PumpEvent::RekeyDue);
        }
        Ok(by_stream || by_datagram || left)
    }

    fn ring(&mut self, now: Instant) -> Result<(), PumpEnd> {
        while let Some(due) = self.timers.due(now.into_std()) {
            match due {
                Due::Probe => {
                    self.control.probe = true;
                    if !std::mem::replace(&mut self.control.silent, true) {
                        self.tell(PumpEvent::PeerSilent);
                    }
                }
                Due::Keepalive => self.control.keepalive = true,
                Due::Rekey => {
                    self.tell(PumpEvent::RekeyDue);
                }
                Due::Dead => return Err(PumpEnd::PeerDead),
            }
        }
        match self.blocked {
            Some(since) if now.saturating_duration_since(since) >= self.settings.stall => {
                Err(PumpEnd::PeerStalled)
            }
            _ => Ok(()),
        }
    }

    /// Ready when a timer is due already.
    fn poll_alarm(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        let stalled = self.blocked.and_then(|since| since.checked_add(self.settings.stall));
        let turn = self.packets.wake_at(now.into_std()).map(Instant::from_std);
        let timer = self.timers.next().map(Instant::from_std);
        let udp = self.udp.next_timer();
        let at = [stalled, turn, timer, udp].into_iter().flatten().min().unwrap_or_else(|| now + NEVER);
        if self.alarm.deadline() != at {
            self.alarm.as_mut().reset(at);
        }
        self.alarm.as_mut().poll(cx)
    }

    /// Counts what TCP alone knows.
    pub(super) fn look(&mut self) {
        let Some(LineState { retransmits, round_trip, .. }) = self.stream.state() else { return };
        let fresh = retransmits.saturating_sub(std::mem::replace(&mut self.resent, retransmits));
        self.counters.retransmitted(Channel::Tls, fresh);
        // With little under way TCP measures how long the peer waits before it says that it has heard.
        if !round_trip.is_zero() && !self.udp.carries() {
            self.counters.measured(Channel::Tls, round_trip);
        }
    }

    /// Takes this thread's memory to work with.
    fn work(&mut self) {
        let Spare { out, batch, opened, coalescer } = Spare::borrow();
        if self.out.is_empty() {
            self.out = out;
        }
        (self.batch, self.udp.packets, self.coalescer) = (batch, opened, coalescer);
    }

    /// Gives back what a session that moves nothing does not need.
    fn rest(&mut self) {
        self.inbound.rest();
        let spare = Spare {
            out: if self.out.is_empty() { std::mem::take(&mut self.out) } else { Vec::new() },
            batch: std::mem::take(&mut self.batch),
            opened: std::mem::take(&mut self.udp.packets),
            coalescer: std::mem::take(&mut self.coalescer),
        };
        spare.give_back();
    }

    pub(super) fn heard(&mut self, now: Instant) {
        self.timers.received(now.into_std());
        if std::mem::take(&mut self.control.silent) {
            self.tell(PumpEvent::PeerBack);
        }
    }

    /// Whether there was room to tell it.
    pub(super) fn tell(&self, event: PumpEvent) -> bool {
        // The owner is told as a courtesy; it must not be able to hold the tunnel up.
        self.settings.events.as_ref().is_some_and(|events| events.try_send(event).is_ok())
    }
}
