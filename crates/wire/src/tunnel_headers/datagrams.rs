//! The UDP channel: what a client offers and what a gateway grants, in the `X-DTLS-` headers.
//!
//! Two ways lead to keys. `PSK-NEGOTIATE`: both ends export the key from the TLS connection of the CONNECT, and the
//! gateway names the handshake's session by `X-DTLS-App-ID`. The legacy way of Cisco gateways: the client sends a
//! master secret, and the gateway names a session that is resumed as if it had been there. Only the suites of DTLS
//! 1.2 are known here; what is older counts as no UDP channel.

use std::fmt;
use std::time::Duration;

use praya_model::tunnel::Rekey;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::MIN_MTU;
use super::value::{decode_hex, encode_hex, seconds, size, write_seconds};
use crate::http::Headers;

/// The label of the TLS exporter (no context, 32 bytes) that gives the pre-shared key.
pub const PSK_EXPORTER: &[u8] = b"EXPORTER-openconnect-psk";
/// Bytes of a DTLS session's name.
pub const SESSION_ID_LEN: usize = 32;
/// Bytes of a master secret (RFC 5246 section 8.1).
pub const MASTER_SECRET_LEN: usize = 48;

const PSK_NEGOTIATE: &str = "PSK-NEGOTIATE";

/// What a client can do. Both may stand side by side, and the gateway chooses; the default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatagramOffer {
    /// A key exported from this TLS connection.
    pub psk: bool,
    /// A session that is resumed.
    pub legacy: Option<LegacyOffer>,
}

/// The offer of the legacy way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegacyOffer {
    /// Chosen by the client at random, for this CONNECT only.
    pub master_secret: MasterSecret,
    /// At least one, the preferred first, none twice.
    pub suites: Vec<LegacySuite>,
}

/// What a gateway grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatagramAnswer {
    /// The gateway's UDP port, not zero; its address is the one that the TLS connection reached.
    pub port: u16,
    /// Where the keys come from.
    pub key: DatagramKey,
    /// Silence on this channel after which the peer is probed; zero switches dead-peer detection off.
    pub dpd: Duration,
    /// How often the idle channel is refreshed; zero means never.
    pub keepalive: Duration,
    /// When and how this channel gets new keys.
    pub rekey: Rekey,
    /// The largest IP packet for this channel, in bytes; where there is none, the tunnel's MTU holds.
    pub mtu: Option<u16>,
}

/// Where the keys of the UDP channel come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatagramKey {
    /// The exporter [`PSK_EXPORTER`] of the TLS connection of the CONNECT.
    Psk {
        /// The session id of the client's hello.
        app_id: [u8; SESSION_ID_LEN],
    },
    /// The client's master secret.
    Legacy {
        /// The session that is resumed.
        session_id: [u8; SESSION_ID_LEN],
        /// The suite that it has.
        suite: LegacySuite,
    },
}

/// The suites of the legacy way that are standard DTLS 1.2. In a resumed session the key exchange in the name never
/// takes place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LegacySuite {
    /// `TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384`.
    EcdheRsaAes256Gcm,
    /// `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`.
    EcdheRsaAes128Gcm,
    /// `TLS_RSA_WITH_AES_256_GCM_SHA384`.
    RsaAes256Gcm,
    /// `TLS_RSA_WITH_AES_128_GCM_SHA256`.
    RsaAes128Gcm,
}

impl LegacySuite {
    /// Every suite, the strongest first.
    pub const ALL: [Self; 4] =
        [Self::EcdheRsaAes256Gcm, Self::EcdheRsaAes128Gcm, Self::RsaAes256Gcm, Self::RsaAes128Gcm];

    /// The name in `X-DTLS12-CipherSuite`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::EcdheRsaAes256Gcm => "ECDHE-RSA-AES256-GCM-SHA384",
            Self::EcdheRsaAes128Gcm => "ECDHE-RSA-AES128-GCM-SHA256",
            Self::RsaAes256Gcm => "AES256-GCM-SHA384",
            Self::RsaAes128Gcm => "AES128-GCM-SHA256",
        }
    }

    /// The code in the handshake (RFC 5288, RFC 5289).
    pub const fn code(self) -> u16 {
        match self {
            Self::EcdheRsaAes256Gcm => 0xC030,
            Self::EcdheRsaAes128Gcm => 0xC02F,
            Self::RsaAes256Gcm => 0x009D,
            Self::RsaAes128Gcm => 0x009C,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|suite| suite.name() == name)
    }
}

/// A master secret: overwritten when dropped, never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct MasterSecret([u8; MASTER_SECRET_LEN]);

impl MasterSecret {
    /// Takes what is random to its owner; the caller keeps no copy.
    pub fn new(bytes: [u8; MASTER_SECRET_LEN]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the one place that has to use them.
    pub fn expose(&self) -> &[u8; MASTER_SECRET_LEN] {
        &self.0
    }
}

impl fmt::Debug for MasterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Reads an offer; what makes no sense counts as absent.
pub(super) fn parse_offer(headers: &Headers) -> DatagramOffer {
    let listed = |name| headers.get(name).into_iter().flat_map(|list| list.split(':')).map(str::trim);
    let mut suites = Vec::new();
    for suite in listed("X-DTLS12-CipherSuite").filter_map(LegacySuite::from_name) {
        if !suites.contains(&suite) {
            suites.push(suite);
        }
    }
    let master_secret = headers.get("X-DTLS-Master-Secret").and_then(decode_hex).map(MasterSecret::new);
    DatagramOffer {
        psk: listed("X-DTLS-CipherSuite").any(|suite| suite == PSK_NEGOTIATE),
        legacy: master_secret
            .filter(|_| !suites.is_empty())
            .map(|master_secret| LegacyOffer { master_secret, suites }),
    }
}

/// Writes an offer in openconnect's order: ocserv reads the headers one by one, and takes no legacy offer after
/// `PSK-NEGOTIATE`.
pub(super) fn push_offer(out: &mut Headers, offer: &DatagramOffer) {
    let legacy = offer.legacy.as_ref().filter(|legacy| !legacy.suites.is_empty());
    if let Some(legacy) = legacy {
        out.push("X-DTLS-Master-Secret", encode_hex(legacy.master_secret.expose()));
    }
    if offer.psk {
        out.push("X-DTLS-CipherSuite", PSK_NEGOTIATE);
    }
    if let Some(legacy) = legacy {
        let names: Vec<&str> = legacy.suites.iter().map(|suite| suite.name()).collect();
        out.push("X-DTLS12-CipherSuite", names.join(":"));
    }
}

/// Writes what is granted, unless the client did not offer it.
pub(super) fn push_answer(out: &mut Headers, answer: &DatagramAnswer, offer: &DatagramOffer) {
    match &answer.key {
        DatagramKey::Psk { app_id } if offer.psk => {
            out.push("X-DTLS-App-ID", encode_hex(app_id));
            out.push("X-DTLS-CipherSuite", PSK_NEGOTIATE);
        }
        DatagramKey::Legacy { session_id, suite }
            if offer.legacy.as_ref().is_some_and(|legacy| legacy.suites.contains(suite)) =>
        {
            out.push("X-DTLS-Session-ID", encode_hex(session_id));
            out.push("X-DTLS12-CipherSuite", suite.name());
        }
        DatagramKey::Psk { .. } | DatagramKey::Legacy { .. } => return,
    }
    out.push("X-DTLS-Port", answer.port.to_string());
    out.push("X-DTLS-DPD", write_seconds(answer.dpd));
    out.push("X-DTLS-Keepalive", write_seconds(answer.keepalive));
    let rekey = match answer.rekey {
        Rekey::None => None,
        Rekey::NewTunnel { every } => Some(("new-tunnel", every)),
        Rekey::Tls { every } => Some(("ssl", every)),
    };
    if let Some((method, every)) = rekey {
        out.push("X-DTLS-Rekey-Time", write_seconds(every));
        out.push("X-DTLS-Rekey-Method", method);
    }
    if let Some(mtu) = answer.mtu {
        out.push("X-DTLS-MTU", mtu.to_string());
    }
}

/// What has been read so far of a gateway's answer.
#[derive(Default)]
pub(super) struct AnswerReader {
    port: Option<u16>,
    app_id: Option<[u8; SESSION_ID_LEN]>,
    session_id: Option<[u8; SESSION_ID_LEN]>,
    psk: bool,
    suite: Option<LegacySuite>,
    dpd: Duration,
    keepalive: Duration,
    rekey_method: Option<String>,
    rekey_every: Option<Duration>,
    mtu: Option<u16>,
}

impl AnswerReader {
    /// Takes one header, its name in lower case; `None` when its value makes no sense.
    pub(super) fn take(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "x-dtls-port" => self.port = Some(size(value)?),
            "x-dtls-app-id" => self.app_id = Some(decode_hex(value)?),
            "x-dtls-session-id" => self.session_id = Some(decode_hex(value)?),
            "x-dtls-ciphersuite" if value == PSK_NEGOTIATE => self.psk = true,
            // A suite of before DTLS 1.2.
            "x-dtls-ciphersuite" => return None,
            "x-dtls12-ciphersuite" => self.suite = Some(LegacySuite::from_name(value)?),
            "x-dtls-dpd" => self.dpd = seconds(value)?,
            "x-dtls-keepalive" => self.keepalive = seconds(value)?,
            "x-dtls-rekey-method" => self.rekey_method = Some(value.to_ascii_lowercase()),
            "x-dtls-rekey-time" => {
                self.rekey_every = seconds(value).map(|time| Some(time).filter(|t| !t.is_zero()))?
            }
            "x-dtls-mtu" => self.mtu = Some(size(value).filter(|mtu| *mtu >= MIN_MTU)?),
            _ => {}
        }
        Some(())
    }

    /// The answer, when enough of it was there.
    pub(super) fn finish(self) -> Option<DatagramAnswer> {
        let key = match (self.app_id.filter(|_| self.psk), self.session_id, self.suite) {
            (Some(app_id), _, _) => DatagramKey::Psk { app_id },
            (None, Some(session_id), Some(suite)) => DatagramKey::Legacy { session_id, suite },
            (None, _, _) => return None,
        };
        let rekey = match (self.rekey_method.as_deref(), self.rekey_every) {
            (Some("ssl"), Some(every)) => Rekey::Tls { every },
            (Some("new-tunnel"), Some(every)) => Rekey::NewTunnel { every },
            _ => Rekey::None,
        };
        Some(DatagramAnswer {
            port: self.port?,
            key,
            dpd: self.dpd,
            keepalive: self.keepalive,
            rekey,
            mtu: self.mtu,
        })
    }
}
