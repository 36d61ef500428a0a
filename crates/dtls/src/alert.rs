//! Alerts: what one end tells the other before it stops (RFC 5246 section 7.2).

/// An alert's description, as its number on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Alert(pub u8);

pub(crate) const WARNING: u8 = 1;
pub(crate) const FATAL: u8 = 2;

impl Alert {
    /// The peer sends nothing more.
    pub const CLOSE_NOTIFY: Self = Self(0);
    /// A message came that does not belong here.
    pub const UNEXPECTED_MESSAGE: Self = Self(10);
    /// No suite, or nothing else, in common.
    pub const HANDSHAKE_FAILURE: Self = Self(40);
    /// A field contradicts another or the standard.
    pub const ILLEGAL_PARAMETER: Self = Self(47);
    /// A Finished message that does not match the transcript.
    pub const DECRYPT_ERROR: Self = Self(51);
    /// No version in common.
    pub const PROTOCOL_VERSION: Self = Self(70);
    /// Something failed that has nothing to do with the peer.
    pub const INTERNAL_ERROR: Self = Self(80);
    /// A wish to renegotiate is declined; a warning.
    pub const NO_RENEGOTIATION: Self = Self(100);

    /// The name in the registry of TLS alerts, for those that a peer of ours is likely to send.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            22 => "record_overflow",
            40 => "handshake_failure",
            47 => "illegal_parameter",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            90 => "user_canceled",
            100 => "no_renegotiation",
            110 => "unsupported_extension",
            115 => "unknown_psk_identity",
            _ => "another alert",
        }
    }
}

impl std::fmt::Display for Alert {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} ({})", self.name(), self.0)
    }
}

impl std::fmt::Debug for Alert {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, formatter)
    }
}
