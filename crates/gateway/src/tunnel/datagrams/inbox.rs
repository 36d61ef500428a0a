//! What waits for one session: bounded, and nobody else's.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use praya_datapath::udp::Datagrams;

/// Runs of datagrams that may wait, and their bytes: some milliseconds at full speed.
const MOST_RUNS: usize = 256;
const MOST_BYTES: usize = 512 << 10;

/// The queue between the receiver and a session's task.
#[derive(Debug, Default)]
pub(super) struct Inbox(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    runs: VecDeque<Datagrams>,
    bytes: usize,
    waker: Option<Waker>,
}

impl Inbox {
    /// Puts a run in; false when there is no room.
    pub(super) fn push(&self, run: Datagrams) -> bool {
        let mut state = self.state();
        if state.runs.len() >= MOST_RUNS || state.bytes + run.bytes.len() > MOST_BYTES {
            return false;
        }
        state.bytes += run.bytes.len();
        state.runs.push_back(run);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Moves everything out.
    pub(super) fn poll_take(&self, cx: &mut Context<'_>, batch: &mut Vec<Datagrams>) -> Poll<()> {
        let mut state = self.state();
        if state.runs.is_empty() {
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.bytes = 0;
        batch.extend(state.runs.drain(..));
        // An idle session holds nothing.
        state.runs = VecDeque::new();
        Poll::Ready(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No holder can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(len: usize) -> Datagrams {
        let path = std::net::SocketAddr::from(([192, 0, 2, 1], 1)).into();
        Datagrams { bytes: vec![0; len].into(), stride: len, path }
    }

    #[test]
    fn what_does_not_fit_is_not_kept() {
        for len in [1, 1400, 60_000] {
            let inbox = Inbox::default();
            let kept = (0..10_000).filter(|_| inbox.push(run(len))).count();
            assert!(kept > 0 && kept <= MOST_RUNS && kept * len <= MOST_BYTES);
            let mut batch = Vec::new();
            let mut cx = Context::from_waker(Waker::noop());
            assert!(inbox.poll_take(&mut cx, &mut batch).is_ready());
            assert_eq!(batch.len(), kept);
            assert!(inbox.poll_take(&mut cx, &mut batch).is_pending());
            assert!(inbox.push(run(len)), "there is room again");
        }
    }
}
