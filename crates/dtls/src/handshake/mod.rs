//! The handshake of either role: datagrams and deadlines in, datagrams and a connection out.

mod client;
mod server;

use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::alert::{self, Alert};
use crate::codec::{Fragment, RANDOM_LEN, Reader, VERSION, kind, message};
use crate::connection::{Connection, Counters};
use crate::error::{Dropped, HandshakeError};
use crate::flight::{Outbox, Outgoing, Timer};
use crate::keys::{self, MASTER_LEN, Master, Randoms, Role};
use crate::reassembly::{Message, Reassembly};
use crate::record::{EPOCH, Header, Opener, RECORD_HEADER_LEN, Sealer, content, records};
use crate::session_id::SessionId;
use crate::suite::Suite;

/// The identity that a client sends with its key. A server does not look at it: the session id has named the session.
pub const PSK_IDENTITY: &[u8] = b"psk";

/// Sealed records that are kept because they overtook what their keys come from, and how long each may be.
const MAX_EARLY: usize = 4;
const MAX_EARLY_LEN: usize = 512;
/// A peer that repeats itself has its answer repeated no more often: this is the shortest wait of RFC 6347.
const REPETITION_PAUSE: Duration = Duration::from_secs(1);
/// The least that a datagram must hold: a sealed Finished message with some air.
const MIN_DATAGRAM: usize = 128;

/// The secret that both ends share.
#[derive(Clone)]
pub enum Credentials {
    /// A pre-shared key.
    Psk(Zeroizing<Vec<u8>>),
    /// The master secret of a session that both ends take for an earlier one (AnyConnect's DTLS without a key
    /// exchange). Extended master secret is not offered, and nothing but a resumption is accepted.
    Resume(Zeroizing<[u8; MASTER_LEN]>),
}

/// What a handshake is about.
#[derive(Clone)]
pub struct Config {
    /// The shared secret. Wiped when dropped.
    pub credentials: Credentials,
    /// What the client's hello names: the App-ID, or the id of the session to resume. A server with a pre-shared key
    /// does not compare it.
    pub session_id: SessionId,
    /// What may be agreed on. A server takes the first one that the client offers.
    pub suites: Vec<Suite>,
    /// Whether extended master secret is offered or accepted (RFC 7627). Never required. Of no effect on a resumption.
    pub extended_master_secret: bool,
    /// The longest datagram that the handshake sends, in bytes; at least 128.
    pub max_datagram: usize,
    /// How often a flight is sent again, after 1, 2, 4 … seconds, until the peer is given up.
    pub retransmissions: u32,
    /// How long a connection may last until [`Connection::rekey_due`] says so; `None` for ever.
    pub rekey_after: Option<Duration>,
}

impl Config {
    /// With a pre-shared key: its three suites, extended master secret if the peer has it.
    #[must_use]
    pub fn psk(key: &[u8], session_id: SessionId) -> Self {
        Self::new(Credentials::Psk(Zeroizing::new(key.to_vec())), session_id, Suite::PSK.to_vec())
    }

    /// With the master secret of a session to resume, under this suite only.
    #[must_use]
    pub fn resume(master: &[u8; MASTER_LEN], session_id: SessionId, suite: Suite) -> Self {
        Self::new(Credentials::Resume(Zeroizing::new(*master)), session_id, vec![suite])
    }

    fn new(credentials: Credentials, session_id: SessionId, suites: Vec<Suite>) -> Self {
        Self {
            credentials,
            session_id,
            suites,
            extended_master_secret: true,
            max_datagram: 1200,
            retransmissions: 4,
            rekey_after: None,
        }
    }
}

impl std::fmt::Debug for Config {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Config").field("suites", &self.suites).finish_non_exhaustive()
    }
}

/// The message that an end expects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expect {
    ClientHello,
    ServerHello,
    /// Or, once, a hint which key to use, which says nothing to us.
    ServerHelloDone {
        hinted: bool,
    },
    ClientKeyExchange,
    Finished,
    /// The handshake is over.
    Nothing,
}

/// What both ends know once they agree.
struct Agreed {
    suite: Suite,
    extended_master_secret: bool,
    master: Master,
    sealer: Sealer,
    opener: Opener,
}

/// A handshake under way. After [`Self::handle`] and [`Self::on_timeout`], send what [`Self::poll_transmit`] gives and
/// wait until [`Self::next_timeout`]; once [`Self::is_established`], go on with [`Self::into_connection`].
pub struct Handshake {
    role: Role,
    config: Config,
    randoms: Randoms,
    expect: Expect,
    /// All messages so far that count, as unfragmented ones.
    transcript: Vec<u8>,
    reassembly: Reassembly,
    outbox: Outbox,
    timer: Timer,
    /// What was sent last.
    flight: Vec<Outgoing>,
    /// One more than the number of the peer's message that the flight answers.
    answered: u16,
    /// The peer repeats what the flight answers.
    resend: bool,
    /// From when on that is answered again.
    repeat_from: Option<Instant>,
    /// The number of this end's next message.
    next_message: u16,
    suite: Option<Suite>,
    extended_master_secret: bool,
    cookie: Vec<u8>,
    /// A client's next hello has a cookie that came too late for the last one.
    hello_asked: bool,
    agreed: Option<Agreed>,
    early: Vec<Vec<u8>>,
    /// What an unauthenticated message says is wrong. Believed if nothing better comes in time.
    doubt: Option<HandshakeError>,
    failure: Option<HandshakeError>,
    counters: Counters,
}

impl Handshake {
    /// As a client, with 32 fresh random bytes. The hello is ready to be transmitted.
    #[must_use]
    pub fn client(config: Config, random: [u8; RANDOM_LEN], now: Instant) -> Self {
        let mut handshake = Self::new(Role::Client, config, Expect::ServerHello);
        handshake.randoms.client = random;
        handshake.send_client_hello();
        handshake.timer = Timer::start(now, handshake.config.retransmissions);
        handshake
    }

    /// As a server, with 32 fresh random bytes, for the client whose hello is about to be handled. The hello may be
    /// the first one, or the one that brought its [cookie](crate::cookie).
    #[must_use]
    pub fn server(config: Config, random: [u8; RANDOM_LEN]) -> Self {
        let mut handshake = Self::new(Role::Server, config, Expect::ClientHello);
        handshake.randoms.server = random;
        handshake
    }

    fn new(role: Role, config: Config, expect: Expect) -> Self {
        let max_datagram = config.max_datagram.max(MIN_DATAGRAM);
        Self {
            role,
            config,
            randoms: Randoms { client: [0; RANDOM_LEN], server: [0; RANDOM_LEN] },
            expect,
            transcript: Vec::new(),
            reassembly: Reassembly::default(),
            outbox: Outbox::new(max_datagram),
            timer: Timer::stopped(),
            flight: Vec::new(),
            answered: 0,
            resend: false,
            repeat_from: None,
            next_message: 0,
            suite: None,
            extended_master_secret: false,
            cookie: Vec::new(),
            hello_asked: false,
            agreed: None,
            early: Vec::new(),
            doubt: None,
            failure: None,
            counters: Counters::default(),
        }
    }

    /// Takes a datagram from the peer. Gives the number of bytes at its front that belonged to the handshake: when that
    /// is over, the rest is for the connection.
    ///
    /// # Errors
    /// Why the handshake has ended. An alert for the peer may be left to transmit.
    pub fn handle(&mut self, datagram: &mut [u8], now: Instant) -> Result<usize, HandshakeError> {
        let (length, mut used) = (datagram.len(), 0);
        for record in records(datagram) {
            if self.expect == Expect::Nothing {
                break;
            }
            used += record.len();
            self.on_record(record, now)
                .and_then(|()| self.on_messages(now))
                .map_err(|error| self.fail(error))?;
        }
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if self.expect != Expect::Nothing {
            if used < length {
                self.counters.count(Dropped::Malformed);
                used = length;
            }
            if std::mem::take(&mut self.resend) && self.repeat_from.is_none_or(|from| now >= from) {
                self.repeat_from = now.checked_add(REPETITION_PAUSE);
                self.transmit().map_err(|error| self.fail(error))?;
            }
        }
        Ok(used)
    }

    /// The next datagram to send to the peer.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outbox.pop()
    }

    /// When [`Self::on_timeout`] wants to be called; a server that has not seen a whole hello yet has no deadline.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.timer.due()
    }

    /// Sends the last flight again if that is due.
    ///
    /// # Errors
    /// The peer does not answer, or what it said instead.
    pub fn on_timeout(&mut self, now: Instant) -> Result<(), HandshakeError> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let doubt = self.doubt;
        match (self.timer.expire(now), doubt) {
            (Ok(false), _) => Ok(()),
            (Ok(true), None) => {
                self.reassembly.forget_unproven();
                if self.hello_asked && self.expect == Expect::ServerHello {
                    self.send_client_hello();
                    return Ok(());
                }
                self.transmit().map_err(|error| self.fail(error))
            }
            (Ok(true) | Err(()), Some(doubt)) => Err(self.fail(doubt)),
            (Err(()), None) => Err(self.fail(HandshakeError::TimedOut)),
        }
    }

    /// Whether both ends have the same keys.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.expect == Expect::Nothing && self.failure.is_none() && self.agreed.is_some()
    }

    /// The connection, if it is established. It also transmits what is left of the handshake.
    #[must_use]
    pub fn into_connection(self, now: Instant) -> Option<Connection> {
        let agreed = self.agreed.filter(|_| self.expect == Expect::Nothing && self.failure.is_none())?;
        // Who sent the last flight has to repeat it if it is lost.
        let ended_it = !self.flight.is_empty() && self.answered == self.reassembly.next();
        Some(Connection {
            suite: agreed.suite,
            extended_master_secret: agreed.extended_master_secret,
            sealer: agreed.sealer,
            opener: agreed.opener,
            outbox: self.outbox,
            last_flight: ended_it.then_some((self.flight, self.answered.wrapping_sub(1))),
            rekey_at: self.config.rekey_after.and_then(|after| now.checked_add(after)),
            closed: false,
            counters: self.counters,
        })
    }

    /// What was dropped so far, and why.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Ends the handshake and tells the peer, unless it was the one that said so.
    fn fail(&mut self, error: HandshakeError) -> HandshakeError {
        if self.failure.is_none() && !matches!(error, HandshakeError::TimedOut | HandshakeError::Refused(_)) {
            let alert = [alert::FATAL, error.alert().0];
            self.outbox.write(content::ALERT, VERSION, alert.len(), |out| out.extend_from_slice(&alert));
        }
        self.failure.get_or_insert(error);
        self.expect = Expect::Nothing;
        self.timer = Timer::stopped();
        self.failure.unwrap_or(error)
    }

    fn on_record(&mut self, record: &mut [u8], now: Instant) -> Result<(), HandshakeError> {
        let header = Header::read(record);
        match (header.map(|header| header.epoch), &mut self.agreed) {
            (Some(0), _) => {
                self.on_plain(record, now);
                Ok(())
            }
            (Some(EPOCH), None) => {
                if self.early.len() < MAX_EARLY && record.len() <= MAX_EARLY_LEN {
                    self.early.push(record.to_vec());
                }
                Ok(())
            }
            (Some(EPOCH), Some(agreed)) => match agreed.opener.open(record) {
                Ok((content, payload)) => self.on_sealed(content, payload, now),
                Err(why) => {
                    self.counters.count(why);
                    Ok(())
                }
            },
            (other, _) => {
                self.counters.count(if other.is_some() { Dropped::OtherEpoch } else { Dropped::Malformed });
                Ok(())
            }
        }
    }

    /// A record that anybody may have sent.
    fn on_plain(&mut self, record: &[u8], now: Instant) {
        let (Some(header), Some(payload)) = (Header::read(record), record.get(RECORD_HEADER_LEN..)) else {
            return;
        };
        match (header.content, payload) {
            (content::HANDSHAKE, _) => self.on_fragments(payload, 0, header.sequence, now),
            (content::ALERT, [level, code])
                if *level == alert::FATAL || Alert(*code) == Alert::CLOSE_NOTIFY =>
            {
                self.doubt = Some(HandshakeError::Refused(Alert(*code)));
            }
            // The mark after which records are sealed tells nothing that their epoch does not.
            _ => {}
        }
    }

    /// A record that the peer vouches for. Data that overtook the end of the handshake is lost, as datagrams may be.
    fn on_sealed(&mut self, content: u8, payload: &[u8], now: Instant) -> Result<(), HandshakeError> {
        match (content, payload) {
            (content::HANDSHAKE, _) => self.on_fragments(payload, EPOCH, 0, now),
            (content::ALERT, [level, code])
                if *level == alert::FATAL || Alert(*code) == Alert::CLOSE_NOTIFY =>
            {
                return Err(HandshakeError::Refused(Alert(*code)));
            }
            _ => {}
        }
        Ok(())
    }

    /// `sequence`: the number of the record that brings them.
    fn on_fragments(&mut self, payload: &[u8], epoch: u16, sequence: u64, now: Instant) {
        let mut reader = Reader(payload);
        while !reader.is_empty() {
            let Some(fragment) = Fragment::read(&mut reader) else {
                self.counters.count(Dropped::Malformed);
                return;
            };
            if self.expect == Expect::ServerHello && fragment.kind == kind::HELLO_VERIFY_REQUEST {
                self.on_hello_verify_request(&fragment, now);
            } else if fragment.sequence < self.reassembly.next() {
                let repeated = epoch == 0 && fragment.is_last() && fragment.sequence + 1 == self.answered;
                self.resend |= repeated && self.is_repetition(&fragment);
            } else {
                self.begin_with(&fragment, sequence);
                self.reassembly.insert(&fragment, epoch);
            }
        }
    }

    fn on_messages(&mut self, now: Instant) -> Result<(), HandshakeError> {
        while let Some(message) = self.reassembly.take() {
            let first = self.expect == Expect::ClientHello;
            match self.on_message(&message, now) {
                Ok(()) => {
                    self.reassembly.accept();
                    self.doubt = None;
                }
                // A hello that will not do costs a server nothing but the handshake that it would have begun.
                Err(error) if message.epoch > 0 || first => return Err(error),
                Err(error) => self.doubt = Some(error),
            }
            if self.agreed.is_some() {
                for mut record in std::mem::take(&mut self.early) {
                    self.on_record(&mut record, now)?;
                }
            }
        }
        Ok(())
    }

    fn on_message(&mut self, message: &Message, now: Instant) -> Result<(), HandshakeError> {
        match (self.expect, message.kind, message.epoch) {
            (Expect::ClientHello, kind::CLIENT_HELLO, 0) => self.on_client_hello(message, now),
            (Expect::ServerHello, kind::SERVER_HELLO, 0) => self.on_server_hello(message),
            (Expect::ServerHelloDone { hinted: false }, kind::SERVER_KEY_EXCHANGE, 0) => {
                self.on_server_key_exchange(message)
            }
            (Expect::ServerHelloDone { .. }, kind::SERVER_HELLO_DONE, 0) => {
                self.on_server_hello_done(message, now)
            }
            (Expect::ClientKeyExchange, kind::CLIENT_KEY_EXCHANGE, 0) => self.on_client_key_exchange(message),
            (Expect::Finished, kind::FINISHED, EPOCH) => self.on_finished(message),
            _ => Err(HandshakeError::Malformed("a message out of its turn")),
        }
    }

    fn on_finished(&mut self, message: &Message) -> Result<(), HandshakeError> {
        let agreed = self.agreed.as_ref().ok_or(HandshakeError::Crypto)?;
        let expected = keys::verify_data(agreed.suite, &agreed.master, self.role.peer(), &self.transcript)?;
        aws_lc_rs::constant_time::verify_slices_are_equal(&expected, &message.body)
            .map_err(|_| HandshakeError::WrongFinished)?;
        self.transcript.extend_from_slice(&message.to_transcript());
        if self.finishes_last() {
            let finished = self.finished()?;
            self.flight = vec![Outgoing::ChangeCipherSpec, finished];
            self.answered = message.sequence.saturating_add(1);
            self.transmit()?;
        }
        self.timer = Timer::stopped();
        self.expect = Expect::Nothing;
        Ok(())
    }

    /// A server ends a full handshake, a client a resumption.
    fn finishes_last(&self) -> bool {
        match self.config.credentials {
            Credentials::Psk(_) => self.role == Role::Server,
            Credentials::Resume(_) => self.role == Role::Client,
        }
    }

    fn agree(&mut self, suite: Suite, master: Master) -> Result<(), HandshakeError> {
        let (sealer, opener) = keys::expand(suite, &master, &self.randoms, self.role)?;
        let extended_master_secret = self.extended_master_secret;
        self.agreed = Some(Agreed { suite, extended_master_secret, master, sealer, opener });
        Ok(())
    }

    /// This end's Finished message over the transcript so far, which it joins.
    fn finished(&mut self) -> Result<Outgoing, HandshakeError> {
        let agreed = self.agreed.as_ref().ok_or(HandshakeError::Crypto)?;
        let body = keys::verify_data(agreed.suite, &agreed.master, self.role, &self.transcript)?;
        Ok(Outgoing::Finished(self.say(kind::FINISHED, &body)))
    }

    /// Gives this end's next message its number and a place in the transcript.
    fn say(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        let message = message(kind, self.next_message, body);
        self.next_message = self.next_message.saturating_add(1);
        self.transcript.extend_from_slice(&message);
        message
    }

    /// Sends a flight that answers the peer's messages below a number, and again until the peer goes on.
    fn send(&mut self, flight: Vec<Outgoing>, answered: u16, now: Instant) -> Result<(), HandshakeError> {
        self.flight = flight;
        self.answered = answered;
        self.timer = Timer::start(now, self.config.retransmissions);
        self.transmit()
    }

    fn transmit(&mut self) -> Result<(), HandshakeError> {
        let sealer = self.agreed.as_mut().map(|agreed| &mut agreed.sealer);
        self.outbox.send(&self.flight, sealer).map_err(|_| HandshakeError::Crypto)
    }
}

impl std::fmt::Debug for Handshake {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Handshake");
        shown.field("role", &self.role).field("expect", &self.expect).finish_non_exhaustive()
    }
}
