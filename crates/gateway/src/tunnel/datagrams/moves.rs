//! How often a session may be somewhere else: each move stops all who look for sessions, so that one that moves with
//! every datagram would hold up the others.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// The time between two moves of one session.
const BETWEEN: Duration = Duration::from_millis(100);

/// The moves of one session; of those that come too soon the last one waits.
#[derive(Debug, Default)]
pub(super) struct Moves {
    last: Option<Instant>,
    waiting: Option<SocketAddr>,
}

impl Moves {
    /// The session is at `address` now, or where it was known to be before.
    pub(super) fn to(&mut self, address: Option<SocketAddr>) {
        self.waiting = address;
    }

    /// Whether a move waits for its time.
    pub(super) fn wait(&self) -> bool {
        self.waiting.is_some()
    }

    /// The move that is to be made now.
    pub(super) fn due(&mut self, now: Instant) -> Option<SocketAddr> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < BETWEEN) {
            return None;
        }
        let due = self.waiting.take();
        if due.is_some() {
            self.last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn a_session_that_moves_with_every_datagram_does_so_ten_times_a_second_only() {
        let start = Instant::now();
        let mut moves = Moves::default();
        let mut made = 0;
        for millisecond in 0..1000 {
            moves.to(Some(address(millisecond)));
            made += usize::from(moves.due(start + Duration::from_millis(millisecond.into())).is_some());
        }
        assert_eq!(made, 10);
    }

    #[test]
    fn a_move_that_came_too_soon_is_made_later_unless_the_session_came_back() {
        let start = Instant::now();
        let mut moves = Moves::default();
        moves.to(Some(address(1)));
        assert_eq!(moves.due(start), Some(address(1)));
        moves.to(Some(address(2)));
        assert_eq!(moves.due(start), None);
        assert!(moves.wait());
        assert_eq!(moves.due(start + BETWEEN), Some(address(2)));
        assert!(!moves.wait());
        moves.to(Some(address(3)));
        moves.to(None);
        assert_eq!(moves.due(start + 9 * BETWEEN), None);
    }
}
