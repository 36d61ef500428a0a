//! A flight: the messages that one end sends in one go, and again until the peer answers (RFC 6347 section 4.2.4).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::codec::{Fragment, HEADER_LEN, Reader, VERSION, VERSION_1_0};
use crate::error::SealError;
use crate::record::{RECORD_HEADER_LEN, Sealer, content, write_plain};

/// The first wait for an answer (RFC 6347 section 4.2.4.1). Each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// One message of a flight.
pub(crate) enum Outgoing {
    /// A handshake message in the clear, with its header.
    Plain(Vec<u8>),
    /// The mark after which records are sealed.
    ChangeCipherSpec,
    /// A Finished message, sealed, with its header.
    Finished(Vec<u8>),
}

/// Numbers this end's records of epoch 0, and puts records into datagrams.
pub(crate) struct Outbox {
    pub(crate) plain_sequence: u64,
    pub(crate) max_datagram: usize,
    datagrams: VecDeque<Vec<u8>>,
}

impl Outbox {
    pub(crate) fn new(max_datagram: usize) -> Self {
        Self { plain_sequence: 0, max_datagram, datagrams: VecDeque::new() }
    }

    /// Replaces what is still to be sent by a flight: a flight that waits need not go out twice.
    pub(crate) fn send(
        &mut self,
        flight: &[Outgoing],
        mut sealer: Option<&mut Sealer>,
    ) -> Result<(), SealError> {
        self.datagrams.clear();
        for message in flight {
            match message {
                Outgoing::Plain(message) => self.write_fragments(message),
                Outgoing::ChangeCipherSpec => {
                    self.write(content::CHANGE_CIPHER_SPEC, VERSION, 1, |out| out.push(1));
                }
                Outgoing::Finished(message) => {
                    if let Some(sealer) = sealer.as_deref_mut() {
                        let room = sealer.overhead() + message.len();
                        sealer.seal(content::HANDSHAKE, self.datagram_with(room), &[message])?;
                    }
                }
            }
        }
        Ok(())
    }

    fn write_fragments(&mut self, message: &[u8]) {
        let mut reader = Reader(message);
        let Some(whole) = Fragment::read(&mut reader) else { return };
        // A first hello says DTLS 1.0, in case that an old server looks (RFC 6347 section 4.1).
        let version = if whole.kind == crate::codec::kind::CLIENT_HELLO { VERSION_1_0 } else { VERSION };
        let room = self.max_datagram.saturating_sub(RECORD_HEADER_LEN + HEADER_LEN).max(1);
        let mut offset = 0;
        loop {
            let (bytes, rest) = whole.bytes.split_at(offset).1.split_at(room.min(whole.length - offset));
            self.write(content::HANDSHAKE, version, HEADER_LEN + bytes.len(), |out| {
                Fragment { offset, bytes, ..whole }.write(out);
            });
            offset += bytes.len();
            if rest.is_empty() {
                break;
            }
        }
    }

    /// Writes a record in the clear whose content has `length` bytes.
    pub(crate) fn write(
        &mut self,
        content: u8,
        version: u16,
        length: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let sequence = self.plain_sequence;
        self.plain_sequence += 1;
        write_plain(self.datagram_with(RECORD_HEADER_LEN + length), content, version, sequence, write);
    }

    /// The last datagram if so many bytes still fit, else a new one.
    fn datagram_with(&mut self, room: usize) -> &mut Vec<u8> {
        if self.datagrams.back().is_none_or(|last| last.len() + room > self.max_datagram) {
            self.datagrams.push_back(Vec::with_capacity(room.max(256)));
        }
        self.datagrams.back_mut().expect("there is one: it was pushed if there was none")
    }

    pub(crate) fn push(&mut self, datagram: Vec<u8>) {
        self.datagrams.push_back(datagram);
    }

    pub(crate) fn pop(&mut self) -> Option<Vec<u8>> {
        self.datagrams.pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.datagrams.len()
    }
}

/// When a flight is sent again, and when it is given up.
pub(crate) struct Timer {
    due: Option<Instant>,
    wait: Duration,
    left: u32,
}

impl Timer {
    pub(crate) fn stopped() -> Self {
        Self { due: None, wait: FIRST_WAIT, left: 0 }
    }

    /// For a new flight that may be sent again so many times.
    pub(crate) fn start(now: Instant, retransmissions: u32) -> Self {
        Self { due: now.checked_add(FIRST_WAIT), wait: FIRST_WAIT, left: retransmissions }
    }

    /// For another flight in place of the one that runs; it may be sent again as often as that still might.
    pub(crate) fn wait_anew(&mut self, now: Instant) {
        *self = Self::start(now, self.left);
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether the flight has to be sent again now; an error when that was done often enough.
    pub(crate) fn expire(&mut self, now: Instant) -> Result<bool, ()> {
        if self.due.is_none_or(|due| now < due) {
            return Ok(false);
        }
        self.left = self.left.checked_sub(1).ok_or(())?;
        self.wait = self.wait.saturating_mul(2).min(LONGEST_WAIT);
        self.due = now.checked_add(self.wait);
        Ok(true)
    }
}
