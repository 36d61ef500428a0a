//! A token bucket: so many requests at once, so many per second after that.

use std::time::{Duration, Instant};

/// Counts one connection's requests.
#[derive(Debug)]
pub(crate) struct Bucket {
    burst: u32,
    /// How long one token takes to come back.
    interval: Duration,
    /// When the bucket will be full again.
    full_at: Instant,
}

impl Bucket {
    pub(crate) fn new(burst: u32, per_second: u32, now: Instant) -> Self {
        Self { burst: burst.max(1), interval: Duration::from_secs(1) / per_second.max(1), full_at: now }
    }

    /// Takes a token; `false` when there is none.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + self.interval;
        let allowed = full_at.saturating_duration_since(now) <= self.interval * self.burst;
        if allowed {
            self.full_at = full_at;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_heard_then_the_rate_holds() {
        let start = Instant::now();
        let mut bucket = Bucket::new(3, 2, start);
        let heard = |bucket: &mut Bucket, at: u64| bucket.take(start + Duration::from_millis(at));
        assert_eq!([(); 5].map(|()| heard(&mut bucket, 0)), [true, true, true, false, false]);
        assert!(!heard(&mut bucket, 499));
        assert!(heard(&mut bucket, 500));
        assert!(!heard(&mut bucket, 501));
        assert_eq!([(); 4].map(|()| heard(&mut bucket, 60_000)), [true, true, true, false]);
    }
}
