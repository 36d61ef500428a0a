//! Records: found in a datagram, opened and sealed in place (RFC 6347 section 4.1, RFC 5288, RFC 7905).

use aws_lc_rs::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;

use crate::codec::{Reader, VERSION, VERSION_1_0};
use crate::error::{Dropped, SealError};
use crate::replay::ReplayWindow;
use crate::suite::Suite;

/// The most bytes that one record carries (RFC 5246 section 6.2.1).
pub const MAX_PLAINTEXT: usize = 1 << 14;
/// The most by which encryption may lengthen a record (RFC 5246 section 6.2.3).
const MAX_EXPANSION: usize = 1024;
pub(crate) const RECORD_HEADER_LEN: usize = 13;
const EXPLICIT_NONCE_LEN: usize = 8;
const TAG_LEN: usize = 16;
const AAD_LEN: usize = 13;
/// Record numbers have 48 bits.
const MAX_SEQUENCE: u64 = (1 << 48) - 1;
/// The epoch of the only keys a connection has.
pub(crate) const EPOCH: u16 = 1;

/// What a record carries.
pub(crate) mod content {
    pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(crate) const ALERT: u8 = 21;
    pub(crate) const HANDSHAKE: u8 = 22;
    pub(crate) const APPLICATION_DATA: u8 = 23;
}

/// The head of a record.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(crate) content: u8,
    pub(crate) version: u16,
    pub(crate) epoch: u16,
    /// 48 bits.
    pub(crate) sequence: u64,
    pub(crate) length: usize,
}

impl Header {
    /// The record at the front of some bytes; `None` if they are no record, or not all of one.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        let (content, version) = (reader.u8()?, reader.u16()?);
        let (epoch, [a, b, c, d, e, f]) = (reader.u16()?, reader.array()?);
        let length = usize::from(reader.u16()?);
        let known = matches!(version, VERSION | VERSION_1_0) && (20..=23).contains(&content);
        (known && length <= MAX_PLAINTEXT + MAX_EXPANSION && length <= reader.0.len()).then_some(Self {
            content,
            version,
            epoch,
            sequence: u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
            length,
        })
    }

    /// Epoch and sequence number as they are on the wire, in the nonce and in what is authenticated.
    fn number(&self) -> [u8; 8] {
        number(self.epoch, self.sequence)
    }
}

fn number(epoch: u16, sequence: u64) -> [u8; 8] {
    (u64::from(epoch) << 48 | sequence & MAX_SEQUENCE).to_be_bytes()
}

/// The records of a datagram, in order; ends at the first bytes that are no whole record.
#[derive(Debug)]
pub struct Records<'a>(&'a mut [u8]);

/// Cuts a datagram into its records.
pub fn records(datagram: &mut [u8]) -> Records<'_> {
    Records(datagram)
}

impl<'a> Iterator for Records<'a> {
    type Item = &'a mut [u8];

    fn next(&mut self) -> Option<&'a mut [u8]> {
        let length = RECORD_HEADER_LEN + Header::read(self.0)?.length;
        let (record, rest) = std::mem::take(&mut self.0).split_at_mut_checked(length)?;
        self.0 = rest;
        Some(record)
    }
}

/// Writes a record of epoch 0, which is in the clear.
pub(crate) fn write_plain(
    out: &mut Vec<u8>,
    content: u8,
    version: u16,
    sequence: u64,
    write: impl FnOnce(&mut Vec<u8>),
) {
    write_header(out, content, version, number(0, sequence), 0);
    let start = out.len();
    write(out);
    let length = u16::try_from(out.len() - start).unwrap_or(u16::MAX);
    if let Some(field) = out.get_mut(start - 2..start) {
        field.copy_from_slice(&length.to_be_bytes());
    }
}

fn write_header(out: &mut Vec<u8>, content: u8, version: u16, number: [u8; 8], length: u16) {
    let ([major, minor], [a, b, c, d, e, f, g, h]) = (version.to_be_bytes(), number);
    let [long, short] = length.to_be_bytes();
    out.extend_from_slice(&[content, major, minor, a, b, c, d, e, f, g, h, long, short]);
}

/// What is authenticated beside the content (RFC 5246 section 6.2.3.3).
fn additional_data(number: [u8; 8], content: u8, plaintext: u16) -> Aad<[u8; AAD_LEN]> {
    let ([a, b, c, d, e, f, g, h], [major, minor]) = (number, VERSION.to_be_bytes());
    let [long, short] = plaintext.to_be_bytes();
    Aad::from([a, b, c, d, e, f, g, h, content, major, minor, long, short])
}

/// One direction's key, and the part of the nonce that is the same for all its records.
struct Key {
    aead: LessSafeKey,
    salt: [u8; NONCE_LEN],
    explicit_nonce: usize,
}

impl Key {
    fn new(suite: Suite, key: &[u8], salt: &[u8]) -> Result<Self, Unspecified> {
        let mut padded = [0; NONCE_LEN];
        padded.get_mut(..salt.len()).ok_or(Unspecified)?.copy_from_slice(salt);
        let aead = LessSafeKey::new(UnboundKey::new(suite.aead(), key)?);
        let explicit_nonce = if suite.has_explicit_nonce() { EXPLICIT_NONCE_LEN } else { 0 };
        Ok(Self { aead, salt: padded, explicit_nonce })
    }

    /// GCM puts 8 bytes after the salt's 4 (RFC 5288), ChaCha20-Poly1305 adds them to the last 8 of its 12 (RFC 7905):
    /// both are an exclusive or, as GCM's salt is followed by zeros here.
    fn nonce(&self, last: [u8; 8]) -> Nonce {
        let mut nonce = self.salt;
        for (byte, part) in nonce.iter_mut().skip(NONCE_LEN - 8).zip(last) {
            *byte ^= part;
        }
        Nonce::assume_unique_for_key(nonce)
    }

    fn overhead(&self) -> usize {
        RECORD_HEADER_LEN + self.explicit_nonce + TAG_LEN
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // The key itself lies in memory of aws-lc, which wipes what it frees.
        zeroize::Zeroize::zeroize(&mut self.salt);
    }
}

/// Seals this end's records of epoch 1.
pub(crate) struct Sealer {
    key: Key,
    /// The number of the next record.
    pub(crate) sequence: u64,
    /// Cipher blocks of 16 bytes used so far.
    pub(crate) blocks: u64,
}

impl Sealer {
    pub(crate) fn new(suite: Suite, key: &[u8], salt: &[u8]) -> Result<Self, Unspecified> {
        Ok(Self { key: Key::new(suite, key, salt)?, sequence: 0, blocks: 0 })
    }

    pub(crate) fn overhead(&self) -> usize {
        self.key.overhead()
    }

    /// Appends one record. On an error `out` is as it was.
    pub(crate) fn seal(&mut self, content: u8, out: &mut Vec<u8>, parts: &[&[u8]]) -> Result<(), SealError> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > MAX_PLAINTEXT {
            return Err(SealError::TooLong);
        }
        // Numbers do not wrap (RFC 6347 section 4.1); the last one is never used.
        if self.sequence >= MAX_SEQUENCE {
            return Err(SealError::Exhausted);
        }
        let number = number(EPOCH, self.sequence);
        let on_wire = |bytes: usize| u16::try_from(bytes).map_err(|_| SealError::TooLong);
        let start = out.len();
        out.reserve(self.overhead() + length);
        write_header(out, content, VERSION, number, on_wire(self.key.explicit_nonce + length + TAG_LEN)?);
        out.extend_from_slice(number.get(..self.key.explicit_nonce).unwrap_or_default());
        let plaintext = out.len();
        for part in parts {
            out.extend_from_slice(part);
        }
        let aad = additional_data(number, content, on_wire(length)?);
        let in_place = out.get_mut(plaintext..).unwrap_or_default();
        match self.key.aead.seal_in_place_separate_tag(self.key.nonce(number), aad, in_place) {
            Ok(tag) => out.extend_from_slice(tag.as_ref()),
            Err(Unspecified) => {
                out.truncate(start);
                return Err(SealError::Crypto);
            }
        }
        self.sequence += 1;
        // One block more for the tag, one for a part of a block.
        self.blocks += (length / 16 + 2) as u64;
        Ok(())
    }
}

/// Opens the peer's records of epoch 1.
pub(crate) struct Opener {
    key: Key,
    window: ReplayWindow,
}

impl Opener {
    pub(crate) fn new(suite: Suite, key: &[u8], salt: &[u8]) -> Result<Self, Unspecified> {
        Ok(Self { key: Key::new(suite, key, salt)?, window: ReplayWindow::default() })
    }

    /// Opens one record, as [`records`] cuts them, in place: what it carries.
    pub(crate) fn open<'a>(&mut self, record: &'a mut [u8]) -> Result<(u8, &'a mut [u8]), Dropped> {
        let header = Header::read(record).ok_or(Dropped::Malformed)?;
        if header.epoch != EPOCH {
            return Err(Dropped::OtherEpoch);
        }
        let length =
            header.length.checked_sub(self.key.explicit_nonce + TAG_LEN).ok_or(Dropped::Malformed)?;
        if header.version != VERSION || length > MAX_PLAINTEXT {
            return Err(Dropped::Malformed);
        }
        if !self.window.is_new(header.sequence) {
            return Err(Dropped::Replayed);
        }
        let (_, sealed) = record.split_at_mut_checked(RECORD_HEADER_LEN).ok_or(Dropped::Malformed)?;
        let (explicit, sealed) =
            sealed.split_at_mut_checked(self.key.explicit_nonce).ok_or(Dropped::Malformed)?;
        let (text, rest) = sealed.split_at_mut_checked(length).ok_or(Dropped::Malformed)?;
        let tag = rest.get(..TAG_LEN).ok_or(Dropped::Malformed)?;
        let nonce = self.key.nonce(explicit.as_ref().try_into().unwrap_or_else(|_| header.number()));
        let plaintext = u16::try_from(length).map_err(|_| Dropped::Malformed)?;
        let aad = additional_data(header.number(), header.content, plaintext);
        let text = self
            .key
            .aead
            .open_in_place_separate_tag(nonce, aad, tag, text)
            .map_err(|Unspecified| Dropped::Forged)?;
        self.window.note(header.sequence);
        Ok((header.content, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(suite: Suite) -> (Sealer, Opener) {
        let (key, salt) = (vec![1; suite.aead().key_len()], vec![2; suite.salt_len()]);
        (Sealer::new(suite, &key, &salt).unwrap(), Opener::new(suite, &key, &salt).unwrap())
    }

    #[test]
    fn numbers_end_before_they_repeat() {
        for suite in Suite::PSK {
            let (mut sealer, mut opener) = pair(suite);
            sealer.sequence = MAX_SEQUENCE - 1;
            let mut out = Vec::new();
            sealer.seal(content::APPLICATION_DATA, &mut out, &[b"last"]).unwrap();
            assert_eq!(opener.open(&mut out.clone()).map(|(_, data)| data.to_vec()), Ok(b"last".to_vec()));
            let length = out.len();
            assert_eq!(
                sealer.seal(content::APPLICATION_DATA, &mut out, &[b"more"]),
                Err(SealError::Exhausted)
            );
            assert_eq!(out.len(), length);
        }
    }

    #[test]
    fn the_nonce_of_gcm_is_the_one_on_the_wire() {
        // A peer may count its nonces otherwise than its records (RFC 5288 section 3).
        let (mut sealer, mut opener) = pair(Suite::PskAes256Gcm);
        let (number, aad) = (number(EPOCH, 5), additional_data(number(EPOCH, 5), 23, 2));
        let mut text = *b"hi";
        let tag =
            sealer.key.aead.seal_in_place_separate_tag(sealer.key.nonce([9; 8]), aad, &mut text).unwrap();
        let mut record = Vec::new();
        write_header(&mut record, 23, VERSION, number, 26);
        record.extend([&[9; 8][..], &text, tag.as_ref()].concat());
        assert_eq!(opener.open(&mut record).map(|(_, data)| data.to_vec()), Ok(b"hi".to_vec()));
        sealer.sequence = 0;
    }

    #[test]
    fn a_datagram_is_cut_into_whole_records_only() {
        let mut datagram = Vec::new();
        write_plain(&mut datagram, content::HANDSHAKE, VERSION, 0, |out| out.extend_from_slice(b"one"));
        write_plain(&mut datagram, content::ALERT, VERSION_1_0, 1, |_| ());
        datagram.extend_from_slice(&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        let lengths: Vec<usize> = records(&mut datagram).map(|record| record.len()).collect();
        assert_eq!(lengths, [RECORD_HEADER_LEN + 3, RECORD_HEADER_LEN]);
    }
}
