//! Which channel carries data now, and why: what was sent and heard in, the channel and due probes out.
//!
//! The client chooses. It takes UDP when a handshake and one probe have succeeded, and leaves it within a second of
//! losing it: whoever has sent something and hears nothing probes, and what answers no probe is silent. TLS carries
//! the data meanwhile, the probes go on, and the first answer brings UDP back.
//!
//! The gateway follows: it sends on the channel on which the client last sent data or a keepalive. DPD requests move
//! it only once, to a channel that has just come up: a client that has left UDP goes on probing there, and
//! openconnect probes its TLS connection at any time. A client that changes its mind and has no data to send says
//! so by a keepalive ([`Choice::announcement`]).

use std::time::{Duration, Instant};

use praya_model::ChannelReason;

use crate::counters::Channel;
use crate::timers::Role;

/// How long to wait for an answer before probing, and from the first probe on before giving up; longer on paths
/// whose round trip is longer than half of it.
const PATIENCE: Duration = Duration::from_millis(400);
/// The most that a slow path is waited for.
const LONGEST_PATIENCE: Duration = Duration::from_secs(2);
/// How often a probe is repeated that may have been lost.
const REPEAT: Duration = Duration::from_millis(125);
/// A client that sends asks so often whether it is heard: what comes in proves only the way back.
const PROOF: Duration = Duration::from_secs(3);
/// How long a path may leave probes unanswered while other things come in.
const ONE_WAY: Duration = Duration::from_secs(3);
/// The longest pause between probes of a silent path.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// What was heard over UDP, authenticated and not replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A packet.
    Data,
    /// A keepalive.
    Keepalive,
    /// A DPD request.
    Request,
    /// The answer to a DPD request of ours.
    Answer,
}

/// The choice of one session, on either end.
#[derive(Clone, Debug)]
pub struct Choice {
    role: Role,
    path: Path,
    /// A handshake came to nothing, and none has succeeded since.
    blocked: bool,
    /// What the peer last used; on a client the choice itself.
    follows: Channel,
    /// A channel has come up, and the client has not said yet where it sends.
    fresh: bool,
    /// The channel that was last announced.
    told: Channel,
    patience: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Path {
    /// No keys.
    Down,
    /// Keys, and no probe answered yet.
    Unproven {
        since: Instant,
        probe_at: Instant,
    },
    Up(Watch),
    /// It was up.
    Silent {
        since: Instant,
        probed: Instant,
    },
}

/// How well a path is that is up.
#[derive(Clone, Copy, Debug)]
struct Watch {
    heard: Instant,
    /// Since when something should be heard.
    expecting: Option<Instant>,
    /// The last answer, which proves both ways.
    proven: Instant,
    /// Whether data was sent since.
    used: bool,
    /// From when on an answer is owed, whatever else arrives.
    owed: Option<Instant>,
    /// The first and the last of the probes that are unanswered.
    probes: Option<(Instant, Instant)>,
}

impl Choice {
    /// A session that begins on TLS.
    pub fn new(role: Role) -> Self {
        Self {
            role,
            path: Path::Down,
            blocked: false,
            follows: Channel::Tls,
            fresh: false,
            told: Channel::Tls,
            patience: PATIENCE,
        }
    }

    /// Where data goes.
    pub fn channel(&self) -> Channel {
        if self.reason() == ChannelReason::Preferred { Channel::Udp } else { Channel::Tls }
    }

    /// Why.
    pub fn reason(&self) -> ChannelReason {
        match self.path {
            Path::Down if self.blocked => ChannelReason::Unanswered,
            Path::Down | Path::Unproven { .. } => ChannelReason::Opening,
            Path::Silent { .. } => ChannelReason::Silent,
            Path::Up(_) if self.role == Role::Client || self.follows == Channel::Udp => {
                ChannelReason::Preferred
            }
            Path::Up(_) if self.fresh => ChannelReason::Opening,
            // The client has left UDP, and it has a reason.
            Path::Up(_) => ChannelReason::Silent,
        }
    }

    /// New keys where there were none. Keys that follow others change nothing here.
    pub fn connected(&mut self, now: Instant) {
        self.blocked = false;
        match self.path {
            Path::Down | Path::Silent { .. } => {}
            Path::Unproven { .. } | Path::Up(_) => return,
        }
        self.path = match self.role {
            Role::Client => Path::Unproven { since: now, probe_at: now },
            Role::Gateway => Path::Up(Watch::new(now)),
        };
        self.follows = Channel::Tls;
        self.fresh = true;
    }

    /// The keys are gone; `blocked` when a handshake came to nothing.
    pub fn disconnected(&mut self, blocked: bool) {
        self.path = Path::Down;
        self.blocked |= blocked;
        self.follows = Channel::Tls;
    }

    /// Since when UDP is silent, or has not proven itself yet.
    pub fn silent_since(&self) -> Option<Instant> {
        match self.path {
            Path::Silent { since, .. } | Path::Unproven { since, .. } => Some(since),
            Path::Down | Path::Up(_) => None,
        }
    }

    /// Asks for a proof at once: the network may have changed.
    pub fn doubt(&mut self, now: Instant) {
        match &mut self.path {
            Path::Down => {}
            Path::Unproven { probe_at, .. } => *probe_at = now,
            Path::Up(watch) => watch.expecting = now.checked_sub(self.patience).or(Some(now)),
            Path::Silent { since, probed } => {
                (*since, *probed) = (now, now.checked_sub(REPEAT).unwrap_or(now))
            }
        }
    }

    /// A round trip was measured; `smoothed` is the average.
    pub fn measured(&mut self, smoothed: Duration) {
        self.patience = (smoothed * 2).clamp(PATIENCE, LONGEST_PATIENCE);
    }

    /// Data went out by UDP.
    pub fn sent(&mut self, now: Instant) {
        if let Path::Up(watch) = &mut self.path {
            watch.used = true;
            watch.expecting.get_or_insert(now);
        }
    }

    /// Something was heard over UDP.
    pub fn heard(&mut self, what: Heard, now: Instant) {
        let moves = match what {
            Heard::Data | Heard::Keepalive => true,
            Heard::Request => self.fresh,
            Heard::Answer => false,
        };
        if self.role == Role::Gateway && moves {
            (self.follows, self.fresh) = (Channel::Udp, false);
            if let Path::Silent { .. } = self.path {
                self.path = Path::Up(Watch::new(now));
            }
        }
        match (&mut self.path, what) {
            (Path::Down, _) => {}
            (Path::Up(watch), _) => watch.heard(self.role, what, now, self.patience),
            (Path::Unproven { .. } | Path::Silent { .. }, Heard::Answer) => {
                self.path = Path::Up(Watch::new(now));
            }
            (Path::Unproven { .. } | Path::Silent { .. }, _) => {}
        }
    }

    /// A packet, or (without `data`) a keepalive was heard over TLS.
    pub fn heard_by_tls(&mut self, data: bool, now: Instant) {
        let doubts = match self.role {
            Role::Gateway if data => {
                self.follows = Channel::Tls;
                false
            }
            // A client that has left UDP says so by one, but clients also send them for their address translators.
            Role::Gateway => self.follows == Channel::Udp,
            // The gateway may have found UDP silent; a packet that was too long for the path looks the same.
            Role::Client => data,
        };
        if let Path::Up(watch) = &mut self.path
            && doubts
        {
            watch.demand(now, self.patience);
        }
    }

    /// Whether a probe is to be sent over UDP now. Call it until it says no.
    pub fn due(&mut self, now: Instant) -> bool {
        if self.next().is_none_or(|at| now < at) {
            return false;
        }
        match &mut self.path {
            Path::Down => false,
            Path::Unproven { probe_at, .. } => {
                *probe_at = now + REPEAT * 2;
                true
            }
            Path::Up(watch) => {
                if watch.gives_up_at(self.patience).is_some_and(|at| now >= at) {
                    self.path = Path::Silent { since: now, probed: now };
                } else {
                    watch.probes = Some((watch.probes.map_or(now, |(first, _)| first), now));
                }
                true
            }
            Path::Silent { probed, .. } => {
                *probed = now;
                true
            }
        }
    }

    /// When [`Choice::due`] has something to do, if nothing happens before.
    pub fn next(&self) -> Option<Instant> {
        match self.path {
            Path::Down => None,
            Path::Unproven { probe_at, .. } => Some(probe_at),
            Path::Up(watch) => match watch.probes {
                Some((_, last)) => watch.gives_up_at(self.patience).map(|at| at.min(last + REPEAT)),
                None => watch.probes_at(self.role, self.patience),
            },
            Path::Silent { since, probed } => {
                let pause = probed.saturating_duration_since(since) / 8;
                Some(probed + pause.clamp(REPEAT, LONGEST_PAUSE))
            }
        }
    }

    /// The channel on which a client that has nothing to send says by a keepalive that it listens there now.
    pub fn announcement(&mut self) -> Option<Channel> {
        let channel = self.channel();
        if self.role == Role::Gateway || self.told == channel {
            return None;
        }
        self.told = channel;
        Some(channel)
    }
}

impl Watch {
    fn new(now: Instant) -> Self {
        Self { heard: now, expecting: None, proven: now, used: false, owed: None, probes: None }
    }

    fn heard(&mut self, role: Role, what: Heard, now: Instant, patience: Duration) {
        self.heard = now;
        match what {
            Heard::Answer => {
                *self = Self::new(now);
                return;
            }
            // The gateway asks when it hears nothing: that may be our fault, and proves only the way back.
            Heard::Request if role == Role::Client => {
                if self.used {
                    self.demand(now, patience);
                }
            }
            // More may follow, and a path that dies now would leave a listener waiting.
            Heard::Data if role == Role::Client => self.expecting = Some(now),
            Heard::Data | Heard::Keepalive | Heard::Request => self.expecting = None,
        }
        if role == Role::Gateway && self.owed.is_none() {
            self.probes = None;
        }
    }

    /// Asks for an answer, unless there has just been one.
    fn demand(&mut self, now: Instant, patience: Duration) {
        self.owed.get_or_insert(now.max(self.proven + patience));
    }

    fn probes_at(&self, role: Role, patience: Duration) -> Option<Instant> {
        let expected = self.expecting.map(|since| since + patience);
        let proof = (role == Role::Client && self.used).then(|| self.proven + PROOF);
        [expected, proof, self.owed].into_iter().flatten().min()
    }

    fn gives_up_at(&self, patience: Duration) -> Option<Instant> {
        let (first, _) = self.probes?;
        // Silence since before the probe is silence; anything heard after it makes a slow or half-dead path of it.
        let silence = if self.heard < first { first + patience } else { first + ONE_WAY };
        Some(self.owed.map_or(silence, |since| silence.min(since + patience)))
    }
}

#[cfg(test)]
#[path = "choice_tests.rs"]
mod tests;
