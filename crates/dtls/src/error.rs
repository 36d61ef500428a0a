//! Why a handshake ends, why a record is dropped, and why nothing can be sent.

use crate::alert::Alert;

/// Why a handshake ended without a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The peer stopped answering, or never did.
    #[error("the peer does not answer")]
    TimedOut,
    /// The peer said why it will not go on.
    #[error("the peer refuses: {0}")]
    Refused(Alert),
    /// The peer offers or chooses no suite that the configuration allows.
    #[error("no suite in common")]
    NoCommonSuite,
    /// The peer does not speak DTLS 1.2.
    #[error("no version in common")]
    NoCommonVersion,
    /// The peer does not continue the session whose master secret the configuration gives.
    #[error("the session is not resumed")]
    NotResumed,
    /// The peer wants to resume a session with extended master secret that was made without (RFC 7627 section 5.3).
    #[error("a session without extended master secret cannot be resumed with it")]
    MixedMasterSecret,
    /// A message that its own header, the standard or the peer's earlier messages contradict.
    #[error("a message that makes no sense: {0}")]
    Malformed(&'static str),
    /// A Finished message under the right keys that does not match the transcript.
    #[error("the peer saw another handshake than this end")]
    WrongFinished,
    /// The crypto library refused to work.
    #[error("a failure of the crypto library")]
    Crypto,
}

impl HandshakeError {
    /// What the peer is told.
    pub(crate) const fn alert(self) -> Alert {
        match self {
            Self::TimedOut | Self::Refused(_) => Alert::CLOSE_NOTIFY,
            Self::NoCommonSuite | Self::NotResumed | Self::MixedMasterSecret => Alert::HANDSHAKE_FAILURE,
            Self::NoCommonVersion => Alert::PROTOCOL_VERSION,
            Self::Malformed(_) => Alert::ILLEGAL_PARAMETER,
            Self::WrongFinished => Alert::DECRYPT_ERROR,
            Self::Crypto => Alert::INTERNAL_ERROR,
        }
    }
}

impl From<aws_lc_rs::error::Unspecified> for HandshakeError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Crypto
    }
}

/// Why a record was dropped. None of these says anything about the peer: anybody can send such bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Dropped {
    /// No whole record, or one longer than the standard allows.
    #[error("not a record")]
    Malformed,
    /// A record of another epoch: a late handshake message, an unauthenticated alert, or nonsense.
    #[error("a record of another epoch")]
    OtherEpoch,
    /// A record that was already opened, or one too old to tell.
    #[error("a replayed record")]
    Replayed,
    /// A record that was not sealed with this connection's key.
    #[error("a forged record")]
    Forged,
}

/// Why nothing can be sealed any more, or not this.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SealError {
    /// More than [`MAX_PLAINTEXT`](crate::MAX_PLAINTEXT) bytes.
    #[error("more than one record holds")]
    TooLong,
    /// All record numbers of this key are used.
    #[error("all record numbers are used")]
    Exhausted,
    /// One end has closed the connection.
    #[error("the connection is closed")]
    Closed,
    /// The crypto library refused to work.
    #[error("a failure of the crypto library")]
    Crypto,
}
