//! What the fuzz target in `tests/fuzz` and the corpus replay call: two ends with keys that everybody knows.

use rustls::crypto::aws_lc_rs::cipher_suite;
use rustls::crypto::cipher::{AeadKey, Iv, NONCE_LEN};
use rustls::{ConnectionTrafficSecrets, ExtractedSecrets, SupportedCipherSuite};

use super::{APPLICATION_DATA, Event, HANDSHAKE, HEADER, KeySchedule, MAX_CONTENT, MAX_RECORD, Records};

/// One of each layout and version. Keys of 16 bytes cannot be made up, so AES-128 is not among them.
const SUITES: [SupportedCipherSuite; 4] = [
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
];

/// Records that a peer with the right keys may send, cut and bent as `data` says.
///
/// Whether the bytes come at once or in pieces must make no difference, and what an honest peer has sent before
/// anything else must arrive.
pub fn records(data: &[u8]) {
    let Some((&[choice, cut], mut rest)) = data.split_first_chunk() else { return };
    let client = choice & 1 == 0;
    let Some(suite) = SUITES.get(usize::from(choice >> 1) % SUITES.len()) else { return };
    let make = |client| {
        Records::new(secrets(*suite, client), Box::new(Known { suite: *suite, client, epochs: [0; 2] }))
    };
    let (Ok(mut peer), Ok(mut whole), Ok(mut pieces)) = (make(!client), make(client), make(client)) else {
        return;
    };

    let (mut bytes, mut expected, mut honest) = (Vec::new(), Vec::new(), true);
    while let Some((&[step, length], after)) = rest.split_first_chunk() {
        let (content, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        match step {
            0..64 => {
                if peer.seal(&mut bytes, &[content]).is_ok() && honest {
                    expected.extend_from_slice(content);
                }
            }
            64..80 => {
                let large = vec![length; usize::from(length) * 200];
                if peer.seal(&mut bytes, &[&large]).is_ok() && honest {
                    expected.extend_from_slice(&large);
                }
            }
            80..96 => {
                // A flood of them is refused.
                honest = false;
                let _ = peer.refresh_keys(&mut bytes);
            }
            96..128 => {
                honest = false;
                bytes.extend_from_slice(content);
            }
            128..160 => {
                honest = false;
                expected.clear();
                if let Some(byte) = bytes.iter_mut().rev().nth(usize::from(length)) {
                    *byte ^= step;
                }
            }
            160..192 => {
                honest = false;
                let _ = peer.message(&mut bytes, HANDSHAKE, content);
            }
            192..=255 => {
                honest = false;
                // 21 is an alert, 23 data, 0 what the content itself says.
                let content_type = if step < 224 { step - 192 } else { APPLICATION_DATA };
                let _ = peer.message(&mut bytes, content_type, content);
            }
        }
    }

    let mut plain = b"kept".to_vec();
    let mut ends = Vec::new();
    let input_length = bytes.len();
    let outcome = whole.open_all(&mut bytes.clone(), &mut plain, |event| ends.push(event));
    let opened = plain.strip_prefix(b"kept").unwrap_or_default();
    assert!(opened.starts_with(&expected), "what was sent before anything was wrong arrives");
    for event in &ends {
        if let Event::RecordEnd(end) = event {
            assert!((5..=plain.len()).contains(end), "a record ends within the plaintext");
        }
    }
    match &outcome {
        Ok(done) => assert!(input_length - done < MAX_RECORD, "no more than a record is left"),
        Err(error) => {
            let again = whole.open_all(&mut [], &mut Vec::new(), |_| {});
            assert_eq!(again.as_ref().err(), Some(error), "an error stays");
        }
    }
    let mut answer = Vec::new();
    let _ = whole.write_due(&mut answer);
    assert!(answer.len() <= 3 * (HEADER + 64) && !whole.is_due(), "what is due is short and said once");

    let (mut waiting, mut plain_of_pieces, mut failure) = (Vec::new(), b"kept".to_vec(), None);
    for piece in bytes.chunks(usize::from(cut).max(1)) {
        waiting.extend_from_slice(piece);
        match pieces.open_all(&mut waiting, &mut plain_of_pieces, |_| {}) {
            Ok(done) => drop(waiting.drain(..done)),
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
        assert!(waiting.len() < MAX_RECORD + MAX_CONTENT, "what waits is bounded");
    }
    assert_eq!(outcome.err(), failure, "cuts change nothing");
    assert!(plain == plain_of_pieces, "cuts change nothing");
}

/// Keys that follow from the direction and the number of key updates.
struct Known {
    suite: SupportedCipherSuite,
    client: bool,
    /// Updates of what is sent and of what is received.
    epochs: [u8; 2],
}

impl KeySchedule for Known {
    fn suite(&self) -> SupportedCipherSuite {
        self.suite
    }

    fn next_send(&mut self) -> Result<(u64, ConnectionTrafficSecrets), rustls::Error> {
        let [sent, _] = &mut self.epochs;
        *sent = sent.wrapping_add(1);
        Ok((0, secret(self.suite, self.client, *sent)))
    }

    fn next_receive(&mut self) -> Result<(u64, ConnectionTrafficSecrets), rustls::Error> {
        let [_, received] = &mut self.epochs;
        *received = received.wrapping_add(1);
        Ok((0, secret(self.suite, !self.client, *received)))
    }

    fn is_client(&self) -> bool {
        self.client
    }

    fn store_ticket(&mut self, message: &[u8]) -> Result<(), rustls::Error> {
        if message.len().is_multiple_of(2) { Ok(()) } else { Err(rustls::Error::DecryptError) }
    }
}

fn secrets(suite: SupportedCipherSuite, client: bool) -> ExtractedSecrets {
    ExtractedSecrets { tx: (0, secret(suite, client, 0)), rx: (0, secret(suite, !client, 0)) }
}

fn secret(suite: SupportedCipherSuite, from_client: bool, epoch: u8) -> ConnectionTrafficSecrets {
    let mut bytes = [epoch; 32];
    bytes[0] = u8::from(from_client);
    let iv = Iv::from([epoch; NONCE_LEN]);
    let name = format!("{:?}", suite.suite());
    if name.contains("CHACHA") {
        ConnectionTrafficSecrets::Chacha20Poly1305 { key: AeadKey::from(bytes), iv }
    } else {
        ConnectionTrafficSecrets::Aes256Gcm { key: AeadKey::from(bytes), iv }
    }
}
