//! This machine's Ed25519 key: the session is bound to it, so that a stolen cookie opens nothing elsewhere.

use std::io;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use data_encoding::{BASE64, HEXLOWER};
use praya_model::Secret;
use zeroize::Zeroizing;

use crate::files;

/// The key pair. Made once per machine and kept in a root-only file; it never leaves the machine.
pub struct DeviceKey {
    pair: Ed25519KeyPair,
}

impl DeviceKey {
    /// Reads the key from `path`, or makes one and writes it there with mode 0600.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds something else than a key.
    pub fn load_or_create(path: &Path) -> io::Result<Self> {
        if let Some(pkcs8) = files::read_private(path)? {
            let pkcs8 = Zeroizing::new(pkcs8);
            let pair = Ed25519KeyPair::from_pkcs8(&pkcs8).map_err(|_| {
                io::Error::new(io::ErrorKind::InvalidData, "the device key file holds no Ed25519 key")
            })?;
            return Ok(Self { pair });
        }
        let fail = |_| io::Error::other("the system gives no random numbers for a device key");
        let pair = Ed25519KeyPair::generate().map_err(fail)?;
        let document = pair.to_pkcs8().map_err(fail)?;
        files::write_private(path, document.as_ref())?;
        Ok(Self { pair })
    }

    /// The public key as `BeginSignIn` carries it: base64 of 32 bytes.
    pub fn public(&self) -> String {
        BASE64.encode(self.pair.public_key().as_ref())
    }

    /// The proof of a CONNECT: a signature over the connection's TLS exporter.
    pub fn prove_connect(&self, exporter: &[u8; 32]) -> String {
        BASE64.encode(self.pair.sign(exporter).as_ref())
    }

    /// The signature of an endpoint report, which is not to be mistaken for anything else: `praya_posture` marks what
    /// is signed.
    pub fn sign_report(&self, marked: &[u8]) -> [u8; 64] {
        self.pair.sign(marked).as_ref().try_into().expect("an Ed25519 signature has 64 bytes")
    }

    /// The proof of an API call. `counter` must be greater than in every earlier call of the session.
    pub fn prove_call(&self, method: &str, path: &str, counter: u64, body: &[u8], cookie: &Secret) -> String {
        let body = HEXLOWER.encode(digest(&SHA256, body).as_ref());
        let cookie = HEXLOWER.encode(digest(&SHA256, cookie.expose().as_bytes()).as_ref());
        let message = format!("{method}\n{path}\n{counter}\n{body}\n{cookie}");
        format!("{counter}.{}", BASE64.encode(self.pair.sign(message.as_bytes()).as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

    use super::*;

    fn public(key: &DeviceKey) -> UnparsedPublicKey<Vec<u8>> {
        UnparsedPublicKey::new(&ED25519, BASE64.decode(key.public().as_bytes()).unwrap())
    }

    #[test]
    fn the_key_is_made_once_and_only_its_owner_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("device.key");
        let first = DeviceKey::load_or_create(&path).unwrap();
        let second = DeviceKey::load_or_create(&path).unwrap();
        assert_eq!(first.public(), second.public());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(BASE64.decode(first.public().as_bytes()).unwrap().len(), 32);
    }

    #[test]
    fn a_damaged_key_file_is_an_error_and_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("device.key");
        files::write_private(&path, b"not a key").unwrap();
        assert!(DeviceKey::load_or_create(&path).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"not a key");
    }

    #[test]
    fn a_connect_proof_verifies_for_its_exporter_only() {
        let dir = tempfile::tempdir().unwrap();
        let key = DeviceKey::load_or_create(&dir.path().join("k")).unwrap();
        let proof = BASE64.decode(key.prove_connect(&[7; 32]).as_bytes()).unwrap();
        assert!(public(&key).verify(&[7; 32], &proof).is_ok());
        assert!(public(&key).verify(&[8; 32], &proof).is_err());
    }

    #[test]
    fn a_call_proof_covers_method_path_counter_body_and_cookie() {
        let dir = tempfile::tempdir().unwrap();
        let key = DeviceKey::load_or_create(&dir.path().join("k")).unwrap();
        let proof = key.prove_call("GET", "/api/v1/resources", 42, b"", &Secret::new("abc"));
        let (counter, signature) = proof.split_once('.').unwrap();
        assert_eq!(counter, "42");
        let message = "GET\n/api/v1/resources\n42\n\
                       e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n\
                       ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(
            public(&key).verify(message.as_bytes(), &BASE64.decode(signature.as_bytes()).unwrap()).is_ok()
        );
    }
}
