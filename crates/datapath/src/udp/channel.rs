//! One session's UDP channel: DTLS over datagrams, with everything that keeps it going.
//!
//! Data is `type byte | payload` in one record, which is one datagram, and the types are those of the TLS channel. A
//! client shakes hands as soon as there is a channel, and again after growing pauses; data may go by TLS meanwhile,
//! and [`UdpChannel::send`] says when it must.

use std::mem;
use std::ops::Range;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use praya_dtls::{Config, Suite};
use praya_model::ChannelReason;
use praya_wire::cstp::FrameType;

use super::choice::{Choice, Heard};
use super::keys::{Event, Keys};
use super::output::Output;
use super::path_mtu::PathMtu;
use super::probes::{ID_LEN, Probes};
use super::{DatagramIo, Datagrams, Path, is_too_long};
use crate::counters::Channel;
use crate::io::Delivery;
use crate::offload;
use crate::packet::Packet;
use crate::timers::{Due, Rhythm, Role, Timers};

/// UDP payload that fits every path with IPv6, whose least MTU is 1280 (RFC 8200 section 5).
pub const SURE_DATAGRAM: usize = 1280 - 40 - 8;
/// Hellos of one session that begin something new are no closer: ocserv does not look at them
/// (OpenConnect protocol, section 5.1). A repeated hello is not held back.
const HELLO_PAUSE: Duration = Duration::from_secs(3);
/// The longest pause between handshakes that come to nothing.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often a client repeats a flight, after 1, 2 … seconds, before it takes UDP for blocked.
const REPETITIONS: u32 = 2;
/// What is sealed and not taken by the socket; more is refused.
const MOST_WAITING: usize = 256 << 10;
/// Receive calls of one poll.
const RECEIVES: usize = 4;
/// Receive calls in a row that may bring an error only, and how long a socket with more is left alone.
const MOST_REFUSALS: u32 = 64;
const DEAF: Duration = Duration::from_secs(1);
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

/// When a client shakes hands.
#[derive(Debug)]
struct Attempts {
    next: Option<Instant>,
    last: Option<Instant>,
    pause: Duration,
    /// The network has changed, and nothing was heard since.
    hurry: bool,
}

impl Attempts {
    fn lengthen(&mut self) {
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

impl<D: DatagramIo> UdpChannel<D> {
    /// A channel without keys; a client begins at once.
    pub fn new(io: D, mut settings: ChannelSettings, now: Instant) -> Self {
        let role = settings.rhythm.role;
        settings.config.retransmissions = REPETITIONS;
        let next = (role == Role::Client).then_some(now);
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
            attempts: Attempts { next, last: None, pause: HELLO_PAUSE, hurry: false },
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
        self.attempts.pause = HELLO_PAUSE;
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

    /// When [`UdpChannel::on_timer`] is to be called, if nothing happens before.
    pub fn next_timer(&self) -> Option<Instant> {
        let rekey_and_dpd = self.timers.as_ref().and_then(Timers::next);
        let path_mtu = self.path_mtu.as_ref().filter(|_| self.choice.channel() == Channel::Udp);
        let silent = self.silence_ends();
        [
            self.deaf_until,
            self.keys.next_timeout(),
            self.choice.next(),
            rekey_and_dpd,
            path_mtu.and_then(PathMtu::next),
            self.attempts.next.or(silent).filter(|_| !self.keys.is_shaking_hands()),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Does what is due: hellos, probes, keepalives, new keys. [`UdpChannel::poll_flush`] sends it.
    pub fn on_timer(&mut self, now: Instant) {
        if self.deaf_until.is_some_and(|until| now >= until) {
            (self.deaf_until, self.refusals) = (None, 0);
        }
        match self.keys.on_timeout(now) {
            Ok(repeated) => self.counts.retransmits += u64::from(repeated),
            Err(error) => {
                tracing::debug!(%error, "no DTLS handshake");
                self.failed(now);
            }
        }
        self.keep_up(now);
        while self.choice.due(now) {
            // Only the first one is long, so that the others tell a path that loses long ones from a dead one.
            let long = self.choice.channel() == Channel::Udp && self.data_sent && !self.long_asked;
            self.long_asked |= long;
            let size = self.path_mtu.as_ref().filter(|_| long).map_or(0, PathMtu::current);
            self.probe(size, now);
        }
        let patience = self.probes.patience();
        if self.choice.channel() == Channel::Udp
            && let Some(size) = self.path_mtu.as_mut().and_then(|path_mtu| path_mtu.due(now, patience))
        {
            self.probe(size, now);
        }
        self.shake_hands(now);
    }

    fn longest_packet(&mut self) -> usize {
        let overhead = self.keys.connection().map(|connection| connection.overhead());
        match (&self.path_mtu, overhead) {
            (Some(path_mtu), Some(overhead)) => path_mtu.current().saturating_sub(overhead + TYPE_LEN),
            _ => 0,
        }
    }

    /// DPD, keepalives and the age of the keys.
    fn keep_up(&mut self, now: Instant) {
        while let Some(due) = self.timers.as_mut().and_then(|timers| timers.due(now)) {
            match due {
                Due::Probe => self.probe(0, now),
                Due::Keepalive => self.say(FrameType::Keepalive, &[]),
                Due::Rekey => self.new_keys_due(now),
                Due::Dead => {
                    self.keys.give_up();
                    self.timers = None;
                    if self.keys.is_connected() {
                        self.timers = Some(Timers::new(self.settings.rhythm, now));
                    } else {
                        self.choice.disconnected(false);
                        self.new_keys_due(now);
                    }
                }
            }
        }
        if self.keys.connection().is_some_and(|keys| keys.rekey_due(now)) {
            match self.role {
                Role::Client => self.new_keys_due(now),
                Role::Gateway => self.retire(now),
            }
        }
    }

    /// A gateway's keys are worn, and it cannot ask for new ones: data goes by TLS until the client says hello again.
    fn retire(&mut self, now: Instant) {
        // Where the last record goes.
        self.settings.peer = self.keys.peer().or(self.settings.peer);
        if let Some(connection) = self.keys.connection() {
            let before = self.output.buffer().len();
            connection.close(self.output.buffer());
            if self.output.buffer().len() > before {
                self.output.sealed();
            }
        }
        self.keys.give_up();
        self.disconnected(now);
    }

    fn new_keys_due(&mut self, now: Instant) {
        if self.role == Role::Client {
            self.attempts.next.get_or_insert(now);
        }
    }

    /// From when on a silent path is worth new keys: the gateway may have forgotten us, or an address translator.
    fn silence_ends(&self) -> Option<Instant> {
        let since = self.choice.silent_since().filter(|_| self.role == Role::Client)?;
        let pause = if self.attempts.hurry { Duration::ZERO } else { self.attempts.pause };
        Some(self.attempts.last.map_or(since, |last| since.max(last)) + pause)
    }

    fn shake_hands(&mut self, now: Instant) {
        let silent = self.silence_ends();
        if self.keys.is_shaking_hands() || self.attempts.next.or(silent).is_none_or(|at| now < at) {
            return;
        }
        let earliest = self.attempts.last.map(|last| last + HELLO_PAUSE);
        if let Some(earliest) = earliest.filter(|at| now < *at) {
            self.attempts.next = Some(earliest);
            return;
        }
        let (Some(path), Some(random)) = (self.settings.peer, random()) else {
            self.attempts.next = None;
            return;
        };
        self.attempts.next = None;
        self.attempts.last = Some(now);
        self.attempts.hurry = false;
        self.keys.start(path, random, now);
    }

    /// A handshake came to nothing.
    fn failed(&mut self, now: Instant) {
        if self.role == Role::Gateway {
            return;
        }
        if !self.keys.is_connected() {
            self.choice.disconnected(true);
        }
        self.attempts.next = Some(now + self.attempts.pause);
        self.attempts.lengthen();
    }

    fn connected(&mut self, now: Instant) {
        self.timers = Some(Timers::new(self.settings.rhythm, now));
        // Keys are no success before something was heard under them.
        self.attempts.lengthen();
        self.choice.connected(now);
        if self.role == Role::Client {
            // The gateway uses new keys when it has heard something under them.
            self.choice.doubt(now);
        }
        if self.path_mtu.is_none()
            && let Some(overhead) = self.keys.connection().map(|connection| connection.overhead())
        {
            let useful = usize::from(self.settings.mtu) + TYPE_LEN + overhead;
            let longest = self.settings.longest_datagram.map_or(useful, |longest| useful.min(longest));
            let sure = self.settings.sure_datagram.min(longest);
            self.path_mtu = Some(PathMtu::new(sure, longest, now));
        }
    }

    fn disconnected(&mut self, now: Instant) {
        if !self.keys.is_connected() {
            self.timers = None;
            self.choice.disconnected(false);
            self.new_keys_due(now);
        }
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
        self.attempts.pause = HELLO_PAUSE;
        (self.data_sent, self.long_asked) = (false, false);
        let Some(path_mtu) = &mut self.path_mtu else { return };
        if let Some(lost) = answered.lost {
            path_mtu.lost(lost, now);
        }
        if let Some(size) = answered.size {
            path_mtu.echoed(size, now);
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

/// Random bytes for a hello; without any there is no handshake.
fn random() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).ok().map(|()| bytes)
}

#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
