//! What a peer may say after the handshake, beside data: alerts, key updates, tickets, and requests that are refused.

use rustls::{AlertDescription, HandshakeType, InvalidMessage, PeerMisbehaved};

use super::{Event, Failure, Records, decode_error, unexpected};

pub(super) const UPDATE_NOT_REQUESTED: u8 = 0;
pub(super) const UPDATE_REQUESTED: u8 = 1;

const LEVEL_WARNING: u8 = 1;
const LEVEL_FATAL: u8 = 2;

const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const NEW_SESSION_TICKET: u8 = 4;
const KEY_UPDATE: u8 = 24;

/// Bytes before a handshake message: its type and its length.
const MESSAGE_HEADER: usize = 4;
/// Longest handshake message that is put together, in bytes; a ticket is by far the longest that may come.
const MAX_MESSAGE: usize = 0xffff;
/// Tickets that are stored; a server that sends more is listened to no longer.
const MAX_TICKETS: u8 = 32;
const MAX_WARNINGS: u8 = 4;
const MAX_RENEGOTIATIONS: u8 = 1;

pub(super) fn fatal(description: AlertDescription) -> [u8; 2] {
    [LEVEL_FATAL, description.into()]
}

pub(super) fn warning(description: AlertDescription) -> [u8; 2] {
    [LEVEL_WARNING, description.into()]
}

pub(super) fn key_update(request: u8) -> [u8; 5] {
    [KEY_UPDATE, 0, 0, 1, request]
}

/// A handshake message that has not come whole.
#[derive(Default)]
pub(super) struct Reassembly(Vec<u8>);

impl Reassembly {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// How much of what costs this side work a peer may still ask for.
pub(super) struct Allowance {
    /// In records: a key update costs [`Allowance::KEY_UPDATE`], one of application data gives one back. A peer that
    /// floods with key updates thereby has to send as many records as make the work not worth mentioning.
    records: u16,
    warnings: u8,
    renegotiations: u8,
    tickets: u8,
}

impl Default for Allowance {
    fn default() -> Self {
        Self {
            records: Self::RECORDS,
            warnings: MAX_WARNINGS,
            renegotiations: MAX_RENEGOTIATIONS,
            tickets: MAX_TICKETS,
        }
    }
}

impl Allowance {
    const RECORDS: u16 = 32 * Self::KEY_UPDATE;
    const KEY_UPDATE: u16 = 8;

    pub(super) fn earn(&mut self) {
        self.records = (self.records + 1).min(Self::RECORDS);
    }

    #[cfg(test)]
    pub(super) fn use_up_tickets(&mut self) {
        self.tickets = 0;
    }

    fn spend_key_update(&mut self) -> Result<(), Failure> {
        self.records = self
            .records
            .checked_sub(Self::KEY_UPDATE)
            .ok_or_else(|| unexpected(PeerMisbehaved::TooManyKeyUpdateRequests))?;
        Ok(())
    }
}

/// Takes one off `left`.
fn spend(left: &mut u8, none: PeerMisbehaved) -> Result<(), Failure> {
    *left = left.checked_sub(1).ok_or_else(|| unexpected(none))?;
    Ok(())
}

impl Records {
    pub(super) fn on_alert(
        &mut self,
        message: &[u8],
        on_event: &mut impl FnMut(Event),
    ) -> Result<(), Failure> {
        let &[level, description] = message else {
            return Err(decode_error(InvalidMessage::MissingData("AlertMessagePayload")));
        };
        let description = AlertDescription::from(description);
        let received = rustls::Error::AlertReceived(description);
        let told = |alert| Failure { alert, error: received };
        if !matches!(level, LEVEL_WARNING | LEVEL_FATAL) {
            return Err(told(Some(AlertDescription::IllegalParameter)));
        }
        if description == AlertDescription::CloseNotify {
            self.received_close = true;
            on_event(Event::CloseNotify);
            return Ok(());
        }
        if level == LEVEL_FATAL {
            return Err(told(None));
        }
        spend(&mut self.allowance.warnings, PeerMisbehaved::TooManyWarningAlertsReceived)?;
        // TLS 1.3 knows one warning only (RFC 8446, section 6).
        if self.tls13() && description != AlertDescription::UserCanceled {
            return Err(told(Some(AlertDescription::DecodeError)));
        }
        on_event(Event::Warning(description));
        Ok(())
    }

    /// Adds a record's content to what has come of a message, and handles every message that is whole.
    pub(super) fn on_handshake(
        &mut self,
        content: &[u8],
        on_event: &mut impl FnMut(Event),
    ) -> Result<(), Failure> {
        if content.is_empty() {
            return Err(decode_error(InvalidMessage::InvalidEmptyPayload));
        }
        let mut held = std::mem::take(&mut self.reassembly.0);
        held.extend_from_slice(content);
        let mut rest = held.as_slice();
        while let Some(Message { kind, content, after }) = split_message(rest)? {
            self.on_message(kind, content, after, on_event)?;
            rest = after;
        }
        let done = held.len() - rest.len();
        if done < held.len() {
            held.drain(..done);
            self.reassembly.0 = held;
        }
        Ok(())
    }

    fn on_message(
        &mut self,
        kind: u8,
        message: &[u8],
        after: &[u8],
        on_event: &mut impl FnMut(Event),
    ) -> Result<(), Failure> {
        let client = self.schedule.is_client();
        match (kind, self.tls13()) {
            (KEY_UPDATE, true) => self.on_key_update(message, after, on_event),
            (NEW_SESSION_TICKET, true) if client => self.on_ticket(message),
            (HELLO_REQUEST, false) if client => self.on_renegotiation(),
            (CLIENT_HELLO, false) if !client => self.on_renegotiation(),
            _ => Err(Failure {
                alert: Some(AlertDescription::UnexpectedMessage),
                error: rustls::Error::InappropriateHandshakeMessage {
                    expect_types: vec![HandshakeType::KeyUpdate, HandshakeType::NewSessionTicket],
                    got_type: HandshakeType::from(kind),
                },
            }),
        }
    }

    fn on_key_update(
        &mut self,
        message: &[u8],
        after: &[u8],
        on_event: &mut impl FnMut(Event),
    ) -> Result<(), Failure> {
        // The answer to a request of ours is free.
        if !(*message == [UPDATE_NOT_REQUESTED] && std::mem::take(&mut self.asked_for_update)) {
            self.allowance.spend_key_update()?;
        }
        // What comes after it is sealed with other keys (RFC 8446, section 5.1).
        if !after.is_empty() {
            return Err(unexpected(PeerMisbehaved::KeyEpochWithPendingFragment));
        }
        match *message {
            [UPDATE_NOT_REQUESTED] => {}
            // One answer is enough for all that were asked for meanwhile (RFC 8446, section 4.6.3).
            [UPDATE_REQUESTED] => self.due.key_update = true,
            _ => {
                return Err(Failure {
                    alert: Some(AlertDescription::IllegalParameter),
                    error: InvalidMessage::InvalidKeyUpdate.into(),
                });
            }
        }
        self.update_receive_keys()
            .map_err(|error| Failure { alert: Some(AlertDescription::InternalError), error })?;
        on_event(Event::KeyUpdated);
        Ok(())
    }

    fn on_ticket(&mut self, message: &[u8]) -> Result<(), Failure> {
        let Some(left) = self.allowance.tickets.checked_sub(1) else { return Ok(()) };
        self.allowance.tickets = left;
        self.schedule
            .store_ticket(message)
            .map_err(|error| Failure { alert: Some(AlertDescription::DecodeError), error })
    }

    /// TLS 1.2: the peer is told no once, and is not believed to be sane when it asks again.
    fn on_renegotiation(&mut self) -> Result<(), Failure> {
        spend(&mut self.allowance.renegotiations, PeerMisbehaved::TooManyRenegotiationRequests)?;
        self.due.no_renegotiation = true;
        Ok(())
    }
}

struct Message<'a> {
    kind: u8,
    content: &'a [u8],
    after: &'a [u8],
}

/// The first message of `bytes`, once it is whole.
fn split_message(bytes: &[u8]) -> Result<Option<Message<'_>>, Failure> {
    let Some((header, rest)) = bytes.split_first_chunk::<MESSAGE_HEADER>() else { return Ok(None) };
    let [kind, a, b, c] = *header;
    let length = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
    if length > MAX_MESSAGE {
        return Err(decode_error(InvalidMessage::HandshakePayloadTooLarge));
    }
    Ok(rest.split_at_checked(length).map(|(content, after)| Message { kind, content, after }))
}
