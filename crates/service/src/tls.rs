//! Which gateway is believed: one that the public roots vouch for, or one whose key is pinned; never by a click.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64;
use praya_model::{FailureCode, Pin};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::EndEntityCert;

/// What a profile believes a gateway by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The public roots and, beside them, the organisation's own CA certificates.
    Roots {
        /// Further roots; usually none.
        extra: Vec<CertificateDer<'static>>,
    },
    /// Nothing but these keys: of the gateway's own certificate, whatever name it carries, or of a CA in the chain
    /// it shows, to which its certificate must then verify with the right name.
    Pins(Vec<Pin>),
}

/// Why a gateway's certificate was not believed. Travels inside the TLS library's error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Untrusted {
    /// Nobody vouches for it, or not under this name.
    Unknown {
        /// The key it showed.
        pin: Pin,
    },
    /// Another key than the pinned one.
    Mismatch {
        /// The key it showed.
        pin: Pin,
    },
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { pin } => write!(f, "neither publicly trusted nor pinned: {pin}"),
            Self::Mismatch { pin } => write!(f, "not the pinned key: {pin}"),
        }
    }
}

impl Error for Untrusted {}

/// The TLS side of a client for a gateway: TLS 1.3 and 1.2, hybrid post-quantum key exchange first, no ALPN.
///
/// # Errors
/// When the trust holds a certificate that cannot be a root, or no pin at all.
pub fn client_config(trust: &Trust) -> Result<Arc<ClientConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Roots { extra } => Arc::new(RootsVerifier::new(extra, &provider)?),
        Trust::Pins(pins) if pins.is_empty() => {
            return Err(rustls::Error::General("a pinned profile without a pin".into()));
        }
        Trust::Pins(pins) => Arc::new(PinVerifier { pins: pins.clone(), provider: Arc::clone(&provider) }),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

/// The certificates of a PEM file.
///
/// # Errors
/// When the file cannot be read, is not PEM, or holds no certificate.
pub fn read_ca_file(
    path: &std::path::Path,
) -> Result<Vec<CertificateDer<'static>>, rustls_pki_types::pem::Error> {
    let certificates = CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() {
        return Err(rustls_pki_types::pem::Error::NoItemsFound);
    }
    Ok(certificates)
}

/// What to tell a person about a failed connection to `gateway` (host and port).
///
/// Looks through `error` and its causes, of whatever library, for our verdict and for the system's word.
pub fn failure(error: &(dyn Error + 'static), gateway: &str) -> FailureCode {
    let gateway = gateway.to_owned();
    for cause in causes(error) {
        if let Some(untrusted) = cause.downcast_ref::<Untrusted>() {
            return match untrusted {
                Untrusted::Unknown { pin } => FailureCode::UnknownGateway { gateway, pin: pin.to_string() },
                Untrusted::Mismatch { pin } => FailureCode::PinMismatch { gateway, pin: pin.to_string() },
            };
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return FailureCode::Tls { detail: describe(tls) };
        }
    }
    let kind = causes(error)
        .into_iter()
        .find_map(|cause| cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind));
    FailureCode::Unreachable { gateway, cause: io_cause(kind).to_owned() }
}

/// The system's word for a failed connection, as [`FailureCode::Unreachable`] carries it.
pub fn io_cause(kind: Option<std::io::ErrorKind>) -> &'static str {
    use std::io::ErrorKind as Kind;
    // The list of kinds is open-ended by design of the standard library.
    match kind {
        Some(Kind::ConnectionRefused) => "refused",
        Some(Kind::TimedOut) | None => "timeout",
        Some(
            Kind::NetworkUnreachable | Kind::HostUnreachable | Kind::NetworkDown | Kind::AddrNotAvailable,
        ) => "no_route",
        Some(_) => "reset",
    }
}

/// `error` and everything beneath it, including what I/O errors and TLS errors wrap without naming it a source.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    const DEEPEST: usize = 16;
    let mut found: Vec<&'a (dyn Error + 'static)> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        if found.len() >= DEEPEST {
            break;
        }
        next = if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            io.get_ref().map(|inner| inner as &(dyn Error + 'static))
        } else if let Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other)))) =
            cause.downcast_ref::<rustls::Error>()
        {
            // Our verdict says more than the TLS error around it.
            found.push(other.as_ref());
            None
        } else {
            cause.source()
        };
        found.push(cause);
    }
    found
}

fn describe(error: &rustls::Error) -> String {
    // Alerts and certificate errors have names of their own; everything else is the library's text.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enum is non-exhaustive; what is new gets the general case"
    )]
    match error {
        rustls::Error::InvalidCertificate(reason) => format!("certificate: {reason}"),
        rustls::Error::AlertReceived(alert) => format!("the gateway refused: {alert:?}"),
        other => other.to_string(),
    }
}

fn untrusted(verdict: Untrusted) -> rustls::Error {
    rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(verdict))))
}

/// The pin of `certificate`'s key, whether it is a leaf or a CA.
fn pin_of(certificate: &CertificateDer<'_>) -> Result<Pin, rustls::Error> {
    let bad = || rustls::Error::InvalidCertificate(CertificateError::BadEncoding);
    let parsed = EndEntityCert::try_from(certificate).map_err(|_| bad())?;
    let hash = digest(&SHA256, parsed.subject_public_key_info().as_ref());
    format!("{}{}", Pin::PREFIX, BASE64.encode(hash.as_ref())).parse().map_err(|_| bad())
}

/// The public roots, with a verdict that carries the pin when they do not vouch.
#[derive(Debug)]
struct RootsVerifier {
    inner: Arc<WebPkiServerVerifier>,
}

impl RootsVerifier {
    fn new(extra: &[CertificateDer<'static>], provider: &Arc<CryptoProvider>) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        for certificate in extra {
            roots.add(certificate.clone())?;
        }
        Ok(Self { inner: webpki_verifier(roots, provider)? })
    }
}

fn webpki_verifier(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, rustls::Error> {
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))
}

impl ServerCertVerifier for RootsVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let result =
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let Err(error) = result else { return result };
        // A date, a revocation or a purpose is wrong in a way that no pin should paper over; the rest is "unknown".
        #[expect(
            clippy::wildcard_enum_match_arm,
            reason = "the enum is non-exhaustive; what is new gets the general case"
        )]
        match error {
            rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer
                | CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. }
                | CertificateError::BadSignature
                | CertificateError::Other(_),
            ) => Err(untrusted(Untrusted::Unknown { pin: pin_of(end_entity)? })),
            other => Err(other),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Pinned keys and nothing else.
#[derive(Debug)]
struct PinVerifier {
    pins: Vec<Pin>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let leaf = pin_of(end_entity)?;
        if self.pins.contains(&leaf) {
            return Ok(ServerCertVerified::assertion());
        }
        let mut roots = RootCertStore::empty();
        for certificate in intermediates {
            if pin_of(certificate).is_ok_and(|pin| self.pins.contains(&pin)) {
                roots.add(certificate.clone().into_owned())?;
            }
        }
        if roots.is_empty() {
            return Err(untrusted(Untrusted::Mismatch { pin: leaf }));
        }
        webpki_verifier(roots, &self.provider)?.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
