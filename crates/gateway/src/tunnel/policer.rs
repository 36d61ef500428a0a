//! Keeps what comes from a client to its rate: a token bucket, kept as the moment at which it will be full again.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// What may pass at once after a pause: so much time of the rate, since a TCP sender needs about a round trip of it...
const BURST: Duration = Duration::from_millis(200);
/// ...and in any case so many bytes: two super-packets.
const LEAST_BURST: u64 = 128 * 1024;
const BYTES_PER_MEGABIT: u64 = 125_000;

/// A bucket that one run may overdraw: a run passes whole or not at all, and no rate is too low for it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Policer {
    /// `None` while nothing has passed.
    full_at: Option<Instant>,
}

impl Policer {
    /// Whether `bytes` may pass at `rate`, in Mbit/s; what passes is counted.
    pub(super) fn admits(&mut self, rate: NonZeroU32, bytes: usize, now: Instant) -> bool {
        let per_second = u64::from(rate.get()) * BYTES_PER_MEGABIT;
        let time_of = |bytes: u64| {
            let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(per_second);
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        };
        let missing = self.full_at.map_or(Duration::ZERO, |full_at| full_at.saturating_duration_since(now));
        if missing >= BURST.max(time_of(LEAST_BURST)) {
            return false;
        }
        let cost = time_of(u64::try_from(bytes).unwrap_or(u64::MAX));
        self.full_at = now.checked_add(missing).and_then(|from| from.checked_add(cost));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: usize = 1500;

    /// Bytes that pass when runs of [`RUN`] bytes are offered every `every` for `time`.
    fn passed(
        policer: &mut Policer,
        megabits: u32,
        start: Instant,
        every: Duration,
        time: Duration,
    ) -> usize {
        let rate = NonZeroU32::new(megabits).unwrap();
        let mut now = start;
        let mut passed = 0;
        while now < start + time {
            passed += if policer.admits(rate, RUN, now) { RUN } else { 0 };
            now += every;
        }
        passed
    }

    #[test]
    fn in_the_long_run_no_more_passes_than_the_rate_and_a_burst() {
        for (megabits, burst) in [(1, 131_072), (10, 250_000), (1000, 25_000_000)] {
            let every = Duration::from_micros(8 * 1500 / u64::from(megabits) / 2);
            let time = Duration::from_secs(4);
            let passed = passed(&mut Policer::default(), megabits, Instant::now(), every, time);
            let expected = megabits as usize * 500_000 + burst;
            assert!(passed.abs_diff(expected) <= 2 * RUN, "{megabits}: {passed} of {expected}");
        }
    }

    #[test]
    fn what_stays_below_the_rate_passes_whole() {
        let every = Duration::from_micros(1200);
        let passed = passed(&mut Policer::default(), 10, Instant::now(), every, Duration::from_secs(12));
        assert_eq!(passed, 10_000 * RUN);
    }

    #[test]
    fn one_run_may_overdraw_and_is_paid_for() {
        let (mut policer, now) = (Policer::default(), Instant::now());
        let rate = NonZeroU32::MIN;
        assert!(policer.admits(rate, 1_000_000, now));
        assert!(!policer.admits(rate, 1, now + Duration::from_secs(6)));
        assert!(policer.admits(rate, 1, now + Duration::from_secs(7)));
    }
}
