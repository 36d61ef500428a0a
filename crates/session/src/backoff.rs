//! How long to wait before the next attempt: exponential, jittered, bounded.

use std::time::Duration;

/// The longest pause before the first attempt.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause of all.
const LONGEST: Duration = Duration::from_secs(30);

/// The pause after `failures` failed attempts: a random point in the upper half of 1 s, 2 s, 4 s … 30 s, so that the
/// clients of a restarted gateway do not come back all at once.
pub(crate) fn pause(failures: u32, random: u64) -> Duration {
    let longest = FIRST.saturating_mul(1_u32.checked_shl(failures.min(16)).unwrap_or(u32::MAX)).min(LONGEST);
    let half = longest / 2;
    let span = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
    half + Duration::from_millis(random % (span + 1))
}

/// A small generator (splitmix64) for jitter. Its seed is an argument, so a run can be repeated. Nothing secret is
/// ever drawn from it.
#[derive(Clone, Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute() {
        let longest = |failures| pause(failures, 0).as_millis() * 2;
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6, 40].map(longest),
            [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]
        );
    }

    proptest! {
        #[test]
        fn jitter_keeps_a_pause_between_half_and_whole(failures: u32, random: u64) {
            let shortest = pause(failures, 0);
            let this = pause(failures, random);
            prop_assert!(shortest <= this && this <= shortest * 2);
            prop_assert!(this <= LONGEST);
        }
    }
}
