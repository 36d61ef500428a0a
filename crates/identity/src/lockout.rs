//! The lock of one account after repeated failures, the same for names that do not exist.

use std::time::Duration;

use praya_model::Timestamp;

/// When an account's sign-in closes, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockPolicy {
    /// How many failures in a row close it; at least 1.
    pub max_failures: u32,
    /// For how long.
    pub lock_for: Duration,
    /// Failures this long ago are forgotten; never shorter than `lock_for`, or waiting would beat the lock.
    pub forget_after: Duration,
}

/// A name in the table of failures: an HMAC, so that a password typed into the wrong field is not kept.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameKey(pub [u8; 32]);

/// Failures of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// In a row, wrong passwords and wrong codes together.
    pub count: u32,
    /// The last one.
    pub last: Timestamp,
    /// Until when sign-in is refused, the right password included.
    pub locked_until: Option<Timestamp>,
}

impl Default for LockPolicy {
    /// Five failures, five minutes (1D), forgotten after fifteen.
    fn default() -> Self {
        Self { max_failures: 5, lock_for: Duration::from_secs(300), forget_after: Duration::from_secs(900) }
    }
}

impl Failures {
    /// The whole seconds until the lock opens, rounded up; `None` when it is open.
    pub fn locked_for(&self, now: Timestamp) -> Option<u32> {
        let left = self.locked_until?.since(now);
        (!left.is_zero()).then(|| u32::try_from(left.as_millis().div_ceil(1000)).unwrap_or(u32::MAX))
    }

    /// The state after one more failure at `now`. During a lock nothing is judged, so nothing is added.
    #[must_use]
    pub fn after_failure(self, policy: &LockPolicy, now: Timestamp) -> Self {
        if self.locked_for(now).is_some() {
            return self;
        }
        let stale = now.since(self.last) >= policy.forget_after.max(policy.lock_for);
        // A lock that has run out has paid for the failures that caused it.
        let count = if stale || self.locked_until.is_some() { 0 } else { self.count }.saturating_add(1);
        let locked_until = (count >= policy.max_failures.max(1)).then(|| now.after(policy.lock_for));
        Self { count, last: now, locked_until }
    }
}

impl std::fmt::Debug for NameKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[name key]")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn a35_the_fifth_failure_locks_for_five_minutes() {
        let policy = LockPolicy::default();
        let mut failures = Failures::default();
        for second in 1..=4 {
            failures = failures.after_failure(&policy, at(second));
            assert_eq!(failures.locked_for(at(second)), None);
        }
        failures = failures.after_failure(&policy, at(5));
        assert_eq!(failures.locked_for(at(5)), Some(300));
        assert_eq!(failures.locked_for(at(304)), Some(1));
        assert_eq!(failures.locked_for(at(305)), None, "A-36: it opens by itself");
        assert_eq!(failures.after_failure(&policy, at(306)).count, 1, "and the count starts anew");
    }

    #[test]
    fn old_failures_are_forgotten() {
        let policy = LockPolicy::default();
        let mut failures = Failures::default();
        for n in 0..20 {
            failures = failures.after_failure(&policy, at(n * 900));
            assert_eq!(failures.count, 1);
        }
    }

    proptest! {
        /// In any run of failures, no window of `lock_for` holds more than `max_failures` judged attempts.
        #[test]
        fn a35_never_more_judged_failures_than_allowed_in_a_lock_period(
            gaps in prop::collection::vec(0_i64..400, 1..200),
            max in 1_u32..8,
        ) {
            let policy = LockPolicy { max_failures: max, ..LockPolicy::default() };
            let mut now = 1_000_000;
            let mut failures = Failures::default();
            let mut judged: Vec<i64> = Vec::new();
            for gap in gaps {
                now += gap;
                if failures.locked_for(at(now)).is_some() {
                    continue;
                }
                failures = failures.after_failure(&policy, at(now));
                judged.push(now);
            }
            for (index, start) in judged.iter().enumerate() {
                let within = judged[index..].iter().take_while(|t| **t < start + 300).count();
                prop_assert!(within < 2 * max as usize);
            }
        }
    }
}
