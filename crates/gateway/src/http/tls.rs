//! The gateway's side of TLS: versions, key exchange, and a certificate that can be renewed while it is in use.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::exit::Fatal;
use crate::init::private;

/// How often [`ServerTls::watch`] looks at the files.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// What the HTTPS port shows and accepts: TLS 1.3 and 1.2, X25519MLKEM768 preferred, no ALPN, no early data.
///
/// Extended master secret is demanded on TLS 1.2, because the device proof signs the TLS exporter and without it an
/// exporter of TLS 1.2 is not bound to the connection (RFC 7627).
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    certificate: Arc<Certificate>,
}

/// The certificate or the key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file cannot be read or holds no PEM certificate.
    #[error("cannot use the certificate {path}: {cause}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The key file cannot be read or holds no PEM private key.
    #[error("cannot use the private key {path}: {cause}")]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// Key and certificate do not belong together.
    #[error("the private key {key} does not belong to the certificate {certificate}")]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The key file can be read by others.
    #[error(transparent)]
    TooOpen(#[from] Fatal),
    /// The TLS library refuses the settings.
    #[error("TLS cannot be set up: {0}")]
    Settings(#[from] rustls::Error),
}

impl ServerTls {
    /// Loads the PEM files `certificate` (leaf first) and `key`.
    ///
    /// # Errors
    /// Says which file is not usable and why; never quotes the key.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Self::with_versions(certificate, key, rustls::ALL_VERSIONS)
    }

    /// As [`ServerTls::load`] for a choice of protocol versions; for tests of one version.
    ///
    /// # Errors
    /// As [`ServerTls::load`].
    pub fn with_versions(
        certificate: &Path,
        key: &Path,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let certificate = Arc::new(Certificate::load(certificate, key, Arc::clone(&provider))?);
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&certificate) as _;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.require_ems = true;
        // The tunnel's record layer is ours.
        config.enable_secret_extraction = true;
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
        Ok(Self { config: Arc::new(config), certificate })
    }

    /// What connections are taken in with.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// Reads the files again; connections made from now on see the new certificate.
    ///
    /// # Errors
    /// The files are not usable, or the key can be read by others, with which the gateway would not start either; the
    /// certificate in use stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.certificate.reload()
    }

    /// Reloads whenever one of the files changes, for ever. A file that is not usable is logged once per change.
    pub async fn watch(self) {
        let mut seen = self.certificate.modified();
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let now = self.certificate.modified();
            if now == seen {
                continue;
            }
            seen = now;
            match self.reload() {
                Ok(()) => tracing::info!("the server certificate was renewed"),
                Err(error) => {
                    tracing::error!(%error, "the new server certificate is not usable; the old one stays")
                }
            }
        }
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("certificate", &self.certificate.chain).finish_non_exhaustive()
    }
}

struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    fn load(chain: &Path, key: &Path, provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let current = RwLock::new(Arc::new(read(chain, key, &provider)?));
        Ok(Self { chain: chain.to_owned(), key: key.to_owned(), provider, current })
    }

    fn reload(&self) -> Result<(), TlsError> {
        private(&self.key)?;
        let fresh = Arc::new(read(&self.chain, &self.key, &self.provider)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// What tells a new file from the old one, and one that others cannot read any longer.
    fn modified(&self) -> [Option<(SystemTime, u32)>; 2] {
        [&self.chain, &self.key].map(|path| {
            let file = std::fs::metadata(path).ok()?;
            Some((file.modified().ok()?, file.mode()))
        })
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certificate").field("chain", &self.chain).finish_non_exhaustive()
    }
}

fn read(chain: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let bad_chain = |cause: String| TlsError::Certificate { path: chain.to_owned(), cause };
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(chain)
        .and_then(Iterator::collect)
        .map_err(|error| bad_chain(error.to_string()))?;
    if certificates.is_empty() {
        return Err(bad_chain("there is no certificate in it".into()));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| TlsError::Key { path: key.to_owned(), cause: error.to_string() })?;
    let pair = CertifiedKey::from_der(certificates, private, provider).map_err(|error| {
        if matches!(error, rustls::Error::InconsistentKeys(_)) {
            TlsError::Mismatch { certificate: chain.to_owned(), key: key.to_owned() }
        } else {
            TlsError::Key { path: key.to_owned(), cause: error.to_string() }
        }
    })?;
    Ok(pair)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn set_mode(file: &Path, mode: u32) {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn write_pair(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let pair = rcgen::generate_simple_self_signed(vec!["vpn.test".to_owned()]).unwrap();
        let (chain, key) = (folder.join(format!("{name}.crt")), folder.join(format!("{name}.key")));
        std::fs::write(&chain, pair.cert.pem()).unwrap();
        std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
        set_mode(&key, 0o600);
        (chain, key)
    }

    #[test]
    fn the_hybrid_group_is_the_first_choice_and_tls12_needs_extended_master_secret() {
        let folder = tempfile::tempdir().unwrap();
        let (chain, key) = write_pair(folder.path(), "a");
        let tls = ServerTls::load(&chain, &key).unwrap();
        assert_eq!(
            tls.config.crypto_provider().kx_groups.first().map(|group| group.name()),
            Some(rustls::NamedGroup::X25519MLKEM768)
        );
        assert!(tls.config.require_ems);
        assert!(tls.config.alpn_protocols.is_empty());
        assert_eq!(tls.config.max_early_data_size, 0);
    }

    #[test]
    fn a_renewed_certificate_is_shown_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (chain, key) = write_pair(folder.path(), "a");
        let (other_chain, other_key) = write_pair(folder.path(), "b");
        let tls = ServerTls::load(&chain, &key).unwrap();
        let shown = || tls.certificate.current.read().unwrap().cert.clone();
        let before = shown();

        std::fs::write(&chain, "garbage").unwrap();
        assert!(matches!(tls.reload(), Err(TlsError::Certificate { .. })));
        assert_eq!(shown(), before);

        std::fs::copy(&other_chain, &chain).unwrap();
        assert!(matches!(tls.reload(), Err(TlsError::Mismatch { .. })));
        assert_eq!(shown(), before);

        std::fs::copy(&other_key, &key).unwrap();
        tls.reload().unwrap();
        assert_ne!(shown(), before);
    }

    #[test]
    fn a_renewed_key_that_others_can_read_is_refused_until_they_cannot() {
        let folder = tempfile::tempdir().unwrap();
        let (chain, key) = write_pair(folder.path(), "a");
        let (other_chain, other_key) = write_pair(folder.path(), "b");
        let tls = ServerTls::load(&chain, &key).unwrap();
        let shown = || tls.certificate.current.read().unwrap().cert.clone();
        let before = shown();

        std::fs::rename(&other_chain, &chain).unwrap();
        std::fs::rename(&other_key, &key).unwrap();
        set_mode(&key, 0o644);
        let refused = tls.reload().unwrap_err().to_string();
        assert!(refused.contains("a.key") && refused.contains("chmod 600"), "{refused}");
        assert_eq!(shown(), before);

        let seen = tls.certificate.modified();
        set_mode(&key, 0o600);
        assert_ne!(tls.certificate.modified(), seen, "the watch looks again");
        tls.reload().unwrap();
        assert_ne!(shown(), before);
    }

    #[test]
    fn a_missing_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (chain, _) = write_pair(folder.path(), "a");
        let error = ServerTls::load(&chain, &folder.path().join("none.key")).unwrap_err();
        assert!(error.to_string().contains("none.key"), "{error}");
    }
}
