//! Log lines about strangers, at most one per kind and interval, so that a flood of connections is no flood of lines.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The shortest time between two lines of one kind.
const INTERVAL: Duration = Duration::from_secs(5);

/// Decides which lines are written.
#[derive(Debug, Default)]
pub(crate) struct Notices(Mutex<HashMap<&'static str, (Instant, u64)>>);

impl Notices {
    /// Whether a line of `kind` may be written at `now`, and how many were held back since the last one.
    pub(crate) fn due(&self, kind: &'static str, now: Instant) -> Option<u64> {
        let mut kinds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kinds.get_mut(kind) {
            Some((last, held_back)) if now.saturating_duration_since(*last) < INTERVAL => {
                *held_back += 1;
                None
            }
            Some(entry) => {
                let (_, held_back) = std::mem::replace(entry, (now, 0));
                Some(held_back)
            }
            None => {
                kinds.insert(kind, (now, 0));
                Some(0)
            }
        }
    }

    /// Writes a line about `source`, if one of that kind is due.
    pub(crate) fn say(&self, kind: &'static str, source: std::net::IpAddr, detail: &str) {
        if let Some(more) = self.due(kind, Instant::now()) {
            tracing::info!(%source, more_held_back = more, detail, "{kind}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_per_kind_and_interval_and_the_next_one_counts_the_silence() {
        let notices = Notices::default();
        let start = Instant::now();
        assert_eq!(notices.due("a", start), Some(0));
        assert_eq!(notices.due("a", start), None);
        assert_eq!(notices.due("b", start), Some(0));
        assert_eq!(notices.due("a", start + INTERVAL / 2), None);
        assert_eq!(notices.due("a", start + INTERVAL), Some(2));
    }
}
