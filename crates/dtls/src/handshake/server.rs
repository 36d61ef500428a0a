//! What only a server says and understands.

use std::time::Instant;

use super::{Credentials, Expect, Handshake};
use crate::codec::{self, ClientHello, Fragment, Reader, VERSION, kind};
use crate::error::HandshakeError;
use crate::flight::Outgoing;
use crate::keys::Role;
use crate::reassembly::Message;
use crate::session_id::SessionId;
use crate::suite::Suite;

/// The highest number of a client's first message that this end sees: others may have been answered without state.
const MAX_FIRST_MESSAGE: u16 = 8;

impl Handshake {
    /// The first hello that a server sees, and the record that brings it, decide where numbers begin: a client that was
    /// answered without state takes lower ones for repetitions (RFC 6347 section 4.2.1).
    pub(super) fn begin_with(&mut self, fragment: &Fragment<'_>, sequence: u64) {
        let begins = self.expect == Expect::ClientHello
            && fragment.kind == kind::CLIENT_HELLO
            && fragment.sequence <= MAX_FIRST_MESSAGE;
        if begins && self.reassembly.is_idle() {
            self.reassembly.restart(fragment.sequence);
            self.next_message = fragment.sequence;
            self.outbox.plain_sequence = sequence;
        }
    }

    /// Whether a fragment of a message that was already answered says the same as that did. A server wants the whole
    /// hello with its random value: a client that begins anew needs a handshake of its own, and a few bytes that name
    /// an address must not draw a flight to it.
    pub(super) fn is_repetition(&self, fragment: &Fragment<'_>) -> bool {
        self.role == Role::Client
            || fragment.is_whole()
                && ClientHello::read(fragment.bytes).is_some_and(|hello| hello.random == self.randoms.client)
    }

    pub(super) fn on_client_hello(&mut self, message: &Message, now: Instant) -> Result<(), HandshakeError> {
        let hello = ClientHello::read(&message.body).ok_or(HandshakeError::Malformed("a client's hello"))?;
        // Versions count downwards from 0xfeff.
        if hello.version > VERSION || hello.version >> 8 != 0xfe {
            return Err(HandshakeError::NoCommonVersion);
        }
        if !hello.offers_no_compression() {
            return Err(HandshakeError::Malformed("a hello that insists on compression"));
        }
        let suite = self.config.suites.iter().copied().find(|suite| hello.offers(*suite));
        let suite = suite.ok_or(HandshakeError::NoCommonSuite)?;
        self.suite = Some(suite);
        self.randoms.client = hello.random;
        self.transcript.extend_from_slice(&message.to_transcript());
        match &self.config.credentials {
            Credentials::Psk(_) => {
                self.extended_master_secret =
                    self.config.extended_master_secret && hello.extended_master_secret;
                // An empty session id: there will be nothing to resume.
                let server_hello = self.say_server_hello(suite, &hello, &SessionId::default());
                let done = self.say(kind::SERVER_HELLO_DONE, &[]);
                self.expect = Expect::ClientKeyExchange;
                let flight = vec![Outgoing::Plain(server_hello), Outgoing::Plain(done)];
                self.send(flight, message.sequence.saturating_add(1), now)
            }
            Credentials::Resume(_) if hello.session_id != self.config.session_id => {
                Err(HandshakeError::NotResumed)
            }
            Credentials::Resume(_) if hello.extended_master_secret => Err(HandshakeError::MixedMasterSecret),
            Credentials::Resume(master) => {
                let master = master.clone();
                let server_hello = self.say_server_hello(suite, &hello, &hello.session_id);
                self.agree(suite, master)?;
                let finished = self.finished()?;
                self.expect = Expect::Finished;
                let flight = vec![Outgoing::Plain(server_hello), Outgoing::ChangeCipherSpec, finished];
                self.send(flight, message.sequence.saturating_add(1), now)
            }
        }
    }

    fn say_server_hello(&mut self, suite: Suite, hello: &ClientHello<'_>, session_id: &SessionId) -> Vec<u8> {
        let body = codec::server_hello(
            &self.randoms.server,
            session_id,
            suite,
            self.extended_master_secret,
            hello.renegotiation_info,
        );
        self.say(kind::SERVER_HELLO, &body)
    }

    /// Carries the identity of the key (RFC 4279 section 2), which comes too late to choose one.
    pub(super) fn on_client_key_exchange(&mut self, message: &Message) -> Result<(), HandshakeError> {
        let mut reader = Reader(&message.body);
        reader
            .vec16()
            .filter(|_| reader.is_empty())
            .ok_or(HandshakeError::Malformed("a client's key exchange"))?;
        let before = self.transcript.len();
        self.transcript.extend_from_slice(&message.to_transcript());
        if let Err(error) = self.agree_by_psk() {
            self.transcript.truncate(before);
            return Err(error);
        }
        self.expect = Expect::Finished;
        Ok(())
    }
}
