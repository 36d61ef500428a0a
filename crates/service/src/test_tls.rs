//! A gateway named `vpn.test`, for tests: its TLS settings, and those of a client that believes it.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, ServerConfig};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::tls::{Trust, client_config};

pub(crate) fn vpn_test() -> (ServerConfig, Arc<ClientConfig>) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["vpn.test".to_owned()]).unwrap().self_signed(&key).unwrap();
    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let trust = Trust::Roots { extra: chain.clone() };
    let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())))
        .unwrap();
    (server, client_config(&trust).unwrap())
}
