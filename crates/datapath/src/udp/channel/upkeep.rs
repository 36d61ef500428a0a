//! What a channel does by the clock: probes, keepalives, and the handshakes for its keys.

use std::time::{Duration, Instant};

use praya_wire::cstp::FrameType;

use super::{TYPE_LEN, UdpChannel};
use crate::counters::Channel;
use crate::timers::{Due, Role, Timers};
use crate::udp::DatagramIo;
use crate::udp::path_mtu::PathMtu;

/// Hellos of one session that begin something new are no closer: ocserv does not look at them
/// (OpenConnect protocol, section 5.1). A repeated hello is not held back.
const HELLO_PAUSE: Duration = Duration::from_secs(3);
/// The longest pause between handshakes that come to nothing.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// When a client shakes hands.
#[derive(Debug)]
pub(super) struct Attempts {
    pub(super) next: Option<Instant>,
    pub(super) last: Option<Instant>,
    pub(super) pause: Duration,
    /// The network has changed, and nothing was heard since.
    pub(super) hurry: bool,
}

impl Attempts {
    /// The first one is due at `next`.
    pub(super) fn new(next: Option<Instant>) -> Self {
        Self { next, last: None, pause: HELLO_PAUSE, hurry: false }
    }

    /// What was tried before says nothing any more.
    pub(super) fn forget_failures(&mut self) {
        self.pause = HELLO_PAUSE;
    }

    fn lengthen(&mut self) {
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }
}

impl<D: DatagramIo> UdpChannel<D> {
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
        if self.role == Role::Client && self.keys.connection().is_some_and(|keys| keys.rekey_due(now)) {
            self.new_keys_due(now);
        }
    }

    /// Ends a gateway's keys when they are worn, since it cannot ask for new ones: data goes by TLS until the client
    /// says hello again. Not by a timer, of which a busy session may have none.
    pub(super) fn retire_keys(&mut self, now: Instant) {
        let worn =
            self.role == Role::Gateway && self.keys.connection().is_some_and(|keys| keys.rekey_due(now));
        if !worn {
            return;
        }
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
    pub(super) fn failed(&mut self, now: Instant) {
        if self.role == Role::Gateway {
            return;
        }
        if !self.keys.is_connected() {
            self.choice.disconnected(true);
        }
        self.attempts.next = Some(now + self.attempts.pause);
        self.attempts.lengthen();
    }

    pub(super) fn connected(&mut self, now: Instant) {
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

    pub(super) fn disconnected(&mut self, now: Instant) {
        if !self.keys.is_connected() {
            self.timers = None;
            self.choice.disconnected(false);
            self.new_keys_due(now);
        }
    }
}

/// Random bytes for a hello; without any there is no handshake.
pub(super) fn random() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes).ok().map(|()| bytes)
}
