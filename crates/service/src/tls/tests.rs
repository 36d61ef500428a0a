//! The verifier against a real TLS server with generated certificates, over an in-memory connection.

use praya_datapath::tls::TlsStream;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::*;

struct Gateway {
    chain: Vec<CertificateDer<'static>>,
    key: Vec<u8>,
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn gateway(ca: &CertifiedIssuer<'static, KeyPair>, name: &str) -> Gateway {
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, ca).unwrap();
    Gateway { chain: vec![leaf.der().clone(), ca.der().clone()], key: key.serialize_der() }
}

fn pin(certificate: &CertificateDer<'_>) -> Pin {
    pin_of(certificate).unwrap()
}

async fn handshake(
    gateway: &Gateway,
    trust: &Trust,
    version: &'static rustls::SupportedProtocolVersion,
) -> Result<(), FailureCode> {
    // No check that key and certificate belong together: a thief's server does not check either.
    let key =
        any_supported_type(&PrivateKeyDer::from(PrivatePkcs8KeyDer::from(gateway.key.clone()))).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(gateway.chain.clone(), key))));
    let (near, far) = tokio::io::duplex(1 << 16);
    let accept = tokio::spawn(async move { TlsStream::accept(&server, far).await.map(drop) });
    let name = ServerName::try_from("vpn.example").unwrap();
    let result = TlsStream::connect(&client_config(trust).unwrap(), name, near).await;
    let outcome = result.map(|_| ()).map_err(|error| failure(&error, "vpn.example:443"));
    let _ = accept.await;
    outcome
}

async fn both_versions(gateway: &Gateway, trust: &Trust) -> Result<(), FailureCode> {
    let modern = handshake(gateway, trust, &rustls::version::TLS13).await;
    let older = handshake(gateway, trust, &rustls::version::TLS12).await;
    assert_eq!(modern, older, "TLS 1.2 and 1.3 must judge alike");
    modern
}

#[tokio::test]
async fn a10_first_contact_with_a_private_gateway_yields_its_pin_and_stops() {
    let gateway = gateway(&authority(), "vpn.example");
    assert_eq!(
        both_versions(&gateway, &Trust::Roots { extra: vec![] }).await,
        Err(FailureCode::UnknownGateway {
            gateway: "vpn.example:443".into(),
            pin: pin(&gateway.chain[0]).to_string()
        })
    );
}

#[tokio::test]
async fn an_extra_root_vouches_for_its_gateways_under_their_own_name_only() {
    let ca = authority();
    let trust = Trust::Roots { extra: vec![ca.der().clone()] };
    assert_eq!(both_versions(&gateway(&ca, "vpn.example"), &trust).await, Ok(()));
    let other = gateway(&ca, "other.example");
    assert!(matches!(both_versions(&other, &trust).await, Err(FailureCode::UnknownGateway { .. })));
}

#[tokio::test]
async fn a_pinned_leaf_is_accepted_under_any_name() {
    let gateway = gateway(&authority(), "other.example");
    assert_eq!(both_versions(&gateway, &Trust::Pins(vec![pin(&gateway.chain[0])])).await, Ok(()));
}

#[tokio::test]
async fn a_pinned_authority_vouches_for_the_right_name_only() {
    let ca = authority();
    let trust = Trust::Pins(vec![pin(ca.der())]);
    assert_eq!(both_versions(&gateway(&ca, "vpn.example"), &trust).await, Ok(()));
    let renamed = both_versions(&gateway(&ca, "other.example"), &trust).await;
    assert!(matches!(renamed, Err(FailureCode::Tls { .. })), "{renamed:?}");
}

#[tokio::test]
async fn a_pinned_profile_accepts_nothing_but_its_pin() {
    let (pinned, impostor) = (gateway(&authority(), "vpn.example"), gateway(&authority(), "vpn.example"));
    assert_eq!(
        both_versions(&impostor, &Trust::Pins(vec![pin(&pinned.chain[0]), pin(&pinned.chain[1])])).await,
        Err(FailureCode::PinMismatch {
            gateway: "vpn.example:443".into(),
            pin: pin(&impostor.chain[0]).to_string()
        })
    );
}

#[tokio::test]
async fn showing_the_pinned_authority_beside_a_foreign_leaf_does_not_help() {
    let (ca, stranger) = (authority(), authority());
    let mut impostor = gateway(&stranger, "vpn.example");
    impostor.chain.push(ca.der().clone());
    let outcome = both_versions(&impostor, &Trust::Pins(vec![pin(ca.der())])).await;
    assert!(matches!(outcome, Err(FailureCode::Tls { .. })), "{outcome:?}");
}

#[tokio::test]
async fn showing_the_pinned_certificate_without_its_key_does_not_help() {
    let real = gateway(&authority(), "vpn.example");
    let thief = Gateway { chain: real.chain.clone(), key: KeyPair::generate().unwrap().serialize_der() };
    let outcome = both_versions(&thief, &Trust::Pins(vec![pin(&real.chain[0])])).await;
    assert!(matches!(outcome, Err(FailureCode::Tls { .. })), "{outcome:?}");
}

#[test]
fn a_pinned_profile_without_a_pin_is_refused() {
    assert!(client_config(&Trust::Pins(vec![])).is_err());
}
