//! Handshake messages put together from their fragments and into their order (RFC 6347 section 4.2.3).

use std::collections::BTreeMap;

use crate::codec::{Fragment, message};

/// The longest message that is put together. Ours have less than 300 bytes; a stock client's hello has 500.
pub(crate) const MAX_MESSAGE: usize = 4096;
/// How many messages from the expected one on are kept.
const AHEAD: u16 = 8;

/// A whole handshake message.
pub(crate) struct Message {
    pub(crate) kind: u8,
    pub(crate) sequence: u16,
    /// The epoch of the records that brought it: from 1 on the peer vouches for it.
    pub(crate) epoch: u16,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// As the transcript has it.
    pub(crate) fn to_transcript(&self) -> Vec<u8> {
        message(self.kind, self.sequence, &self.body)
    }
}

/// A message of which parts may be missing.
struct Partial {
    kind: u8,
    epoch: u16,
    body: Vec<u8>,
    /// For each byte, whether it has come.
    present: Vec<bool>,
    missing: usize,
}

impl Partial {
    fn new(fragment: &Fragment<'_>, epoch: u16) -> Self {
        let length = fragment.length;
        Self {
            kind: fragment.kind,
            epoch,
            body: vec![0; length],
            present: vec![false; length],
            missing: length,
        }
    }

    /// Takes the bytes that are not there yet; where fragments overlap, the first one counts.
    fn fill(&mut self, fragment: &Fragment<'_>) {
        let places = self.body.iter_mut().zip(&mut self.present).skip(fragment.offset);
        for ((place, present), byte) in places.zip(fragment.bytes) {
            if !*present {
                (*place, *present) = (*byte, true);
                self.missing -= 1;
            }
        }
    }
}

/// Bounded: at most [`AHEAD`] messages of [`MAX_MESSAGE`] bytes.
#[derive(Default)]
pub(crate) struct Reassembly {
    next: u16,
    partial: BTreeMap<u16, Partial>,
}

impl Reassembly {
    /// The number of the message that is expected.
    pub(crate) fn next(&self) -> u16 {
        self.next
    }

    /// Whether nothing has come yet of what is expected.
    pub(crate) fn is_idle(&self) -> bool {
        self.partial.is_empty()
    }

    /// Forgets everything, and expects a message of this number.
    pub(crate) fn restart(&mut self, next: u16) {
        *self = Self { next, partial: BTreeMap::new() };
    }

    /// Forgets the parts of messages that nobody vouches for: the peer sends them again, a forger may not.
    pub(crate) fn forget_unproven(&mut self) {
        self.partial.retain(|_, partial| partial.epoch > 0 || partial.missing == 0);
    }

    /// Takes a fragment. One that contradicts what is there is dropped, unless the peer vouches for it and not for
    /// that, or it is a whole message and nobody vouches for the parts that are there.
    pub(crate) fn insert(&mut self, fragment: &Fragment<'_>, epoch: u16) {
        let ahead = fragment.sequence.checked_sub(self.next).is_some_and(|ahead| ahead < AHEAD);
        if !ahead || fragment.length > MAX_MESSAGE {
            return;
        }
        let partial = self.partial.entry(fragment.sequence).or_insert_with(|| Partial::new(fragment, epoch));
        let better = partial.epoch == 0 && partial.missing > 0 && fragment.is_whole();
        if epoch > partial.epoch || epoch == partial.epoch && better {
            *partial = Partial::new(fragment, epoch);
        }
        let fits = partial.kind == fragment.kind && partial.body.len() == fragment.length;
        if fits && partial.epoch == epoch {
            partial.fill(fragment);
        }
    }

    /// The expected message, if all of it has come. It has to be accepted or discarded.
    pub(crate) fn take(&mut self) -> Option<Message> {
        if self.partial.get(&self.next)?.missing > 0 {
            return None;
        }
        let partial = self.partial.remove(&self.next)?;
        Some(Message { kind: partial.kind, sequence: self.next, epoch: partial.epoch, body: partial.body })
    }

    /// The message that was taken is what was expected: on to the next. One that is not accepted may come again.
    pub(crate) fn accept(&mut self) {
        self.next = self.next.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fragment(body: &[u8], sequence: u16, offset: usize, length: usize) -> Fragment<'_> {
        let bytes = &body[offset..(offset + length).min(body.len())];
        Fragment { kind: 1, length: body.len(), sequence, offset, bytes }
    }

    #[test]
    fn a_message_of_which_a_byte_is_missing_does_not_come_out() {
        let body = [7; 10];
        let mut reassembly = Reassembly::default();
        reassembly.insert(&fragment(&body, 0, 0, 4), 0);
        reassembly.insert(&fragment(&body, 0, 5, 5), 0);
        assert!(reassembly.take().is_none());
        reassembly.insert(&fragment(&body, 0, 2, 5), 0);
        assert_eq!(reassembly.take().map(|message| message.body), Some(body.to_vec()));
    }

    #[test]
    fn messages_come_out_in_their_order() {
        let mut reassembly = Reassembly::default();
        reassembly.insert(&fragment(b"second", 1, 0, 6), 0);
        assert!(reassembly.take().is_none());
        reassembly.insert(&fragment(b"first", 0, 0, 5), 0);
        assert_eq!(reassembly.take().map(|message| message.body), Some(b"first".to_vec()));
        reassembly.accept();
        assert_eq!(reassembly.take().map(|message| message.body), Some(b"second".to_vec()));
    }

    #[test]
    fn a_message_that_is_not_accepted_may_come_again() {
        let mut reassembly = Reassembly::default();
        reassembly.insert(&fragment(b"forged", 0, 0, 6), 0);
        assert!(reassembly.take().is_some());
        reassembly.insert(&fragment(b"genuine", 0, 0, 7), 0);
        assert_eq!(reassembly.take().map(|message| message.body), Some(b"genuine".to_vec()));
    }

    #[test]
    fn what_the_peer_vouches_for_replaces_what_nobody_does() {
        let mut reassembly = Reassembly::default();
        reassembly.insert(&fragment(b"forged", 0, 0, 6), 0);
        reassembly.insert(&fragment(b"genuine", 0, 0, 7), 1);
        reassembly.insert(&fragment(b"forged!", 0, 0, 7), 0);
        assert_eq!(
            reassembly.take().map(|message| (message.body, message.epoch)),
            Some((b"genuine".to_vec(), 1))
        );
    }

    #[test]
    fn a_whole_message_replaces_parts_that_nobody_vouches_for() {
        let forged = Fragment { kind: 2, length: 3840, sequence: 0, offset: 0, bytes: &[1] };
        let mut reassembly = Reassembly::default();
        reassembly.insert(&forged, 0);
        reassembly.insert(&fragment(b"genuine", 0, 0, 7), 0);
        reassembly.insert(&forged, 0);
        assert_eq!(reassembly.take().map(|message| message.body), Some(b"genuine".to_vec()));
    }

    #[test]
    fn parts_that_nobody_vouches_for_are_forgotten_and_what_is_proven_or_whole_is_kept() {
        let mut reassembly = Reassembly::default();
        reassembly.insert(&Fragment { kind: 2, length: 3840, sequence: 0, offset: 0, bytes: &[1] }, 0);
        reassembly.insert(&fragment(b"whole", 1, 0, 5), 0);
        reassembly.insert(&fragment(b"proven", 2, 0, 3), 1);
        reassembly.forget_unproven();
        assert_eq!(reassembly.partial.keys().collect::<Vec<_>>(), [&1, &2]);
        for offset in [0, 3] {
            reassembly.insert(&fragment(b"genuine", 0, offset, 4), 0);
        }
        assert_eq!(reassembly.take().map(|message| message.body), Some(b"genuine".to_vec()));
    }

    #[test]
    fn what_is_too_long_or_too_far_ahead_takes_no_memory() {
        let mut reassembly = Reassembly::default();
        reassembly
            .insert(&Fragment { kind: 1, length: MAX_MESSAGE + 1, sequence: 0, offset: 0, bytes: &[1] }, 0);
        reassembly.insert(&fragment(b"far", AHEAD, 0, 3), 0);
        assert!(reassembly.partial.is_empty());
    }

    proptest! {
        #[test]
        fn any_fragments_that_cover_a_message_make_it(
            body in prop::collection::vec(any::<u8>(), 1..400),
            cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..80), 0..60),
            step in 1usize..100,
        ) {
            let mut reassembly = Reassembly::default();
            for (offset, length) in &cuts {
                reassembly.insert(&fragment(&body, 0, offset.index(body.len()), *length), 0);
            }
            for offset in (0..body.len()).step_by(step).rev() {
                reassembly.insert(&fragment(&body, 0, offset, step), 0);
            }
            prop_assert_eq!(reassembly.take().map(|message| message.body), Some(body));
        }
    }
}
