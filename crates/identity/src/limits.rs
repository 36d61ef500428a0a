//! How often one source address may try: a token bucket each, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use praya_model::Timestamp;

/// How often one source may try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Tries at once.
    pub burst: u32,
    /// One more try every so often.
    pub every: Duration,
    /// For how many sources the tries are remembered; under a flood from more, the longest silent are forgotten.
    pub max_sources: usize,
}

/// The buckets of all sources.
#[derive(Debug)]
pub struct SourceLimiter<S = Source> {
    limit: RateLimit,
    // Two generations: when the young one is full it becomes the old one, and the old one is dropped.
    young: HashMap<S, Bucket>,
    old: HashMap<S, Bucket>,
}

/// What the limiter says to a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// Go on.
    Allowed,
    /// Too many.
    Refused {
        /// Seconds until the next try is heard, at least 1.
        retry_after_seconds: u32,
        /// Whether this is the first refusal in a row, worth a record.
        first: bool,
    },
}

/// A source: one IPv4 address, or one IPv6 /64, since that is what one customer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(IpAddr);

#[derive(Clone, Copy, Debug)]
struct Bucket {
    // The instant at which the bucket is full again; everything else follows from it.
    full_at: Timestamp,
    refusing: bool,
}

impl Default for RateLimit {
    /// Thirty at once, then one every two seconds: an office behind one address at nine o'clock gets in.
    fn default() -> Self {
        Self { burst: 30, every: Duration::from_secs(2), max_sources: 50_000 }
    }
}

impl RateLimit {
    /// So many tries a minute, all of them at once if need be; at least 1.
    pub fn per_minute(tries: u32) -> Self {
        let burst = tries.max(1);
        Self { burst, every: Duration::from_secs(60) / burst, ..Self::default() }
    }

    /// The same limit for something that costs only one `parts`-th of a try; at least 1.
    #[must_use]
    pub fn times(self, parts: u32) -> Self {
        let parts = parts.max(1);
        Self { burst: self.burst.saturating_mul(parts), every: self.every / parts, ..self }
    }
}

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IpAddr::V4(address)),
            IpAddr::V6(address) => {
                Self(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))))
            }
        }
    }
}

impl Source {
    /// The network that it belongs to, as one site or one attacker gets them: an IPv4 /24, an IPv6 /48.
    #[must_use]
    pub fn network(self) -> Self {
        match self.0 {
            IpAddr::V4(address) => Self(IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & !0xff))),
            IpAddr::V6(address) => {
                Self(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> 48))))
            }
        }
    }
}

impl<S: Copy + Eq + Hash> SourceLimiter<S> {
    /// Nobody has tried yet.
    pub fn new(limit: RateLimit) -> Self {
        Self { limit, young: HashMap::new(), old: HashMap::new() }
    }

    /// Takes one try from `source`'s bucket.
    pub fn take(&mut self, source: S, now: Timestamp) -> Allowance {
        let bucket = self.young.get(&source).or_else(|| self.old.get(&source)).copied();
        let mut bucket = bucket.unwrap_or(Bucket { full_at: now, refusing: false });
        // A clock that was set back must not lock anybody out for longer than the bucket is deep.
        let depth = self.limit.every.saturating_mul(self.limit.burst.max(1));
        let full_at = bucket.full_at.max(now).min(now.after(depth));
        let after = full_at.after(self.limit.every);
        let missing = after.since(now).saturating_sub(depth);
        let allowance = if missing.is_zero() {
            bucket = Bucket { full_at: after, refusing: false };
            Allowance::Allowed
        } else {
            let first = !bucket.refusing;
            bucket = Bucket { full_at, refusing: true };
            let seconds = u32::try_from(missing.as_millis().div_ceil(1000)).unwrap_or(u32::MAX);
            Allowance::Refused { retry_after_seconds: seconds.max(1), first }
        };
        self.young.insert(source, bucket);
        if self.young.len() > self.limit.max_sources / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        allowance
    }

    /// How many sources are remembered; never more than [`RateLimit::max_sources`] plus one.
    pub fn remembered(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        text.parse::<IpAddr>().unwrap().into()
    }

    fn limiter(burst: u32, max_sources: usize) -> SourceLimiter {
        SourceLimiter::new(RateLimit { burst, every: Duration::from_secs(2), max_sources })
    }

    #[test]
    fn a_burst_then_one_at_a_time() {
        let mut limiter = limiter(3, 100);
        let start = Timestamp::from_secs(1000);
        let here = source("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(limiter.take(here, start), Allowance::Allowed);
        }
        assert_eq!(limiter.take(here, start), Allowance::Refused { retry_after_seconds: 2, first: true });
        assert_eq!(limiter.take(here, start), Allowance::Refused { retry_after_seconds: 2, first: false });
        assert_eq!(limiter.take(source("192.0.2.2"), start), Allowance::Allowed, "others are unaffected");
        assert_eq!(limiter.take(here, Timestamp::from_secs(1002)), Allowance::Allowed);
        assert!(matches!(
            limiter.take(here, Timestamp::from_secs(1002)),
            Allowance::Refused { first: true, .. }
        ));
        for _ in 0..3 {
            assert_eq!(limiter.take(here, Timestamp::from_secs(2000)), Allowance::Allowed, "full again");
        }
    }

    #[test]
    fn what_costs_a_part_of_a_try_may_be_done_more_often() {
        let limit = RateLimit::per_minute(30).times(4);
        assert_eq!((limit.burst, limit.every), (120, Duration::from_millis(500)));
    }

    #[test]
    fn one_slash_64_is_one_source_and_mapped_addresses_are_ipv4() {
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("2001:db8:1:2::1").network(), source("2001:db8:1:ffff::").network());
        assert_ne!(source("2001:db8:1:2::1").network(), source("2001:db8:2::").network());
        assert_eq!(source("192.0.2.1").network(), source("::ffff:192.0.2.255").network());
        assert_ne!(source("192.0.2.1").network(), source("192.0.3.1").network());
    }

    #[test]
    fn memory_is_bounded_under_a_flood() {
        let mut limiter = limiter(3, 1000);
        for n in 0..100_000_u32 {
            limiter.take(Source(IpAddr::V4(n.into())), Timestamp::from_secs(1));
            assert!(limiter.remembered() <= 1001);
        }
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let mut limiter = limiter(3, 100);
        let here = source("192.0.2.1");
        for _ in 0..4 {
            limiter.take(here, Timestamp::from_secs(1_000_000));
        }
        let Allowance::Refused { retry_after_seconds, .. } = limiter.take(here, Timestamp::from_secs(1000))
        else {
            panic!("still empty");
        };
        assert!(retry_after_seconds <= 6);
    }
}
