//! Keying material of a connection for other uses (RFC 8446, section 7.5; RFC 5705).
//!
//! rustls does not export from its unbuffered connections. The secret that an exporter is derived from is one of those
//! that it shows a key log, so each connection brings a key log of its own that keeps just that one.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::crypto::tls13::OkmBlock;
use rustls::{Error, KeyLog, SupportedCipherSuite};
use zeroize::Zeroizing;

/// Bytes of either side's random value.
pub(super) const RANDOM: usize = 32;

const TLS13_LABEL: &str = "EXPORTER_SECRET";
/// What the key log calls the master secret.
const TLS12_LABEL: &str = "CLIENT_RANDOM";

/// A connection's key log: keeps what exporters need, and passes everything on to the log that was configured.
pub(super) struct Keeper {
    configured: Arc<dyn KeyLog>,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    client_random: Vec<u8>,
    secret: Zeroizing<Vec<u8>>,
}

impl Keeper {
    pub(super) fn new(configured: Arc<dyn KeyLog>) -> Arc<Self> {
        Arc::new(Self { configured, kept: Mutex::new(None) })
    }

    /// The exporter of the established connection; the secret is not kept here any longer.
    pub(super) fn exporter(
        &self,
        suite: SupportedCipherSuite,
        server_random: Option<[u8; RANDOM]>,
    ) -> Option<Exporter> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let mut randoms = kept.client_random;
        match (suite, server_random) {
            (SupportedCipherSuite::Tls12(_), Some(random)) => randoms.extend_from_slice(&random),
            (SupportedCipherSuite::Tls12(_), None) => return None,
            (SupportedCipherSuite::Tls13(_), _) => {}
        }
        Some(Exporter { suite, secret: kept.secret, randoms })
    }
}

impl KeyLog for Keeper {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        if matches!(label, TLS13_LABEL | TLS12_LABEL) {
            let kept =
                Kept { client_random: client_random.to_vec(), secret: Zeroizing::new(secret.to_vec()) };
            *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        }
        if self.configured.will_log(label) {
            self.configured.log(label, client_random, secret);
        }
    }

    fn will_log(&self, label: &str) -> bool {
        matches!(label, TLS13_LABEL | TLS12_LABEL) || self.configured.will_log(label)
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

/// Derives keying material of one connection.
pub(super) struct Exporter {
    suite: SupportedCipherSuite,
    /// The exporter secret of TLS 1.3, the master secret of TLS 1.2.
    secret: Zeroizing<Vec<u8>>,
    /// The client's random value, and the server's (TLS 1.2).
    randoms: Vec<u8>,
}

impl Exporter {
    /// Fills `output`. Without a `context` differs from an empty one in TLS 1.2 only.
    ///
    /// # Errors
    /// More is wanted than the hash function gives, or nothing.
    pub(super) fn export<T: AsMut<[u8]>>(
        &self,
        mut output: T,
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<T, Error> {
        let bad = || Error::General("cannot export so much keying material".into());
        let wanted = output.as_mut();
        if wanted.is_empty() {
            return Err(bad());
        }
        match self.suite {
            SupportedCipherSuite::Tls13(suite) => {
                let hash = suite.common.hash_provider;
                let expand = |secret: &[u8], label: &[u8], context: &[u8], output: &mut [u8]| {
                    let length = u16::try_from(output.len()).map_err(|_| bad())?;
                    let label_length = u8::try_from(b"tls13 ".len() + label.len()).map_err(|_| bad())?;
                    let context_length = u8::try_from(context.len()).map_err(|_| bad())?;
                    let info: [&[u8]; 6] = [
                        &length.to_be_bytes(),
                        &[label_length],
                        b"tls13 ",
                        label,
                        &[context_length],
                        context,
                    ];
                    let expander = suite.hkdf_provider.expander_for_okm(&OkmBlock::new(secret));
                    expander.expand_slice(&info, output).map_err(|_| bad())
                };
                let mut secret = Zeroizing::new(vec![0; hash.output_len()]);
                expand(&self.secret, label, hash.hash(&[]).as_ref(), &mut secret)?;
                expand(&secret, b"exporter", hash.hash(context.unwrap_or_default()).as_ref(), wanted)?;
            }
            SupportedCipherSuite::Tls12(suite) => {
                let mut seed = self.randoms.clone();
                if let Some(context) = context {
                    let length = u16::try_from(context.len()).map_err(|_| bad())?;
                    seed.extend_from_slice(&length.to_be_bytes());
                    seed.extend_from_slice(context);
                }
                suite.prf_provider.for_secret(wanted, &self.secret, label, &seed);
            }
        }
        Ok(output)
    }
}

/// The server's random value, when a whole-enough ServerHello is the first handshake record of `bytes`.
pub(super) fn server_random(bytes: &[u8]) -> Option<[u8; RANDOM]> {
    const HANDSHAKE: u8 = 22;
    const SERVER_HELLO: u8 = 2;
    /// Handshake header and version.
    const BEFORE: usize = 6;

    let mut rest = bytes;
    loop {
        let ([kind, _, _, high, low], body) = rest.split_first_chunk::<5>()?;
        if *kind == HANDSHAKE {
            let (before, hello) = body.split_at_checked(BEFORE)?;
            return (before.first() == Some(&SERVER_HELLO)).then(|| hello.first_chunk().copied())?;
        }
        // An alert that is only a warning may come first.
        rest = body.get(usize::from(u16::from_be_bytes([*high, *low]))..)?;
    }
}
