//! Proof that whoever shows a session's cookie also holds the device key the session is bound to (Ed25519).
//!
//! A CONNECT signs the TLS exporter, so a proof is worth nothing on another connection. An API request signs itself and
//! a counter that must rise, so a proof is worth nothing twice. See `docs/protocol.md`.

use aws_lc_rs::digest;
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use data_encoding::{BASE64, HEXLOWER};
use praya_model::Secret;

use crate::store::DeviceKey;

/// The parts of an API request that its proof covers.
#[derive(Clone, Copy, Debug)]
pub struct ApiRequest<'a> {
    /// The value of `X-Praya-Proof`, when there is one.
    pub proof: Option<&'a str>,
    /// The method, in upper case.
    pub method: &'a str,
    /// The request target: path and query, as in the request line.
    pub target: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// The parts of a CONNECT that its proof covers.
#[derive(Clone, Copy, Debug)]
pub struct ConnectProof<'a> {
    /// The value of `X-Praya-Proof`, when there is one.
    pub proof: Option<&'a str>,
    /// 32 bytes of this connection's exporter `EXPORTER-praya-device-proof`, when TLS yields one.
    pub exporter: Option<[u8; 32]>,
}

impl ConnectProof<'_> {
    /// Whether the proof is `key`'s for this connection.
    pub fn holds(&self, key: &DeviceKey) -> bool {
        let (Some(proof), Some(exporter)) = (self.proof, self.exporter) else { return false };
        signature(proof).is_some_and(|signature| verify(key, &exporter, &signature))
    }
}

impl ApiRequest<'_> {
    /// The proof's counter, when the proof is `key`'s for this request and this cookie. Whether the counter is new is
    /// the caller's question.
    pub fn counter(&self, key: &DeviceKey, cookie: &Secret) -> Option<u64> {
        let (counter, signature_text) = self.proof?.split_once('.')?;
        // One spelling per number, or the same proof could be shown as another.
        let canonical = !counter.is_empty()
            && counter.bytes().all(|byte| byte.is_ascii_digit())
            && (counter == "0" || !counter.starts_with('0'));
        let number: u64 = counter.parse().ok().filter(|_| canonical)?;
        let message = self.message(counter, cookie);
        verify(key, message.as_bytes(), &signature(signature_text)?).then_some(number)
    }

    fn message(&self, counter: &str, cookie: &Secret) -> String {
        let hash = |bytes: &[u8]| HEXLOWER.encode(digest::digest(&digest::SHA256, bytes).as_ref());
        let (body, cookie) = (hash(self.body), hash(cookie.expose().as_bytes()));
        format!("{}\n{}\n{counter}\n{body}\n{cookie}", self.method, self.target)
    }
}

fn signature(text: &str) -> Option<[u8; 64]> {
    BASE64.decode(text.as_bytes()).ok()?.try_into().ok()
}

fn verify(key: &DeviceKey, message: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ED25519, key.0).verify(message, signature).is_ok()
}

#[cfg(test)]
pub(super) mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    /// A device for tests.
    pub(crate) struct Device(Ed25519KeyPair);

    impl Device {
        pub(crate) fn new(seed: u8) -> Self {
            Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
        }

        pub(crate) fn key(&self) -> DeviceKey {
            DeviceKey(self.0.public_key().as_ref().try_into().unwrap())
        }

        pub(crate) fn for_connect(&self, exporter: &[u8; 32]) -> String {
            BASE64.encode(self.0.sign(exporter).as_ref())
        }

        pub(crate) fn for_api(&self, request: &ApiRequest<'_>, counter: &str, cookie: &Secret) -> String {
            let message = request.message(counter, cookie);
            format!("{counter}.{}", BASE64.encode(self.0.sign(message.as_bytes()).as_ref()))
        }
    }

    const REQUEST: ApiRequest<'_> =
        ApiRequest { proof: None, method: "GET", target: "/api/v1/session", body: b"" };

    #[test]
    fn a_connect_proof_is_good_for_its_connection_and_key_only() {
        let (device, other) = (Device::new(1), Device::new(2));
        let proof = device.for_connect(&[7; 32]);
        let shown = |exporter| ConnectProof { proof: Some(&proof), exporter };
        assert!(shown(Some([7; 32])).holds(&device.key()));
        assert!(!shown(Some([8; 32])).holds(&device.key()), "another connection");
        assert!(!shown(Some([7; 32])).holds(&other.key()), "another device");
        assert!(!shown(None).holds(&device.key()));
        assert!(!ConnectProof { proof: None, exporter: Some([7; 32]) }.holds(&device.key()));
    }

    #[test]
    fn an_api_proof_covers_every_part_of_the_request() {
        let (device, cookie) = (Device::new(1), Secret::new("cookie"));
        let proof = device.for_api(&REQUEST, "42", &cookie);
        let request = ApiRequest { proof: Some(&proof), ..REQUEST };
        assert_eq!(request.counter(&device.key(), &cookie), Some(42));
        for changed in [
            ApiRequest { method: "POST", ..request },
            ApiRequest { target: "/api/v1/password", ..request },
            ApiRequest { body: b"x", ..request },
            ApiRequest { proof: None, ..request },
        ] {
            assert_eq!(changed.counter(&device.key(), &cookie), None, "{changed:?}");
        }
        assert_eq!(request.counter(&device.key(), &Secret::new("another")), None);
        let later = proof.replacen("42", "43", 1);
        assert_eq!(ApiRequest { proof: Some(&later), ..REQUEST }.counter(&device.key(), &cookie), None);
    }

    #[test]
    fn a_malformed_proof_proves_nothing() {
        let (device, cookie) = (Device::new(1), Secret::new("cookie"));
        let unusual = device.for_api(&REQUEST, "042", &cookie);
        let signed = device.for_api(&REQUEST, "+42", &cookie);
        let huge = device.for_api(&REQUEST, "99999999999999999999", &cookie);
        for proof in ["", ".", "42", "42.", "42.AAAA", "x.y", "42.密碼", &unusual, &signed, &huge] {
            let request = ApiRequest { proof: Some(proof), ..REQUEST };
            assert_eq!(request.counter(&device.key(), &cookie), None, "{proof}");
        }
    }
}
