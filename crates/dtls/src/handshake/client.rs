//! What only a client says and understands.

use std::time::Instant;

use super::{Credentials, Expect, Handshake, PSK_IDENTITY};
use crate::codec::{self, Fragment, Reader, ServerHello, kind, push_vec16};
use crate::error::HandshakeError;
use crate::flight::Outgoing;
use crate::keys::{self, Binding};
use crate::reassembly::Message;

/// How many hellos are sent as soon as they are asked for: one request is usual, a second comes when the server's
/// secret has changed meanwhile, or when somebody forged the first. Further ones are obeyed at timeouts only.
const MAX_HELLOS: u16 = 4;

impl Handshake {
    pub(super) fn send_client_hello(&mut self) {
        let config = &self.config;
        let offers_binding =
            config.extended_master_secret && matches!(config.credentials, Credentials::Psk(_));
        let body = codec::client_hello(
            &self.randoms.client,
            &config.session_id,
            &self.cookie,
            &config.suites,
            offers_binding,
        );
        // A hello that is repeated on request begins the transcript anew (RFC 6347 section 4.2.1).
        self.transcript.clear();
        let number = self.next_message;
        let hello = self.say(kind::CLIENT_HELLO, &body);
        self.reassembly.restart(number);
        self.flight = vec![Outgoing::Plain(hello)];
        self.hello_asked = false;
        // In the clear, so that nothing can fail.
        let _ = self.outbox.send(&self.flight, None);
    }

    pub(super) fn on_hello_verify_request(&mut self, fragment: &Fragment<'_>, now: Instant) {
        let cookie = codec::read_hello_verify_request(fragment.bytes).filter(|_| fragment.is_whole());
        // The same one again is a repetition, or an answer to one.
        let Some(cookie) = cookie.filter(|cookie| *cookie != self.cookie) else { return };
        self.cookie = cookie.to_vec();
        if self.next_message < MAX_HELLOS {
            self.send_client_hello();
            // Anybody may ask: that gives no more time.
            self.timer.wait_anew(now);
        } else {
            self.hello_asked = true;
        }
    }

    pub(super) fn on_server_hello(&mut self, message: &Message) -> Result<(), HandshakeError> {
        let is_full = matches!(self.config.credentials, Credentials::Psk(_));
        let hello = ServerHello::read(&message.body, is_full && self.config.extended_master_secret)?;
        let suite = self.config.suites.iter().copied().find(|suite| suite.code() == hello.suite);
        let suite = suite.ok_or(HandshakeError::NoCommonSuite)?;
        let same_session = !hello.session_id.is_empty() && hello.session_id == self.config.session_id;
        let transcript = message.to_transcript();
        match &self.config.credentials {
            Credentials::Psk(_) if same_session => {
                return Err(HandshakeError::Malformed("a resumption of what never was"));
            }
            Credentials::Resume(_) if !same_session => return Err(HandshakeError::NotResumed),
            Credentials::Psk(_) => {
                self.randoms.server = hello.random;
                self.expect = Expect::ServerHelloDone { hinted: false };
            }
            Credentials::Resume(master) => {
                let master = master.clone();
                self.randoms.server = hello.random;
                self.agree(suite, master)?;
                self.expect = Expect::Finished;
            }
        }
        self.suite = Some(suite);
        self.extended_master_secret = hello.extended_master_secret;
        self.transcript.extend_from_slice(&transcript);
        Ok(())
    }

    /// Carries a hint which key to use (RFC 4279 section 2); there is only one.
    pub(super) fn on_server_key_exchange(&mut self, message: &Message) -> Result<(), HandshakeError> {
        let mut reader = Reader(&message.body);
        reader
            .vec16()
            .filter(|_| reader.is_empty())
            .ok_or(HandshakeError::Malformed("a server's key exchange"))?;
        self.transcript.extend_from_slice(&message.to_transcript());
        self.expect = Expect::ServerHelloDone { hinted: true };
        Ok(())
    }

    pub(super) fn on_server_hello_done(
        &mut self,
        message: &Message,
        now: Instant,
    ) -> Result<(), HandshakeError> {
        if !message.body.is_empty() {
            return Err(HandshakeError::Malformed("the end of a server's hello"));
        }
        self.transcript.extend_from_slice(&message.to_transcript());
        let mut identity = Vec::with_capacity(2 + PSK_IDENTITY.len());
        push_vec16(&mut identity, PSK_IDENTITY);
        let exchange = self.say(kind::CLIENT_KEY_EXCHANGE, &identity);
        self.agree_by_psk()?;
        let finished = self.finished()?;
        self.expect = Expect::Finished;
        let flight = vec![Outgoing::Plain(exchange), Outgoing::ChangeCipherSpec, finished];
        self.send(flight, message.sequence.saturating_add(1), now)
    }

    /// Both ends derive the keys once the client's key exchange is in the transcript.
    pub(super) fn agree_by_psk(&mut self) -> Result<(), HandshakeError> {
        let (Some(suite), Credentials::Psk(psk)) = (self.suite, &self.config.credentials) else {
            return Err(HandshakeError::Crypto);
        };
        let binding = if self.extended_master_secret {
            Binding::Transcript(&self.transcript)
        } else {
            Binding::Randoms(&self.randoms)
        };
        let master = keys::master_of_psk(suite, psk, &binding)?;
        self.agree(suite, master)
    }
}
