//! The service's clock: the wall clock as it was at the start, carried on by a clock that nobody sets and that also
//! runs while the machine sleeps.
//!
//! Whatever the service schedules is scheduled by it: the next attempt, the next endpoint check, the end of a session.
//! Somebody who sets the machine's clock moves none of that, and views get instants by the wall clock of the moment, so
//! that what they count down does not move either.

use std::time::{Duration, Instant, SystemTime};

use praya_model::Timestamp;
use praya_model::snapshot::Snapshot;
use praya_session::ResumeTicket;
use rustix::time::{ClockId, clock_gettime};

/// A gap between the clocks with and without sleep, beyond which the machine slept.
const SLEPT: Duration = Duration::from_secs(2);
/// A difference to the wall clock that is worth telling the views.
const WORTH_TELLING_MILLIS: i64 = 1500;

/// The service's clock. It never jumps.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: Timestamp,
    boot: Duration,
}

impl Clock {
    /// A clock that agrees with the wall clock now.
    pub fn start() -> Self {
        Self { wall: Timestamp::from(SystemTime::now()), boot: since_boot() }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.wall.after(since_boot().saturating_sub(self.boot))
    }

    /// How far the wall clock is ahead of this one, in milliseconds: not at all, unless somebody has set it.
    pub fn wall_is_ahead_by(&self) -> i64 {
        ahead(Timestamp::from(SystemTime::now()), self.now())
    }
}

fn ahead(wall: Timestamp, own: Timestamp) -> i64 {
    let ahead = wall.as_millis().saturating_sub(own.as_millis());
    if ahead.abs() < WORTH_TELLING_MILLIS { 0 } else { ahead }
}

/// Time since the machine was started, sleep included.
fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    let secs = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(secs, nanos)
}

/// Moves every instant of `snapshot` by `millis`, for views, which count down by the wall clock.
pub fn shift(snapshot: &mut Snapshot, millis: i64) {
    if millis == 0 {
        return;
    }
    let instants = [
        &mut snapshot.connected_since,
        &mut snapshot.idle_at,
        &mut snapshot.expires_at,
        &mut snapshot.gateway_forgets_at,
    ];
    instants.into_iter().for_each(|at| shift_instant(at, millis));
    if let Some(sign_in) = &mut snapshot.sign_in {
        shift_instant(&mut sign_in.deadline, millis);
        shift_instant(&mut sign_in.asked_at, millis);
    }
    let notice = snapshot.sign_in.as_mut().and_then(|sign_in| sign_in.notice.as_mut());
    for failure in notice.into_iter().chain(&mut snapshot.last_failure) {
        shift_instant(&mut failure.told_at, millis);
    }
    if let Some(posture) = &mut snapshot.posture {
        shift_instant(&mut posture.ends_at, millis);
        posture.checked_at = shifted(posture.checked_at, millis);
    }
    if let Some(reconnect) = &mut snapshot.reconnect {
        shift_instant(&mut reconnect.next_at, millis);
        shift_instant(&mut reconnect.give_up_at, millis);
    }
}

/// Moves every instant of `ticket` by `millis`: the next service starts by the wall clock.
pub fn shift_ticket(ticket: &mut ResumeTicket, millis: i64) {
    shift_instant(&mut ticket.expires_at, millis);
    shift_instant(&mut ticket.connected_since, millis);
}

fn shift_instant(at: &mut Option<Timestamp>, millis: i64) {
    *at = at.map(|at| shifted(at, millis));
}

fn shifted(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_add(millis))
}

/// Notices that the machine has slept.
#[derive(Debug)]
pub struct SleepWatch {
    with_sleep: Timestamp,
    without: Instant,
}

impl SleepWatch {
    /// Begins to watch.
    pub fn new(with_sleep: Timestamp, without: Instant) -> Self {
        Self { with_sleep, without }
    }

    /// Whether the clock that runs in sleep went ahead of the one that does not since the last look.
    pub fn has_slept(&mut self, with_sleep: Timestamp, without: Instant) -> bool {
        let awake = without.saturating_duration_since(self.without);
        let passed = with_sleep.since(self.with_sleep);
        *self = Self { with_sleep, without };
        passed > awake + SLEPT
    }
}

#[cfg(test)]
mod tests {
    use praya_model::snapshot::{PostureView, SignInProgress};
    use praya_model::{Failure, FailureCode};

    use super::*;

    #[test]
    fn a_sleep_is_noticed_once_and_a_busy_second_is_none() {
        let (wall, running) = (Timestamp::from_secs(1000), Instant::now());
        let mut watch = SleepWatch::new(wall, running);
        let second = Duration::from_secs(1);
        assert!(!watch.has_slept(wall.after(second), running + second));
        assert!(!watch.has_slept(wall.after(second * 9), running + second * 9));
        assert!(watch.has_slept(wall.after(second * 600), running + second * 10));
        assert!(!watch.has_slept(wall.after(second * 601), running + second * 11));
    }

    #[test]
    fn the_clock_goes_on_and_agrees_with_the_wall() {
        let clock = Clock::start();
        let (first, second) = (clock.now(), clock.now());
        assert!(second >= first);
        assert_eq!(clock.wall_is_ahead_by(), 0);
    }

    #[test]
    fn a_wall_clock_that_is_set_moves_no_countdown_of_the_endpoint_check() {
        let own = Timestamp::from_secs(1_000_000);
        let posture = PostureView {
            checked_at: own,
            findings: vec![],
            limited: false,
            ends_at: Some(own.after(Duration::from_secs(300))),
        };
        let told = Snapshot { posture: Some(posture), ..Snapshot::default() };
        for jump in [-86_400_000, -1600, -900, 0, 900, 1600, 86_400_000] {
            let wall = shifted(own, jump);
            let mut snapshot = told.clone();
            shift(&mut snapshot, ahead(wall, own));
            let shown = snapshot.posture.unwrap();
            // What is not worth telling is a second or so.
            let near = |at: Timestamp, expected: i64| {
                (at.as_millis() - wall.as_millis() - expected).abs() < WORTH_TELLING_MILLIS
            };
            assert!(near(shown.ends_at.unwrap(), 300_000), "{jump}: {shown:?}");
            assert!(near(shown.checked_at, 0), "{jump}: {shown:?}");
        }
    }

    #[test]
    fn views_get_instants_by_the_wall_clock() {
        let at = |secs| Some(Timestamp::from_secs(secs));
        let mut snapshot =
            Snapshot { connected_since: at(100), idle_at: None, expires_at: at(200), ..Snapshot::default() };
        let failure = || Failure::from(FailureCode::NoToken).told(Timestamp::from_secs(100));
        snapshot.last_failure = Some(failure());
        snapshot.sign_in = Some(SignInProgress {
            round: 1,
            step: None,
            asked_at: at(100),
            notice: Some(failure()),
            deadline: at(200),
            waiting: false,
        });
        shift(&mut snapshot, 3_600_000);
        let sign_in = snapshot.sign_in.take().unwrap();
        assert_eq!((sign_in.asked_at, sign_in.deadline), (at(3700), at(3800)));
        for failure in [sign_in.notice, snapshot.last_failure.take()] {
            assert_eq!(failure.unwrap().told_at, at(3700));
        }
        assert_eq!(
            (snapshot.connected_since, snapshot.idle_at, snapshot.expires_at),
            (at(3700), None, at(3800))
        );
    }
}
