//! An established connection: one record in, one record out, in place.

use std::time::Instant;

use crate::alert::{self, Alert};
use crate::codec::{Fragment, Reader, kind};
use crate::error::{Dropped, SealError};
use crate::flight::{Outbox, Outgoing};
use crate::record::{Opener, Sealer, content};
use crate::suite::Suite;

/// How much one key may encrypt: 2^24.5 records of 16 KiB (RFC 8446 section 5.5), counted in cipher blocks of 16 bytes,
/// so that small records do not cost a handshake every half minute.
const MAX_BLOCKS: u64 = 23_726_566 * 1024;
/// From this record number on a successor is due; there are 2^48.
const LATE_SEQUENCE: u64 = 1 << 47;
/// So many forgeries are tolerated before a successor is due, half of what a key stands (RFC 9147 section 4.5.3).
const MAX_FORGED: u64 = 1 << 35;
/// Datagrams that wait to be sent besides data: nobody needs more answers than this at once.
const MAX_WAITING: usize = 4;

/// What a record meant.
#[derive(PartialEq, Eq, Debug)]
pub enum Opened<'a> {
    /// It carried this.
    Data(&'a [u8]),
    /// It was for this end of the connection itself; perhaps there is something to transmit now.
    Handled,
    /// The peer gave up, and says why. Authentic.
    Alert(Alert),
    /// The peer sends nothing more. Authentic.
    Closed,
}

/// Records that were dropped since the handshake began.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counters {
    /// No records, or parts of one.
    pub malformed: u64,
    /// Records of another epoch; after a handshake its late repetitions too.
    pub other_epoch: u64,
    /// Records that had been seen, or are too old to tell.
    pub replayed: u64,
    /// Records that were not sealed with the peer's key.
    pub forged: u64,
}

impl Counters {
    pub(crate) fn count(&mut self, why: Dropped) {
        let counter = match why {
            Dropped::Malformed => &mut self.malformed,
            Dropped::OtherEpoch => &mut self.other_epoch,
            Dropped::Replayed => &mut self.replayed,
            Dropped::Forged => &mut self.forged,
        };
        *counter += 1;
    }
}

/// Both directions' keys, and what is left of the handshake. Keys are wiped when it is dropped.
pub struct Connection {
    pub(crate) suite: Suite,
    pub(crate) extended_master_secret: bool,
    pub(crate) sealer: Sealer,
    pub(crate) opener: Opener,
    pub(crate) outbox: Outbox,
    /// This end's last flight, if the handshake ended with it, and the number of the peer's message before it: should
    /// that come again, the flight was lost.
    pub(crate) last_flight: Option<(Vec<Outgoing>, u16)>,
    pub(crate) rekey_at: Option<Instant>,
    pub(crate) closed: bool,
    pub(crate) counters: Counters,
}

impl Connection {
    /// Appends one record with these parts, which may have [`MAX_PLAINTEXT`](crate::MAX_PLAINTEXT) bytes together.
    /// Nothing is allocated if `out` has room for them and [`Self::overhead`].
    ///
    /// # Errors
    /// Too much for a record, a connection that is closed, or no record number left. `out` is then as it was.
    pub fn seal(&mut self, out: &mut Vec<u8>, parts: &[&[u8]]) -> Result<(), SealError> {
        if self.closed {
            return Err(SealError::Closed);
        }
        self.sealer.seal(content::APPLICATION_DATA, out, parts)
    }

    /// Opens one record, as [`records`](crate::records) cuts them out of a datagram, in place.
    ///
    /// # Errors
    /// Why it was dropped and counted. That says nothing about the peer, and the connection goes on. The bytes may be
    /// overwritten then: who tries several connections gives each a copy.
    pub fn open<'a>(&mut self, record: &'a mut [u8]) -> Result<Opened<'a>, Dropped> {
        let (content, payload) = match self.opener.open(record) {
            Ok(opened) => opened,
            Err(why) => {
                self.counters.count(why);
                return Err(why);
            }
        };
        Ok(match content {
            content::APPLICATION_DATA => Opened::Data(payload),
            content::ALERT => self.on_alert(payload),
            content::HANDSHAKE => {
                self.on_handshake(payload);
                Opened::Handled
            }
            _ => Opened::Handled,
        })
    }

    /// A datagram that has to be sent besides data: the rest of the handshake, or an answer to the peer.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop()
    }

    /// Appends the record that tells the peer that nothing more will come; nothing can be sealed after it.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if !self.closed {
            // Without a number left the peer has to find out by silence.
            let _ = self.sealer.seal(content::ALERT, out, &[&[alert::WARNING, Alert::CLOSE_NOTIFY.0]]);
            self.closed = true;
        }
    }

    /// Whether a new connection should take this one's place: its key is worn or its time is over.
    #[must_use]
    pub fn rekey_due(&self, now: Instant) -> bool {
        let worn = match self.suite {
            // RFC 8446 section 5.5: the record number ends first.
            Suite::PskChaCha20Poly1305 => false,
            Suite::PskAes256Gcm
            | Suite::PskAes128Gcm
            | Suite::RsaAes128Gcm
            | Suite::RsaAes256Gcm
            | Suite::EcdheRsaAes128Gcm
            | Suite::EcdheRsaAes256Gcm => self.sealer.blocks >= MAX_BLOCKS,
        };
        worn || self.sealer.sequence >= LATE_SEQUENCE
            || self.counters.forged >= MAX_FORGED
            || self.rekey_at.is_some_and(|at| now >= at)
    }

    /// The bytes by which a record is longer than what it carries.
    #[must_use]
    pub fn overhead(&self) -> usize {
        self.sealer.overhead()
    }

    /// The suite that both ends agreed on.
    #[must_use]
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// Whether the keys are bound to the whole handshake (RFC 7627).
    #[must_use]
    pub fn extended_master_secret(&self) -> bool {
        self.extended_master_secret
    }

    /// What was dropped, and why.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn on_alert(&mut self, payload: &[u8]) -> Opened<'static> {
        match *payload {
            [_, code] if Alert(code) == Alert::CLOSE_NOTIFY => Opened::Closed,
            [alert::FATAL, code] => {
                self.closed = true;
                Opened::Alert(Alert(code))
            }
            _ => Opened::Handled,
        }
    }

    /// A handshake message that the peer vouches for: its last one again, or a wish to renegotiate.
    fn on_handshake(&mut self, payload: &[u8]) {
        let Some(fragment) = Fragment::read(&mut Reader(payload)) else { return };
        let before = self.last_flight.as_ref().map(|(_, before)| *before);
        match fragment.kind {
            kind::FINISHED if before == Some(fragment.sequence) => {
                if let Some((flight, _)) = &self.last_flight {
                    // Without a number left the peer has to do without.
                    let _ = self.outbox.send(flight, Some(&mut self.sealer));
                }
            }
            kind::HELLO_REQUEST | kind::CLIENT_HELLO if self.outbox.len() < MAX_WAITING && !self.closed => {
                let mut out = Vec::with_capacity(self.overhead() + 2);
                let alert = [alert::WARNING, Alert::NO_RENEGOTIATION.0];
                if self.sealer.seal(content::ALERT, &mut out, &[&alert]).is_ok() {
                    self.outbox.push(out);
                }
            }
            _ => {}
        }
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connection").field("suite", &self.suite).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::connected;

    #[test]
    fn a_successor_is_due_when_the_key_is_worn() {
        let now = Instant::now();
        let wear: [fn(&mut Connection); 3] = [
            |connection| connection.sealer.blocks = MAX_BLOCKS,
            |connection| connection.sealer.sequence = LATE_SEQUENCE,
            |connection| connection.counters.forged = MAX_FORGED,
        ];
        for wear in wear {
            let (mut client, _) = connected();
            assert!(!client.rekey_due(now));
            wear(&mut client);
            assert!(client.rekey_due(now));
        }
    }

    #[test]
    fn a_wish_to_renegotiate_is_declined() {
        let (mut client, mut server) = connected();
        let hello = crate::codec::message(kind::CLIENT_HELLO, 3, b"whatever");
        let mut record = Vec::new();
        client.sealer.seal(content::HANDSHAKE, &mut record, &[&hello]).unwrap();
        assert_eq!(server.open(&mut record), Ok(Opened::Handled));
        let mut answer = server.poll_transmit().unwrap();
        assert_eq!(client.open(&mut answer), Ok(Opened::Handled));
        assert!(server.poll_transmit().is_none());
    }

    #[test]
    fn a_fatal_alert_ends_a_connection() {
        let (mut client, mut server) = connected();
        let mut record = Vec::new();
        client.sealer.seal(content::ALERT, &mut record, &[&[alert::FATAL, 80]]).unwrap();
        assert_eq!(server.open(&mut record), Ok(Opened::Alert(Alert::INTERNAL_ERROR)));
        assert_eq!(server.seal(&mut Vec::new(), &[]), Err(SealError::Closed));
    }
}
