//! How long a datagram may be on the way to the peer: found by padded probes that the peer echoes (RFC 8899).
//!
//! What fits surely is used at once. The first probe has the longest size that is of any use, because on most paths
//! that one fits; if it does not, the size is searched by halves. Nothing here trusts ICMP: a path that loses long
//! datagrams without a word is noticed by the probes that the channel sends anyway while it carries data.

use std::time::{Duration, Instant};

/// Probes of one size that may stay unanswered before the size counts as too long (RFC 8899 section 5.1.2).
const MAX_PROBES: u8 = 3;
/// Probes of the size in use that may stay unanswered, while short ones are answered, before it is given up.
const MAX_LOST: u8 = 2;
/// The search is over when what fits and what does not lie so close together, in bytes.
const CLOSE_ENOUGH: usize = 16;
/// When to try longer sizes again (RFC 8899 section 5.1.1: 600 s).
const RAISE: Duration = Duration::from_secs(600);
/// The shortest time that a probe gets to be answered.
const SHORTEST_WAIT: Duration = Duration::from_millis(250);

/// The search for the longest datagram; all sizes are bytes of UDP payload.
#[derive(Clone, Debug)]
pub struct PathMtu {
    /// What fits every path that is worth using.
    sure: usize,
    /// `sure`, or less where even that was lost.
    base: usize,
    /// More than that is of no use.
    max: usize,
    /// The longest that was echoed, or `base`.
    fits: usize,
    /// The shortest that is known not to fit.
    too_long: Option<usize>,
    probe: Option<Probe>,
    /// When the next search may begin.
    next: Option<Instant>,
    /// Unanswered probes of the size in use.
    lost: u8,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    size: usize,
    sent: u8,
    until: Instant,
}

impl PathMtu {
    /// A path that surely takes `base` and from which never more than `max` is asked; the search begins at `now`.
    pub fn new(base: usize, max: usize, now: Instant) -> Self {
        let max = max.max(base);
        Self {
            sure: base,
            base,
            max,
            fits: base,
            too_long: None,
            probe: None,
            next: (base < max).then_some(now),
            lost: 0,
        }
    }

    /// The longest datagram that may be sent now.
    pub fn current(&self) -> usize {
        self.fits
    }

    /// The size to probe, when one is due at `now`; the caller sends it. An answer takes `patience` at most, as far as
    /// it is known.
    pub fn due(&mut self, now: Instant, patience: Option<Duration>) -> Option<usize> {
        let sent = match self.probe {
            Some(probe) if now < probe.until => return None,
            Some(probe) if probe.sent < MAX_PROBES => probe.sent,
            Some(probe) => {
                self.probe = None;
                self.exceeds(probe.size, now);
                0
            }
            None => 0,
        };
        let size = match self.probe {
            Some(probe) => probe.size,
            None => {
                if self.next.is_none_or(|at| now < at) {
                    return None;
                }
                if self.candidate().is_none() {
                    // A search that had ended begins anew, from the top: the path may have become better.
                    self.too_long = None;
                }
                let Some(size) = self.candidate() else {
                    self.next = None;
                    return None;
                };
                size
            }
        };
        let wait = patience.unwrap_or_default().max(SHORTEST_WAIT);
        self.probe = Some(Probe { size, sent: sent + 1, until: now + wait });
        Some(size)
    }

    /// When [`PathMtu::due`] has something to do.
    pub fn next(&self) -> Option<Instant> {
        self.probe.map(|probe| probe.until).or(self.next)
    }

    /// A datagram of `size` was echoed.
    pub fn echoed(&mut self, size: usize, now: Instant) {
        if size >= self.fits {
            self.lost = 0;
        }
        if size > self.fits {
            self.fits = size.min(self.max);
            self.too_long = self.too_long.filter(|long| *long > self.fits);
        }
        if self.probe.is_some_and(|probe| probe.size <= size) {
            self.probe = None;
            self.plan(now);
        }
    }

    /// A probe of the size in use, sent for another reason, was lost while a short one was answered. True when the
    /// path loses such datagrams: what is in use is short again, shorter than `base` where that was lost, and a search
    /// begins.
    pub fn lost(&mut self, size: usize, now: Instant) -> bool {
        if size < self.fits {
            return false;
        }
        self.lost += 1;
        if self.lost < MAX_LOST {
            return false;
        }
        self.restart(size, now);
        true
    }

    /// The system refused to send `size`: the first link is shorter.
    pub fn refused(&mut self, size: usize, now: Instant) {
        if size <= self.fits {
            self.restart(size, now);
        } else {
            self.probe = self.probe.filter(|probe| probe.size < size);
            self.exceeds(size, now);
        }
    }

    /// The path is another one.
    pub fn path_changed(&mut self, now: Instant) {
        *self = Self::new(self.sure, self.max, now);
    }

    fn restart(&mut self, too_long: usize, now: Instant) {
        let base = if too_long > self.base { self.base } else { too_long / 2 };
        let fresh = Self::new(self.sure, self.max, now);
        *self = Self { base, fits: base, too_long: Some(too_long), ..fresh };
        self.plan(now);
    }

    fn exceeds(&mut self, size: usize, now: Instant) {
        self.too_long = Some(self.too_long.map_or(size, |long| long.min(size)));
        self.plan(now);
    }

    fn plan(&mut self, now: Instant) {
        self.next = match self.candidate() {
            Some(_) => Some(now),
            None if self.too_long.is_some() => Some(now + RAISE),
            None => None,
        };
    }

    fn candidate(&self) -> Option<usize> {
        match self.too_long {
            None => (self.fits < self.max).then_some(self.max),
            Some(long) if long <= self.fits + CLOSE_ENOUGH => None,
            Some(long) => Some(self.fits + (long - self.fits) / 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: usize = 1232;
    const MAX: usize = 1472;

    /// A path that takes `limit`; returns after `seconds`, with the number of probes sent.
    fn run(mtu: &mut PathMtu, limit: usize, mut now: Instant, seconds: u64) -> (Instant, usize) {
        let end = now + Duration::from_secs(seconds);
        let mut probes = 0;
        while let Some(at) = mtu.next().filter(|at| *at <= end) {
            now = now.max(at);
            while let Some(size) = mtu.due(now, None) {
                probes += 1;
                assert!(probes < 1000);
                if size <= limit {
                    mtu.echoed(size, now + Duration::from_millis(20));
                }
            }
        }
        (end, probes)
    }

    #[test]
    fn the_longest_useful_size_is_found_by_one_probe() {
        let now = Instant::now();
        let mut mtu = PathMtu::new(BASE, MAX, now);
        assert_eq!(mtu.current(), BASE);
        assert_eq!(run(&mut mtu, 9000, now, 3600).1, 1);
        assert_eq!(mtu.current(), MAX);
    }

    #[test]
    fn a_search_that_ended_below_is_tried_again_from_the_top() {
        let now = Instant::now();
        let mut mtu = PathMtu::new(BASE, MAX, now);
        let (later, _) = run(&mut mtu, 1400, now, 60);
        assert!((1400 - CLOSE_ENOUGH..=1400).contains(&mtu.current()), "{}", mtu.current());
        run(&mut mtu, 1500, later, 601);
        assert_eq!(mtu.current(), MAX);
    }

    #[test]
    fn a_path_that_begins_to_lose_long_datagrams_is_left_at_once_and_searched() {
        let now = Instant::now();
        let mut mtu = PathMtu::new(BASE, MAX, now);
        let (later, _) = run(&mut mtu, MAX, now, 1);
        assert!(!mtu.lost(BASE, later), "a short one says nothing about long ones");
        assert!(!mtu.lost(MAX, later));
        assert!(mtu.lost(MAX, later));
        assert_eq!(mtu.current(), BASE);
        run(&mut mtu, 1300, later, 60);
        assert!((1300 - CLOSE_ENOUGH..=1300).contains(&mtu.current()), "{}", mtu.current());
    }

    #[test]
    fn what_the_system_refuses_is_not_tried_again() {
        let now = Instant::now();
        let mut mtu = PathMtu::new(BASE, MAX, now);
        assert_eq!(mtu.due(now, None), Some(MAX));
        mtu.refused(MAX, now);
        let size = mtu.due(now, None).unwrap();
        assert!(size < MAX, "{size}");
        mtu.echoed(size, now);
        mtu.refused(size, now);
        assert_eq!(mtu.current(), BASE);
        mtu.refused(BASE, now);
        assert!(mtu.current() < BASE);
    }

    #[test]
    fn a_path_that_loses_even_what_is_sure_gets_what_it_carries() {
        let mut now = Instant::now();
        // Also where nothing longer is of any use.
        for max in [BASE, MAX] {
            let mut mtu = PathMtu::new(BASE, max, now);
            for _ in 0..MAX_LOST {
                mtu.lost(mtu.current(), now);
            }
            assert!(mtu.current() < 1000);
            (now, _) = run(&mut mtu, 1000, now, 60);
            assert!((1000 - CLOSE_ENOUGH..=1000).contains(&mtu.current()), "{}", mtu.current());
            mtu.path_changed(now);
            assert_eq!(mtu.current(), BASE);
        }
    }

    proptest! {
        /// Whatever the path takes: what is used always fits, and is near to the most that does.
        #[test]
        fn what_is_found_fits(limit in BASE..2000usize, max in BASE..2000usize) {
            let now = Instant::now();
            let mut mtu = PathMtu::new(BASE, max, now);
            let (_, probes) = run(&mut mtu, limit, now, 100);
            prop_assert!(mtu.current() <= limit.min(max));
            prop_assert!(mtu.current() + CLOSE_ENOUGH >= limit.min(max));
            prop_assert!(probes < 40);
        }

        /// A change of the path, at any time, to any size that is not shorter than the base, ends well.
        #[test]
        fn a_shrinking_path_is_noticed(first in BASE..2000usize, second in BASE..2000usize) {
            let now = Instant::now();
            let mut mtu = PathMtu::new(BASE, 1500, now);
            let (mut now, _) = run(&mut mtu, first, now, 10);
            for _ in 0..4 {
                let size = mtu.current();
                if size > second {
                    mtu.lost(size, now);
                } else {
                    mtu.echoed(size, now);
                }
                now += Duration::from_secs(3);
            }
            run(&mut mtu, second, now, 60);
            prop_assert!(mtu.current() <= second);
        }
    }
}
