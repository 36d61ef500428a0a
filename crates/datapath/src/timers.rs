//! When to probe, refresh, rekey or give up a channel: instants in, actions out (OpenConnect protocol, section 4).

use std::time::{Duration, Instant};

/// Which end of the channel this is; the two have different patience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Probes after one DPD time of silence, gives up after two, and sends keepalives.
    Client,
    /// Leaves the first probe to the client: probes after two DPD times, gives up after three, no keepalives.
    Gateway,
}

/// The rhythm of one channel. Zero switches a timer off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rhythm {
    /// Which end this is.
    pub role: Role,
    /// The DPD time.
    pub dpd: Duration,
    /// How long nothing is sent before a keepalive goes out; only [`Role::Client`] sends any.
    pub keepalive: Duration,
    /// The age at which the channel is due for new keys.
    pub rekey: Duration,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Send a DPD request.
    Probe,
    /// Send a keepalive.
    Keepalive,
    /// New keys are due; said once.
    Rekey,
    /// The peer is dead; the last thing ever said.
    Dead,
}

/// The state of one channel's timers.
#[derive(Clone, Debug)]
pub struct Timers {
    rhythm: Rhythm,
    last_received: Instant,
    last_sent: Instant,
    /// When the last unanswered probe went out.
    probed: Option<Instant>,
    /// Set by [`Timers::probe_within`]: earlier than the ordinary end.
    impatient: Option<Instant>,
    rekey_at: Option<Instant>,
    dead: bool,
}

impl Timers {
    /// A channel that came up at `now`.
    pub fn new(rhythm: Rhythm, now: Instant) -> Self {
        let rekey_at = (!rhythm.rekey.is_zero()).then(|| now.checked_add(rhythm.rekey)).flatten();
        Self {
            rhythm,
            last_received: now,
            last_sent: now,
            probed: None,
            impatient: None,
            rekey_at,
            dead: false,
        }
    }

    /// Something arrived: any frame proves life.
    pub fn received(&mut self, now: Instant) {
        self.last_received = self.last_received.max(now);
        self.probed = None;
        self.impatient = None;
    }

    /// Something was sent, so that no keepalive is needed for a while.
    pub fn sent(&mut self, now: Instant) {
        self.last_sent = self.last_sent.max(now);
    }

    /// Asks for a sign of life at once: after a network change or a sleep, waiting for the ordinary rhythm would
    /// leave a person with a dead tunnel. The caller sends the probe; without an answer within `patience` (at most
    /// the ordinary time) the peer is dead. Works with DPD switched off too.
    pub fn probe_within(&mut self, now: Instant, patience: Duration) {
        self.probed = Some(now);
        self.last_sent = self.last_sent.max(now);
        let until = now.checked_add(patience).unwrap_or(now);
        self.impatient = Some(self.impatient.map_or(until, |earlier| earlier.min(until)));
    }

    /// What is due at `now`, one at a time; call until it is `None`.
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        if self.dead {
            return None;
        }
        if self.dead_at().is_some_and(|at| now >= at) {
            self.dead = true;
            return Some(Due::Dead);
        }
        if self.probe_at().is_some_and(|at| now >= at) {
            self.probed = Some(now);
            self.last_sent = self.last_sent.max(now);
            return Some(Due::Probe);
        }
        if self.keepalive_at().is_some_and(|at| now >= at) {
            self.last_sent = now;
            return Some(Due::Keepalive);
        }
        if self.rekey_at.is_some_and(|at| now >= at) {
            self.rekey_at = None;
            return Some(Due::Rekey);
        }
        None
    }

    /// When [`Timers::due`] has something to say, if nothing happens before; `None` means never.
    pub fn next(&self) -> Option<Instant> {
        if self.dead {
            return None;
        }
        [self.dead_at(), self.probe_at(), self.keepalive_at(), self.rekey_at].into_iter().flatten().min()
    }

    fn probe_at(&self) -> Option<Instant> {
        if self.rhythm.dpd.is_zero() {
            return None;
        }
        match self.probed {
            Some(probed) => probed.checked_add(self.rhythm.dpd / 2),
            None => self.last_received.checked_add(match self.rhythm.role {
                Role::Client => self.rhythm.dpd,
                Role::Gateway => self.rhythm.dpd * 2,
            }),
        }
    }

    /// Never without a probe that had half a DPD time to be answered: a process that was held up for long has not
    /// been listening, and silence that nobody listened to proves nothing.
    fn dead_at(&self) -> Option<Instant> {
        let ordinary = || {
            if self.rhythm.dpd.is_zero() {
                return None;
            }
            let limit = self.last_received.checked_add(match self.rhythm.role {
                Role::Client => self.rhythm.dpd * 2,
                Role::Gateway => self.rhythm.dpd * 3,
            })?;
            let heard_out = self.probed?.checked_add(self.rhythm.dpd / 2)?;
            Some(limit.max(heard_out))
        };
        match (self.impatient, ordinary()) {
            (Some(impatient), Some(ordinary)) => Some(impatient.min(ordinary)),
            (Some(impatient), None) => Some(impatient),
            (None, ordinary) => ordinary,
        }
    }

    fn keepalive_at(&self) -> Option<Instant> {
        match self.rhythm.role {
            Role::Client if !self.rhythm.keepalive.is_zero() => {
                self.last_sent.checked_add(self.rhythm.keepalive)
            }
            Role::Client | Role::Gateway => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rhythm(role: Role, dpd: u64, keepalive: u64, rekey: u64) -> Rhythm {
        Rhythm {
            role,
            dpd: Duration::from_secs(dpd),
            keepalive: Duration::from_secs(keepalive),
            rekey: Duration::from_secs(rekey),
        }
    }

    /// Runs a silent channel and returns (seconds, what) in order.
    fn silent(rhythm: Rhythm, seconds: u64) -> Vec<(u64, Due)> {
        let start = Instant::now();
        let mut timers = Timers::new(rhythm, start);
        let mut said = Vec::new();
        while let Some(at) = timers.next() {
            if at > start + Duration::from_secs(seconds) {
                break;
            }
            while let Some(due) = timers.due(at) {
                said.push(((at - start).as_secs(), due));
            }
        }
        said
    }

    #[test]
    fn a_silent_gateway_is_probed_and_given_up_by_the_client() {
        assert_eq!(
            silent(rhythm(Role::Client, 30, 0, 0), 1000),
            [(30, Due::Probe), (45, Due::Probe), (60, Due::Dead)]
        );
    }

    #[test]
    fn a_silent_client_is_probed_later_and_given_up_by_the_gateway() {
        assert_eq!(
            silent(rhythm(Role::Gateway, 30, 20, 0), 1000),
            [(60, Due::Probe), (75, Due::Probe), (90, Due::Dead)]
        );
    }

    #[test]
    fn keepalives_go_out_only_while_nothing_else_does() {
        assert_eq!(
            silent(rhythm(Role::Client, 0, 20, 0), 70),
            [(20, Due::Keepalive), (40, Due::Keepalive), (60, Due::Keepalive)]
        );
        // A probe is traffic too.
        assert_eq!(
            silent(rhythm(Role::Client, 30, 20, 0), 1000),
            [(20, Due::Keepalive), (30, Due::Probe), (45, Due::Probe), (60, Due::Dead)]
        );
    }

    #[test]
    fn rekey_is_said_once() {
        assert_eq!(silent(rhythm(Role::Client, 0, 0, 100), 10_000), [(100, Due::Rekey)]);
    }

    #[test]
    fn everything_switched_off_says_nothing() {
        assert_eq!(Timers::new(rhythm(Role::Client, 0, 0, 0), Instant::now()).next(), None);
    }

    #[test]
    fn any_frame_proves_life() {
        let start = Instant::now();
        let mut timers = Timers::new(rhythm(Role::Client, 30, 0, 0), start);
        assert_eq!(timers.due(start + Duration::from_secs(31)), Some(Due::Probe));
        timers.received(start + Duration::from_secs(32));
        assert_eq!(timers.due(start + Duration::from_secs(61)), None);
        assert_eq!(timers.due(start + Duration::from_secs(62)), Some(Due::Probe));
    }

    #[test]
    fn a_process_that_was_held_up_probes_before_it_gives_up() {
        let start = Instant::now();
        let mut timers = Timers::new(rhythm(Role::Client, 30, 0, 0), start);
        let late = start + Duration::from_secs(600);
        assert_eq!(timers.due(late), Some(Due::Probe));
        assert_eq!(timers.due(late), None);
        assert_eq!(timers.due(late + Duration::from_secs(15)), Some(Due::Dead));
    }

    #[test]
    fn an_impatient_probe_ends_early_and_is_forgotten_when_answered() {
        let start = Instant::now();
        for dpd in [0, 30] {
            let mut timers = Timers::new(rhythm(Role::Client, dpd, 0, 0), start);
            timers.probe_within(start, Duration::from_secs(3));
            assert_eq!(timers.due(start + Duration::from_secs(2)), None);
            assert_eq!(timers.due(start + Duration::from_secs(3)), Some(Due::Dead));
            let mut timers = Timers::new(rhythm(Role::Client, dpd, 0, 0), start);
            timers.probe_within(start, Duration::from_secs(3));
            timers.received(start + Duration::from_secs(1));
            assert_eq!(timers.due(start + Duration::from_secs(4)), None);
        }
    }

    proptest! {
        /// Whatever happens when: a peer that answers within half a DPD time of each probe is never given up, and
        /// `due` always comes to an end.
        #[test]
        fn a_living_peer_is_never_given_up(
            gateway in any::<bool>(),
            dpd in 1u64..120,
            keepalive in 0u64..60,
            steps in prop::collection::vec((0u64..500_000, any::<bool>()), 1..200),
        ) {
            let role = if gateway { Role::Gateway } else { Role::Client };
            let mut now = Instant::now();
            let mut timers = Timers::new(rhythm(role, dpd, keepalive, 0), now);
            let mut unanswered = false;
            for (millis, sends) in steps {
                // A probe is answered before its time is over.
                let limit = if unanswered { dpd * 500 - 1 } else { u64::MAX };
                now += Duration::from_millis(millis.min(limit));
                if unanswered {
                    timers.received(now);
                    unanswered = false;
                }
                if sends {
                    timers.sent(now);
                }
                let mut said = 0;
                while let Some(due) = timers.due(now) {
                    said += 1;
                    prop_assert!(said < 4);
                    prop_assert_ne!(due, Due::Dead);
                    unanswered |= due == Due::Probe;
                }
                prop_assert!(timers.next().is_none_or(|at| at > now));
            }
        }

        /// A peer that never answers is given up after the time its role grants, and not before.
        #[test]
        fn a_silent_peer_is_given_up_in_time(gateway in any::<bool>(), dpd in 1u64..3600, keepalive in 0u64..60) {
            let (role, times) = if gateway { (Role::Gateway, 3) } else { (Role::Client, 2) };
            let said = silent(rhythm(role, dpd, keepalive, 0), dpd * 10);
            prop_assert_eq!(said.last(), Some(&(dpd * times, Due::Dead)));
        }
    }
}
