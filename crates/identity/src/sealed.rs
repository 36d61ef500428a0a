//! Secrets at rest: sealed by AES-256-GCM with a key that is not in the database.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hmac, rand};
use data_encoding::BASE64;
use praya_model::{AccountName, Secret};
use zeroize::Zeroizing;

use crate::lockout::NameKey;

/// The first byte of a sealed text, so that the format can change.
const VERSION: u8 = 1;
const NONCE_LEN: usize = 12;

/// The key that seals token secrets and blinds names; it lives in a file beside the database, not in it.
pub struct WrappingKey(Zeroizing<[u8; 32]>);

/// A sealed text: version, nonce, ciphertext with tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

/// A sealed text does not open, or a key is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Another key, another owner, or damage.
    #[error(
        "the stored secret does not open with this wrapping key: the key file belongs to another database, or the record is damaged"
    )]
    DoesNotOpen,
    /// Not 32 bytes of base64.
    #[error("the wrapping key must be 32 bytes in base64")]
    BadKey,
    /// The random generator failed.
    #[error("the system's random generator failed")]
    Random,
}

impl WrappingKey {
    /// A new random key.
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn generate() -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0; 32]);
        rand::fill(bytes.as_mut_slice()).map_err(|_| SealError::Random)?;
        Ok(Self(bytes))
    }

    /// The key from 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key from its base64 text, as in the key file or the environment; outer white space is ignored.
    ///
    /// # Errors
    /// [`SealError::BadKey`].
    pub fn from_base64(text: &str) -> Result<Self, SealError> {
        let decoded = BASE64.decode(text.trim().as_bytes()).map(Zeroizing::new);
        let bytes = decoded.map_err(|_| SealError::BadKey)?;
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| SealError::BadKey)?;
        Ok(Self::from_bytes(bytes))
    }

    /// The key as base64, for the key file.
    pub fn to_base64(&self) -> Secret {
        Secret::new(BASE64.encode(self.0.as_slice()))
    }

    /// Seals `plain` for the owner named by `owner` (a token's serial).
    ///
    /// # Errors
    /// [`SealError::Random`].
    pub fn seal(&self, owner: &str, plain: &[u8]) -> Result<Sealed, SealError> {
        let mut text = plain.to_vec();
        let nonce = self
            .cipher()
            .seal_in_place_append_tag(Aad::from(owner.as_bytes()), &mut text)
            .map_err(|_| SealError::Random)?;
        let mut out = Vec::with_capacity(1 + NONCE_LEN + text.len());
        out.push(VERSION);
        out.extend_from_slice(nonce.as_ref());
        out.append(&mut text);
        Ok(Sealed(out))
    }

    /// Opens what was sealed for `owner`.
    ///
    /// # Errors
    /// [`SealError::DoesNotOpen`].
    pub fn open(&self, owner: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (&version, rest) = sealed.0.split_first().ok_or(SealError::DoesNotOpen)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or(SealError::DoesNotOpen)?;
        if version != VERSION {
            return Err(SealError::DoesNotOpen);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::DoesNotOpen)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self
            .cipher()
            .open_in_place(nonce, Aad::from(owner.as_bytes()), text.as_mut_slice())
            .map_err(|_| SealError::DoesNotOpen)?
            .len();
        text.truncate(length);
        Ok(text)
    }

    /// The blinded form of a name for the table of failed sign-ins: what people mistype there may be a password.
    pub fn name_key(&self, name: &AccountName) -> NameKey {
        self.blinded(&[b"praya sign-in failures\0", name.as_str().as_bytes()])
    }

    /// The same for a name at one known device (1G.4).
    pub fn device_key(&self, name: &AccountName, device: &[u8; 32]) -> NameKey {
        self.blinded(&[b"praya sign-in failures at a device\0", device, name.as_str().as_bytes()])
    }

    fn blinded(&self, parts: &[&[u8]]) -> NameKey {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice());
        let mut context = hmac::Context::with_key(&key);
        for part in parts {
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.sign().as_ref());
        NameKey(out)
    }

    fn cipher(&self) -> RandomizedNonceKey {
        RandomizedNonceKey::new(&AES_256_GCM, self.0.as_slice()).expect("the key has 32 bytes by its type")
    }
}

impl fmt::Debug for WrappingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[wrapping key]")
    }
}

impl Sealed {
    /// From the store.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// For the store.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[sealed]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_owner_only() {
        let key = WrappingKey::generate().unwrap();
        let sealed = key.seal("T1", b"12345678901234567890").unwrap();
        assert_eq!(key.open("T1", &sealed).unwrap().as_slice(), b"12345678901234567890");
        assert_eq!(key.open("T2", &sealed), Err(SealError::DoesNotOpen));
        assert_eq!(WrappingKey::generate().unwrap().open("T1", &sealed), Err(SealError::DoesNotOpen));
        assert!(!sealed.as_bytes().windows(8).any(|w| w == b"12345678"));
        assert_ne!(key.seal("T1", b"x").unwrap(), key.seal("T1", b"x").unwrap(), "a new nonce each time");
    }

    #[test]
    fn a_damaged_record_is_an_error_wherever_it_is_cut_or_changed() {
        let key = WrappingKey::from_bytes([7; 32]);
        let sealed = key.seal("T1", b"secret").unwrap();
        for at in 0..sealed.as_bytes().len() {
            let mut changed = sealed.as_bytes().to_vec();
            changed[at] ^= 1;
            assert!(key.open("T1", &Sealed::from_bytes(changed)).is_err());
            assert!(key.open("T1", &Sealed::from_bytes(sealed.as_bytes()[..at].to_vec())).is_err());
        }
    }

    #[test]
    fn a_key_survives_its_file() {
        let key = WrappingKey::generate().unwrap();
        let text = key.to_base64();
        let again = WrappingKey::from_base64(&format!("{}\n", text.expose())).unwrap();
        assert_eq!(again.open("o", &key.seal("o", b"x").unwrap()).unwrap().as_slice(), b"x");
        assert!(matches!(WrappingKey::from_base64("AAAA"), Err(SealError::BadKey)));
        assert_eq!(format!("{key:?}"), "[wrapping key]");
    }
}
