//! Sealed records on their way to the socket: as few sends as possible, because each may carry many datagrams of one
//! length.

use std::cell::RefCell;

/// Datagrams of one send; the kernel takes 64 (`UDP_MAX_SEGMENTS` of older kernels).
const MOST_SEGMENTS: usize = 64;
/// Bytes of one send.
const MOST_BYTES: usize = 65_507;
/// What an idle session may keep.
const SMALL: usize = 4096;

thread_local! {
    /// The big buffers of this thread's sessions while nothing is under way.
    static SPARE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Records in the order in which they were sealed.
#[derive(Debug, Default)]
pub(super) struct Output {
    bytes: Vec<u8>,
    runs: Vec<Run>,
    /// Runs that are gone, and how far the next one is.
    done: usize,
    at: usize,
}

/// Datagrams that one send may take: all of one length, but the last one, which may be shorter.
#[derive(Clone, Copy, Debug)]
struct Run {
    end: usize,
    segment: usize,
    count: usize,
    /// A datagram that is not longer may follow.
    open: bool,
    start: usize,
}

/// Where an output was, to go back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    bytes: usize,
    runs: usize,
    last: Option<Run>,
}

impl Output {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.at
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Where the next record is appended; [`Output::sealed`] tells when that is done.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        if self.bytes.capacity() == 0 {
            self.bytes = SPARE.with_borrow_mut(Vec::pop).unwrap_or_default();
        }
        &mut self.bytes
    }

    /// One record, which is one datagram, was appended.
    pub(super) fn sealed(&mut self) {
        let start = self.runs.last().map_or(0, |run| run.end);
        let len = self.bytes.len().saturating_sub(start);
        match self.runs.last_mut() {
            Some(run)
                if run.open
                    && len <= run.segment
                    && run.count < MOST_SEGMENTS
                    && run.end - run.start + len <= MOST_BYTES =>
            {
                run.end += len;
                run.count += 1;
                run.open = len == run.segment;
            }
            _ => self.runs.push(Run { end: start + len, segment: len, count: 1, open: true, start }),
        }
    }

    pub(super) fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), runs: self.runs.len(), last: self.runs.last().copied() }
    }

    /// Forgets what was appended since `mark`; nothing may have been sent meanwhile.
    pub(super) fn back_to(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.runs.truncate(mark.runs);
        if let (Some(last), Some(was)) = (self.runs.last_mut(), mark.last) {
            *last = was;
        }
    }

    /// What to send next, and the length of its datagrams.
    pub(super) fn next(&self) -> Option<(&[u8], usize)> {
        let run = self.runs.get(self.done)?;
        Some((self.bytes.get(self.at..run.end)?, run.segment))
    }

    /// So many bytes of it are gone.
    pub(super) fn sent(&mut self, bytes: usize) {
        self.at += bytes;
        if let Some(run) = self.runs.get_mut(self.done) {
            // What follows begins a run of its own: this one is cut already.
            run.open = false;
            if self.at >= run.end {
                self.at = run.end;
                self.done += 1;
            }
        }
        if self.done == self.runs.len() {
            self.clear();
        }
    }

    /// Gives the next run up; returns how many datagrams that were.
    pub(super) fn skip(&mut self) -> u64 {
        let (left, segment) = self.next().map_or((0, 1), |(bytes, segment)| (bytes.len(), segment.max(1)));
        self.sent(left);
        left.div_ceil(segment) as u64
    }

    /// Gives everything up; returns how many datagrams that were.
    pub(super) fn give_up(&mut self) -> u64 {
        let mut datagrams = 0;
        while self.next().is_some() {
            datagrams += self.skip();
        }
        datagrams
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.runs.clear();
        (self.done, self.at) = (0, 0);
        if self.bytes.capacity() > SMALL {
            let bytes = std::mem::take(&mut self.bytes);
            self.runs = Vec::new();
            SPARE.with_borrow_mut(|spare| {
                if spare.len() < 2 {
                    spare.push(bytes);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(output: &mut Output, len: usize) {
        let end = output.buffer().len() + len;
        output.buffer().resize(end, 0);
        output.sealed();
    }

    fn runs(output: &mut Output) -> Vec<(usize, usize)> {
        let mut runs = Vec::new();
        while let Some((bytes, segment)) = output.next() {
            runs.push((bytes.len(), segment));
            let len = bytes.len();
            output.sent(len);
        }
        runs
    }

    #[test]
    fn datagrams_of_one_length_and_a_shorter_last_one_go_together() {
        let mut output = Output::default();
        for len in [100, 100, 60, 100, 200, 200, 200] {
            put(&mut output, len);
        }
        assert_eq!(runs(&mut output), [(260, 100), (100, 100), (600, 200)]);
        assert!(output.is_empty());
    }

    #[test]
    fn no_send_is_longer_than_the_kernel_takes() {
        let mut output = Output::default();
        (0..65).for_each(|_| put(&mut output, 10));
        (0..50).for_each(|_| put(&mut output, 1400));
        assert_eq!(runs(&mut output), [(640, 10), (10, 10), (46 * 1400, 1400), (4 * 1400, 1400)]);
    }

    #[test]
    fn what_comes_after_a_part_was_sent_is_not_added_to_it() {
        let mut output = Output::default();
        (0..3).for_each(|_| put(&mut output, 100));
        output.sent(100);
        put(&mut output, 100);
        assert_eq!(runs(&mut output), [(200, 100), (100, 100)]);
    }

    #[test]
    fn what_is_given_up_is_counted() {
        let mut output = Output::default();
        for len in [100, 100, 60, 200, 200, 50, 300] {
            put(&mut output, len);
        }
        output.sent(100);
        assert_eq!(output.skip(), 2);
        assert_eq!(output.give_up(), 4);
        assert_eq!((output.give_up(), output.skip()), (0, 0));
    }

    #[test]
    fn what_is_taken_back_was_never_there() {
        let mut output = Output::default();
        put(&mut output, 100);
        let mark = output.mark();
        put(&mut output, 50);
        put(&mut output, 70);
        output.back_to(mark);
        put(&mut output, 100);
        assert_eq!(runs(&mut output), [(200, 100)]);
    }
}
