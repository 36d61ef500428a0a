//! One direction's keys: nonces, additional data, and the AEAD itself.

use aws_lc_rs::aead::{
    AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey,
};
use aws_lc_rs::error::Unspecified;
use rustls::ConnectionTrafficSecrets;
use zeroize::Zeroizing;

/// Bytes of a record's header.
pub(super) const HEADER: usize = 5;
/// Bytes of the authentication tag of every suite here.
pub(super) const TAG: usize = 16;
/// Bytes of the explicit nonce of AES-GCM in TLS 1.2 (RFC 5288, section 3).
const EXPLICIT_NONCE: usize = 8;
/// Bytes of the additional data of TLS 1.2 (RFC 5246, section 6.2.3.3).
const TLS12_AAD: usize = 13;
/// The version that a record's header carries in TLS 1.2 and 1.3.
pub(super) const VERSION: [u8; 2] = [3, 3];

/// How a version and its suites lay a record out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// RFC 8446, section 5.2: the content type is the last byte of the plaintext.
    Tls13,
    /// RFC 5288: the rest of the nonce stands before the ciphertext.
    Tls12Gcm,
    /// RFC 7905: as TLS 1.3, with the content type in the header.
    Tls12Chacha,
}

impl Layout {
    /// Bytes between header and ciphertext.
    pub(super) fn explicit(self) -> usize {
        if self == Self::Tls12Gcm { EXPLICIT_NONCE } else { 0 }
    }

    /// Bytes of the encrypted content type.
    pub(super) fn inner_type(self) -> usize {
        usize::from(self == Self::Tls13)
    }

    /// Bytes that a record adds to its content.
    pub(super) fn overhead(self) -> usize {
        HEADER + self.explicit() + self.inner_type() + TAG
    }
}

/// What is to be sealed, in the pieces that the caller has it in.
pub(super) struct Content<'a> {
    /// What is left of the piece whose turn it is.
    current: &'a [u8],
    rest: &'a [&'a [u8]],
}

impl<'a> Content<'a> {
    pub(super) fn new(parts: &'a [&'a [u8]]) -> Self {
        Self { current: &[], rest: parts }
    }

    fn copy_to(&mut self, out: &mut Vec<u8>, mut length: usize) {
        while length > 0 {
            if self.current.is_empty() {
                let Some((next, rest)) = self.rest.split_first() else { return };
                (self.current, self.rest) = (next, rest);
            }
            let (now, later) = self.current.split_at(length.min(self.current.len()));
            out.extend_from_slice(now);
            self.current = later;
            length -= now.len();
        }
    }
}

/// Key, nonce base and sequence number of one direction.
pub(super) struct Cipher {
    layout: Layout,
    key: LessSafeKey,
    iv: Zeroizing<[u8; NONCE_LEN]>,
    /// Records sealed or opened with this key.
    sequence: u64,
}

impl Cipher {
    /// # Errors
    /// A suite that is not known here.
    pub(super) fn new(
        tls13: bool,
        (sequence, secrets): (u64, ConnectionTrafficSecrets),
    ) -> Result<Self, rustls::Error> {
        let unknown = || rustls::Error::General("no record layer for this cipher suite".into());
        let (algorithm, gcm, key, iv) = match &secrets {
            ConnectionTrafficSecrets::Aes128Gcm { key, iv } => (&AES_128_GCM, true, key, iv),
            ConnectionTrafficSecrets::Aes256Gcm { key, iv } => (&AES_256_GCM, true, key, iv),
            ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => (&CHACHA20_POLY1305, false, key, iv),
            _ => return Err(unknown()),
        };
        let layout = match (tls13, gcm) {
            (true, _) => Layout::Tls13,
            (false, true) => Layout::Tls12Gcm,
            (false, false) => Layout::Tls12Chacha,
        };
        let key = UnboundKey::new(algorithm, key.as_ref()).map_err(|_| unknown())?;
        let iv = iv.as_ref().try_into().map(Zeroizing::new).map_err(|_| unknown())?;
        Ok(Self { layout, key: LessSafeKey::new(key), iv, sequence })
    }

    pub(super) fn layout(&self) -> Layout {
        self.layout
    }

    /// Records sealed or opened with this key.
    pub(super) fn used(&self) -> u64 {
        self.sequence
    }

    /// Appends one record of the next `length` bytes of `content`.
    ///
    /// # Errors
    /// The library refuses, which it does for lengths above its own limits only; `out` is as it was.
    pub(super) fn seal(
        &mut self,
        out: &mut Vec<u8>,
        content_type: u8,
        content: &mut Content<'_>,
        length: usize,
    ) -> Result<(), Unspecified> {
        let (layout, start) = (self.layout, out.len());
        let body = length + layout.overhead() - HEADER;
        let nonce = self.nonce();
        let outer_type = if layout == Layout::Tls13 { super::APPLICATION_DATA } else { content_type };
        let aad = self.aad(outer_type, length, body);
        let body = u16::try_from(body).map_err(|_| Unspecified)?;

        out.reserve(length + layout.overhead());
        out.extend_from_slice(&header(outer_type, body));
        if layout == Layout::Tls12Gcm {
            out.extend_from_slice(nonce.get(NONCE_LEN - EXPLICIT_NONCE..).ok_or(Unspecified)?);
        }
        let from = out.len();
        content.copy_to(out, length);
        let inner = [content_type];
        let inner = inner.get(..layout.inner_type()).unwrap_or_default();
        let mut end = [0; 1 + TAG];
        let end = end.get_mut(..inner.len() + TAG).ok_or(Unspecified)?;
        let plaintext = out.get_mut(from..).unwrap_or_default();
        let nonce = Nonce::assume_unique_for_key(nonce);
        if self.key.seal_in_place_scatter(nonce, Aad::from(aad.get()), plaintext, inner, end).is_err() {
            out.truncate(start);
            return Err(Unspecified);
        }
        out.extend_from_slice(end);
        self.sequence += 1;
        Ok(())
    }

    /// Opens the record `header` + `body` to the end of `plain`, content type of TLS 1.3 and padding included.
    ///
    /// # Errors
    /// Not what the peer has sealed; `plain` is as it was.
    pub(super) fn open(
        &mut self,
        header: [u8; HEADER],
        body: &[u8],
        plain: &mut Vec<u8>,
    ) -> Result<(), Unspecified> {
        let (explicit, sealed) = body.split_at_checked(self.layout.explicit()).ok_or(Unspecified)?;
        let length = sealed.len().checked_sub(TAG).ok_or(Unspecified)?;
        let (ciphertext, tag) = sealed.split_at_checked(length).ok_or(Unspecified)?;
        let mut nonce = self.nonce();
        if self.layout == Layout::Tls12Gcm {
            nonce.get_mut(NONCE_LEN - EXPLICIT_NONCE..).ok_or(Unspecified)?.copy_from_slice(explicit);
        }
        let [outer_type, ..] = header;
        let aad = self.aad(outer_type, length, body.len());
        // Copying the ciphertext and opening it there measures as fast as zeroing the room and opening into it, or
        // faster.
        let start = plain.len();
        plain.extend_from_slice(ciphertext);
        let content = plain.get_mut(start..).unwrap_or_default();
        let nonce = Nonce::assume_unique_for_key(nonce);
        if self.key.open_in_place_separate_tag(nonce, Aad::from(aad.get()), tag, content).is_err() {
            plain.truncate(start);
            return Err(Unspecified);
        }
        self.sequence += 1;
        Ok(())
    }

    /// RFC 8446, section 5.3; what RFC 5288 leaves open is filled the same way.
    fn nonce(&self) -> [u8; NONCE_LEN] {
        let mut nonce = *self.iv;
        for (byte, sequence) in nonce.iter_mut().rev().zip(self.sequence.to_le_bytes()) {
            *byte ^= sequence;
        }
        nonce
    }

    fn aad(&self, outer_type: u8, length: usize, body: usize) -> AdditionalData {
        let short = |length: usize| u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        let mut bytes = [0; TLS12_AAD];
        let [major, minor] = VERSION;
        if self.layout == Layout::Tls13 {
            let [high, low] = short(body);
            bytes[..HEADER].copy_from_slice(&[outer_type, major, minor, high, low]);
            AdditionalData { bytes, length: HEADER }
        } else {
            let [high, low] = short(length);
            bytes[..8].copy_from_slice(&self.sequence.to_be_bytes());
            bytes[8..].copy_from_slice(&[outer_type, major, minor, high, low]);
            AdditionalData { bytes, length: TLS12_AAD }
        }
    }
}

struct AdditionalData {
    bytes: [u8; TLS12_AAD],
    length: usize,
}

impl AdditionalData {
    fn get(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

fn header(outer_type: u8, body: u16) -> [u8; HEADER] {
    let ([major, minor], [high, low]) = (VERSION, body.to_be_bytes());
    [outer_type, major, minor, high, low]
}
