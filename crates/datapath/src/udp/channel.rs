//! One session's UDP channel: DTLS over datagrams, with everything that keeps it going.
//!
//! Data is `type byte | payload` in one record, which is one datagram, and the types are those of the TLS channel. A
//! client shakes hands as soon as there is a channel, and again after growing pauses; data may go by TLS meanwhile,
//! and [`UdpChannel::send`] says when it must.

use std::mem;
use std::ops::Range;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use praya_dtls::{Config, Suite};
use praya_model::ChannelReason;
use praya_wire::cstp::FrameType;

use self::upkeep::Attempts;
use super::choice::Choice;
use super::keys::{Event, Keys};
use super::output::Output;
use super::path_mtu::PathMtu;
use super::probes::{ID_LEN, Probes};
use super::{DatagramIo, Datagrams, Path, is_too_long};
use crate::counters::Channel;
use crate::io::Delivery;
use crate::offload;
use crate::packet::Packet;
use crate::timers::{Rhythm, Role, Timers};

mod receiving;
mod upkeep;

/// UDP payload that fits every path with IPv6, whose least MTU is 1280 (RFC 8200 section 5).
pub const SURE_DATAGRAM: usize = 1280 - 40 - 8;
/// How often a client repeats a flight, after 1, 2 … seconds, before it takes UDP for blocked.
const REPETITIONS: u32 = 2;
/// What is sealed and not taken by the socket; more is refused.
const MOST_WAITING: usize = 256 << 10;
/// What probes are padded with.
static PADDING: [u8; 16 << 10] = [0; 16 << 10];

const TYPE_LEN: usize = 1;

/// How one channel is run.
#[derive(Clone, Debug)]
pub struct ChannelSettings {
    /// Role, DPD, keepalive and rekey times.
    pub rhythm: Rhythm,
    /// Key, session id and suites; how often flights are repeated is set here.
    pub config: Config,
    /// Where the gateway is; on a gateway, the client says so by its hello.
    pub peer: Option<Path>,
    /// The longest packet inside, in bytes.
    pub mtu: u16,
    /// The longest datagram that surely arrives, in bytes of UDP payload: [`SURE_DATAGRAM`], or less where the client's
    /// link takes less. A longer one is used when a probe of its size was answered.
    pub sure_datagram: usize,
    /// The longest datagram that the client's link takes, where it has said so.
    pub longest_datagram: Option<usize>,
}

/// How a channel is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpState {
    /// Which channel carries the data.
    pub channel: Channel,
    /// Why.
    pub reason: ChannelReason,
    /// What protects it, while there are keys.
    pub suite: Option<Suite>,
    /// The smoothed round trip of its probes.
    pub round_trip: Option<Duration>,
    /// The longest packet inside that it carries in one datagram; zero without keys.
    pub longest_packet: usize,
}

/// What was counted since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UdpCounts {
    /// Flights of a handshake that were sent again.
    pub retransmits: u64,
    /// Records that had been there before.
    pub replayed: u64,
    /// Records that the peer did not make.
    pub forged: u64,
    /// Datagrams that make no sense, authentic or not.
    pub malformed: u64,
    /// Datagrams that were sealed and that the system did not send.
    pub unsent: u64,
}

/// One session's channel over `D`. Poll it from one task: [`UdpChannel::poll_receive`], [`UdpChannel::send`],
/// [`UdpChannel::poll_flush`], and [`UdpChannel::on_timer`] when [`UdpChannel::next_timer`] has come.
pub struct UdpChannel<D> {
    io: D,
    role: Role,
    settings: ChannelSettings,
    keys: Keys,
    choice: Choice,
    /// While there are keys.
    timers: Option<Timers>,
    probes: Probes,
    path_mtu: Option<PathMtu>,
    output: Output,
    /// A datagram that is no data and waits for the socket.
    control: Option<(Path, Vec<u8>)>,
    adopted: Option<Path>,
    attempts: Attempts,
    /// Whether data was sent since the last answer, and whether a probe as long as data may be was.
    data_sent: bool,
    long_asked: bool,
    counts: UdpCounts,
    /// Receive calls in a row that brought an error only, and when to try again after too many.
    refusals: u32,
    deaf_until: Option<Instant>,
    batch: Vec<Datagrams>,
    messages: Vec<Range<usize>>,
    events: Vec<Event>,
}

impl<D: DatagramIo> UdpChannel<D> {
    /// A channel without keys; a client begins at once.
    pub fn new(io: D, mut settings: ChannelSettings, now: Instant) -> Self {
        let role = settings.rhythm.role;
        settings.config.retransmissions = REPETITIONS;
        Self {
            io,
            role,
            keys: Keys::new(role, settings.config.clone()),
            choice: Choice::new(role),
            timers: None,
            probes: Probes::default(),
            path_mtu: None,
            output: Output::default(),
            control: None,
            adopted: None,
            attempts: Attempts::new((role == Role::Client).then_some(now)),
            data_sent: false,
            long_asked: false,
            counts: UdpCounts::default(),
            refusals: 0,
            deaf_until: None,
            batch: Vec::new(),
            messages: Vec::new(),
            events: Vec::new(),
            settings,
        }
    }

    /// How it is.
    pub fn state(&mut self) -> UdpState {
        UdpState {
            channel: self.choice.channel(),
            reason: self.choice.reason(),
            suite: self.keys.connection().map(|connection| connection.suite()),
            round_trip: self.probes.round_trip(),
            longest_packet: self.longest_packet(),
        }
    }

    /// Which channel carries the data now.
    pub fn channel(&self) -> Channel {
        self.choice.channel()
    }

    /// What was counted since the last call.
    pub fn take_counts(&mut self) -> UdpCounts {
        let mut counts = mem::take(&mut self.counts);
        let dropped = self.keys.take_dropped();
        counts.replayed += dropped.replayed;
        counts.forged += dropped.forged;
        counts.malformed += dropped.malformed;
        counts
    }

    /// A packet, or (without `data`) a keepalive came by the TLS channel; DPD is not told.
    pub fn heard_by_tls(&mut self, data: bool, now: Instant) {
        self.choice.heard_by_tls(data, now);
    }

    /// Whether a keepalive is to be sent by TLS, so that the gateway knows that this client listens there now. Ask
    /// after each poll.
    pub fn take_tls_keepalive(&mut self) -> bool {
        match self.choice.announcement() {
            Some(Channel::Tls) => true,
            Some(Channel::Udp) => {
                self.say(FrameType::Keepalive, &[]);
                false
            }
            None => false,
        }
    }

    /// The machine's network has changed, or may have: begins anew on it, keeps the session, and asks the peer.
    pub fn network_changed(&mut self, now: Instant) {
        if let Err(error) = self.io.rebind() {
            tracing::debug!(%error, "no new socket for datagrams yet");
        }
        self.choice.doubt(now);
        if let Some(path_mtu) = &mut self.path_mtu {
            path_mtu.path_changed(now);
        }
        (self.deaf_until, self.refusals) = (None, 0);
        self.attempts.hurry = true;
        self.attempts.forget_failures();
        if self.role == Role::Client && !self.keys.is_connected() {
            self.attempts.next = Some(now);
        }
    }

    /// Tells the peer that nothing more comes; [`UdpChannel::poll_flush`] still has to send it.
    pub fn close(&mut self) {
        self.settings.peer = self.keys.peer().or(self.settings.peer);
        let before = self.output.buffer().len();
        self.keys.close(self.output.buffer());
        if self.output.buffer().len() > before {
            self.output.sealed();
        }
        self.attempts.next = None;
        self.timers = None;
        self.choice.disconnected(false);
    }

    /// Seals the packet, split into what fits the path. [`Delivery::Dropped`]: it is untouched and belongs to TLS,
    /// because data goes there now, or because it fits no datagram. [`UdpChannel::poll_flush`] sends what was sealed;
    /// take packets only while that is ready.
    pub fn send(&mut self, packet: &Packet, now: Instant) -> Delivery {
        if self.choice.channel() == Channel::Tls || self.output.len() >= MOST_WAITING {
            return Delivery::Dropped;
        }
        let longest = self.longest_packet();
        let (Some(connection), output) = (self.keys.connection(), &mut self.output) else {
            return Delivery::Dropped;
        };
        let mark = output.mark();
        let mut failed = false;
        let split = offload::split(packet, longest, |head, payload| {
            let parts = [&[FrameType::Data.code()][..], head, payload];
            match connection.seal(output.buffer(), &parts) {
                Ok(()) => output.sealed(),
                Err(_) => failed = true,
            }
        });
        if split.is_err() || failed {
            output.back_to(mark);
            return Delivery::Dropped;
        }
        self.data_sent = true;
        self.choice.sent(now);
        if let Some(timers) = &mut self.timers {
            timers.sent(now);
        }
        Delivery::Delivered
    }

    /// Sends what was sealed. Ready when nothing is left, otherwise `cx` is woken when there is room.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<()> {
        loop {
            let next = self.control.take().or_else(|| self.keys.poll_transmit());
            let Some((path, datagram)) = next else { break };
            match self.io.poll_send(cx, path, &datagram, datagram.len()) {
                Poll::Pending => {
                    self.control = Some((path, datagram));
                    return Poll::Pending;
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => tracing::trace!(%error, "a handshake's datagram was not sent"),
            }
        }
        let Some(peer) = self.keys.peer().or(self.settings.peer) else {
            self.counts.unsent += self.output.give_up();
            return Poll::Ready(());
        };
        let mut refusals = 0;
        while let Some((contents, segment)) = self.output.next() {
            match self.io.poll_send(cx, peer, contents, segment) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(sent)) => self.output.sent(sent),
                Poll::Ready(Err(error)) if is_too_long(&error) => {
                    self.counts.unsent += self.output.skip();
                    if let Some(path_mtu) = &mut self.path_mtu {
                        path_mtu.refused(segment, now);
                    }
                }
                // The first error may tell of a datagram that went before.
                Poll::Ready(Err(_)) if refusals == 0 => refusals += 1,
                Poll::Ready(Err(error)) => {
                    tracing::trace!(%error, "datagrams were not sent");
                    self.counts.unsent += self.output.skip();
                }
            }
        }
        Poll::Ready(())
    }

    fn longest_packet(&mut self) -> usize {
        let overhead = self.keys.connection().map(|connection| connection.overhead());
        match (&self.path_mtu, overhead) {
            (Some(path_mtu), Some(overhead)) => path_mtu.current().saturating_sub(overhead + TYPE_LEN),
            _ => 0,
        }
    }

    /// A DPD request that makes a datagram of `size` bytes, or as short a one as there is.
    fn probe(&mut self, size: usize, now: Instant) {
        let Some(overhead) = self.keys.connection().map(|connection| connection.overhead()) else { return };
        let shortest = overhead + TYPE_LEN + ID_LEN;
        let size = size.max(shortest);
        let id = self.probes.sent(size, now);
        let padding = PADDING.get(..size - shortest).unwrap_or(&PADDING);
        self.seal(&[&[FrameType::DpdRequest.code()], &id, padding]);
    }

    fn say(&mut self, kind: FrameType, payload: &[u8]) {
        self.seal(&[&[kind.code()], payload]);
    }

    fn seal(&mut self, parts: &[&[u8]]) {
        let (Some(connection), output) = (self.keys.connection(), &mut self.output) else { return };
        if output.len() < MOST_WAITING && connection.seal(output.buffer(), parts).is_ok() {
            output.sealed();
        }
    }
}

impl<D> std::fmt::Debug for UdpChannel<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UdpChannel")
            .field("choice", &self.choice)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
