//! The suites: authenticated encryption only.

use aws_lc_rs::{aead, digest, tls_prf};

/// A cipher suite.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Suite {
    /// `TLS_PSK_WITH_AES_256_GCM_SHA384` (RFC 5487).
    PskAes256Gcm,
    /// `TLS_PSK_WITH_AES_128_GCM_SHA256` (RFC 5487).
    PskAes128Gcm,
    /// `TLS_PSK_WITH_CHACHA20_POLY1305_SHA256` (RFC 7905).
    PskChaCha20Poly1305,
    /// `TLS_RSA_WITH_AES_128_GCM_SHA256` (RFC 5288), for resumption.
    RsaAes128Gcm,
    /// `TLS_RSA_WITH_AES_256_GCM_SHA384` (RFC 5288), for resumption.
    RsaAes256Gcm,
    /// `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256` (RFC 5289), for resumption.
    EcdheRsaAes128Gcm,
    /// `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384` (RFC 5289), for resumption.
    EcdheRsaAes256Gcm,
}

impl Suite {
    /// The suites of a pre-shared key, in the order in which they are offered and chosen.
    pub const PSK: [Self; 3] = [Self::PskAes256Gcm, Self::PskAes128Gcm, Self::PskChaCha20Poly1305];
    /// The suites of a session to resume, strongest first.
    pub const RESUME: [Self; 4] =
        [Self::EcdheRsaAes256Gcm, Self::RsaAes256Gcm, Self::EcdheRsaAes128Gcm, Self::RsaAes128Gcm];

    /// The number in the registry of TLS cipher suites.
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::PskAes256Gcm => 0x00a9,
            Self::PskAes128Gcm => 0x00a8,
            Self::PskChaCha20Poly1305 => 0xccab,
            Self::RsaAes128Gcm => 0x009c,
            Self::RsaAes256Gcm => 0x009d,
            Self::EcdheRsaAes128Gcm => 0xc02f,
            Self::EcdheRsaAes256Gcm => 0xc030,
        }
    }

    /// OpenSSL's name, which is also the one of the header `X-DTLS12-CipherSuite`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PskAes256Gcm => "PSK-AES256-GCM-SHA384",
            Self::PskAes128Gcm => "PSK-AES128-GCM-SHA256",
            Self::PskChaCha20Poly1305 => "PSK-CHACHA20-POLY1305",
            Self::RsaAes128Gcm => "AES128-GCM-SHA256",
            Self::RsaAes256Gcm => "AES256-GCM-SHA384",
            Self::EcdheRsaAes128Gcm => "ECDHE-RSA-AES128-GCM-SHA256",
            Self::EcdheRsaAes256Gcm => "ECDHE-RSA-AES256-GCM-SHA384",
        }
    }

    /// The suite of that [name](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::PSK.into_iter().chain(Self::RESUME).find(|suite| suite.name() == name)
    }

    pub(crate) fn aead(self) -> &'static aead::Algorithm {
        match self {
            Self::PskAes256Gcm | Self::RsaAes256Gcm | Self::EcdheRsaAes256Gcm => &aead::AES_256_GCM,
            Self::PskAes128Gcm | Self::RsaAes128Gcm | Self::EcdheRsaAes128Gcm => &aead::AES_128_GCM,
            Self::PskChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
        }
    }

    fn is_sha384(self) -> bool {
        matches!(self, Self::PskAes256Gcm | Self::RsaAes256Gcm | Self::EcdheRsaAes256Gcm)
    }

    pub(crate) fn prf(self) -> &'static tls_prf::Algorithm {
        if self.is_sha384() { &tls_prf::P_SHA384 } else { &tls_prf::P_SHA256 }
    }

    pub(crate) fn hash(self) -> &'static digest::Algorithm {
        if self.is_sha384() { &digest::SHA384 } else { &digest::SHA256 }
    }

    /// Bytes of the nonce that come from the handshake; the other 8 of GCM's 12 travel in each record.
    pub(crate) fn salt_len(self) -> usize {
        if self.has_explicit_nonce() { 4 } else { aead::NONCE_LEN }
    }

    /// Whether each record carries 8 bytes of its nonce (RFC 5288 section 3; not so RFC 7905 section 2).
    pub(crate) fn has_explicit_nonce(self) -> bool {
        self != Self::PskChaCha20Poly1305
    }
}
