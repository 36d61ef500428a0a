//! Bytes per second over the last minutes, from the snapshots' counters.

use std::collections::VecDeque;

use praya_model::Timestamp;
use praya_model::snapshot::Traffic;
use serde::{Deserialize, Serialize};

/// The length of one step of the graph, in milliseconds.
pub const STEP_MILLIS: i64 = 2_000;
/// How many steps are kept: three minutes.
pub const STEPS: usize = 90;

/// What one step of [`STEP_MILLIS`] carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Rate {
    /// The end of the step.
    pub at: Timestamp,
    /// Bytes received per second.
    pub bytes_in: u64,
    /// Bytes sent per second.
    pub bytes_out: u64,
}

/// The graph's memory.
#[derive(Clone, Debug, Default)]
pub struct History {
    rates: VecDeque<Rate>,
    last: Option<(Timestamp, Traffic)>,
}

impl History {
    /// Takes the counters as they are at `now`. Counters that went back belong to a new session: the graph starts
    /// anew.
    pub fn observe(&mut self, now: Timestamp, traffic: Traffic) {
        let Some((since, before)) = self.last else {
            self.last = Some((now, traffic));
            return;
        };
        let went_back = traffic.bytes_in < before.bytes_in || traffic.bytes_out < before.bytes_out;
        if went_back || now < since {
            *self = Self { rates: VecDeque::new(), last: Some((now, traffic)) };
            return;
        }
        let elapsed = now.as_millis().saturating_sub(since.as_millis());
        if elapsed < STEP_MILLIS {
            return;
        }
        let millis = u64::try_from(elapsed).unwrap_or(1).max(1);
        let per_second =
            |bytes: u64| u64::try_from(u128::from(bytes) * 1000 / u128::from(millis)).unwrap_or(u64::MAX);
        self.rates.push_back(Rate {
            at: now,
            bytes_in: per_second(traffic.bytes_in - before.bytes_in),
            bytes_out: per_second(traffic.bytes_out - before.bytes_out),
        });
        while self.rates.len() > STEPS {
            self.rates.pop_front();
        }
        self.last = Some((now, traffic));
    }

    /// Forgets everything: there is no session any more.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The steps, the oldest first.
    pub fn rates(&self) -> Vec<Rate> {
        self.rates.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn traffic(bytes_in: u64, bytes_out: u64) -> Traffic {
        Traffic { bytes_in, bytes_out, ..Traffic::default() }
    }

    #[test]
    fn b17_a_step_carries_the_bytes_since_the_one_before() {
        let mut history = History::default();
        history.observe(Timestamp::from_secs(10), traffic(0, 0));
        history.observe(Timestamp::from_secs(11), traffic(500, 100));
        assert!(history.rates().is_empty(), "a step is two seconds long");
        history.observe(Timestamp::from_secs(12), traffic(3_000, 200));
        let at = Timestamp::from_secs(12);
        assert_eq!(history.rates(), [Rate { at, bytes_in: 1_500, bytes_out: 100 }]);
    }

    #[test]
    fn a_new_session_starts_the_graph_anew() {
        let mut history = History::default();
        history.observe(Timestamp::from_secs(0), traffic(0, 0));
        history.observe(Timestamp::from_secs(4), traffic(9_000, 9_000));
        history.observe(Timestamp::from_secs(6), traffic(10, 10));
        assert!(history.rates().is_empty());
    }

    proptest! {
        #[test]
        fn whatever_comes_the_graph_is_bounded(seen in prop::collection::vec(any::<(i64, u64, u64)>(), 0..200)) {
            let mut history = History::default();
            for (at, bytes_in, bytes_out) in seen {
                history.observe(Timestamp::from_millis(at), traffic(bytes_in, bytes_out));
                prop_assert!(history.rates().len() <= STEPS);
            }
        }
    }
}
