//! The record layer of an established connection: seals many bytes into one buffer, opens many records from one.
//!
//! It never touches a socket and never waits. What it has to say on its own (the answer to a key update, an alert) is
//! *due* until the next [`Records::seal`] or [`Records::write_due`] puts it in front of what is sent next.

mod cipher;
#[doc(hidden)]
pub mod fuzz;
mod messages;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;

use rustls::client::ClientConnectionData;
use rustls::kernel::KernelConnection;
use rustls::server::ServerConnectionData;
use rustls::{
    AlertDescription, CipherSuite, ConnectionTrafficSecrets, ExtractedSecrets, InvalidMessage,
    PeerMisbehaved, ProtocolVersion, SupportedCipherSuite,
};

use cipher::{Cipher, Content, HEADER, VERSION};
use messages::{Allowance, Reassembly};

/// Most content bytes of one record (RFC 8446, section 5.1; RFC 5246, section 6.2.1).
pub const MAX_CONTENT: usize = 1 << 14;
/// Most bytes that a record is longer than its content, in either version and any suite of ours.
pub const MAX_OVERHEAD: usize = 29;
/// Most bytes of a whole record that is accepted (RFC 8446, section 5.2).
pub const MAX_RECORD: usize = HEADER + MAX_CONTENT + 256;

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// Records without content that may follow one another; BoringSSL and rustls draw the same line.
const MAX_EMPTY: u8 = 32;
/// Records that are kept free below a key's limit for a key update and an alert.
const RESERVE: u64 = 4;

/// Why a connection cannot go on.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TlsError {
    /// The peer breaks the protocol, or says itself why it ends (`AlertReceived`).
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// The keys of a TLS 1.2 connection have sealed or opened all they may; a new connection is needed.
    #[error("the keys of this connection are used up")]
    Exhausted,
    /// Nothing may be sent after `close_notify` or a fatal alert.
    #[error("this side has closed the connection")]
    Closed,
    /// TLS 1.2 cannot change keys within a connection.
    #[error("this version of TLS cannot change its keys")]
    NoKeyUpdate,
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::Tls(error) => Self::new(io::ErrorKind::InvalidData, error),
            TlsError::Closed => Self::new(io::ErrorKind::BrokenPipe, error),
            TlsError::Exhausted | TlsError::NoKeyUpdate => Self::other(error),
        }
    }
}

/// What [`Records::open_all`] has come upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The content of a record of application data ends where the plaintext now has this length. Never told of an
    /// empty one.
    RecordEnd(usize),
    /// The peer seals with new keys from here on. When it wants ours to be new too, that is due now.
    KeyUpdated,
    /// An alert that is no reason to end.
    Warning(AlertDescription),
    /// The peer will send nothing more, and has sent all it had. Everything after it is ignored.
    CloseNotify,
}

/// Both directions of an established connection. Idle, it holds keys and no buffer.
pub struct Records {
    suite: SupportedCipherSuite,
    schedule: Box<dyn KeySchedule>,
    send: Cipher,
    receive: Cipher,
    /// Records that one key may seal.
    limit: u64,
    reassembly: Reassembly,
    allowance: Allowance,
    empty: u8,
    due: Due,
    /// Whether the peer was asked for new keys and has not answered.
    asked_for_update: bool,
    /// After `close_notify` or a fatal alert.
    sent_end: bool,
    received_close: bool,
    failed: Option<rustls::Error>,
}

/// What is to be sent without having been asked for.
#[derive(Default)]
struct Due {
    key_update: bool,
    no_renegotiation: bool,
    fatal: Option<AlertDescription>,
}

/// The part of rustls that lives on: it derives new keys and stores tickets.
pub(super) trait KeySchedule: Send + Sync {
    fn suite(&self) -> SupportedCipherSuite;
    fn next_send(&mut self) -> Result<(u64, ConnectionTrafficSecrets), rustls::Error>;
    fn next_receive(&mut self) -> Result<(u64, ConnectionTrafficSecrets), rustls::Error>;

    fn is_client(&self) -> bool;

    /// Takes the content of a NewSessionTicket; asked of clients only.
    fn store_ticket(&mut self, message: &[u8]) -> Result<(), rustls::Error>;
}

impl KeySchedule for KernelConnection<ClientConnectionData> {
    fn suite(&self) -> SupportedCipherSuite {
        self.negotiated_cipher_suite()
    }

    fn next_send(&mut self) -> Result<(u64, ConnectionTrafficSecrets), rustls::Error> {
        self.update_tx_secret()
    }

    fn next_receive(&mut self) -> Result<(u64, ConnectionTrafficSecrets), rustls::Error> {
        self.update_rx_secret()
    }

    fn is_client(&self) -> bool {
        true
    }

    fn store_ticket(&mut self, message: &[u8]) -> Result<(), rustls::Error> {
        self.handle_new_session_ticket(message)
    }
}

impl KeySchedule for KernelConnection<ServerConnectionData> {
    fn suite(&self) -> SupportedCipherSuite {
        self.negotiated_cipher_suite()
    }

    fn next_send(&mut self) -> Result<(u64, ConnectionTrafficSecrets), rustls::Error> {
        self.update_tx_secret()
    }

    fn next_receive(&mut self) -> Result<(u64, ConnectionTrafficSecrets), rustls::Error> {
        self.update_rx_secret()
    }

    fn is_client(&self) -> bool {
        false
    }

    fn store_ticket(&mut self, _: &[u8]) -> Result<(), rustls::Error> {
        Err(rustls::Error::HandshakeNotComplete)
    }
}

impl Records {
    /// # Errors
    /// A suite that is not known here.
    pub(super) fn new(
        secrets: ExtractedSecrets,
        schedule: Box<dyn KeySchedule>,
    ) -> Result<Self, rustls::Error> {
        let suite = schedule.suite();
        let (tls13, limit) = match suite {
            SupportedCipherSuite::Tls13(suite) => (true, suite.common.confidentiality_limit),
            SupportedCipherSuite::Tls12(suite) => (false, suite.common.confidentiality_limit),
        };
        Ok(Self {
            suite,
            schedule,
            send: Cipher::new(tls13, secrets.tx)?,
            receive: Cipher::new(tls13, secrets.rx)?,
            limit,
            reassembly: Reassembly::default(),
            allowance: Allowance::default(),
            empty: 0,
            due: Due::default(),
            asked_for_update: false,
            sent_end: false,
            received_close: false,
            failed: None,
        })
    }

    /// The negotiated suite.
    pub fn suite(&self) -> CipherSuite {
        self.suite.suite()
    }

    /// TLS 1.3 or 1.2.
    pub fn version(&self) -> ProtocolVersion {
        self.suite.version().version
    }

    /// Whether this connection should give way to a new one: it cannot change its keys (TLS 1.2), and three quarters
    /// of the records are sealed that they may seal.
    pub fn successor_due(&self) -> bool {
        !self.tls13() && self.send.used() >= self.limit / 4 * 3
    }

    /// Bytes that a record adds to its content.
    pub fn overhead(&self) -> usize {
        self.send.layout().overhead()
    }

    /// Appends `parts` to `out`, joined and sealed: as one record when that fits ([`MAX_CONTENT`]), otherwise as full
    /// records and a last one. What is due comes first. No content, no record. New keys are taken in time (TLS 1.3).
    ///
    /// # Errors
    /// [`TlsError::Exhausted`] (TLS 1.2 only), [`TlsError::Closed`], and what [`Records::open_all`] has failed with;
    /// nothing of `parts` was sealed then.
    pub fn seal(&mut self, out: &mut Vec<u8>, parts: &[&[u8]]) -> Result<(), TlsError> {
        self.write_due(out)?;
        if let Some(error) = &self.failed {
            return Err(error.clone().into());
        }
        if self.sent_end {
            return Err(TlsError::Closed);
        }
        let mut left: usize = parts.iter().map(|part| part.len()).sum();
        if !self.tls13() && self.limit.saturating_sub(RESERVE) < self.send.used() + records_of(left) {
            return Err(TlsError::Exhausted);
        }
        let mut content = Content::new(parts);
        while left > 0 {
            if self.send.used() >= self.limit.saturating_sub(RESERVE) {
                self.refresh_keys(out)?;
            }
            let length = left.min(MAX_CONTENT);
            self.send.seal(out, APPLICATION_DATA, &mut content, length).map_err(|_| refused())?;
            left -= length;
        }
        Ok(())
    }

    /// Whether [`Records::write_due`] would write something.
    pub fn is_due(&self) -> bool {
        let Due { key_update, no_renegotiation, fatal } = &self.due;
        !self.sent_end && (*key_update || *no_renegotiation || fatal.is_some())
    }

    /// Appends what is due to `out`.
    ///
    /// # Errors
    /// None in practice: the keys cannot be derived.
    pub fn write_due(&mut self, out: &mut Vec<u8>) -> Result<(), TlsError> {
        if !self.is_due() {
            return Ok(());
        }
        let due = std::mem::take(&mut self.due);
        if let Some(description) = due.fatal {
            self.sent_end = true;
            return self.message(out, ALERT, &messages::fatal(description));
        }
        if due.no_renegotiation {
            self.message(out, ALERT, &messages::warning(AlertDescription::NoRenegotiation))?;
        }
        if due.key_update {
            self.update_send_keys(out, messages::UPDATE_NOT_REQUESTED)?;
        }
        Ok(())
    }

    /// Takes new keys for sending and asks the peer for the same (RFC 8446, section 4.6.3).
    ///
    /// # Errors
    /// [`TlsError::NoKeyUpdate`] in TLS 1.2, [`TlsError::Closed`].
    pub fn refresh_keys(&mut self, out: &mut Vec<u8>) -> Result<(), TlsError> {
        self.write_due(out)?;
        self.update_send_keys(out, messages::UPDATE_REQUESTED)
    }

    /// Appends `close_notify`, once. Nothing can be sealed from then on; opening goes on.
    ///
    /// # Errors
    /// None in practice: the library refuses to seal two bytes.
    pub fn close_notify(&mut self, out: &mut Vec<u8>) -> Result<(), TlsError> {
        self.write_due(out)?;
        if self.sent_end {
            return Ok(());
        }
        self.sent_end = true;
        self.message(out, ALERT, &messages::warning(AlertDescription::CloseNotify))
    }

    /// Appends a fatal alert, unless this side has ended already. Nothing can be sealed or opened from then on.
    ///
    /// # Errors
    /// None in practice: the library refuses to seal two bytes.
    pub fn alert(&mut self, out: &mut Vec<u8>, description: AlertDescription) -> Result<(), TlsError> {
        self.due.fatal.get_or_insert(description);
        self.failed.get_or_insert_with(|| rustls::Error::General("ended by a fatal alert".into()));
        self.write_due(out)
    }

    /// Opens every whole record at the start of `input`, appends what the peer has sent to the end of `plain`, and
    /// returns how many bytes of `input` are done with. What is left is the beginning of a record, shorter than
    /// [`MAX_RECORD`]; give it again with what comes next.
    ///
    /// After an error, `plain` holds what came before it, and an alert is due.
    ///
    /// # Errors
    /// [`TlsError::Tls`]: tampered, out of order, against the protocol or its limits, or an alert of the peer. The
    /// same error again on every further call.
    pub fn open_all(
        &mut self,
        input: &mut [u8],
        plain: &mut Vec<u8>,
        mut on_event: impl FnMut(Event),
    ) -> Result<usize, TlsError> {
        let mut rest: &[u8] = input;
        loop {
            if let Some(error) = &self.failed {
                return Err(error.clone().into());
            }
            if self.received_close {
                return Ok(input.len());
            }
            match self.open_one(rest, plain, &mut on_event) {
                Ok(Some(record)) => rest = rest.get(record..).unwrap_or_default(),
                Ok(None) => return Ok(input.len() - rest.len()),
                Err(Failure { alert, error }) => {
                    self.due.fatal = alert;
                    self.failed = Some(error);
                }
            }
        }
    }

    /// Whether the peer has sent `close_notify`.
    pub fn is_closed_by_peer(&self) -> bool {
        self.received_close
    }

    fn tls13(&self) -> bool {
        matches!(self.suite, SupportedCipherSuite::Tls13(_))
    }

    /// The length of the record at the start of `input`, if all of it is there.
    fn open_one(
        &mut self,
        input: &[u8],
        plain: &mut Vec<u8>,
        on_event: &mut impl FnMut(Event),
    ) -> Result<Option<usize>, Failure> {
        let Some((header, rest)) = input.split_first_chunk::<HEADER>() else { return Ok(None) };
        let [outer_type, major, minor, high, low] = *header;
        if [major, minor] != VERSION {
            return Err(decode_error(InvalidMessage::UnknownProtocolVersion));
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        if HEADER + length > MAX_RECORD {
            return Err(too_long());
        }
        if outer_type == CHANGE_CIPHER_SPEC {
            return Err(unexpected(PeerMisbehaved::IllegalMiddleboxChangeCipherSpec));
        }
        if self.tls13() && outer_type != APPLICATION_DATA {
            return Err(decode_error(InvalidMessage::InvalidContentType));
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };

        if self.receive.used() == u64::MAX {
            return Err(Failure { alert: None, error: rustls::Error::DecryptError });
        }
        let start = plain.len();
        self.receive.open(*header, body, plain).map_err(|_| Failure {
            alert: Some(AlertDescription::BadRecordMac),
            error: rustls::Error::DecryptError,
        })?;
        let content_type = if self.tls13() { inner_type(plain, start)? } else { outer_type };
        let content = plain.len() - start;
        if content > MAX_CONTENT {
            plain.truncate(start);
            return Err(too_long());
        }
        if content == 0 {
            self.empty += 1;
            if self.empty > MAX_EMPTY {
                return Err(unexpected(PeerMisbehaved::TooManyEmptyFragments));
            }
        } else {
            self.empty = 0;
        }
        if content_type != HANDSHAKE && !self.reassembly.is_empty() {
            plain.truncate(start);
            return Err(unexpected(PeerMisbehaved::MessageInterleavedWithHandshakeMessage));
        }
        if content_type == APPLICATION_DATA {
            self.allowance.earn();
            if content > 0 {
                on_event(Event::RecordEnd(plain.len()));
            }
        } else {
            let message = plain.get(start..).unwrap_or_default();
            let handled = match content_type {
                ALERT => self.on_alert(message, on_event),
                HANDSHAKE => self.on_handshake(message, on_event),
                _ => Err(decode_error(InvalidMessage::InvalidContentType)),
            };
            plain.truncate(start);
            handled?;
        }
        Ok(Some(HEADER + length))
    }

    fn update_send_keys(&mut self, out: &mut Vec<u8>, request: u8) -> Result<(), TlsError> {
        if !self.tls13() {
            return Err(TlsError::NoKeyUpdate);
        }
        if self.sent_end {
            return Err(TlsError::Closed);
        }
        self.message(out, HANDSHAKE, &messages::key_update(request))?;
        self.asked_for_update |= request == messages::UPDATE_REQUESTED;
        self.send = Cipher::new(true, self.schedule.next_send()?)?;
        Ok(())
    }

    fn update_receive_keys(&mut self) -> Result<(), rustls::Error> {
        self.receive = Cipher::new(true, self.schedule.next_receive()?)?;
        Ok(())
    }

    fn message(&mut self, out: &mut Vec<u8>, content_type: u8, message: &[u8]) -> Result<(), TlsError> {
        self.send.seal(out, content_type, &mut Content::new(&[message]), message.len()).map_err(|_| refused())
    }
}

impl fmt::Debug for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("suite", &self.suite)
            .field("sent", &self.send.used())
            .field("received", &self.receive.used())
            .finish_non_exhaustive()
    }
}

/// Why the connection ends, and what the peer is told.
struct Failure {
    alert: Option<AlertDescription>,
    error: rustls::Error,
}

fn unexpected(error: PeerMisbehaved) -> Failure {
    Failure { alert: Some(AlertDescription::UnexpectedMessage), error: error.into() }
}

fn decode_error(error: InvalidMessage) -> Failure {
    Failure { alert: Some(AlertDescription::DecodeError), error: error.into() }
}

fn too_long() -> Failure {
    Failure { alert: Some(AlertDescription::RecordOverflow), error: rustls::Error::PeerSentOversizedRecord }
}

fn refused() -> TlsError {
    rustls::Error::EncryptError.into()
}

fn records_of(length: usize) -> u64 {
    u64::try_from(length.div_ceil(MAX_CONTENT)).unwrap_or(u64::MAX)
}

/// Takes padding and content type off the plaintext behind `start` (RFC 8446, section 5.4).
fn inner_type(plain: &mut Vec<u8>, start: usize) -> Result<u8, Failure> {
    let inner = plain.get(start..).unwrap_or_default();
    let Some(at) = inner.iter().rposition(|byte| *byte != 0) else {
        plain.truncate(start);
        return Err(unexpected(PeerMisbehaved::IllegalTlsInnerPlaintext));
    };
    let content_type = inner.get(at).copied().unwrap_or_default();
    plain.truncate(start + at);
    Ok(content_type)
}
