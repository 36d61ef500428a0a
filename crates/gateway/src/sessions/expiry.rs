//! When a session ends by itself: the idle time, the time away and the absolute lifetime.
//!
//! While a tunnel is attached, the idle time runs from the last user traffic. While none is, the time away runs
//! instead and the idle time stands still; it goes on where it stood when the client is back. So a short loss of the
//! network neither ends a session early nor gives an idle one a new start.

use std::time::{Duration, Instant};

use praya_model::{EndReason, Timestamp};

/// The settings that decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time without user traffic.
    pub idle: Duration,
    /// Time without a tunnel.
    pub away: Duration,
}

/// What is known of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// When it ends in any case.
    pub expires: Timestamp,
    /// The last user traffic, or the beginning, moved on by the time spent away.
    pub last_traffic: Timestamp,
    /// Since when no tunnel is attached.
    pub away_since: Option<Timestamp>,
}

/// A time that counts for nobody: the gateway was down, or its clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// By so much it is later at once.
    Ahead(Duration),
    /// By so much it is earlier at once.
    Back(Duration),
}

/// Compares the clock with a steady one, to tell a clock that was set from time that has passed.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    seen: (Timestamp, Instant),
}

/// A clock that is off by less was not set, or not worth a mention.
const SET_BY: Duration = Duration::from_secs(30);

impl Jump {
    /// The instant that is as far off after it as `at` was before.
    pub fn of(self, at: Timestamp) -> Timestamp {
        match self {
            Self::Ahead(by) => at.after(by),
            Self::Back(by) => at.before(by),
        }
    }
}

impl Watch {
    /// Begins, with what both clocks show.
    pub fn new(now: Timestamp, steady: Instant) -> Self {
        Self { seen: (now, steady) }
    }

    /// By how much the clock was set since the last look, if it was. A machine that slept counts as one: its steady
    /// clock stood still.
    pub fn look(&mut self, now: Timestamp, steady: Instant) -> Option<Jump> {
        let (then, before) = std::mem::replace(&mut self.seen, (now, steady));
        let expected = then.after(steady.saturating_duration_since(before));
        let (ahead, back) = (now.since(expected), expected.since(now));
        if ahead >= SET_BY { Some(Jump::Ahead(ahead)) } else { (back >= SET_BY).then_some(Jump::Back(back)) }
    }
}

impl Clock {
    /// When the session ends if nothing happens until then, and why.
    pub fn end(&self, limits: &Limits) -> (Timestamp, EndReason) {
        let soon = match self.away_since {
            Some(since) => (since.after(limits.away), EndReason::Away),
            None => (self.last_traffic.after(limits.idle), EndReason::Idle),
        };
        if self.expires <= soon.0 { (self.expires, EndReason::Absolute) } else { soon }
    }

    /// Why the session is over at `now`, if it is.
    pub fn over(&self, limits: &Limits, now: Timestamp) -> Option<EndReason> {
        let (at, reason) = self.end(limits);
        (at <= now).then_some(reason)
    }

    /// The clock of a session whose client is back at `now`.
    #[must_use]
    pub fn returned(self, now: Timestamp) -> Self {
        match self.away_since {
            Some(since) => Self {
                last_traffic: self.last_traffic.after(now.since(since.max(self.last_traffic))).min(now),
                away_since: None,
                ..self
            },
            None => self,
        }
    }

    /// The clock after the gateway itself was down for `down`: clients could not come back, so nothing but the
    /// absolute end ran on. A session whose tunnel was up then is away from `now` on.
    #[must_use]
    pub fn resumed(self, down: Duration, now: Timestamp) -> Self {
        match self.away_since {
            Some(since) => Self { away_since: Some(since.after(down).min(now)), ..self },
            None => {
                Self { last_traffic: self.last_traffic.after(down).min(now), away_since: Some(now), ..self }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { idle: Duration::from_secs(300), away: Duration::from_secs(120) };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds)
    }

    fn clock(last_traffic: i64, away_since: Option<i64>) -> Clock {
        Clock { expires: at(10_000), last_traffic: at(last_traffic), away_since: away_since.map(at) }
    }

    #[test]
    fn a27_idle_ends_at_the_limit_and_not_before() {
        let clock = clock(1000, None);
        assert_eq!(clock.over(&LIMITS, at(1299)), None);
        assert_eq!(clock.over(&LIMITS, at(1300)), Some(EndReason::Idle));
    }

    #[test]
    fn the_absolute_end_comes_whatever_the_traffic() {
        assert_eq!(clock(9999, None).over(&LIMITS, at(10_000)), Some(EndReason::Absolute));
        assert_eq!(clock(9999, Some(9999)).over(&LIMITS, at(10_000)), Some(EndReason::Absolute));
    }

    #[test]
    fn a_client_that_stays_away_loses_its_session() {
        let clock = clock(1000, Some(1200));
        assert_eq!(clock.over(&LIMITS, at(1310)), None, "the idle time stands still while away");
        assert_eq!(clock.over(&LIMITS, at(1320)), Some(EndReason::Away));
    }

    #[test]
    fn reconnecting_gives_no_new_idle_time() {
        // 200 s idle, 60 s away, so 100 s of idle time are left.
        let back = clock(1000, Some(1200)).returned(at(1260));
        assert_eq!(back.over(&LIMITS, at(1359)), None);
        assert_eq!(back.over(&LIMITS, at(1360)), Some(EndReason::Idle));
        assert_eq!(clock(1000, None).returned(at(1260)), clock(1000, None), "a rekey is no return");
    }

    #[test]
    fn the_gateways_own_absence_counts_for_nobody() {
        // The tunnel was up, 100 s idle, when the gateway went down at 1100 for 1000 s.
        let resumed = clock(1000, None).resumed(Duration::from_secs(1000), at(2100));
        assert_eq!(resumed.over(&LIMITS, at(2219)), None);
        assert_eq!(resumed.over(&LIMITS, at(2220)), Some(EndReason::Away));
        assert_eq!(resumed.returned(at(2110)).over(&LIMITS, at(2309)), None);
        assert_eq!(resumed.returned(at(2110)).over(&LIMITS, at(2310)), Some(EndReason::Idle));
        // The client had been away for 50 s.
        let away = clock(1000, Some(1050)).resumed(Duration::from_secs(1000), at(2100));
        assert_eq!(away.over(&LIMITS, at(2169)), None);
        assert_eq!(away.over(&LIMITS, at(2170)), Some(EndReason::Away));
    }

    #[test]
    fn a_clock_that_was_set_is_told_from_time_that_has_passed() {
        let start = Instant::now();
        let steady = |seconds| start + Duration::from_secs(seconds);
        let mut watch = Watch::new(at(0), steady(0));
        assert_eq!(watch.look(at(1), steady(1)), None);
        assert_eq!(watch.look(at(3601), steady(3601)), None, "a look that is late");
        assert_eq!(watch.look(at(3612), steady(3602)), None, "a little off");
        assert_eq!(watch.look(at(7213), steady(3603)), Some(Jump::Ahead(Duration::from_secs(3600))));
        assert_eq!(watch.look(at(7214), steady(3604)), None, "told once");
        assert_eq!(watch.look(at(15), steady(3605)), Some(Jump::Back(Duration::from_secs(7200))));
    }

    proptest! {
        #[test]
        fn idle_time_while_connected_never_exceeds_the_limit(
            steps in prop::collection::vec((1_i64..120, 1_i64..119), 1..20)
        ) {
            // Alternately connected and away, never any traffic: the connected times add up to at most the limit.
            let (mut clock, mut now, mut connected) = (clock(0, None), 0_i64, 0_i64);
            for (up, down) in steps {
                now += up;
                connected += up;
                match clock.over(&LIMITS, at(now)) {
                    Some(reason) => {
                        prop_assert_eq!(reason, EndReason::Idle);
                        prop_assert!(connected >= 300);
                        return Ok(());
                    }
                    None => prop_assert!(connected < 300),
                }
                clock.away_since = Some(at(now));
                now += down;
                prop_assert_eq!(clock.over(&LIMITS, at(now)), None);
                clock = clock.returned(at(now));
            }
        }

        #[test]
        fn a_session_that_is_over_stays_over(last in 0_i64..10_000, away in prop::option::of(0_i64..10_000), now in 0_i64..20_000, later in 0_i64..1000) {
            let clock = clock(last, away);
            if clock.over(&LIMITS, at(now)).is_some() {
                prop_assert!(clock.over(&LIMITS, at(now + later)).is_some());
            }
        }
    }
}
