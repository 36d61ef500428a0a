//! Ends of TLS connections for the tests of this module.

use std::fmt;
use std::sync::{Arc, LazyLock};

use rcgen::CertifiedKey;
use rustls::crypto::CryptoProvider;
use rustls::{CipherSuite, ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};

static IDENTITY: LazyLock<(CertificateDer<'static>, PrivatePkcs8KeyDer<'static>)> = LazyLock::new(|| {
    let CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["vpn.test".to_owned()]).unwrap();
    (cert.der().clone(), PrivatePkcs8KeyDer::from(signing_key.serialize_der()))
});

/// A version and a suite of it.
#[derive(Clone, Copy)]
pub(crate) struct Case(pub(crate) &'static SupportedProtocolVersion, pub(crate) CipherSuite);

pub(crate) const TLS13: Case = Case(&rustls::version::TLS13, CipherSuite::TLS13_AES_256_GCM_SHA384);
pub(crate) const TLS12: Case =
    Case(&rustls::version::TLS12, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);

pub(crate) const CASES: [Case; 6] = [
    TLS13,
    Case(&rustls::version::TLS13, CipherSuite::TLS13_AES_128_GCM_SHA256),
    Case(&rustls::version::TLS13, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256),
    TLS12,
    Case(&rustls::version::TLS12, CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    Case(&rustls::version::TLS12, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256),
];

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.0.version, self.1)
    }
}

impl Case {
    fn provider(self) -> Arc<CryptoProvider> {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.cipher_suites.retain(|suite| suite.suite() == self.1);
        Arc::new(provider)
    }

    pub(crate) fn client(self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(IDENTITY.0.clone()).unwrap();
        self.client_trusting(roots)
    }

    pub(crate) fn client_trusting(self, roots: RootCertStore) -> ClientConfig {
        let mut config = ClientConfig::builder_with_provider(self.provider())
            .with_protocol_versions(&[self.0])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"praya".to_vec()];
        config
    }

    pub(crate) fn server(self) -> ServerConfig {
        let mut config = ServerConfig::builder_with_provider(self.provider())
            .with_protocol_versions(&[self.0])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![IDENTITY.0.clone()], PrivateKeyDer::from(IDENTITY.1.clone_key()))
            .unwrap();
        config.alpn_protocols = vec![b"praya".to_vec()];
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().unwrap();
        config
    }
}

pub(crate) fn certificate() -> CertificateDer<'static> {
    IDENTITY.0.clone()
}

pub(crate) fn name() -> ServerName<'static> {
    ServerName::try_from("vpn.test").unwrap()
}
