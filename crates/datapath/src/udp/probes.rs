//! DPD requests that wait for their answers, and the round trip that these show.
//!
//! A request carries its number and is padded to the size that it tests. Peers answer with the same payload, as they
//! must for the search of the path's size, or with an empty one, as openconnect does; that proves the way there, if no
//! other request is under way.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Requests that are remembered.
const MOST: usize = 16;
/// Bytes of a request's number.
pub(super) const ID_LEN: usize = 4;

/// The requests of one channel.
#[derive(Clone, Debug, Default)]
pub(super) struct Probes {
    next_id: u32,
    waiting: VecDeque<Probe>,
    /// RFC 6298 section 2: the smoothed round trip and its variation.
    smoothed: Option<(Duration, Duration)>,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    id: u32,
    size: usize,
    sent: Instant,
}

/// What an answer shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Answered {
    /// The size of a datagram that arrived there.
    pub(super) size: Option<usize>,
    /// A longer one that was sent before and was not answered.
    pub(super) lost: Option<usize>,
}

impl Probes {
    /// A request that makes a datagram of `size` bytes is sent now; returns its number.
    pub(super) fn sent(&mut self, size: usize, now: Instant) -> [u8; ID_LEN] {
        if self.waiting.len() == MOST {
            self.waiting.pop_front();
        }
        let id = self.next_id;
        self.next_id = self.next_id.wrapping_add(1);
        self.waiting.push_back(Probe { id, size, sent: now });
        id.to_be_bytes()
    }

    /// An answer with `payload` came in a datagram of `size` bytes. `None`: nobody asked.
    pub(super) fn answered(&mut self, payload: &[u8], size: usize, now: Instant) -> Option<Answered> {
        let Some((id, _)) = payload.split_first_chunk::<ID_LEN>() else {
            // It says not which request it answers, unless there is only one.
            let first = self.waiting.pop_front()?;
            if !self.waiting.is_empty() {
                self.waiting.clear();
                return Some(Answered::default());
            }
            self.measured(now.saturating_duration_since(first.sent));
            return Some(Answered { size: Some(first.size), lost: None });
        };
        let id = u32::from_be_bytes(*id);
        let at = self.waiting.iter().position(|probe| probe.id == id)?;
        let probe = *self.waiting.get(at)?;
        let lost = self.waiting.drain(..=at).map(|older| older.size).filter(|size| *size > probe.size).max();
        self.measured(now.saturating_duration_since(probe.sent));
        Some(Answered { size: (size >= probe.size).then_some(probe.size), lost })
    }

    /// The smoothed round trip.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.smoothed.map(|(smoothed, _)| smoothed)
    }

    /// How long an answer may take: twice as many deviations as usual.
    pub(super) fn patience(&self) -> Option<Duration> {
        self.smoothed.map(|(smoothed, variation)| smoothed + variation * 4)
    }

    fn measured(&mut self, sample: Duration) {
        self.smoothed = Some(match self.smoothed {
            None => (sample, sample / 2),
            Some((smoothed, variation)) => {
                let difference = smoothed.abs_diff(sample);
                ((smoothed * 7 + sample) / 8, (variation * 3 + difference) / 4)
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_shows_size_and_round_trip() {
        let now = Instant::now();
        let mut probes = Probes::default();
        let id = probes.sent(1400, now);
        let later = now + Duration::from_millis(30);
        assert_eq!(
            probes.answered(&[&id[..], &[0; 90]].concat(), 1400, later),
            Some(Answered { size: Some(1400), lost: None })
        );
        assert_eq!(probes.round_trip(), Some(Duration::from_millis(30)));
        assert_eq!(probes.answered(&id, 1400, later), None, "once");
    }

    #[test]
    fn a_long_one_that_a_short_one_overtook_is_lost() {
        let now = Instant::now();
        let mut probes = Probes::default();
        probes.sent(1400, now);
        let id = probes.sent(60, now);
        let answered = probes.answered(&id, 60, now).unwrap();
        assert_eq!(answered, Answered { size: Some(60), lost: Some(1400) });
    }

    #[test]
    fn an_empty_answer_proves_the_only_request_to_have_arrived() {
        let now = Instant::now();
        let mut probes = Probes::default();
        assert_eq!(probes.answered(&[], 40, now), None);
        probes.sent(1400, now);
        assert_eq!(probes.answered(&[], 40, now), Some(Answered { size: Some(1400), lost: None }));
        probes.sent(1400, now);
        probes.sent(60, now);
        assert_eq!(probes.answered(&[1, 2, 3], 40, now), Some(Answered::default()), "either may be meant");
    }

    #[test]
    fn a_cut_answer_proves_no_size() {
        let now = Instant::now();
        let mut probes = Probes::default();
        let id = probes.sent(1400, now);
        assert_eq!(probes.answered(&id, 40, now), Some(Answered { size: None, lost: None }));
    }

    #[test]
    fn what_nobody_answers_takes_no_memory() {
        let mut probes = Probes::default();
        for _ in 0..1000 {
            probes.sent(100, Instant::now());
        }
        assert_eq!(probes.waiting.len(), MOST);
    }
}
