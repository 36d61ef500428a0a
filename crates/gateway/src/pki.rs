//! The gateway's own certificate authority and server certificate, and the pins that clients can be given.

use std::path::Path;
use std::time::Duration;

use aws_lc_rs::digest;
use data_encoding::BASE64;
use praya_model::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use crate::config::host_of;
use crate::exit::{Code, Fatal, Result};

/// How long the authority lives, in days.
const CA_DAYS: i64 = 3653;
/// How long a server certificate lives, in days: the longest that every system accepts from a private authority.
const SERVER_DAYS: i64 = 825;

/// An authority with its key, as PEM.
pub struct Authority {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS #8.
    pub key: String,
}

/// Makes a new authority (ECDSA P-256).
///
/// # Errors
/// The system has no randomness.
pub fn new_authority(display_name: &str, now: Timestamp) -> Result<Authority> {
    let key = new_key()?;
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, format!("{display_name} gateway authority"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    set_validity(&mut params, now, CA_DAYS);
    let certificate = params.self_signed(&key).map_err(broken)?;
    Ok(Authority { certificate: certificate.pem(), key: key.serialize_pem() })
}

/// A new private key for the server (ECDSA P-256), as PKCS #8 PEM.
///
/// # Errors
/// The system has no randomness.
pub fn new_server_key() -> Result<String> {
    Ok(new_key()?.serialize_pem())
}

/// Issues the server's certificate for every name in `names` and returns the chain, leaf first. With the key
/// of the certificate before, the pin of the leaf stays the same.
///
/// # Errors
/// A file that is not what it should be; a name that cannot stand in a certificate.
pub fn issue(
    authority: &Authority,
    server_key_pem: &str,
    names: &[String],
    now: Timestamp,
) -> Result<String> {
    let ca_key = KeyPair::from_pem(&authority.key).map_err(broken)?;
    let issuer = Issuer::from_ca_cert_pem(&authority.certificate, ca_key).map_err(broken)?;
    let key = KeyPair::from_pem(server_key_pem).map_err(broken)?;
    let mut params = CertificateParams::default();
    for name in names {
        params.subject_alt_names.push(match host_of(name) {
            Some(Ok(address)) => SanType::IpAddress(address),
            Some(Err(host)) => SanType::DnsName(host.try_into().map_err(broken)?),
            None => {
                return Err(Fatal::new(Code::Config, format!("\"{name}\" cannot stand in a certificate")));
            }
        });
    }
    let common_name = names.first().map_or("praya", String::as_str);
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    set_validity(&mut params, now, SERVER_DAYS);
    let certificate = params.signed_by(&key, &issuer).map_err(broken)?;
    Ok(format!("{}{}", certificate.pem(), authority.certificate))
}

/// The chain in a PEM file, leaf first.
///
/// # Errors
/// The file cannot be read or holds no certificate.
pub fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let text = std::fs::read(path).map_err(|error| Fatal::file("read the certificate", path, &error))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(|_| {
        Fatal::new(Code::Config, format!("{} is not a PEM file of certificates", path.display()))
    })?;
    if chain.is_empty() {
        return Err(Fatal::new(Code::Config, format!("{} holds no certificate", path.display())));
    }
    Ok(chain)
}

/// `pin-sha256:BASE64(SHA-256(SubjectPublicKeyInfo))` of a certificate, as `openconnect --servercert` takes it.
///
/// # Errors
/// The certificate cannot be parsed.
pub fn pin_of(certificate: &CertificateDer<'_>) -> Result<String> {
    // A certificate of an authority is no end entity, but the parser only judges that when it verifies.
    let parsed = EndEntityCert::try_from(certificate)
        .map_err(|error| Fatal::new(Code::Config, format!("a certificate cannot be parsed: {error}")))?;
    let hash = digest::digest(&digest::SHA256, &parsed.subject_public_key_info());
    Ok(format!("pin-sha256:{}", BASE64.encode(hash.as_ref())))
}

/// The names among `names` that the leaf of `chain` does not cover.
///
/// # Errors
/// The leaf cannot be parsed.
pub fn uncovered<'a>(chain: &[CertificateDer<'_>], names: &'a [String]) -> Result<Vec<&'a str>> {
    let Some(leaf) = chain.first() else { return Ok(names.iter().map(String::as_str).collect()) };
    let parsed = EndEntityCert::try_from(leaf).map_err(|error| {
        Fatal::new(Code::Config, format!("the server certificate cannot be parsed: {error}"))
    })?;
    let covered = |name: &str| match host_of(name) {
        Some(Ok(address)) => {
            let name = ServerName::IpAddress(address.into());
            parsed.verify_is_valid_for_subject_name(&name).is_ok()
        }
        Some(Err(host)) => ServerName::try_from(host)
            .is_ok_and(|name| parsed.verify_is_valid_for_subject_name(&name).is_ok()),
        None => false,
    };
    Ok(names.iter().map(String::as_str).filter(|name| !covered(name)).collect())
}

/// Whether the leaf of `chain` has run out at `at` (or does not hold yet). Only time is judged here, not trust.
pub fn expired_at(chain: &[CertificateDer<'_>], at: Timestamp) -> bool {
    let (Some((leaf, others)), Some(last)) = (chain.split_first(), chain.last()) else { return false };
    let (Ok(parsed), Ok(anchor)) = (EndEntityCert::try_from(leaf), anchor_from_trusted_cert(last)) else {
        return false;
    };
    let anchors = [anchor];
    let seconds = u64::try_from(at.as_secs()).unwrap_or(0);
    let verdict = parsed.verify_for_usage(
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.all,
        &anchors,
        others,
        UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
        KeyUsage::server_auth(),
        None,
        None,
    );
    matches!(verdict, Err(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }))
}

fn new_key() -> Result<KeyPair> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(broken)
}

fn broken(error: rcgen::Error) -> Fatal {
    Fatal::new(Code::Software, format!("a certificate cannot be made: {error}"))
}

/// Valid from yesterday, because clocks differ, for so many days.
fn set_validity(params: &mut CertificateParams, now: Timestamp, days: i64) {
    let at = |offset_days: i64| {
        let second = now.as_secs().saturating_add(offset_days * 86_400);
        let date = jiff::Timestamp::from_second(second).unwrap_or_default().to_zoned(jiff::tz::TimeZone::UTC);
        let unsigned = |number: i8| u8::try_from(number).unwrap_or(1);
        rcgen::date_time_ymd(i32::from(date.year()), unsigned(date.month()), unsigned(date.day()))
    };
    (params.not_before, params.not_after) = (at(-1), at(days));
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn chain(pem: &str) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(pem.as_bytes()).map(Result::unwrap).collect()
    }

    #[test]
    fn a10_the_certificate_covers_every_name_and_no_other() {
        let authority = new_authority("Praya", NOW).unwrap();
        let all = names(&["vpn.example", "iasvpn.example", "192.0.2.1", "2001:db8::1"]);
        let pem = issue(&authority, &new_server_key().unwrap(), &all, NOW).unwrap();
        let chain = chain(&pem);
        assert_eq!(chain.len(), 2, "leaf and authority");
        assert!(uncovered(&chain, &all).unwrap().is_empty());
        let others = names(&["example", "other.example", "192.0.2.2", "vpn.example"]);
        assert_eq!(uncovered(&chain, &others).unwrap(), ["example", "other.example", "192.0.2.2"]);
    }

    #[test]
    fn renewing_with_the_same_key_keeps_the_pin() {
        let authority = new_authority("Praya", NOW).unwrap();
        let key = new_server_key().unwrap();
        let pin = |pem: &str| pin_of(chain(pem).first().unwrap()).unwrap();
        let first = issue(&authority, &key, &names(&["a.example"]), NOW).unwrap();
        let later = NOW.after(Duration::from_secs(86_400 * 400));
        let second = issue(&authority, &key, &names(&["a.example", "b.example"]), later).unwrap();
        assert_ne!(first, second);
        assert_eq!(pin(&first), pin(&second));
        assert!(pin(&first).starts_with("pin-sha256:") && pin(&first).len() == 11 + 44);
        let (ca1, ca2) = (chain(&first).remove(1), chain(&second).remove(1));
        assert_eq!(pin_of(&ca1).unwrap(), pin_of(&ca2).unwrap());
    }

    #[test]
    fn an_expired_certificate_is_noticed() {
        let authority = new_authority("Praya", NOW).unwrap();
        let pem = issue(&authority, &new_server_key().unwrap(), &names(&["a.example"]), NOW).unwrap();
        let chain = chain(&pem);
        let days = |days: u64| NOW.after(Duration::from_secs(86_400 * days));
        assert!(!expired_at(&chain, NOW) && !expired_at(&chain, days(800)));
        assert!(expired_at(&chain, days(900)));
    }
}
